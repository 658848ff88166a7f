"""Pitch and level curves of each note, free of tracker errors."""

from collections.abc import Sequence

import numpy as np

from retimbre._typing import BoolArray, FloatArray
from retimbre.notes.slurs import find_slurs, voices_of
from retimbre.types import HOP_SECONDS, NoteCurve, Notes, PitchTrack
from retimbre.units import hz_to_midi

OCTAVE_CENTS = 1200.0

OCTAVE_TOLERANCE_CENTS = 250.0
"""A frame an octave away is folded back where it then lies so near to the note's middle."""

STRAY_CENTS = 700.0
"""Frames further from the note's middle are errors: no slide inside one note goes that far."""

SPIKE_CENTS = 60.0
"""A frame off the line through its neighbours by more is a spike: a vibrato of +-100 cents at
7 Hz stays within 20."""

RELATIVE_CONFIDENCE = 0.5
"""Frames less confident than this part of the note's best are bridged."""

SMOOTHING = np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35.0
"""Savitzky and Golay's parabola over 5 frames: it takes off noise and leaves a 7 Hz vibrato
its full extent."""


def note_curves(
    track: PitchTrack, notes: Notes, articulation: Sequence[str] = ()
) -> tuple[NoteCurve, ...]:
    """Read each note's pitch and level curve from the track.

    Octave errors are folded back, spikes and frames without a trustworthy pitch bridged, and
    the rest smoothed over 50 ms so lightly that vibrato and slides stay as they were sung. A slide
    from a note into one that is tied to it is bridged from the one to the other.

    Parameters
    ----------
    track : PitchTrack
    notes : Notes
        Found in `track`.
    articulation : sequence of str, optional
        How each note begins, one of `retimbre.types.ARTICULATIONS`.

    Returns
    -------
    curves : tuple of NoteCurve
        One per note; frame k of a note is ``onset + k * 0.01`` s, the last one at or just after
        the offset. A note without any pitch in the track has 0 cents throughout.

    Examples
    --------
    >>> times = np.arange(50) * 0.01
    >>> ones = np.ones(50)
    >>> track = PitchTrack(times, 446.4 * ones, ones, -20 * ones, 0 * ones)
    >>> curves = note_curves(track, Notes(onset=[0.1], offset=[0.4], pitch=[69], velocity=[100]))
    >>> len(curves[0].cents), round(float(curves[0].cents[3]))
    (31, 25)
    """
    curves: dict[int, NoteCurve] = {}
    for voice in voices_of(find_slurs(notes, articulation or ("struck",) * len(notes))[1]):
        first = max(int(np.floor(notes.onset[voice[0]] / HOP_SECONDS)), 0)
        frames = slice(first, int(np.ceil(notes.offset[voice[-1]] / HOP_SECONDS)) + 2)
        pitch = _repaired_pitch(track, notes, voice, frames)
        for k in voice:
            n_frames = int(np.ceil(notes.duration[k] / HOP_SECONDS - 1e-6)) + 1
            at = (notes.onset[k] - first * HOP_SECONDS) / HOP_SECONDS + np.arange(n_frames)
            level = _sample(track.level_db[frames], at)
            cents = _sample(pitch, at) - 100.0 * notes.pitch[k] if len(pitch) else np.zeros(len(at))
            curves[k] = NoteCurve(cents, level - level.max())
    return tuple(curves[k] for k in range(len(notes)))


def _repaired_pitch(
    track: PitchTrack, notes: Notes, voice: Sequence[int], frames: slice
) -> FloatArray:
    """Return the pitch of notes that sound as one, in cents over MIDI 0; none if there is none.

    What is an error is said by each note; what is bridged may lie between two.
    """
    midi = 100.0 * hz_to_midi(track.f0[frames])
    cents, trusted = np.zeros(len(midi)), np.zeros(len(midi), bool)
    for k, following in zip(voice, [*voice[1:], None], strict=True):
        start = max(int(np.floor(notes.onset[k] / HOP_SECONDS)) - frames.start, 0)
        stop = len(midi)
        if following is not None:
            stop = int(np.floor(notes.onset[following] / HOP_SECONDS)) - frames.start
        own = slice(start, stop)
        cents[own], trusted[own] = _fold(midi[own], track.confidence[frames][own])
    if not trusted.any():
        return np.zeros(0)
    bridged = _bridge(cents, trusted)
    return _smooth(_bridge(bridged, trusted & ~_is_spike(bridged)))


def _sample(values: FloatArray, frames: FloatArray) -> FloatArray:
    if len(values) == 0:
        return np.zeros(len(frames))
    return np.interp(frames, np.arange(len(values)), values)


def _fold(cents: FloatArray, confidence: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Fold the octave errors of a note back; say which frames can be trusted."""
    trusted = np.isfinite(cents)
    if not trusted.any():
        return np.zeros(len(cents)), trusted
    trusted &= confidence >= RELATIVE_CONFIDENCE * confidence[trusted].max()
    middle = float(np.median(cents[trusted]))
    folded = _fold_octaves(cents, middle)
    return folded, trusted & (np.abs(folded - middle) <= STRAY_CENTS)


def _fold_octaves(cents: FloatArray, middle: float) -> FloatArray:
    octaves = np.round((cents - middle) / OCTAVE_CENTS)
    folded = cents - octaves * OCTAVE_CENTS
    return np.where(np.abs(folded - middle) <= OCTAVE_TOLERANCE_CENTS, folded, cents)


def _bridge(values: FloatArray, trusted: BoolArray) -> FloatArray:
    """Interpolate over frames that are not trusted; the ends hold the nearest trusted value."""
    index = np.arange(len(values))
    if not trusted.any():
        return np.zeros(len(values))
    return np.interp(index, index[trusted], values[trusted])


def _is_spike(cents: FloatArray) -> BoolArray:
    """Say which frames jump off the line through both neighbours, one or two frames long."""
    spike = np.zeros(len(cents), dtype=bool)
    for width in (1, 2):
        if len(cents) < width + 2:
            break
        left, right = cents[: -width - 1], cents[width + 1 :]
        near = np.abs(right - left) <= SPIKE_CENTS * (width + 1) / 2
        for k in range(1, width + 1):
            line = left + (right - left) * k / (width + 1)
            off = near & (np.abs(cents[k : len(cents) - width - 1 + k] - line) > SPIKE_CENTS)
            spike[k : len(cents) - width - 1 + k] |= off
    return spike


def _smooth(cents: FloatArray) -> FloatArray:
    if len(cents) < len(SMOOTHING):
        return cents
    half = len(SMOOTHING) // 2
    # Mirrored about the end points, so that a slide into the first frame keeps its slope.
    mirrored = np.pad(cents, half, mode="reflect", reflect_type="odd")
    return np.convolve(mirrored, SMOOTHING, "valid")
