"""Pitch and level curves of each note, free of tracker errors."""

import numpy as np

from retimbre._typing import BoolArray, FloatArray
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


def note_curves(track: PitchTrack, notes: Notes) -> tuple[NoteCurve, ...]:
    """Read each note's pitch and level curve from the track.

    Octave errors are folded back, spikes and frames without a trustworthy pitch bridged, and
    the rest smoothed over 50 ms so lightly that vibrato and slides stay as they were sung.

    Parameters
    ----------
    track : PitchTrack
    notes : Notes
        Found in `track`.

    Returns
    -------
    curves : tuple of NoteCurve
        One a note; frame k of a note is ``onset + k * 0.01`` s, the last one at or just after
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
    midi = hz_to_midi(track.f0)
    curves = []
    for onset, offset, pitch in zip(notes.onset, notes.offset, notes.pitch, strict=True):
        first = max(int(np.floor(onset / HOP_SECONDS)), 0)
        frames = slice(first, int(np.ceil(offset / HOP_SECONDS)) + 2)
        n_frames = int(np.ceil((offset - onset) / HOP_SECONDS - 1e-6)) + 1
        times = (onset - first * HOP_SECONDS) / HOP_SECONDS + np.arange(n_frames)
        cents = _repair(100.0 * (midi[frames] - pitch), track.confidence[frames])
        level = _sample(track.level_db[frames], times)
        curves.append(NoteCurve(_sample(cents, times), level - level.max()))
    return tuple(curves)


def _sample(values: FloatArray, frames: FloatArray) -> FloatArray:
    if len(values) == 0:
        return np.zeros(len(frames))
    return np.interp(frames, np.arange(len(values)), values)


def _repair(cents: FloatArray, confidence: FloatArray) -> FloatArray:
    """Return a curve that is finite everywhere, without octave errors, spikes and gaps."""
    trusted = np.isfinite(cents)
    if not trusted.any():
        return np.zeros(len(cents))
    trusted &= confidence >= RELATIVE_CONFIDENCE * confidence[trusted].max()
    middle = float(np.median(cents[trusted]))
    folded = _fold_octaves(cents, middle)
    trusted &= np.abs(folded - middle) <= STRAY_CENTS
    bridged = _bridge(folded, trusted)
    return _smooth(_bridge(bridged, trusted & ~_is_spike(bridged)))


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
