"""Note onsets: attacks within one pitch, soft beginnings, exact times.

A pitch tracker sees a note late (its window must fill) and a repeated note not at all. The level
and the onset strength say the rest:

- a note does not begin long before the first frame that the tracker is sure of;
- a sung note begins with its vowel: where a soft beginning of the same pitch (a nasal, a hum) is
  followed within 120 ms by a clear attack, the attack is the onset;
- an attack within a note begins a new one of the same pitch;
- the time is where the level rises through 10 dB under the note's first peak, or else an
  attack's, or else a little before the pitch.
"""

import numpy as np

from retimbre._typing import FloatArray, Int64Array
from retimbre.types import PitchTrack
from retimbre.units import hz_to_midi

SURE_PART = 0.75
"""A frame is sure at this part of the note's median confidence, and at the threshold at least."""

ATTACK_DB = 4.0
"""Onset strength that is an attack. Vibrato, tremolo and beats stay under 3 dB mostly."""

NEAREST_ATTACK_FRAMES = 10
"""An attack nearer to an end of a stretch begins nothing: voices open after they begin, and
speak before they reach the next pitch."""

SOFT_START_FRAMES = (3, 12)
"""How long a soft beginning, a consonant, may last."""

SOFT_START_DB = 5.0
"""How much louder than its soft beginning a note must become."""

FIRST_PEAK_FRAMES = 10
RISE_DB = 10.0
"""The onset is where the level rises through so much under the loudest of the first 100 ms."""

LONGEST_SLIP_FRAMES = 10
SLIP_ATTACK_FRAMES = 4
LEAP_DB = 2.0
OCTAVE_TOLERANCE_SEMITONES = 0.7
"""A stretch of up to 100 ms, about an octave off, without an attack within 40 ms, is a slip."""

SNAP_DB = 3.0
"""Onset strength that tells the time of an onset where the level does not."""

EARLIEST_FRAMES = 4
"""How far before the first sure frame the onset may lie: half of the tracker's window."""

AGREEING_SEMITONES = 2.0
"""Frames before a sure one belong to the note while their pitch is so near to its own."""

LEAD_FRAMES = 2.0
"""How far before the pitch the onset is taken to lie, when the level says nothing."""


def join_octave_slips(track: PitchTrack, segments: Int64Array) -> Int64Array:
    """Join short stretches an octave off to the note beside them.

    A fading or creaking voice makes trackers slip an octave for some periods. A leap of an
    octave that is played comes with an attack.

    Parameters
    ----------
    track : PitchTrack
    segments : np.ndarray of int64 [shape=(n_segments, 2), frames]

    Returns
    -------
    segments : np.ndarray of int64 [shape=(n_joined, 2), frames]
    """
    midi = hz_to_midi(track.f0)
    attacks = _find_attacks(track, LEAP_DB)
    joined: list[tuple[int, int]] = []
    for first, last in segments.tolist():
        near = _between(attacks, first - SLIP_ATTACK_FRAMES, first + SLIP_ATTACK_FRAMES)
        if joined and not len(near) and _is_slip(midi, joined[-1], (first, last)):
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return np.array(joined, dtype=np.int64).reshape(-1, 2)


