"""Latent vectors: random instruments, and interpolation for each note.

The rules are GANSynth's [1]_: instruments lie evenly over the clip, and a note takes the
spherical interpolation of the two around its onset. They are kept where they work and completed
where they do not: short clips, equal, opposite and zero vectors, onsets outside the anchors.

A random z is drawn from N(0, I) of 256 dimensions, where it is far from every instrument that the
embedded model was trained on. The model's own graph takes it for a blend of those: the formula is
in `retimbre.generator.harmonic`. GANSynth's networks take z as it is.

A random instrument has a number: ``random:7`` is what `random_z` makes of 7, and nothing else
decides it, so that one that is liked can be asked for again. A run draws such numbers from its seed
(`draw_seeds`).

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019;
   `gansynth_generate.py` of Magenta.
"""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float64Array, FloatArray, Int64Array
from retimbre.errors import ParameterError
from retimbre.instrument import Correction, Instruments
from retimbre.settings.stops import Random

LATENT_DIM = 256

FIRST_ANCHOR = -0.0001
"""Time of the first instrument [seconds]: before 0, so that an onset at 0 lies behind it."""

MIN_INSTRUMENTS = 2
"""Fewer do not morph."""

N_SEEDS = 1_000_000
"""Numbers below it are drawn for random instruments: short to type."""

_OPPOSITE_COSINE = -0.999
# Beyond it (177.4 degrees) GANSynth's weights grow without bound, and with them the result
# if the two lengths differ at all.

_ZERO_SINE = 1e-12


def generate_z(n: int, latent_dim: int = LATENT_DIM, *, rng: np.random.Generator) -> FloatArray:
    """Draw random instruments: independent normal numbers of mean 0 and variance 1.

    Which sound each has is written in `retimbre.generator.harmonic`.

    Parameters
    ----------
    n : int [>= 0]
        How many.
    latent_dim : int [>= 1]
    rng : np.random.Generator
        The only source of chance.

    Returns
    -------
    z : np.ndarray [shape=(n, latent_dim)]

    Raises
    ------
    ParameterError
        If `n` or `latent_dim` is out of range.
    """
    if n < 0 or latent_dim < 1:
        raise ParameterError(
            f"Latent vectors need n >= 0 and latent_dim >= 1, given {n} and {latent_dim}."
        )
    return rng.standard_normal((n, latent_dim))


def get_random_instruments(
    total_time: float,
    secs_per_instrument: float = 6.0,
    *,
    latent_dim: int = LATENT_DIM,
    rng: np.random.Generator,
) -> Instruments:
    """Spread random instruments evenly over a clip.

    As many as ``secs_per_instrument`` goes into the clip, and at least two, so that the timbre
    of the shortest clip still moves. Their names are those by which they can be asked for again,
    as ``random:123456``; see `draw_seeds` and `random_z`.

    Parameters
    ----------
    total_time : float [seconds, >= 0]
        Length of the clip; commonly the end of the last note.
    secs_per_instrument : float [seconds, > 0]
    latent_dim : int [>= 1]
    rng : np.random.Generator
        The only source of chance.

    Returns
    -------
    instruments : Instruments
        The first just before 0, the last at `total_time`.

    Raises
    ------
    ParameterError
        If a time is out of range or not finite.
    """
    if not (np.isfinite(total_time) and total_time >= 0.0):
        raise ParameterError(f"The total time must be >= 0 seconds, given {total_time}.")
    if not secs_per_instrument > 0.0:
        raise ParameterError(f"Seconds per instrument must be > 0, given {secs_per_instrument}.")
    n = max(MIN_INSTRUMENTS, int(total_time / secs_per_instrument))
    seeds = draw_seeds(n, rng=rng)
    z = np.stack([random_z(seed, latent_dim) for seed in seeds])
    return spread_instruments(z, total_time, tuple(Random(seed).word for seed in seeds))


def random_z(seed: int, latent_dim: int = LATENT_DIM) -> FloatArray:
    """Return the instrument ``random:SEED``.

    It depends on the two numbers alone. The draws are rounded to float32, because the last bits of
    the few in the tails of the normal distribution come from the logarithm of the C library, which
    is not the same everywhere.

    Parameters
    ----------
    seed : int [>= 0]
    latent_dim : int [>= 1]

    Returns
    -------
    z : np.ndarray of float64 [shape=(latent_dim,)]
        ``numpy.random.default_rng(seed).standard_normal(latent_dim)``, rounded.
    """
    (z,) = generate_z(1, latent_dim, rng=np.random.default_rng(seed))
    return np.asarray(z.astype(np.float32), dtype=np.float64)


