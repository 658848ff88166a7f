"""Partials of a note: which sound, their levels and their sum."""

import numpy as np

from retimbre._typing import BoolArray, Float32Array, FloatArray
from retimbre.harmonic.image import BIN_PARTIALS, LEVEL_FLOOR_DB, MAX_PARTIAL, N_BINS, N_SINGLE
from retimbre.harmonic.layout import Timeline, weigh_deviation
from retimbre.harmonic.reading import read_rows
from retimbre.types import HOP_SECONDS

STEADY_PARTIALS = 6
STEADY_CENTS = 30.0
"""The lowest partials, which make the pitch, stay this close to their place in the series."""

GROUP_RANGE_DB = 70.0
"""Partials of the groups (49 and up) sound when within this range of the loudest partial."""

_INAUDIBLE_DB = LEVEL_FLOOR_DB + 2.0
_BLOCK_SECONDS = 0.0015
_ALL_ORDERS = np.arange(1, MAX_PARTIAL + 1, dtype=np.float64)
_ORDER_BIN = np.interp(_ALL_ORDERS, BIN_PARTIALS, np.arange(N_BINS))


def block_length(sr: float) -> int:
    """Return the samples between control points: a power of two, about 1.5 ms."""
    return 1 << int(np.clip(round(np.log2(_BLOCK_SECONDS * sr)), 4, 8))


def sum_partials(
    timeline: Timeline,
    static: float,
    curve: FloatArray,
    points: FloatArray,
    expression: float,
    sr: float,
    rng: np.random.Generator,
) -> Float32Array:
    """Sum the partials over the blocks between the control `points` (seconds)."""
    from retimbre.harmonic.flutter import add_flutter
    from retimbre.harmonic.oscillators import FADE_END, sum_oscillators

    common = weigh_deviation(timeline.level, timeline.deviation, rest=static)
    moving = (1.0 - expression) * (common - static)
    f0 = _curve_at(curve, points) * (1.0 + np.interp(points, timeline.times, moving))
    n_orders = int(min(MAX_PARTIAL, FADE_END * sr / f0.min()))
    # Drawn for all partials, so that a partial's phase does not depend on the others.
    phases = rng.random(MAX_PARTIAL)
    level = _partial_levels(timeline.level, n_orders)
    audible = _audible(level)
    orders = _ALL_ORDERS[:n_orders][audible]
    times, amplitude = timeline.times, _amplitudes(level[audible])
    own = _own_deviations(timeline.deviation, common, orders)
    if timeline.texture.any() and len(orders):
        # A child of its own: phases and noise are those of the same note without texture.
        child = rng.spawn(1)[0]
        times, amplitude, own = add_flutter(
            amplitude, own, timeline.texture, times, orders, f0=float(f0.mean()), rng=child
        )
    return sum_oscillators(
        amplitude,
        _steady(own, orders),
        orders,
        phases[:n_orders][audible],
        f0=f0 / sr,
        position=np.interp(points, times, np.arange(len(times))),
        block=block_length(sr),
    )


def _amplitudes(level: FloatArray) -> FloatArray:
    """Return linear amplitudes [shape=(n_partials, n_knots)]; inaudible levels become 0."""
    floor = 10.0 ** (_INAUDIBLE_DB / 20.0)
    return np.asarray(np.maximum(np.exp(level * (np.log(10.0) / 20.0)) - floor, 0.0))


def _curve_at(curve: FloatArray, times: FloatArray) -> FloatArray:
    """Read a curve of f0 at `times`, straight in pitch between its points."""
    return np.asarray(np.exp(np.interp(times / HOP_SECONDS, np.arange(len(curve)), np.log(curve))))


def _partial_levels(level: FloatArray, n_orders: int) -> FloatArray:
    """Spread the bins over the partials [shape=(n_knots, n_orders), dB]."""
    return read_rows(level.T, _ORDER_BIN[:n_orders])


def _audible(level: FloatArray) -> BoolArray:
    """Tell which partials need an oscillator."""
    loudest = level.max(axis=1, initial=LEVEL_FLOOR_DB)
    audible = loudest > _INAUDIBLE_DB
    audible[N_SINGLE:] &= loudest[N_SINGLE:] > loudest.max(initial=LEVEL_FLOOR_DB) - GROUP_RANGE_DB
    return np.asarray(audible)


def _own_deviations(deviation: FloatArray, common: FloatArray, orders: FloatArray) -> FloatArray:
    """Return what a partial deviates beyond the whole note [shape=(n_partials, n_knots)]."""
    own = np.zeros((len(orders), len(common)))
    single = orders[orders <= N_SINGLE]
    own[: len(single)] = deviation[:, single.astype(np.int64) - 1].T - single[:, None] * common
    return own


def _steady(own: FloatArray, orders: FloatArray) -> FloatArray:
    """Keep the lowest partials near their place in the series, in place."""
    lowest = orders[orders <= STEADY_PARTIALS][:, None]
    limit = lowest * (2.0 ** (STEADY_CENTS / 1200.0) - 1.0)
    own[: len(lowest)] = limit * np.tanh(own[: len(lowest)] / limit)
    return own
