"""GANSynth's mel bins and conversions to and from linear bins."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float64Array, IndexArray

AnyFloat = TypeVar("AnyFloat", np.float32, np.float64)

SAMPLE_RATE = 16_000
N_BINS = 1024

_MEL_Q, _MEL_BREAK = 1127.0, 700.0


def linear_to_mel() -> Float64Array:
    """Return the matrix that takes power (and phase) from linear bins to GANSynth's mel bins.

    The triangles are at least one and a half linear bins wide, and this is where the mel scale
    is lost. Magenta keeps lower edges, centres and upper edges as three views of one array, so
    that to widen a band is to move the centres of the bands beside it: one chain of edges, in
    which band ``i`` owns ``edges[i]`` to ``edges[i + 2]``. Widened from below, 852 of the 1024
    bands are pushed up, each by the one before: bin 433 is centred on 2543 Hz instead of 1335.
    The networks have learnt these bins, so the chain is part of the model.

    Row ``i`` stands for ``8000 i / 1023`` Hz but is used for bin ``i + 1`` of the transform,
    which is the first after DC is dropped; that too is as the networks have learnt it.

    Returns
    -------
    matrix : np.ndarray of float64 [shape=(1024, 1024), linear bins x mel bins]
        2042 of its weights are not 0.

    References
    ----------
    .. [1] `linear_to_mel_weight_matrix` of magenta/models/gansynth/lib/spectral_ops.py.
    """
    edges = _to_hertz(_edge_chain())
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    linear = np.linspace(0.0, SAMPLE_RATE / 2, N_BINS)[:, None]
    rising = (linear - lower) / (centre - lower)
    falling = (upper - linear) / (upper - centre)
    matrix = np.maximum(np.minimum(rising, falling), 0.0)
    matrix[0] = 0.0
    return np.asarray(matrix)


def _edge_chain() -> Float64Array:
    """Return the ends and centres of the mel bands, one chain for all [shape=(1026,), mel]."""
    edges = np.linspace(0.0, _MEL_Q * math.log1p(SAMPLE_RATE / 2 / _MEL_BREAK), N_BINS + 2)
    narrowest = 1.5 * (SAMPLE_RATE / 2) / N_BINS
    for band in range(N_BINS):
        low, centre, high = _to_hertz(edges[band : band + 3])
        if high - low < narrowest:
            half_width = _MEL_Q * math.asinh(0.5 * narrowest / (centre + _MEL_BREAK))
            edges[band] = edges[band + 1] - half_width
            edges[band + 2] = edges[band + 1] + half_width
    return edges


def _to_hertz(mel: Float64Array) -> Float64Array:
    return np.asarray(_MEL_BREAK * np.expm1(mel / _MEL_Q))


def mel_to_linear() -> Float64Array:
    """Return the matrix that takes mel bins back to linear bins, approximately.

    The transpose of `linear_to_mel`, scaled so that a flat power (or phase) that goes there
    and back is what it was. No linear bin adds up more than two mel bins.

    Returns
    -------
    matrix : np.ndarray of float64 [shape=(1024, 1024), mel bins x linear bins]
        The columns of the first bin and the last, which mel bins say nothing of, are 0.
    """
    matrix = linear_to_mel()
    sums = matrix @ matrix.sum(axis=0)
    known = np.abs(sums) > 1e-8
    return np.asarray(matrix.T * np.where(known, 1.0 / np.where(known, sums, 1.0), sums))


def to_mel(values: npt.NDArray[AnyFloat]) -> npt.NDArray[AnyFloat]:
    """Return ``values @ linear_to_mel()`` in the precision of the values.

    Parameters
    ----------
    values : np.ndarray of float32 or float64 [shape=(frames, 1024)]

    Returns
    -------
    values : np.ndarray [same dtype, shape=(frames, 1024)]
    """
    return _multiply(values, *_find_taps(linear_to_mel))


def to_linear(values: npt.NDArray[AnyFloat]) -> npt.NDArray[AnyFloat]:
    """Return ``values @ mel_to_linear()`` in the precision of the values.

    Parameters
    ----------
    values : np.ndarray of float32 or float64 [shape=(frames, 1024)]

    Returns
    -------
    values : np.ndarray [same dtype, shape=(frames, 1024)]
    """
    return _multiply(values, *_find_taps(mel_to_linear))


@lru_cache(maxsize=2)
def _find_taps(make: Callable[[], Float64Array]) -> tuple[IndexArray, Float64Array]:
    """Return what each column of a sparse matrix adds up: rows and weights [(n_taps, 1024)]."""
    matrix = make()
    n_taps = int(np.count_nonzero(matrix, axis=0).max())
    # A stable sort of "is zero" brings the rows that count to the front, in their order.
    index = np.argsort(matrix == 0.0, axis=0, kind="stable")[:n_taps]
    return index, np.take_along_axis(matrix, index, axis=0)


def _multiply(
    values: npt.NDArray[AnyFloat], index: IndexArray, weight: Float64Array
) -> npt.NDArray[AnyFloat]:
    weights = weight.astype(values.dtype)
    out: npt.NDArray[AnyFloat] = np.take(values, index[0], axis=1) * weights[0]
    for rows, row in zip(index[1:], weights[1:], strict=True):
        out += np.take(values, rows, axis=1) * row
    return out
