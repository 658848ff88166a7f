"""Loud sound above and below the range of the pitch estimator, heard at another speed.

CREPE knows pitches from 32.7 to 1975.5 Hz. A whistle above B6 or the low B of a bass has no
confidence there, or is taken for another pitch that does not sound. Such stretches are found from
the spectrum and from the waveform's period; played at half or twice their speed they lie within
the range.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from retimbre._typing import BoolArray, Float32Array, FloatArray
from retimbre.pitch.frames import excerpt, frames_at
from retimbre.types import HOP_SECONDS, PitchTrack

logger = logging.getLogger(__name__)

LOWEST_HZ, HIGHEST_HZ = 32.7, 1975.5
"""What CREPE spans."""

DEEPEST_HZ = 20.0
"""No pitch is heard below."""

LOUD_DB = 30.0
"""Frames that lie no further under the loud ones of the clip are loud."""

SURE = 0.5
"""Frames of this confidence have a pitch, if it sounds."""

HIGH_SECONDS, LOW_SECONDS = 0.064, 0.128
"""Windows in which a partial above, and a period below, are looked for."""

TONAL_SHARE = 0.7
"""Of a frame's power that one partial above the range must hold."""

ABSENT_DB = 25.0
"""A pitch whose partials lie so far under the strongest one above the range does not sound."""

PERIODIC, SHORTER = 0.9, 0.05
"""Autocorrelation at a period below the range, and by how much it is higher than at any shorter."""

BRIDGED_FRAMES, PADDING_FRAMES = 5, 8
"""Stretches so close are one, and are heard with so much sound on either side."""

REPORTED_SECONDS = 0.3
"""Less than that of loud sound outside is not worth a warning."""

_BLOCK_FRAMES = 1024

Hear = Callable[[Float32Array], tuple[FloatArray, FloatArray]]
"""Returns f0 [Hz] and confidence every 10 ms of samples at the estimator's rate."""


def hear_outside(
    signal: Float32Array, sr: int, track: PitchTrack, hear: Hear, *, below: bool, above: bool
) -> PitchTrack:
    """Give loud stretches outside of the estimator's range their pitch.

    Parameters
    ----------
    signal : np.ndarray of float32 [shape=(n_samples,)]
        At the estimator's rate.
    sr : int [Hz]
        That rate.
    track : PitchTrack
        Of the signal.
    hear : callable
        The estimator.
    below, above : bool
        On which sides to listen.

    Returns
    -------
    track : PitchTrack
        The same where nothing lies outside. How much loud sound stays without a pitch there is
        logged as a warning.
    """
    loud = _loud_frames(track)
    sides = (
        (above, _find_above, 0.5, f"above {HIGHEST_HZ:g} Hz", "an octave lower"),
        (below, _find_below, 2.0, f"below {LOWEST_HZ:g} Hz", "an octave higher"),
    )
    for is_heard, find, speed, where, remedy in sides:
        outside = find(signal, sr, track, loud) if is_heard and loud.any() else np.zeros(0, bool)
        if np.count_nonzero(outside) < BRIDGED_FRAMES:
            continue
        track = _hear_again(signal, sr, track, outside, hear, speed)
        missed = np.count_nonzero(outside & (track.confidence < SURE)) * HOP_SECONDS
        if missed >= REPORTED_SECONDS:
            logger.warning(
                "%.1f s of loud sound lie %s, where no pitch was found; play or transpose the "
                "recording %s.", missed, where, remedy,
            )  # fmt: skip
    return track


def _loud_frames(track: PitchTrack) -> BoolArray:
    sounding = np.isfinite(track.f0)
    if not sounding.any():
        return sounding
    return sounding & (track.level_db > np.percentile(track.level_db[sounding], 95.0) - LOUD_DB)


