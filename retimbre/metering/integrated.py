"""Integrated loudness: one number for a whole clip, its rests left out.

The clip is K-weighted and its power is taken in blocks of 400 ms that begin every 100 ms. Blocks
below -70 LUFS do not count, and then those more than 10 LU below the mean of the others.
"""

import math

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, Float64Array, FloatArray, Int64Array
from retimbre.metering.k_weighting import k_sections
from retimbre.runtime import compile_kernel
from retimbre.units import db_to_amplitude

SEGMENT_SECONDS = 0.1
"""A block begins so long after the one before it."""

BLOCK_SEGMENTS = 4
"""A block lasts so many segments."""

ABSOLUTE_GATE = -70.0
"""Blocks below it [LUFS] do not count."""

RELATIVE_GATE = -10.0
"""Blocks so far below the mean of the others [LU] do not count."""

OFFSET_DB = -0.691
"""Takes off what the weighting adds to a tone of 997 Hz."""

_CHUNK_SEGMENTS = 100
_SILENT_STATE = 1e-100
_NEAR_LU = 1e-4
_MOST_STEPS = 10


def integrated_loudness(y: FloatArray, *, sr: float) -> float:
    """Measure how loud a clip is.

    Parameters
    ----------
    y : np.ndarray [shape=(n_samples,), full scale 1]
    sr : float [Hz]

    Returns
    -------
    loudness : float [LUFS]
        Of one channel: a sine of 997 Hz and amplitude 1 has -3.01. -inf where no block reaches
        -70 LUFS.

    References
    ----------
    .. [1] ITU-R BS.1770-4, annex 1.
    """
    return gated_loudness(block_power(y, sr=sr))


def block_power(y: FloatArray, *, sr: float) -> Float64Array:
    """Measure the K-weighted power of each block of a clip.

    Parameters
    ----------
    y : np.ndarray [shape=(n_samples,), full scale 1]
    sr : float [Hz]

    Returns
    -------
    power : np.ndarray [shape=(n_blocks,), >= 0]
        As in the standard, what is left behind the last whole block is not measured. A clip that
        is shorter than a block is one; an empty one has none.
    """
    if not len(y):
        return np.zeros(0)
    n_segments = int(len(y) / (SEGMENT_SECONDS * sr))
    if n_segments < BLOCK_SEGMENTS:
        ends, n_together = np.array([0, len(y)]), 1
    else:
        ends = np.rint(np.arange(n_segments + 1) * (SEGMENT_SECONDS * sr)).astype(np.int64)
        n_together = BLOCK_SEGMENTS
    energy = np.convolve(_segment_energy(y, ends, sr), np.ones(n_together), "valid")
    return np.asarray(energy / np.maximum(ends[n_together:] - ends[:-n_together], 1))


def gated_loudness(power: Float64Array) -> float:
    """Return the loudness of blocks, leaving out those that are too soft to count.

    Parameters
    ----------
    power : np.ndarray [shape=(n_blocks,), >= 0]
        As `block_power` gives it.

    Returns
    -------
    loudness : float [LUFS]
        -inf where no block reaches -70 LUFS.
    """
    heard = power[power >= _power_at(ABSOLUTE_GATE)]
    if not len(heard):
        return -np.inf
    heard = heard[heard >= heard.mean() * 10.0 ** (RELATIVE_GATE / 10.0)]
    return OFFSET_DB + 10.0 * float(np.log10(heard.mean()))


def factor_to(power: Float64Array, loudness: float) -> float:
    """Return what brings blocks to an integrated loudness, by which they are then measured.

    Parameters
    ----------
    power : np.ndarray [shape=(n_blocks,), >= 0]
        As `block_power` gives it, at any scale.
    loudness : float [LUFS]

    Returns
    -------
    factor : float [linear]
        Infinite where all blocks are silent. Below -70 LUFS nothing is measured: the loudest block
        is then brought there.
    """
    loudest = power.max(initial=0.0)
    if not loudest > 0.0:
        return math.inf
    # Which blocks pass the absolute gate depends on the gain. Begin where the loudest one is heard.
    level = power / loudest
    gain_db = loudness - gated_loudness(np.ones(1))
    for _ in range(_MOST_STEPS):
        missing = loudness - gated_loudness(level * 10.0 ** (gain_db / 10.0))
        if not _NEAR_LU < abs(missing) < math.inf:
            break
        gain_db += missing
    return float(db_to_amplitude(gain_db) / np.sqrt(loudest))


def _power_at(loudness: float) -> float:
    return float(10.0 ** ((loudness - OFFSET_DB) / 10.0))


def _segment_energy(y: FloatArray, ends: npt.NDArray[np.int64], sr: float) -> Float64Array:
    """Return the K-weighted energy of what lies between neighbouring ends."""
    (shelf_b, shelf_a), (pass_b, pass_a) = k_sections(float(sr))
    coefficients = np.array([*shelf_b, *shelf_a[1:], *pass_b, *pass_a[1:]])
    state, energy = np.zeros(4), np.empty(len(ends) - 1)
    for first in range(0, len(energy), _CHUNK_SEGMENTS):
        last = min(first + _CHUNK_SEGMENTS, len(energy))
        chunk = np.ascontiguousarray(y[ends[first] : ends[last]], np.float32)
        _weigh(chunk, ends[first : last + 1] - ends[first], coefficients, state, energy[first:last])
    return energy


@compile_kernel
def _weigh(
    y: Float32Array,
    ends: Int64Array,
    coefficients: Float64Array,
    state: Float64Array,
    energy: Float64Array,
) -> None:
    """Filter by two sections in a row (transposed direct form II), and sum the squares."""
    b0, b1, b2, a1, a2, c0, c1, c2, d1, d2 = coefficients
    s1, s2, t1, t2 = state
    for k in range(len(energy)):
        total = 0.0
        for n in range(ends[k], ends[k + 1]):
            x = y[n]
            v = b0 * x + s1
            s1 = b1 * x - a1 * v + s2
            s2 = b2 * x - a2 * v
            w = c0 * v + t1
            t1 = c1 * v - d1 * w + t2
            t2 = c2 * v - d2 * w
            total += w * w
        energy[k] = total
        # In silence the filters would ring down to numbers that processors are slow with.
        if max(abs(s1), abs(s2), abs(t1), abs(t2)) < _SILENT_STATE:
            s1 = s2 = t1 = t2 = 0.0
    state[0], state[1], state[2], state[3] = s1, s2, t1, t2
