"""What is measured of a clip beside its pitch and its level: where notes may begin and end.

A pitch tracker's window blurs what lasts less than 50 ms. Here the level is measured over two
periods of the pitch that was found, which leaves no ripple of the wave in it, twice per frame; new
energy is counted apart for low, middle and high frequencies (a slide has none high up, a bow or a
consonant has); and the periodicity says how well one period is followed by the same once more.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, Float64Array, FloatArray
from retimbre.pitch.frames import check_audio
from retimbre.pitch.loudness import FLOOR_DB
from retimbre.types import HOP_SECONDS, N_DETAILS

LEAST_PERIODS = 2
SHORTEST_SECONDS, LONGEST_SECONDS = 0.008, 0.040
"""The window of the fine level holds whole periods: so many at least, and within these times."""

UNPITCHED_SECONDS = 0.010

PERIODICITY_SECONDS = 0.025
"""So much sound is compared with what it was a period earlier."""

_BLOCK_FRAMES = 2000


class Detail(NamedTuple):
    """Names of the columns of `PitchTrack.detail`.

    Attributes
    ----------
    level, level_after : dB re full scale, >= -120
        In the middle of the frame and 5 ms later.
    rise_low, rise_middle, rise_high : dB, >= 0
        Mean rise of the bands below 800 Hz, below 3 kHz and above; see `loudness.band_rises`.
    periodicity : 0..1
        Normalised correlation of the wave with itself one period away; 0 without a pitch.
    """

    level: Float64Array
    level_after: Float64Array
    rise_low: Float64Array
    rise_middle: Float64Array
    rise_high: Float64Array
    periodicity: Float64Array


def measure_detail(y: npt.ArrayLike, sr: int, f0: FloatArray, rises: FloatArray) -> Float32Array:
    """Measure what says where notes begin and end.

    Parameters
    ----------
    y : array_like [shape=(n_samples,), linear]
        Mono audio.
    sr : int [Hz]
    f0 : np.ndarray [shape=(n_frames,), Hz]
        NaN where there is no pitch.
    rises : np.ndarray [shape=(n_frames, 4), dB]
        As `loudness.band_rises` returns them.

    Returns
    -------
    detail : np.ndarray of float32 [shape=(n_frames, 6)]
        See `Detail`.
    """
    y = check_audio(y, sr)
    n_frames = len(f0)
    detail = np.zeros((n_frames, N_DETAILS), np.float32)
    detail[:, 2:5] = rises[:, 1:]
    for first in range(0, n_frames, _BLOCK_FRAMES):
        block = slice(first, min(first + _BLOCK_FRAMES, n_frames))
        centres = np.arange(block.start, block.stop) * HOP_SECONDS * sr
        detail[block, :2] = _fine_levels(y, sr, centres, f0[block])
        detail[block, 5] = _periodicity(y, sr, centres, f0[block])
    return detail


def _fine_levels(y: Float32Array, sr: int, centres: FloatArray, f0: FloatArray) -> FloatArray:
    """Return the level at frames and 5 ms after them [shape=(n, 2), dB]."""
    periods = np.maximum(np.ceil(SHORTEST_SECONDS * np.nan_to_num(f0)), LEAST_PERIODS)
    seconds = np.where(np.isnan(f0), UNPITCHED_SECONDS, periods / f0)
    width = np.rint(np.minimum(seconds, LONGEST_SECONDS) * sr).astype(np.int64)
    middle = centres[:, None] + np.array([0.0, 0.5 * HOP_SECONDS * sr])
    first = np.rint(middle - 0.5 * width[:, None]).astype(np.int64)
    start, stop = (np.clip(edge, 0, len(y)) for edge in (first, first + width[:, None]))
    low = int(start.min())
    power = np.square(y[low : int(stop.max())], dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(power)])
    # What lies outside of the clip is silent, so the whole width counts.
    mean = (total[stop - low] - total[start - low]) / width[:, None]
    return np.asarray(10.0 * np.log10(np.maximum(mean, 10.0 ** (FLOOR_DB / 10.0))))


def _periodicity(y: Float32Array, sr: int, centres: FloatArray, f0: FloatArray) -> FloatArray:
    """Return how alike the wave is one period apart [shape=(n,), 0..1]."""
    found = np.zeros(len(f0))
    pitched = np.flatnonzero(np.isfinite(f0))
    if not len(pitched):
        return found
    n = round(PERIODICITY_SECONDS * sr)
    period = np.rint(sr / f0[pitched]).astype(np.int64)
    first = np.rint(centres[pitched]).astype(np.int64) - (n + period) // 2
    index = first[:, None] + np.arange(n)
    before = _samples(y, index)
    after = _samples(y, index + period[:, None])
    product = np.einsum("ij,ij->i", before, after)
    energy = np.einsum("ij,ij->i", before, before) * np.einsum("ij,ij->i", after, after)
    found[pitched] = np.clip(product / np.sqrt(np.maximum(energy, 1e-20)), 0.0, 1.0)
    return found


def _samples(y: Float32Array, index: npt.NDArray[np.int64]) -> Float32Array:
    """Return samples, 0 outside of the clip."""
    is_inside = (index >= 0) & (index < len(y))
    return np.asarray(
        np.where(is_inside, y[np.clip(index, 0, max(len(y) - 1, 0))], 0.0), np.float32
    )
