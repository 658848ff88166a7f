"""Frames of a signal, which is silent beyond its ends."""

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, IntArray
from retimbre.errors import ParameterError
from retimbre.types import HOP_SECONDS


def check_audio(y: npt.ArrayLike, sr: float) -> Float32Array:
    """Return samples as an array.

    Parameters
    ----------
    y : array_like [shape=(n_samples,), linear]
    sr : float [Hz]

    Returns
    -------
    y : np.ndarray of float32 [shape=(n_samples,)]

    Raises
    ------
    ParameterError
        If `y` is not 1-D or `sr` is not positive.
    """
    audio = np.asarray(y, dtype=np.float32)
    if audio.ndim != 1:
        raise ParameterError(f"Audio must be mono, given shape {audio.shape}; mix it down first.")
    if not sr > 0:
        raise ParameterError(f"The sample rate must be > 0 Hz, given {sr}.")
    return audio


def excerpt(y: Float32Array, start: int, length: int) -> Float32Array:
    """Return samples from `start`, which may be negative, zeros beyond the ends.

    Parameters
    ----------
    y : np.ndarray of float32 [shape=(n_samples,)]
    start, length : int [samples]

    Returns
    -------
    samples : np.ndarray of float32 [shape=(length,)]
    """
    samples = np.zeros(length, np.float32)
    inside = y[max(start, 0) : max(start + length, 0)]
    samples[max(-start, 0) :][: len(inside)] = inside
    return samples


def frames_at(y: Float32Array, sr: float, index: IntArray, length: int) -> Float32Array:
    """Return frames of the 10 ms grid, frame i centred on ``i * HOP_SECONDS``.

    Parameters
    ----------
    y : np.ndarray of float32 [shape=(n_samples,)]
    sr : float [Hz]
    index : np.ndarray of int [shape=(n_frames,)]
        Which frames, ascending; at least one.
    length : int [samples]

    Returns
    -------
    frames : np.ndarray of float32 [shape=(n_frames, length)]
    """
    starts = np.rint(index * HOP_SECONDS * sr).astype(np.int64) - length // 2
    around = excerpt(y, int(starts[0]), int(starts[-1] - starts[0]) + length)
    windows = np.lib.stride_tricks.sliding_window_view(around, length)
    return np.asarray(windows[starts - starts[0]])
