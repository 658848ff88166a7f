"""Synthesize texture: the flutter of each partial, drawn per note.

A partial is multiplied by ``1 + m n(t)``. n is slow complex Gaussian noise of variance 1, its own
for every partial, so amplitude and frequency move together as they do where detuned voices beat.
The strength m follows from the depth in dB of the image's channel 3 [1]_.

How fast n moves was measured on 5,400 partials of the FluidR3 and MuseScore presets at MIDI 36 to
84. Half of the flutter of deep textures (strings, choirs, pads: over 4.5 dB) is faster than 2.5,
3.5, 5.2, 7.3 and 10.3 Hz at 225, 450, 900, 1800 and 3600 Hz; that of shallow ones (0.5 to 1.5 dB)
than 1.6, 1.7, 2.4, 3.2 and 4.7 Hz. A spectrum ``exp(-|f| / b)`` with b = 4 Hz at 1 kHz, growing
as the 0.7th power of the frequency, fits these figures and the quartiles around them (a Gaussian
has too little fast flutter), the shallow ones less well. What is slower than about 1 Hz is
missing in n, because the levels of the image still hold it.

References
----------
.. [1] Rice, "Statistical properties of a sine wave plus random noise", Bell System Technical
   Journal 27(1), 1948.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from retimbre._typing import Complex64Array, Float32Array, FloatArray, Int64Array
from retimbre.harmonic.image import MAX_PARTIAL, N_SINGLE, TEXTURE_MAX_DB
from retimbre.harmonic.texture import SLOW_SECONDS
from retimbre.runtime import compile_kernel

STEP = 0.005
"""Step of the knots of a fluttering note, in seconds; that of the image's attack."""

MAX_STRENGTH = 1.5
"""5.4 dB: beyond it only the mean level grows, the depth of any more is 5.6 dB at most."""

FADE_START, FADE_END = 0.020, 0.120
"""The flutter fades in between these times from the onset: the image's attack is its own."""

GROUP_DEPTH_PARTIALS = 8
"""Partials above the 48th flutter as deeply as so many below them on average."""

RATE_AT_1_KHZ, RATE_POWER = 4.0, 0.7
RATES = 0.7071 * 2.0 ** (0.5 * np.arange(8))
"""The rates b for which noise is kept ready [shape=(8,), Hz]: 0.7 to 8 Hz."""

N_NOISE = 1 << 14
"""82 s of noise at each rate, in a loop. Every partial enters at a place of its own."""

_DEPTH_STEP = 0.01


def flutter_rate(frequency: npt.ArrayLike) -> FloatArray:
    """Return how fast partials flutter.

    Parameters
    ----------
    frequency : array_like [Hz]

    Returns
    -------
    rate : np.ndarray [Hz]
        b of the spectrum ``exp(-|f| / b)``.
    """
    kilohertz = np.asarray(frequency, dtype=np.float64) / 1000.0
    return np.clip(RATE_AT_1_KHZ * kilohertz**RATE_POWER, RATES[0], RATES[-1])


@lru_cache(maxsize=1)
def _noise() -> Float32Array:
    """Complex Gaussian noise of variance 1 at each rate [shape=(8, 2, 16384), real, imaginary]."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal((2, len(RATES), N_NOISE))
    frequency = np.abs(np.fft.fftfreq(N_NOISE, STEP))
    slow = np.exp(-0.5 * (2.0 * np.pi * SLOW_SECONDS * frequency) ** 2)
    shape = np.exp(-0.5 * frequency / RATES[:, None]) * (1.0 - slow)
    noise = np.fft.ifft(shape * (white[0] + 1j * white[1]))
    noise /= np.sqrt(np.mean(np.abs(noise) ** 2, axis=1, keepdims=True))
    return np.stack([noise.real, noise.imag], axis=1).astype(np.float32)


def flutter_statistics(strength: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the standard deviation and the mean of ``20 log10 |1 + m n|``.

    Parameters
    ----------
    strength : np.ndarray [shape=(n,), >= 0]
        The factor m of complex Gaussian noise of variance 1.

    Returns
    -------
    depth, mean : np.ndarray [shape=(n,), dB]
    """
    # |n|**2 is exponential: equal shares of it, and all angles.
    radius = np.sqrt(-np.log((np.arange(128) + 0.5) / 128))
    turn = np.exp(2j * np.pi * (np.arange(32) + 0.5) / 64)
    noise = (radius[:, None] * turn).reshape(-1)
    level = 20.0 * np.log10(np.abs(1.0 + strength[:, None] * noise))
    return level.std(axis=1), level.mean(axis=1)


@lru_cache(maxsize=1)
def _strengths() -> tuple[Float32Array, Float32Array]:
    """Strengths of the depths 0, 0.01 .. 6 dB, and the gains that keep the level.

    The first row of gains [shape=(2, 601)] keeps the mean in dB, as the level of a single
    partial was smoothed in dB; the second the mean power, which is what a group holds.
    """
    strength = np.linspace(0.0, MAX_STRENGTH, 61)
    depth, mean = flutter_statistics(strength)
    depths = np.arange(round(TEXTURE_MAX_DB / _DEPTH_STEP) + 1) * _DEPTH_STEP
    of_depth = np.interp(depths, depth, strength)
    gains = np.stack(
        [10.0 ** (-np.interp(depths, depth, mean) / 20.0), 1.0 / np.hypot(1.0, of_depth)]
    )
    return of_depth.astype(np.float32), gains.astype(np.float32)


