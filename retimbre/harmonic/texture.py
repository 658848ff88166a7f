"""Separate the flutter of partials from the course of the note.

Detuned strings, ensembles and choirs make every partial flutter on its own, never twice alike. A
network that must foretell each flutter foretells none and plays a dead tone. So an image keeps
what can be foretold, levels and deviations that move slowly or all together, and of the rest only
its strength: channel 3, the standard deviation of a partial's level in dB. Played, a partial is
multiplied by ``1 + m n(t)`` with slow complex Gaussian noise n, which moves amplitude and
frequency together as beating does [1]_. On the notes of nine presets a partial so played has the
power of the original to 0.3 dB on average, organs and ensembles too.

References
----------
.. [1] Rice, "Mathematical Analysis of Random Noise", Bell System Technical Journal 24(1), 1945:
   a sinusoid in narrow-band noise.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    FRAME_TIMES,
    HOLD_SECONDS,
    LEVEL_FLOOR_DB,
    N_ATTACK_FRAMES,
    N_FRAMES,
    N_SINGLE,
    TEXTURE_MAX_DB,
)

SLOW_SECONDS = 0.16
"""Standard deviation of the smoothing that parts slow changes from flutter."""

DEPTH_SECONDS = 0.40
"""The strength of the flutter is averaged over this (standard deviation of the weights)."""

LOUD_DB = 50.0
"""Partials this far below the loudest of their frame have half a say in what all do."""

STEADY_DB = 1.0
STEADY_DEVIATION = 0.01
"""Partials count less whose own level [dB] or deviation [units of f0] flutters more than this."""

MAX_DEPTHS = 2.0
"""At the release a partial flutters by so many times its depth at most."""

_HELD = slice(N_ATTACK_FRAMES, int(np.searchsorted(FRAME_TIMES, HOLD_SECONDS - 1e-6)))
_RELEASED = slice(_HELD.stop, N_FRAMES)
# The frame at the release is heard up to it, so it belongs to what is smoothed.
_SMOOTHED = slice(_HELD.start, _HELD.stop + 1)
_AUDIBLE_DB = -70.0
_FADE_DB = 4.0
_SHARE_RANGE_DB = 40.0
_TINY = 1e-9


def separate_texture(image: FloatArray) -> FloatArray:
    """Move the flutter of each partial from levels and deviations into channel 3.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
        As `retimbre.harmonic.measurement.measure_image` measures it.

    Returns
    -------
    image : np.ndarray of float32 [shape=(128, 96, 4)]
        A copy. What all audible partials do together (tremolo, vibrato) stays, as do the
        attack and whatever takes longer than about half a second. A release falls as it did,
        from where the smoothed level has come to.
    """
    out = image.astype(np.float32, copy=True)
    level = image[_SMOOTHED, :, 0].astype(np.float64)
    audible = _audible(level)
    slow = _smoother(SLOW_SECONDS, True) @ level[:-1]
    flutter = level - slow
    common = _common(flutter, _equal_say(slow, audible), STEADY_DB)
    own = (flutter - common) * audible
    depth = np.sqrt(_smoother(DEPTH_SECONDS, False)[:-1] @ own[:-1] ** 2)
    # At the release all fall, and some faster than others, which no flutter explains.
    own[-1] -= _mean(own[-1:], audible[-1:])[0]
    own[-1] = np.clip(own[-1], -MAX_DEPTHS * depth[-1], MAX_DEPTHS * depth[-1])
    out[_HELD, :, 0] = np.maximum((slow + common)[:-1], LEVEL_FLOOR_DB)
    released = image[_RELEASED, :, 0]
    out[_RELEASED, :, 0] = np.maximum(released - own[-1] * _audible(released), LEVEL_FLOOR_DB)
    depth = np.minimum(depth[:, :N_SINGLE], TEXTURE_MAX_DB)
    out[_HELD, :N_SINGLE, 3] = depth
    out[: _HELD.start, :N_SINGLE, 3] = depth[0]
    out[_RELEASED, :N_SINGLE, 3] = depth[-1]
    single = slice(0, N_SINGLE)
    out[_SMOOTHED, single, 1] = _calm_deviations(image[_SMOOTHED, single, 1], level[:, single])
    return out


def _audible(level: FloatArray) -> FloatArray:
    """Return how audible levels are (0..1)."""
    return np.asarray(1.0 / (1.0 + np.exp(-(level - _AUDIBLE_DB) / _FADE_DB)))


def _equal_say(slow: FloatArray, audible: FloatArray) -> FloatArray:
    """Weigh partials alike, however loud, or the flutter of one would be everybody's."""
    loudest = slow.max(axis=1, keepdims=True)
    return np.asarray(audible / (1.0 + np.exp(-(slow - loudest + LOUD_DB) / _FADE_DB)))


