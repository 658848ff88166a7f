"""How loud one note is."""

from functools import lru_cache

import numpy as np

from retimbre._typing import FloatArray
from retimbre.metering.k_weighting import k_weight
from retimbre.runtime import single_threaded_blas

LOUDNESS_SECONDS = 0.100
"""A note is as loud as its loudest stretch of this length."""

LOUDNESS_BLOCK_SECONDS = 0.020


@single_threaded_blas
def measure_loudness(y: FloatArray, *, sr: float) -> float:
    """Measure how loud a note is.

    The K-weighted level [1]_ of the note's loudest 100 ms (of all of it where it is shorter),
    so that a plucked and a bowed note of one loudness begin alike.

    Parameters
    ----------
    y : np.ndarray [shape=(n_samples,)]
    sr : float [Hz]

    Returns
    -------
    loudness : float [dB re full scale]
        Of a 1 kHz sine of amplitude 1: -3 + 0.7; -inf in silence.

    References
    ----------
    .. [1] ITU-R BS.1770-4, annex 1.
    """
    size = 1 << max(4, round(np.log2(LOUDNESS_BLOCK_SECONDS * sr)))
    n_blocks = -(-len(y) // size)
    blocks = np.zeros((n_blocks, size), np.float32)
    blocks.reshape(-1)[: len(y)] = y
    spectrum = np.fft.rfft(blocks)
    power = (spectrum.real**2 + spectrum.imag**2) @ _k_weights(size, float(sr))
    span = min(max(1, round(LOUDNESS_SECONDS * sr / size)), n_blocks)
    if span == 0:
        return -np.inf
    sums = np.cumsum(np.concatenate([[0.0], power]))
    loudest = float((sums[span:] - sums[:-span]).max())
    n_heard = min(span * size, len(y))
    return 10.0 * float(np.log10(loudest / n_heard)) if loudest > 0.0 else -np.inf


@lru_cache(maxsize=8)
def _k_weights(size: int, sr: float) -> FloatArray:
    """Weigh the bins of |rfft|^2 so that they sum to the K-weighted energy."""
    weights = k_weight(np.arange(size // 2 + 1) * sr / size)
    sides = np.full(size // 2 + 1, 2.0)
    sides[0] = sides[-1] = 1.0
    return np.asarray(weights * sides / size)
