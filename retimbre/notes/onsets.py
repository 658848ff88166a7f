"""Where notes begin and end, and how they begin, read off the evidence.

The search cuts a track at whole frames. A note's onset is the nearest peak of the evidence that
one begins, between frames; its offset is where the evidence that a note sounds ceases. What the
evidence says at the onset is the note's articulation, how far the level rises there its strength.
"""

import numpy as np

from retimbre._typing import FloatArray, Int64Array
from retimbre.notes.evidence import Evidence
from retimbre.types import HOP_SECONDS, PitchTrack
from retimbre.units import hz_to_midi

NEAR_FRAMES = 3
"""How far the onset may lie from where the search began the note."""

LONGEST_SLIP_FRAMES = 10
OCTAVE_TOLERANCE_SEMITONES = 0.7
"""A stretch of up to 100 ms, about an octave off, without an attack, is a slip."""

TIED_GAP_SECONDS = 0.02
"""Only a note that begins so soon after the end of another can be tied to it."""

RISE_FRAMES = 6
FULL_RISE_DB = 24.0
"""A level that rises so much within 60 ms makes an articulation of full strength."""


def join_octave_slips(track: PitchTrack, evidence: Evidence, segments: Int64Array) -> Int64Array:
    """Join short stretches an octave off to the note beside them.

    A fading or creaking voice makes trackers slip an octave for some periods. A leap of an
    octave that is played comes with an attack.

    Parameters
    ----------
    track : PitchTrack
    evidence : Evidence
    segments : np.ndarray of int64 [shape=(n_segments, 2), frames]

    Returns
    -------
    segments : np.ndarray of int64 [shape=(n_joined, 2), frames]
    """
    midi = hz_to_midi(track.f0)
    joined: list[tuple[int, int]] = []
    ends_in_slip = False
    for first, last in segments.tolist():
        near = evidence.struck[max(first - NEAR_FRAMES, 0) : first + NEAR_FRAMES + 1]
        touches = bool(joined) and first - joined[-1][1] <= 1 and near.max() < 0.0
        interval = _interval(midi, joined[-1], (first, last)) if touches else np.nan
        is_short = touches and min(last - first, np.diff(joined[-1])[0]) <= LONGEST_SLIP_FRAMES
        slips = is_short and abs(abs(interval) - 12.0) < OCTAVE_TOLERANCE_SEMITONES
        if slips or (ends_in_slip and abs(interval) < OCTAVE_TOLERANCE_SEMITONES):
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
        ends_in_slip = bool(slips)
    return np.array(joined, dtype=np.int64).reshape(-1, 2)


def _interval(midi: FloatArray, before: tuple[int, int], after: tuple[int, int]) -> float:
    """Return how far the pitch of a stretch lies above that of the one before [semitones]."""
    return float(np.nanmedian(midi[slice(*after)]) - np.nanmedian(midi[slice(*before)]))


def onset_times(evidence: Evidence, segments: Int64Array) -> FloatArray:
    """Find when each note begins.

    Parameters
    ----------
    evidence : Evidence
    segments : np.ndarray of int64 [shape=(n_notes, 2), frames]

    Returns
    -------
    onset : np.ndarray [shape=(n_notes,), frames, >= 0]
        Fractional, ascending.
    """
    likely = 1.0 / (1.0 + np.exp(-evidence.onset))
    onset = np.empty(len(segments))
    for i, first in enumerate(segments[:, 0].tolist()):
        start = max(first - NEAR_FRAMES, 0)
        peak = start + int(np.argmax(likely[start : first + NEAR_FRAMES + 1]))
        around = likely[max(peak - 1, 0) : peak + 2]
        frames = np.arange(max(peak - 1, 0), max(peak - 1, 0) + len(around))
        onset[i] = np.sum(frames * around) / np.sum(around)
    return np.maximum.accumulate(onset)


def offset_times(segments: Int64Array, onset: FloatArray) -> FloatArray:
    """Find when each note ends.

    Parameters
    ----------
    segments : np.ndarray of int64 [shape=(n_notes, 2), frames]
    onset : np.ndarray [shape=(n_notes,), frames]

    Returns
    -------
    offset : np.ndarray [shape=(n_notes,), frames]
        At the latest where the next note begins; there where the search left no gap.
    """
    following = np.append(onset[1:], np.inf)
    joins = np.append(segments[1:, 0] == segments[:-1, 1], False)
    return np.where(joins, following, np.minimum(segments[:, 1], following))


def articulations(
    track: PitchTrack, evidence: Evidence, onset: FloatArray, offset: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Say how notes begin.

    Parameters
    ----------
    track : PitchTrack
    evidence : Evidence
    onset, offset : np.ndarray [shape=(n_notes,), seconds]

    Returns
    -------
    articulation : tuple of str
        One of `retimbre.types.ARTICULATIONS` per note.
    strength : np.ndarray [shape=(n_notes,), 0..1]
        The rise of the level into the note, `FULL_RISE_DB` being 1.
    """
    if not len(onset):
        return (), np.zeros(0)
    frames = np.minimum(np.rint(onset / HOP_SECONDS).astype(np.int64), len(track) - 1)
    follows = onset - np.append(-np.inf, offset[:-1]) <= TIED_GAP_SECONDS
    struck, tied = evidence.struck[frames], evidence.tied[frames]
    names = np.where(struck > 0.0, "struck", "soft")
    names = np.where(follows & (tied > np.maximum(struck, 0.0)), "tied", names)
    level = track.detail[:, 0]
    rises = [
        level[frame : frame + RISE_FRAMES].max()
        - level[max(frame - RISE_FRAMES, 0) : frame + 1].min()
        for frame in frames
    ]
    return tuple(names.tolist()), np.clip(np.array(rises) / FULL_RISE_DB, 0.0, 1.0)