def draw_seeds(n: int, *, rng: np.random.Generator, taken: Collection[int] = ()) -> list[int]:
    """Draw the numbers of random instruments.

    Parameters
    ----------
    n : int [>= 0]
    rng : np.random.Generator
        The only source of chance.
    taken : collection of int
        Numbers that are not drawn.

    Returns
    -------
    seeds : list of int [0..999,999]
        All different as far as there are numbers; the first of them do not depend on `n`.
    """
    if n == 0:
        return []
    seeds = rng.permutation(N_SEEDS)
    seeds = seeds[~np.isin(seeds, list(taken))]
    return [int(seed) for seed in np.resize(seeds, n)]


def spread_instruments(
    z: npt.ArrayLike,
    total_time: float,
    names: tuple[str, ...] = (),
    corrections: tuple[Correction | None, ...] = (),
) -> Instruments:
    """Spread instruments evenly over a clip.

    Parameters
    ----------
    z : array_like [shape=(n, latent_dim)]
        One at least, in the order in which they are heard.
    total_time : float [seconds, >= 0]
        Length of the clip.
    names : tuple of str
    corrections : tuple of (Correction or None)
        One per instrument, or none.

    Returns
    -------
    instruments : Instruments
        The first just before 0, the last at `total_time`; one alone plays throughout.
    """
    rows = np.asarray(z, dtype=np.float64)
    times = np.linspace(FIRST_ANCHOR, total_time, len(rows))
    return Instruments(rows, times, names, corrections)