def _is_slip(midi: FloatArray, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Say whether one of two stretches that touch is short and an octave off the other."""
    shortest = min(before[1] - before[0], after[1] - after[0])
    if after[0] - before[1] > 1 or shortest > LONGEST_SLIP_FRAMES:
        return False
    interval = abs(np.nanmedian(midi[slice(*after)]) - np.nanmedian(midi[slice(*before)]))
    return bool(abs(interval - 12.0) < OCTAVE_TOLERANCE_SEMITONES)


def split_at_attacks(track: PitchTrack, segments: Int64Array, confidence: float) -> Int64Array:
    """Move each segment's start to its first voiced frame or its vowel, and cut it at attacks.

    Parameters
    ----------
    track : PitchTrack
    segments : np.ndarray of int64 [shape=(n_segments, 2), frames]
        First frame and the frame after the last of each stretch of one pitch.
    confidence : float [0..1]
        The threshold.

    Returns
    -------
    segments : np.ndarray of int64 [shape=(n_notes, 2), frames]
        At least as many, ascending, not overlapping.
    """
    attacks = _find_attacks(track, ATTACK_DB)
    notes = []
    for first, last in segments.tolist():
        inside = _between(attacks, first, last)
        start = first + int(np.argmax(track.confidence[first:last] >= confidence))
        start = _skip_soft_start(track.level_db, start, last, inside)
        for attack in inside.tolist():
            if min(attack - start, last - attack) >= NEAREST_ATTACK_FRAMES:
                notes.append((start, attack))
                start = attack
        notes.append((start, last))
    return np.array(notes, dtype=np.int64).reshape(-1, 2)


def onset_times(track: PitchTrack, segments: Int64Array, confidence: float) -> FloatArray:
    """Find when each note begins.

    Parameters
    ----------
    track : PitchTrack
    segments : np.ndarray of int64 [shape=(n_notes, 2), frames]
        From `split_at_attacks`.
    confidence : float [0..1]
        The threshold.

    Returns
    -------
    onset : np.ndarray [shape=(n_notes,), frames, >= 0]
        Fractional.
    """
    midi = hz_to_midi(track.f0)
    attacks = _find_attacks(track, SNAP_DB)
    onset = np.empty(len(segments))
    for i, (first, last) in enumerate(segments.tolist()):
        heard = track.confidence[first:last]
        least = max(confidence, SURE_PART * float(np.median(heard)))
        sure = first + int(np.argmax(heard >= least))
        earliest = _earliest_frame(midi, sure, last)
        rise = _last_rise(track.level_db, earliest, sure, last)
        if rise is None:
            near = _between(attacks, earliest, sure)
            if len(near):
                rise = near[np.argmax(track.onset_strength[near])] - 1.0
        onset[i] = max(first - LEAD_FRAMES, earliest, 0.0) if rise is None else max(rise, 0.0)
    return onset


def _earliest_frame(midi: FloatArray, sure: int, last: int) -> int:
    """Return where the onset may lie at the earliest: while the pitch agrees, within limits."""
    own_pitch = float(np.nanmedian(midi[sure : min(sure + 8, last)]))
    frame = sure
    earliest = max(sure - EARLIEST_FRAMES, 0)
    while frame > earliest and abs(midi[frame - 1] - own_pitch) < AGREEING_SEMITONES:
        frame -= 1
    return max(frame - 1, 0)


def _find_attacks(track: PitchTrack, least_db: float) -> Int64Array:
    """Return the frames of the peaks of the onset strength."""
    strength = track.onset_strength
    beside = np.pad(strength, 1, constant_values=-np.inf)
    is_peak = (strength >= beside[:-2]) & (strength > beside[2:])
    return np.flatnonzero(is_peak & (strength >= least_db))


def _between(attacks: Int64Array, first: int, last: int) -> Int64Array:
    """Return the attacks from one frame up to another."""
    return attacks[slice(*np.searchsorted(attacks, [first, last]))]


def _skip_soft_start(level_db: FloatArray, start: int, end: int, attacks: Int64Array) -> int:
    """Return the attack of the vowel where the note begins with a soft consonant."""
    shortest, longest = SOFT_START_FRAMES
    for attack in attacks.tolist():
        if not shortest <= attack - start <= longest or end - attack < NEAREST_ATTACK_FRAMES:
            continue
        after = level_db[attack : attack + FIRST_PEAK_FRAMES].max()
        if after - np.median(level_db[start : attack - 1]) >= SOFT_START_DB:
            start = attack
    return start


def _last_rise(level_db: FloatArray, earliest: int, start: int, end: int) -> float | None:
    """Return the fractional frame at which the level last rises to the note, None without."""
    peak = level_db[start : min(start + FIRST_PEAK_FRAMES, end)].max()
    threshold = float(peak) - RISE_DB
    for frame in range(start - 1, earliest - 1, -1):
        low, high = float(level_db[frame]), float(level_db[frame + 1])
        if low < threshold <= high:
            return frame + (threshold - low) / (high - low)
    return None
