"""Partials of a note: which sound, their levels and their sum."""

from typing import TYPE_CHECKING

import numpy as np

from retimbre._typing import BoolArray, Float32Array, FloatArray
from retimbre.harmonic.held import Frames
from retimbre.harmonic.image import BIN_PARTIALS, LEVEL_FLOOR_DB, MAX_PARTIAL, N_BINS, N_SINGLE
from retimbre.harmonic.layout import weigh_deviation
from retimbre.harmonic.reading import read_rows

if TYPE_CHECKING:
    from retimbre.harmonic.flutter import Flutter

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


class PartialBank:
    """The partials of one sound, which go on from piece to piece.

    Parameters
    ----------
    sr : float [Hz]
    rng : np.random.Generator
        Draws the phases and the flutter.
    """

    def __init__(self, sr: float, rng: np.random.Generator) -> None:
        self._sr = sr
        # Drawn for all partials, so that a partial's phase does not depend on the others.
        self._phases = rng.random(MAX_PARTIAL)
        self._rng = rng
        self._flutter: Flutter | None = None

    def sum(
        self,
        times: FloatArray,
        frames: Frames,
        static: FloatArray,
        points: FloatArray,
        f0: FloatArray,
        *,
        own_vibrato: float,
    ) -> Float32Array:
        """Sum the partials of the next piece.

        Parameters
        ----------
        times : np.ndarray [shape=(n_knots,), seconds from the beginning of the sound]
            Ascending; two or more.
        frames : Frames
            What sounds at the knots.
        static : np.ndarray [shape=(n_knots,), units of f0]
            How far the image lies above its f0 as a whole.
        points : np.ndarray [shape=(n_blocks + 1,), seconds from the beginning of the sound]
            Every `block_length` samples.
        f0 : np.ndarray [shape=(n_blocks + 1,), Hz]
            At the points.
        own_vibrato : float [0..1]
            How much the image's own movements of pitch are kept.

        Returns
        -------
        y : np.ndarray of float32 [shape=(n_blocks * block,)]
        """
        from retimbre.harmonic.oscillators import FADE_END, sum_oscillators

        common = weigh_deviation(frames.level, frames.deviation, rest=static)
        if own_vibrato > 0.0:
            f0 = f0 * (1.0 + np.interp(points, times, own_vibrato * (common - static)))
        n_orders = int(min(MAX_PARTIAL, FADE_END * self._sr / f0.min()))
        level = _partial_levels(frames.level, n_orders)
        audible = _audible(level)
        orders = _ALL_ORDERS[:n_orders][audible]
        knots, amplitude = times, _amplitudes(level[audible])
        own = _own_deviations(frames.deviation, common, orders)
        if frames.texture.any() and len(orders):
            knots, amplitude, own = self._make_flutter(f0).add(
                amplitude, own, frames.texture, times, orders, f0=np.interp(times, points, f0)
            )
        block = block_length(self._sr)
        cycles = np.asarray(f0 / self._sr, np.float64)
        y, ends = sum_oscillators(
            amplitude,
            _steady(own, orders),
            orders,
            self._phases[:n_orders][audible],
            f0=cycles,
            position=np.interp(points, knots, np.arange(len(knots))),
            block=block,
        )
        turns = block * (cycles.sum() - 0.5 * (cycles[0] + cycles[-1]))
        self._phases = (self._phases + _ALL_ORDERS * turns) % 1.0
        self._phases[:n_orders][audible] = ends
        return y

    def _make_flutter(self, f0: FloatArray) -> "Flutter":
        # Compiled code is read when a note sounds.
        from retimbre.harmonic.flutter import Flutter

        if self._flutter is None:
            # A child of its own: phases and noise are those of the same note without texture.
            self._flutter = Flutter(float(f0.mean()), self._rng.spawn(1)[0])
        return self._flutter


def _amplitudes(level: FloatArray) -> FloatArray:
    """Return linear amplitudes [shape=(n_partials, n_knots)]; inaudible levels become 0."""
    floor = 10.0 ** (_INAUDIBLE_DB / 20.0)
    return np.asarray(np.maximum(np.exp(level * (np.log(10.0) / 20.0)) - floor, 0.0))


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
