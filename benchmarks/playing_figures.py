"""Figures of how notes are joined, begun, held and followed: functions of samples.

All levels are in dB, all times in seconds, `sr` in Hz.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import signal

FloatArray = npt.NDArray[np.float64]

HIGH_HZ = 5000.0
BURST_SECONDS = 0.04
CLEAR_SECONDS = 0.06
"""What is nearer to a join than this belongs to it, and not to the notes around it."""

AROUND_SECONDS = 0.16
AUDIBLE_DB = 60.0
"""What is further under the level of the notes around is taken to lie there."""

FLOOR_DB = -200.0
LOUDNESS_SECONDS = 0.02
LOUDNESS_RANGE_DB = 40.0
DECAY_SECONDS = (0.05, 0.5)
DECAY_RANGE_DB = 40.0
N_PARTIALS = 30
PARTIALS_RANGE_DB = 40.0


def high_pass(y: npt.ArrayLike, sr: float) -> FloatArray:
    """Return what lies above 5 kHz, in place."""
    return np.asarray(signal.sosfiltfilt(_butterworth(sr), np.asarray(y, np.float64)))


@lru_cache(maxsize=8)
def _butterworth(sr: float) -> FloatArray:
    return np.asarray(signal.butter(6, HIGH_HZ, "highpass", fs=sr, output="sos"))


def level_db(y: FloatArray, sr: float, start: float, stop: float) -> float:
    """Return the RMS level of a part."""
    part = y[max(round(start * sr), 0) : max(round(stop * sr), 0)]
    power = float(np.mean(np.square(part, dtype=np.float64))) if len(part) else 0.0
    return 10.0 * np.log10(power) if power > 0.0 else FLOOR_DB


def around(time: float, begin: float, end: float) -> list[tuple[float, float]]:
    """Return the parts around a join, inside the notes from `begin` to `end`.

    0.1 s before and behind, as much as the notes have of it; what is shorter than 20 ms is left
    out.
    """
    parts = [
        (max(begin, time - AROUND_SECONDS), time - CLEAR_SECONDS),
        (time + CLEAR_SECONDS, min(end, time + AROUND_SECONDS)),
    ]
    return [(a, b) for a, b in parts if b - a >= 0.02]


def burst_db(
    y: FloatArray, high: FloatArray, sr: float, time: float, parts: list[tuple[float, float]]
) -> float:
    """Return the level above 5 kHz in the 40 ms from a time on, re that in the parts around.

    Parameters
    ----------
    y, high : np.ndarray [shape=(n_samples,)]
        A recording, and what of it lies above 5 kHz.
    sr : float [Hz]
    time : float [seconds]
    parts : list of (float, float) [seconds]
        One at least; the median of their levels of 20 ms counts. Levels more than 60 dB under that
        of the whole sound count as that.

    Returns
    -------
    burst : float [dB]
    """
    floor = _level_of(y, sr, parts) - AUDIBLE_DB
    own = level_db(high, sr, time, time + BURST_SECONDS)
    return max(own, floor) - max(_level_of(high, sr, parts), floor)


def _level_of(y: FloatArray, sr: float, parts: list[tuple[float, float]]) -> float:
    found = [levels(y[round(a * sr) : round(b * sr)], sr, 0.02, 0.005) for a, b in parts]
    return float(np.median(np.concatenate(found)))


def levels(y: FloatArray, sr: float, window: float, hop: float) -> FloatArray:
    """Return RMS levels; frame i covers `window` seconds from ``i * hop`` on."""
    size = min(round(window * sr), len(y))
    sums = np.concatenate([[0.0], np.cumsum(np.square(y, dtype=np.float64))])
    first = np.rint(np.arange(max(0, int((len(y) - size) / (hop * sr)) + 1)) * hop * sr).astype(int)
    power = np.maximum(sums[first + size] - sums[first], 0.0) / size
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-20)))


def dip_db(y: FloatArray, sr: float, time: float, parts: list[tuple[float, float]]) -> float:
    """Return how far the level of 20 ms falls within 60 ms of a join, under a line through it.

    The line goes from the median level in the part before to that in the part behind; where there
    is only one, it is level. Negative where the level is above the line throughout.
    """
    window, hop = 0.02, 0.0025
    first = time - 2 * AROUND_SECONDS
    piece = y[max(0, round(first * sr)) : round((time + 2 * AROUND_SECONDS) * sr)]
    begin = max(0, round(first * sr)) / sr
    level = levels(piece, sr, window, hop)
    times = begin + window / 2 + hop * np.arange(len(level))
    ends = [(0.5 * (a + b), _median(level, times, a, b)) for a, b in parts]
    near = np.abs(times - time) <= CLEAR_SECONDS
    line = np.interp(times[near], [a for a, _ in ends], [b for _, b in ends])
    return float(np.max(line - level[near]))


def _median(level: FloatArray, times: FloatArray, start: float, stop: float) -> float:
    inside = (times >= start) & (times <= stop)
    return float(np.median(level[inside] if inside.any() else level))


def third_difference_ratio(
    y: FloatArray, sr: float, time: float, parts: list[tuple[float, float]]
) -> float:
    """Return the largest third difference within 10 ms of a join over that inside the notes.

    The latter is the median over stretches of 20 ms in the parts around.
    """
    size = round(0.02 * sr)
    third = np.abs(np.diff(y, 3))
    peaks = [
        third[start : start + size].max()
        for a, b in parts
        for start in range(round(a * sr), round(b * sr) - size + 1, size // 2)
        if start + size <= len(third)
    ]
    middle = round(time * sr) - size // 2
    inside = float(np.median(peaks)) if peaks else 0.0
    return float(third[max(middle, 0) : middle + size].max() / max(inside, 1e-12))


def k_weighted(y: FloatArray, sr: float) -> FloatArray:
    """Return a recording as ITU-R BS.1770-4 weighs it, at any rate."""
    high, band = 10.0 ** (3.999844 / 20.0), 10.0 ** (3.999844 / 20.0 * 0.4996667)
    for is_shelf, hz, q in ((True, 1681.974, 0.7071752), (False, 38.13547, 0.5003270)):
        k = np.tan(np.pi * hz / sr)
        bottom = 1.0 + k / q + k * k
        a = [1.0, 2.0 * (k * k - 1.0) / bottom, (1.0 - k / q + k * k) / bottom]
        shelf = [high + band * k / q + k * k, 2.0 * (k * k - high), high - band * k / q + k * k]
        b = [value / bottom for value in shelf] if is_shelf else [1.0, -2.0, 1.0]
        y = np.asarray(signal.lfilter(b, a, y))
    return y


def loudness_correlation(
    one: tuple[FloatArray, float], two: tuple[FloatArray, float], intervals: FloatArray
) -> float:
    """Return how the loudness of 20 ms goes together in two recordings, inside notes.

    Parameters
    ----------
    one, two : (np.ndarray [shape=(n_samples,)], float)
        Samples and their rate.
    intervals : np.ndarray [shape=(n_notes, 2), seconds]

    Returns
    -------
    correlation : float [-1..1]
        Pearson's, of K-weighted levels in dB; levels more than 40 dB under the loudest count as
        that. NaN where one of them does not change.
    """
    a, b = (_loudness(*sound, intervals) for sound in (one, two))
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    if n < 2 or min(a.std(), b.std()) < 1e-6:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def loudness_spread(y: FloatArray, sr: float, intervals: FloatArray) -> float:
    """Return the standard deviation of the loudness of 20 ms inside notes [dB]."""
    return float(_loudness(y, sr, intervals).std())


def _loudness(y: FloatArray, sr: float, intervals: FloatArray) -> FloatArray:
    level = levels(k_weighted(y, sr), sr, LOUDNESS_SECONDS, LOUDNESS_SECONDS)
    level = np.maximum(level, level.max() - LOUDNESS_RANGE_DB)
    times = LOUDNESS_SECONDS * (np.arange(len(level)) + 0.5)
    inside = np.any((times >= intervals[:, :1]) & (times <= intervals[:, 1:]), axis=0)
    return np.asarray(level[inside])


def decay_rate(y: FloatArray, sr: float, onset: float, seconds: float) -> float:
    """Return how fast a note dies away from 0.05 to 0.5 s after its onset [dB per second].

    The slope of a line through its levels of 20 ms, as far as they lie within 40 dB of the first.
    """
    first = round((onset + DECAY_SECONDS[0]) * sr)
    last = round((onset + min(seconds, DECAY_SECONDS[1])) * sr)
    level = levels(y[first:last], sr, 0.02, 0.005)
    under = np.flatnonzero(level < level[0] - DECAY_RANGE_DB)
    level = level[: max(int(under[0]), 2)] if len(under) else level
    return -float(np.polyfit(0.005 * np.arange(len(level)), level, 1)[0])


def partial_levels(y: FloatArray, sr: float, f0: float) -> FloatArray:
    """Return the levels of the first 30 partials below half the rate [shape=(30,), dB].

    The power within a quarter of f0 of each; those that are too high are at the floor.
    """
    power = np.square(np.abs(np.fft.rfft(y * np.hanning(len(y)))))
    hz = np.fft.rfftfreq(len(y), 1.0 / sr)
    found = np.full(N_PARTIALS, FLOOR_DB)
    for k in range(1, N_PARTIALS + 1):
        if (k + 0.5) * f0 < sr / 2:
            near = power[np.abs(hz - k * f0) <= f0 / 4]
            found[k - 1] = 10.0 * np.log10(max(float(near.sum()), 1e-20))
    return found


def spectrum_distance(one: FloatArray, two: FloatArray) -> float:
    """Return the mean difference of two rows of partials' levels, whatever their loudness [dB].

    Of the partials within 40 dB of the strongest in one of them; the median difference is taken
    off.
    """
    chosen = (one > one.max() - PARTIALS_RANGE_DB) | (two > two.max() - PARTIALS_RANGE_DB)
    difference = one[chosen] - two[chosen]
    return float(np.mean(np.abs(difference - np.median(difference))))


def deviation_cents(
    y: FloatArray, sr: float, at: FloatArray, times: FloatArray, f0: FloatArray
) -> FloatArray:
    """Return how far the partials of a sound lie from a curve of f0, by their phases.

    Parameters
    ----------
    y : np.ndarray [shape=(n_samples,)]
    sr : float [Hz]
    at : np.ndarray [shape=(n,), seconds]
        Where it is wanted.
    times, f0 : np.ndarray [shape=(n_frames,), seconds and Hz]
        The curve; NaN where there is none.

    Returns
    -------
    cents : np.ndarray [shape=(n,)]
        Mean of partials 1 to 3 by power. Each is brought to 0 Hz and kept within 60 Hz of it.
    """
    known = np.isfinite(f0)
    if not known.any() or not len(at):
        return np.full(len(at), np.nan)
    t = np.arange(len(y)) / sr
    curve = np.exp(np.interp(t, times[known], np.log(f0[known])))
    turns = np.cumsum(curve) / sr
    kernel = signal.firwin(int(0.034 * sr) | 1, 60.0, fs=sr)
    hz, power = np.zeros(len(y)), np.full(len(y), 1e-20)
    for k in (1, 2, 3):
        beat = signal.oaconvolve(y * np.exp(-2j * np.pi * k * turns), kernel, mode="same")
        moved = np.angle(beat[1:] * np.conj(beat[:-1])) * sr / (2.0 * np.pi * k)
        hz += np.abs(beat) ** 2 * np.append(moved, moved[-1:])
        power += np.abs(beat) ** 2
    cents = 1200.0 * np.log2(np.maximum(1.0 + hz / power / curve, 0.1))
    return np.asarray(np.interp(at, t, cents))
