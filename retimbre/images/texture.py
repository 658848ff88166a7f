"""Texture: the beating, chorus and flutter of partials, told apart from how the note goes.

Detuned strings, ensembles and choirs make every partial flutter on its own, never twice alike. A
network that must foretell each flutter foretells none and plays a dead tone. So an image keeps
what can be foretold, levels and deviations that move slowly or all together, and of the rest only
its strength: channel 3, the standard deviation of a partial's level in dB. Played, a partial is
multiplied by ``1 + m n(t)`` with slow complex Gaussian noise n, which moves amplitude and
frequency together as beating does [1]_.

References
----------
.. [1] Rice, "Mathematical Analysis of Random Noise", Bell System Technical Journal 24(1), 1945:
   a sinusoid in narrow-band noise.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from retimbre.images.harmonic import (
    BIN_PARTIALS,
    FRAME_TIMES,
    HOLD_SECONDS,
    LEVEL_FLOOR_DB,
    N_ATTACK_FRAMES,
    N_FRAMES,
    N_SINGLE,
    TEXTURE_MAX_DB,
)

FloatArray = npt.NDArray[np.floating]

SLOW_SECONDS = 0.16
"""Standard deviation of the smoothing that parts slow changes from flutter."""

DEPTH_SECONDS = 0.40
"""The strength of the flutter is averaged over this (standard deviation of the weights)."""

_HELD = slice(N_ATTACK_FRAMES, int(np.searchsorted(FRAME_TIMES, HOLD_SECONDS - 1e-6)))
_RELEASED = slice(_HELD.stop, N_FRAMES)
_AUDIBLE_DB = -70.0


def separate_texture(image: FloatArray) -> FloatArray:
    """Move the flutter of each partial from levels and deviations into channel 3.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
        As `harmonic.analyze` measures it.

    Returns
    -------
    image : np.ndarray of float32 [shape=(128, 96, 4)]
        A copy. What all audible partials do together (tremolo, vibrato) stays, as do the
        attack and whatever takes longer than about half a second.
    """
    out = image.astype(np.float32, copy=True)
    level = image[_HELD, :, 0].astype(np.float64)
    audible = 1.0 / (1.0 + np.exp(-(level - _AUDIBLE_DB) / 4.0))
    slow = _smoother(_HELD.stop - _HELD.start, SLOW_SECONDS, True) @ level
    flutter = level - slow
    shares = audible * 10.0 ** (np.maximum(level - level.max(), -40.0) / 20.0)
    common = (shares * flutter).sum(1, keepdims=True) / (shares.sum(1, keepdims=True) + 1e-9)
    out[_HELD, :, 0] = np.maximum(slow + common, LEVEL_FLOOR_DB)
    own = (flutter - common)[:, :N_SINGLE] * audible[:, :N_SINGLE]
    mean_square = _smoother(len(own), DEPTH_SECONDS, False) @ own**2
    depth = np.minimum(np.sqrt(mean_square), TEXTURE_MAX_DB)
    out[_HELD, :N_SINGLE, 3] = depth
    out[: _HELD.start, :N_SINGLE, 3] = depth[0]
    out[_RELEASED, :N_SINGLE, 3] = depth[-1]
    _calm_deviations(out, shares[:, :N_SINGLE])
    return out


def _calm_deviations(out: FloatArray, shares: FloatArray) -> None:
    """Smooth the deviations of the held frames in place, but for what all partials share."""
    deviation = out[_HELD, :N_SINGLE, 1].astype(np.float64)
    relative = deviation / BIN_PARTIALS[:N_SINGLE]
    common = (shares * relative).sum(1, keepdims=True) / (shares.sum(1, keepdims=True) + 1e-9)
    own = relative - common
    # Quiet moments tell little of where a partial lies, so the smoothing weighs by level.
    smooth = _smoother(len(own), SLOW_SECONDS, False)
    calm = (smooth @ (shares * own)) / (smooth @ shares + 1e-9)
    out[_HELD, :N_SINGLE, 1] = (common + calm) * BIN_PARTIALS[:N_SINGLE]


@lru_cache(maxsize=8)
def _smoother(n: int, seconds: float, is_linear: bool) -> FloatArray:
    """Return the matrix that smooths n frames: weighted means, or weighted straight lines.

    Straight lines keep a steady decay as it is, up to the ends.
    """
    t = FRAME_TIMES[_HELD][:n]
    offset = t[None, :] - t[:, None]
    weight = np.exp(-0.5 * (offset / seconds) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    if is_linear:
        mean = (weight * offset).sum(axis=1, keepdims=True)
        spread = (weight * (offset - mean) ** 2).sum(axis=1, keepdims=True)
        weight = weight * (1.0 - mean * (offset - mean) / spread)
    weight.setflags(write=False)
    return np.asarray(weight)