@compile_kernel
def _modulate(
    amplitude: Float32Array,
    deviation: Float32Array,
    level: Float32Array,
    own: Float32Array,
    strength: Float32Array,
    column: Int64Array,
    knot: Int64Array,
    weight: Float32Array,
    noise: Float32Array,
    row: Int64Array,
    start: Int64Array,
    rotation: Complex64Array,
    first: int,
    per_turn: Float32Array,
) -> None:
    tiny = np.float32(1e-12)
    one = np.float32(1.0)
    n = len(knot)
    x = np.empty(n, np.float32)
    y = np.empty(n, np.float32)
    g = np.empty(n, np.float32)
    turn = np.zeros(n + 1, np.float32)
    for p in range(len(row)):
        depth = strength[column[p]]
        real = noise[row[p], 0]
        imag = noise[row[p], 1]
        c = rotation[p].real
        s = rotation[p].imag
        for j in range(n):
            i = (start[p] + first + j) & (N_NOISE - 1)
            q = knot[j]
            w = weight[j]
            m = depth[q] + w * (depth[q + 1] - depth[q])
            x[j] = one + m * (c * real[i] - s * imag[i])
            y[j] = m * (s * real[i] + c * imag[i])
            amplitude[p, j] = level[p, q] + w * (level[p, q + 1] - level[p, q])
            deviation[p, j] = own[p, q] + w * (own[p, q + 1] - own[p, q])
        for j in range(n):
            g[j] = np.sqrt(x[j] * x[j] + y[j] * y[j])
            amplitude[p, j] *= g[j]
        # The sine of the angle between knots: the angle itself as long as it is small, and less
        # than it near a zero of the amplitude, where nothing is heard.
        for j in range(n - 1):
            turn[j + 1] = (x[j] * y[j + 1] - y[j] * x[j + 1]) / (g[j] * g[j + 1] + tiny)
        for j in range(n):
            deviation[p, j] += (turn[j] + turn[j + 1]) * per_turn[j]


class Flutter:
    """How the partials of one sound flutter.

    Parameters
    ----------
    f0 : float [Hz]
        Says how fast they do.
    rng : np.random.Generator
        Draws where each partial enters the noise.
    """

    def __init__(self, f0: float, rng: np.random.Generator) -> None:
        # Drawn for all partials, so that a partial's flutter does not depend on the others.
        self._start = rng.integers(N_NOISE, size=MAX_PARTIAL)
        self._rotation = np.exp(2j * np.pi * rng.random(MAX_PARTIAL)).astype(np.complex64)
        octaves = np.log2(flutter_rate(np.arange(1, MAX_PARTIAL + 1) * f0) / RATES[0])
        self._row = np.rint(2.0 * octaves).astype(np.int64)

    def add(
        self,
        amplitude: FloatArray,
        deviation: FloatArray,
        texture: FloatArray,
        times: FloatArray,
        orders: FloatArray,
        *,
        f0: FloatArray,
    ) -> tuple[FloatArray, Float32Array, Float32Array]:
        """Let partials flutter.

        Parameters
        ----------
        amplitude : np.ndarray [shape=(n_partials, n_knots), linear]
        deviation : np.ndarray [shape=(n_partials, n_knots), units of f0]
        texture : np.ndarray [shape=(n_knots, 48), 0..6 dB]
            Standard deviation of the level of partials 1..48.
        times : np.ndarray [shape=(n_knots,), seconds from the beginning of the sound]
            Of the knots, at least two.
        orders : np.ndarray [shape=(n_partials,)]
            The partials' numbers, 1..480.
        f0 : np.ndarray [shape=(n_knots,), Hz]

        Returns
        -------
        times : np.ndarray [shape=(n_fine,), seconds from the beginning of the sound]
            Every 5 ms; they reach over the knots.
        amplitude, deviation : np.ndarray of float32 [shape=(n_partials, n_fine)]
            The level of partials 1..48 keeps its mean in dB, that of the others their power.
        """
        strength, gain = _strengths_at(texture, times)
        first = int(np.floor(times[0] / STEP + 1e-6))
        fine = np.arange(first, int(np.ceil(times[-1] / STEP)) + 1) * STEP
        position = np.interp(fine, times, np.arange(len(times)))
        knot = np.minimum(position.astype(np.int64), len(times) - 2)
        chosen = orders.astype(np.int64) - 1
        column = np.minimum(chosen, N_SINGLE)
        fluttering = np.empty((len(orders), len(fine)), np.float32)
        swinging = np.empty_like(fluttering)
        _modulate(
            fluttering,
            swinging,
            np.ascontiguousarray(amplitude * gain[column], dtype=np.float32),
            np.ascontiguousarray(deviation, dtype=np.float32),
            strength,
            column,
            knot,
            (position - knot).astype(np.float32),
            _noise(),
            self._row[chosen],
            self._start[chosen],
            self._rotation[chosen],
            first,
            (0.5 / (2.0 * np.pi * STEP) / np.interp(fine, times, f0)).astype(np.float32),
        )
        return fine, fluttering, swinging


def _strengths_at(texture: FloatArray, times: FloatArray) -> tuple[Float32Array, Float32Array]:
    """Return strengths and gains of partials 1..48 and of all above [shape=(49, n_knots)]."""
    fade = np.clip((times - FADE_START) / (FADE_END - FADE_START), 0.0, 1.0)
    depth = np.empty((N_SINGLE + 1, len(times)))
    depth[:N_SINGLE] = texture.T
    depth[N_SINGLE] = depth[N_SINGLE - GROUP_DEPTH_PARTIALS : N_SINGLE].mean(axis=0)
    index = np.rint(np.clip(depth * fade, 0.0, TEXTURE_MAX_DB) / _DEPTH_STEP).astype(np.int64)
    strengths, gains = _strengths()
    gain = gains[0][index]
    gain[N_SINGLE] = gains[1][index[N_SINGLE]]
    return strengths[index], gain
