"""Straighten a recorded note to one constant pitch."""

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.harmonic.reading import Reader

OVERSAMPLING = 4

_READER = Reader(n_fractions=32_768, beta=12.0)


def straighten(
    y: FloatArray, sr: int, times: npt.ArrayLike, f0: npt.ArrayLike, target: float
) -> FloatArray:
    """Play a note faster or slower at every moment, so that its pitch is always the same.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
    sr : int [Hz]
    times : array_like [shape=(n_curve,), seconds]
        Ascending, from the first sample.
    f0 : array_like [shape=(n_curve,), Hz, > 0]
        The pitch at those times, held before and after.
    target : float [Hz, > 0]
        The pitch that it is to have.

    Returns
    -------
    straight : np.ndarray of float32 [shape=(m,)]
        As long as the note's number of periods takes at the target; its timbre is moved in
        frequency as far as its pitch is.

    Notes
    -----
    The wave is oversampled four times and then read between its samples; what that adds to a sine
    of up to 20 kHz at 44.1 kHz lies 100 dB under it.
    """
    import soxr

    if len(y) == 0:
        return np.zeros(0, np.float32)
    now = np.arange(len(y)) / sr
    rate = np.interp(now, np.asarray(times), np.asarray(f0, dtype=np.float64)) / target
    # Where each sample comes to lie, in samples of the result.
    place = np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]))])
    wanted = np.interp(np.arange(int(place[-1]) + 1), place, np.arange(len(y), dtype=np.float64))
    dense = soxr.resample(np.asarray(y, dtype=np.float32), sr, OVERSAMPLING * sr)
    around = _READER.n_taps // 2
    return _READER.read(np.pad(dense, around), around + OVERSAMPLING * wanted)