def _find_above(signal: Float32Array, sr: int, track: PitchTrack, loud: BoolArray) -> BoolArray:
    """Return the frames in which one partial above the range holds most of the power."""
    found = np.zeros(len(track), bool)
    length = round(HIGH_SECONDS * sr)
    window = np.hanning(length).astype(np.float32)
    hz = sr / length
    for index in _blocks(np.flatnonzero(loud)):
        power = np.square(np.abs(np.fft.rfft(frames_at(signal, sr, index, length) * window)))
        peak = power.argmax(axis=1)
        rows = np.arange(len(index))[:, None]
        near = np.clip(peak[:, None] + np.arange(-2, 3), 0, power.shape[1] - 1)
        tonal = power[rows, near].sum(axis=1) > TONAL_SHARE * power.sum(axis=1)
        # The pitch that was found, and its octave: a flageolet may lack the first partial.
        bins = np.rint(track.f0[index][:, None] * np.array([1.0, 2.0]) / hz).astype(np.int64)
        around = np.clip(bins[..., None] + np.arange(-1, 2), 0, power.shape[1] - 1)
        claimed = power[rows[..., None], around].max(axis=(1, 2))
        absent = claimed < power.max(axis=1) * 10.0 ** (-ABSENT_DB / 10.0)
        is_unsure = track.confidence[index] < SURE
        found[index] = (peak * hz > HIGHEST_HZ) & tonal & (is_unsure | absent)
    return found


def _find_below(signal: Float32Array, sr: int, track: PitchTrack, loud: BoolArray) -> BoolArray:
    """Return the frames whose waveform repeats at a period below the range, and at no shorter."""
    found = np.zeros(len(track), bool)
    candidates = loud & ((track.confidence < SURE) | (track.f0 < 2.2 * LOWEST_HZ))
    length = round(LOW_SECONDS * sr)
    first, last = int(np.ceil(sr / LOWEST_HZ)) + 1, int(sr / DEEPEST_HZ)
    shortest = sr // 500
    for index in _blocks(np.flatnonzero(candidates)):
        likeness = _autocorrelation(frames_at(signal, sr, index, length), last)
        longer = likeness[:, first:].max(axis=1)
        found[index] = (longer > PERIODIC) & (
            longer > likeness[:, shortest:first].max(axis=1) + SHORTER
        )
    return found


def _autocorrelation(frames: Float32Array, last: int) -> FloatArray:
    """Return the normalised autocorrelation up to a lag [shape=(n_frames, last + 1)]."""
    n = frames.shape[1]
    spectrum = np.fft.rfft(frames, 2 * n)
    product = np.fft.irfft(np.square(np.abs(spectrum)), 2 * n)[:, : last + 1]
    energy = np.cumsum(np.square(frames, dtype=np.float64), axis=1)
    lags = np.arange(last + 1)
    head = energy[:, n - 1 - lags]
    tail = energy[:, -1:] - np.where(lags > 0, energy[:, np.maximum(lags - 1, 0)], 0.0)
    return np.asarray(product / np.sqrt(np.maximum(head * tail, 1e-20)))


def _blocks(index: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> "list[np.ndarray]":
    return [index[k : k + _BLOCK_FRAMES] for k in range(0, len(index), _BLOCK_FRAMES)]


def _hear_again(
    signal: Float32Array, sr: int, track: PitchTrack, outside: BoolArray, hear: Hear, speed: float
) -> PitchTrack:
    """Hear the stretches at another speed and put in what is surer."""
    from retimbre.io.audio import resample

    f0, confidence = track.f0.copy(), track.confidence.copy()
    hop = round(HOP_SECONDS * sr)
    for first, last in _stretches(outside):
        start, stop = max(first - PADDING_FRAMES, 0), min(last + PADDING_FRAMES, len(track))
        piece = excerpt(signal, start * hop, (stop - start) * hop)
        heard = hear(np.asarray(resample(piece, sr, round(sr / speed)), np.float32))
        frames = np.arange(first, last)
        place = np.rint((frames - start) / speed).astype(np.int64)
        hz, sure = (values[np.minimum(place, len(values) - 1)] for values in heard)
        # Where the pitch that was found does not sound, its confidence is not worth much.
        better = outside[frames] & (sure > np.minimum(confidence[frames], SURE))
        f0[frames[better]] = hz[better] / speed
        confidence[frames[better]] = sure[better]
        lost = outside[frames] & ~better
        confidence[frames[lost]] = np.minimum(confidence[frames[lost]], sure[lost])
    return replace(track, f0=f0, confidence=confidence)


def _stretches(outside: BoolArray) -> list[tuple[int, int]]:
    """Return first frames and the frames after the last, short holes bridged."""
    frames = np.flatnonzero(outside)
    breaks = np.flatnonzero(np.diff(frames) > BRIDGED_FRAMES)
    first = frames[np.append(0, breaks + 1)]
    last = frames[np.append(breaks, len(frames) - 1)] + 1
    return [(int(a), int(b)) for a, b in zip(first, last, strict=True) if b - a >= BRIDGED_FRAMES]
