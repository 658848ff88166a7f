"""Log-frequency spectrograms for pictures, small for sounds of any length."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from retimbre._typing import FloatArray

COLUMNS = 1600
"""Columns of a spectrogram picture, whatever the length of the sound."""

BINS_PER_OCTAVE = 36
FMIN, FMAX = 40.0, 16000.0
RANGE_DB = 70.0

# A column of a long sound is the loudest of so many frames.
_FRAMES_PER_COLUMN = 4
WINDOW_SECONDS = 0.08
_BLOCK_FRAMES = 256


@dataclass(frozen=True, eq=False)
class LogSpectrogram:
    """A spectrogram on a logarithmic frequency axis, small enough to keep.

    Attributes
    ----------
    level_db : np.ndarray of float32 [shape=(n_bins, n_columns), dB below the loudest, <= 0]
    duration : float [seconds]
        The columns divide it evenly.
    fmin, fmax : float [Hz]
        Outer edges of the lowest and the highest bin; the bins divide the octaves evenly.
    """

    level_db: FloatArray
    duration: float
    fmin: float
    fmax: float


def log_spectrogram(y: FloatArray, sr: int) -> LogSpectrogram:
    """Measure the spectrogram of a sound for a picture.

    Memory does not grow with the length: beyond some seconds not every sample is looked at.

    Parameters
    ----------
    y : np.ndarray [shape=(n_samples,)]
    sr : int [Hz]

    Returns
    -------
    spectrogram : LogSpectrogram
        All -`RANGE_DB` where the sound is silent.
    """
    n_window = max(int(WINDOW_SECONDS * sr), 16)
    n_fft = 2 << (n_window - 1).bit_length()
    fmax = min(FMAX, sr / 2)
    n_bins = max(int(BINS_PER_OCTAVE * np.log2(fmax / FMIN)), 1)
    edges = FMIN * (fmax / FMIN) ** (np.arange(n_bins + 1) / n_bins) * n_fft / sr
    step = max(y.size / (COLUMNS * _FRAMES_PER_COLUMN), 0.002 * sr)
    centres = np.arange(0, max(y.size, 1), step).astype(np.int64)
    blocks = np.split(centres, range(_BLOCK_FRAMES, len(centres), _BLOCK_FRAMES))
    power = np.concatenate([_band_power(_frames(y, b, n_window), n_fft, edges) for b in blocks])
    columns = np.arange(len(power)) * min(COLUMNS, len(power)) // len(power)
    starts = np.flatnonzero(np.diff(columns, prepend=-1))
    loudest = np.maximum.reduceat(power, starts, axis=0)
    reference = max(float(loudest.max()), 1e-20)
    level_db = 10.0 * np.log10(np.maximum(loudest / reference, 10.0 ** (-RANGE_DB / 10.0)))
    return LogSpectrogram(level_db.T.astype(np.float32), y.size / sr, FMIN, fmax)


def _frames(y: FloatArray, centres: np.ndarray[Any, Any], n_window: int) -> FloatArray:
    """Cut windowed frames around the centres; there are zeros outside the sound."""
    indices = centres[:, None] + np.arange(n_window) - n_window // 2
    inside = (indices >= 0) & (indices < y.size)
    return np.asarray(
        np.where(inside, y[np.clip(indices, 0, y.size - 1)], 0.0) * np.hanning(n_window)
    )


def _band_power(frames: FloatArray, n_fft: int, edges: FloatArray) -> FloatArray:
    """Return the mean power between fractional bin edges [shape=(n_frames, n_bins)]."""
    power = np.abs(np.fft.rfft(frames, n_fft)) ** 2
    total = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    # Bin k covers k - 1/2 to k + 1/2 on the axis of the edges.
    position = np.clip(edges + 0.5, 0, total.shape[1] - 1)
    low = np.minimum(position.astype(np.int64), total.shape[1] - 2)
    fraction = position - low
    at_edges = total[:, low] * (1 - fraction) + total[:, low + 1] * fraction
    return np.asarray(np.diff(at_edges, axis=1) / np.diff(edges))