def _common(flutter: FloatArray, weight: FloatArray, steady: npt.ArrayLike) -> FloatArray:
    """Return what all partials do together [shape=(n_frames, 1)].

    Those count less whose own flutter is stronger than `steady`: it says nothing of the others,
    and partials that are mostly noise would bring theirs in.
    """
    own = flutter - _certain_mean(flutter, weight)
    strength = _smoother(DEPTH_SECONDS, False) @ own[:-1] ** 2
    return _certain_mean(flutter, weight / (1.0 + strength / np.square(steady)))


def _certain_mean(flutter: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the part of the partials' mean that is no chance [shape=(n_frames, 1)].

    The mean of n partials that flutter independently still has an n-th of their power.
    """
    mean = _mean(flutter, weight)
    average = _smoother(DEPTH_SECONDS, False)
    strength = average @ (flutter - mean)[:-1] ** 2
    squares = (weight / (weight.sum(axis=1, keepdims=True) + _TINY)) ** 2
    # The mean follows its partials: their distances from it are too small by 1 - 1 / n.
    missing = np.maximum(1.0 - squares.sum(axis=1, keepdims=True), 0.1)
    chance = (squares * strength).sum(axis=1, keepdims=True) / missing
    power = average @ mean[:-1] ** 2
    return np.asarray(mean * np.clip(1.0 - chance / (power + _TINY), 0.0, 1.0))


def _mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weighted mean of the bins [shape=(n_frames, 1)], 0 without any weight."""
    total = (weight * values).sum(axis=1, keepdims=True)
    return np.asarray(total / (weight.sum(axis=1, keepdims=True) + _TINY))


def _calm_deviations(deviation: FloatArray, level: FloatArray) -> FloatArray:
    """Smooth the deviations of partials [shape=(n_frames, 48)], but for what all share.

    Beats and noise move partials by like amounts in Hz, so how much higher the whole note is
    shows the better the higher the partial.
    """
    orders = BIN_PARTIALS[:N_SINGLE]
    relative = deviation.astype(np.float64) / orders
    # Quiet moments tell little of where a partial lies, so the smoothing weighs by level.
    shares = _audible(level) * 10.0 ** (np.maximum(level - level.max(), -_SHARE_RANGE_DB) / 20.0)
    smooth = _smoother(SLOW_SECONDS, False)
    slow = (smooth @ (shares * relative)[:-1]) / (smooth @ shares[:-1] + _TINY)
    common = _common(relative - slow, shares * orders**2, STEADY_DEVIATION / orders)
    return np.asarray((slow + common) * orders)


@lru_cache(maxsize=4)
def _smoother(seconds: float, is_linear: bool) -> FloatArray:
    """Return what smooths held frames: weighted means, or weighted straight lines.

    Straight lines keep a steady decay as it is, up to the ends. The last row is for the frame
    at the release, which only those before it tell of [shape=(n_held + 1, n_held)].
    """
    offset = FRAME_TIMES[_HELD][None, :] - FRAME_TIMES[_SMOOTHED][:, None]
    weight = np.exp(-0.5 * (offset / seconds) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    if is_linear:
        mean = (weight * offset).sum(axis=1, keepdims=True)
        spread = (weight * (offset - mean) ** 2).sum(axis=1, keepdims=True)
        weight = weight * (1.0 - mean * (offset - mean) / spread)
    weight.setflags(write=False)
    return np.asarray(weight)
