"""Sounds and curves read between their samples."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from retimbre._typing import Float32Array, FloatArray

_READ_AT_ONCE = 16_384


@dataclass(frozen=True)
class Reader:
    """Reads samples between samples: windowed sincs, for sound that is oversampled.

    Because it is oversampled, the little that the sincs have to cut off is far away.

    Attributes
    ----------
    n_taps : int
        Even: so many samples around a place count.
    n_fractions : int
        Places between two samples; others are rounded to them.
    beta : float
        Of the Kaiser window.
    """

    n_taps: int = 12
    n_fractions: int = 4096
    beta: float = 9.0

    def read(self, sound: Float32Array, position: FloatArray) -> Float32Array:
        """Return the sound at any positions.

        Parameters
        ----------
        sound : np.ndarray of float32 [shape=(n_samples,)]
        position : np.ndarray [shape=(n,)]
            In samples of the sound; ``n_taps // 2`` samples or more from either end.

        Returns
        -------
        y : np.ndarray of float32 [shape=(n,)]
        """
        windows = np.lib.stride_tricks.sliding_window_view(sound, self.n_taps)
        kernels = _kernels(self)
        y = np.empty(len(position), np.float32)
        for start in range(0, len(position), _READ_AT_ONCE):
            part = slice(start, start + _READ_AT_ONCE)
            nearest = np.rint(position[part] * self.n_fractions).astype(np.int64)
            first = nearest // self.n_fractions - (self.n_taps // 2 - 1)
            y[part] = np.einsum("nt,nt->n", windows[first], kernels[nearest % self.n_fractions])
        return y


@lru_cache
def _kernels(reader: Reader) -> Float32Array:
    """Return the windowed sinc of each fraction [shape=(n_fractions, n_taps)]."""
    offset = np.arange(reader.n_taps) - (reader.n_taps // 2 - 1)
    distance = offset - np.arange(reader.n_fractions)[:, None] / reader.n_fractions
    inside = np.clip(1.0 - (distance / (reader.n_taps / 2)) ** 2, 0.0, None)
    kernels = np.sinc(distance) * np.i0(reader.beta * np.sqrt(inside))
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True), np.float32)


def read_rows(rows: FloatArray, position: FloatArray) -> FloatArray:
    """Interpolate linearly between rows.

    Parameters
    ----------
    rows : np.ndarray [shape=(n_rows, n_columns)]
        At least two.
    position : np.ndarray [shape=(n,), 0..n_rows - 1]
        Which row, fractional.

    Returns
    -------
    rows : np.ndarray [shape=(n, n_columns)]
        In the precision of the rows.
    """
    index = np.minimum(position.astype(np.int64), len(rows) - 2)
    weight = (position - index)[:, None].astype(rows.dtype)
    return np.asarray(rows[index] * (1.0 - weight) + rows[index + 1] * weight)
