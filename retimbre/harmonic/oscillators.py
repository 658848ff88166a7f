"""Compiled oscillator bank for the tonal part of notes.

Each partial runs on control points every few samples. Between two control points its amplitude
is linear and its frequency is linear, so its phase is a parabola; the phase at the control
points is carried in float64, and one block needs float32 only. The cosine is a polynomial of
the squared phase, which the compiler turns into vector instructions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, Float64Array, Int64Array
from retimbre.runtime import compile_kernel

MAX_BLOCK = 256
"""The longest block between two control points, in samples."""

FADE_START, FADE_END = 0.470, 0.490
"""Partials fade out between these frequencies, in cycles a sample (Nyquist is 0.5)."""

_RAMP = np.arange(MAX_BLOCK, dtype=np.float32)
_HALF = np.float32(0.5)

# cos(2 pi p) for |p| <= 1/2 as a polynomial in p**2, interpolated at Chebyshev nodes over
# [0, 1/4]: the largest error is 8e-7 (-122 dB).
_C0, _C1, _C2, _C3, _C4, _C5 = (
    np.float32(c)
    for c in np.polynomial.Chebyshev.interpolate(
        lambda q: np.cos(2.0 * np.pi * np.sqrt(q)), 5, domain=[0.0, 0.25]
    )
    .convert(kind=np.polynomial.Polynomial)
    .coef
)


@compile_kernel
def _render(
    y: Float32Array,
    block: int,
    amplitude: Float32Array,
    deviation: Float32Array,
    orders: Float64Array,
    phases: Float64Array,
    f0: Float64Array,
    knot: Int64Array,
    weight: Float64Array,
    audible: float,
) -> None:
    for partial in range(len(orders)):
        phase = phases[partial]
        level_from = 0.0
        frequency_from = 0.0
        for point in range(len(f0)):
            q = knot[point]
            w = weight[point]
            level = amplitude[partial, q] + w * (amplitude[partial, q + 1] - amplitude[partial, q])
            detune = deviation[partial, q] + w * (deviation[partial, q + 1] - deviation[partial, q])
            frequency = max((orders[partial] + detune) * f0[point], 0.0)
            fade = (FADE_END - frequency) / (FADE_END - FADE_START)
            level *= min(max(fade, 0.0), 1.0)
            if point > 0:
                if max(level_from, level) > audible:
                    p0 = np.float32(phase)
                    p1 = np.float32(frequency_from)
                    p2 = np.float32((frequency - frequency_from) / (2 * block))
                    a0 = np.float32(level_from)
                    a1 = np.float32((level - level_from) / block)
                    # A slice, so that no index can be negative and the loop becomes vectors.
                    out = y[(point - 1) * block : point * block]
                    for n in range(len(out)):
                        x = _RAMP[n]
                        p = p0 + x * (p1 + x * p2)
                        p -= np.floor(p + _HALF)
                        s = p * p
                        out[n] += (a0 + x * a1) * (
                            _C0 + s * (_C1 + s * (_C2 + s * (_C3 + s * (_C4 + s * _C5))))
                        )
                phase += 0.5 * block * (frequency_from + frequency)
                phase -= np.floor(phase)
            level_from = level
            frequency_from = frequency
        phases[partial] = phase


def sum_oscillators(
    amplitude: npt.ArrayLike,
    deviation: npt.ArrayLike,
    orders: npt.ArrayLike,
    phases: npt.ArrayLike,
    *,
    f0: Float64Array,
    position: Float64Array,
    block: int,
    audible: float = 0.0,
) -> tuple[Float32Array, Float64Array]:
    """Sum the partials of a note.

    Parameters
    ----------
    amplitude : array_like [shape=(n_partials, n_knots), linear]
        Amplitudes at the knots (at least two), linear between them.
    deviation : array_like [shape=(n_partials, n_knots), units of f0]
        Partial k sounds at ``(k + deviation) * f0``.
    orders : array_like [shape=(n_partials,)]
        The numbers k.
    phases : array_like [shape=(n_partials,), turns]
        Phases of the first sample.
    f0 : np.ndarray [shape=(n_blocks + 1,), cycles per sample]
        Fundamental frequency at the control points.
    position : np.ndarray [shape=(n_blocks + 1,), knots]
        Where the control points lie among the knots, fractional, from 0 to ``n_knots - 1``.
    block : int [samples, <= 256]
        Step between control points.
    audible : float [linear]
        Blocks in which a partial stays at or below this amplitude are left out.

    Returns
    -------
    y : np.ndarray of float32 [shape=(n_blocks * block,)]
    phases : np.ndarray [shape=(n_partials,), turns]
        Of the sample that follows, so that the note can go on.
    """
    levels = np.ascontiguousarray(amplitude, dtype=np.float32)
    knot = np.clip(position.astype(np.int64), 0, levels.shape[1] - 2)
    y = np.zeros((len(f0) - 1) * block, np.float32)
    phases = np.array(phases, np.float64)
    _render(
        y,
        block,
        levels,
        np.ascontiguousarray(deviation, dtype=np.float32),
        np.ascontiguousarray(orders, dtype=np.float64),
        phases,
        np.ascontiguousarray(f0, dtype=np.float64),
        knot,
        np.ascontiguousarray(position - knot, dtype=np.float64),
        float(audible),
    )
    return y, phases