def slerp(z0: npt.ArrayLike, z1: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
    """Interpolate between vectors along the arc between their directions.

    ``sin((1 - t) omega) / sin(omega) * z0 + sin(t omega) / sin(omega) * z1``, with the angle
    ``omega`` between the two directions and the weights applied to the vectors as they are.
    Where that is undefined:

    - equal directions, or a vector of zeros: the straight line;
    - opposite directions (more than 177 degrees apart): the direction turns by half a circle,
      through a fixed perpendicular axis if the two leave it open, and the length goes straight
      from one to the other.

    Parameters
    ----------
    z0, z1 : array_like [shape=(..., dim)]
        Where to start and end; they broadcast against each other.
    t : array_like [shape=(...), 0..1]
        The fraction of the way, one a vector or one for all.

    Returns
    -------
    z : np.ndarray of float64 [shape=(..., dim)]
        Exactly `z0` at 0 and `z1` at 1.

    Raises
    ------
    ParameterError
        If the shapes do not fit, a number is not finite or `t` is outside 0..1.

    References
    ----------
    .. [1] Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.

    Examples
    --------
    >>> slerp([1.0, 0.0], [0.0, 1.0], 0.5).round(4).tolist()
    [0.7071, 0.7071]
    """
    start, end, fraction = _checked(z0, z1, t)
    cosine = _cosine(start, end)
    omega = np.arccos(cosine)
    sine = np.sin(omega)
    is_line = sine < _ZERO_SINE
    divisor = np.where(is_line, 1.0, sine)
    weight0 = np.where(is_line, 1.0 - fraction, np.sin((1.0 - fraction) * omega) / divisor)
    weight1 = np.where(is_line, fraction, np.sin(fraction * omega) / divisor)
    z = weight0 * start + weight1 * end
    is_opposite = cosine < _OPPOSITE_COSINE
    if np.any(is_opposite):
        z = np.where(is_opposite, _turned(start, end, fraction), z)
    return np.asarray(z)


def get_z_notes(onsets: npt.ArrayLike, instruments: Instruments) -> FloatArray:
    """Give each note the timbre of the instruments around its onset.

    Parameters
    ----------
    onsets : array_like [shape=(n_notes,), seconds]
        In any order.
    instruments : Instruments
        At least one, at ascending times. Before the first and behind the last of them their
        timbre stays as it is; of several at one time the last holds from there on.

    Returns
    -------
    z : np.ndarray of float64 [shape=(n_notes, latent_dim)]
        One vector a note; it depends on the onset alone.

    Raises
    ------
    ParameterError
        If `onsets` is not one-dimensional and finite.
    """
    left, right, fraction = _around(onsets, instruments)
    return slerp(instruments.z[left], instruments.z[right], fraction)


def get_places(onsets: npt.ArrayLike, instruments: Instruments) -> Float64Array:
    """Return where notes are on the way between instruments [shape=(n_notes,)].

    Onsets are as in `get_z_notes`; see `Instruments` for what a place is.
    """
    left, right, fraction = _around(onsets, instruments)
    places = instruments.places
    return np.asarray((1.0 - fraction) * places[left] + fraction * places[right])


def _around(
    onsets: npt.ArrayLike, instruments: Instruments
) -> tuple[Int64Array, Int64Array, Float64Array]:
    """Return the instruments before and behind each onset, and the fraction of the way passed."""
    times = np.asarray(onsets, dtype=np.float64)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ParameterError(f"Onsets must be finite and of shape (n,), given {times.shape}.")
    last = len(instruments.times) - 1
    left = np.clip(np.searchsorted(instruments.times, times, side="left") - 1, 0, max(last - 1, 0))
    right = np.minimum(left + 1, last)
    passed = times - instruments.times[left]
    span = instruments.times[right] - instruments.times[left]
    # Without a span the step from left to right happens at once.
    fraction = np.where(span > 0.0, passed / np.where(span > 0.0, span, 1.0), passed >= 0.0)
    return left, right, np.clip(fraction, 0.0, 1.0)


def _checked(
    z0: npt.ArrayLike, z1: npt.ArrayLike, t: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return float64 arrays of one number of axes; the fraction's last axis has length 1."""
    start, end = np.asarray(z0, dtype=np.float64), np.asarray(z1, dtype=np.float64)
    fraction = np.asarray(t, dtype=np.float64)[..., np.newaxis]
    try:
        shape = np.broadcast_shapes(start.shape, end.shape, fraction.shape)
        if shape[-1] not in (start.shape[-1], end.shape[-1]):
            raise ValueError
    except (ValueError, IndexError):
        raise ParameterError(
            f"Vectors of shapes {start.shape} and {end.shape} and fractions of shape {np.shape(t)} "
            "do not match."
        ) from None
    if not (np.isfinite(start).all() and np.isfinite(end).all()):
        raise ParameterError("Vectors to interpolate must be finite.")
    if not np.all((fraction >= 0.0) & (fraction <= 1.0)):
        raise ParameterError(f"The fraction of the way must be in 0..1, given {fraction[..., 0]}.")
    return start, end, fraction


def _directions(z: FloatArray) -> FloatArray:
    """Return vectors of length 1, and zeros for zeros."""
    # By the largest number first: squares of tiny or huge ones would leave float64.
    largest = np.max(np.abs(z), axis=-1, keepdims=True)
    scaled = z / np.where(largest > 0.0, largest, 1.0)
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    return np.asarray(scaled / np.where(length > 0.0, length, 1.0))


def _cosine(z0: FloatArray, z1: FloatArray) -> FloatArray:
    """Return the cosine of the angle between vectors; a vector of zeros has any direction."""
    cosine = np.sum(_directions(z0) * _directions(z1), axis=-1, keepdims=True)
    is_zero = ~np.any(z0, axis=-1, keepdims=True) | ~np.any(z1, axis=-1, keepdims=True)
    return np.where(is_zero, 1.0, np.clip(cosine, -1.0, 1.0))


def _turned(z0: FloatArray, z1: FloatArray, t: FloatArray) -> FloatArray:
    """Turn the direction evenly and let the length go straight from one to the other."""
    ahead = _directions(z0)
    cosine = _cosine(z0, z1)
    aside: FloatArray = _directions(z1) - cosine * ahead
    width = np.linalg.norm(aside, axis=-1, keepdims=True)
    # Exactly opposite vectors span no plane: take the axis that is most perpendicular.
    unit = np.eye(ahead.shape[-1])[np.argmin(np.abs(ahead), axis=-1)]
    axis = unit - np.sum(unit * ahead, axis=-1, keepdims=True) * ahead
    aside = _directions(np.where(width > _ZERO_SINE, aside, axis))
    angle = t * np.arctan2(width, cosine)
    length0 = np.linalg.norm(z0, axis=-1, keepdims=True)
    length1 = np.linalg.norm(z1, axis=-1, keepdims=True)
    length = (1.0 - t) * length0 + t * length1
    turned = length * (np.cos(angle) * ahead + np.sin(angle) * aside)
    return np.where(t == 0.0, z0, np.where(t == 1.0, z1, turned))
