"""Noise of a given density: breath, bow and hammer.

White noise is drawn in the frequency domain, frame by frame, and shaped there. Frames are about
12 ms long and overlap by half under a sine window, whose square sums to one, so the variance of
the result is that of the frames.
"""

import math
from functools import lru_cache

import numpy as np

from retimbre._typing import Complex64Array, Float32Array, FloatArray
from retimbre.harmonic.image import BIN_PARTIALS, MAX_PARTIAL, NOISE_FLOOR_DB

FRAME_SECONDS = 0.0116
RUMBLE_DB_PER_OCTAVE = 12.0
_INAUDIBLE_DB = NOISE_FLOOR_DB + 2.0
_SILENT_DB = -400.0
_PHASORS = np.exp(2j * np.pi * np.arange(4096) / 4096).astype(np.complex64)


def frame_length(sr: float) -> int:
    """Return the power of two nearest to 11.6 ms, in samples (512 at 44.1 kHz)."""
    return 1 << max(4, round(math.log2(FRAME_SECONDS * sr)))


@lru_cache(maxsize=8)
def _sine_window(size: int) -> Float32Array:
    return np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)


class NoiseStream:
    """Noise that goes on from one piece of a sound to the next.

    Parameters
    ----------
    sr : float [Hz]
    rng : np.random.Generator
    """

    def __init__(self, sr: float, rng: np.random.Generator) -> None:
        self.size = frame_length(sr)
        self.hop = self.size // 2
        self._sr, self._rng = sr, rng
        self._window = _sine_window(self.size)
        self._last: Float32Array | None = None

    @property
    def frequencies(self) -> FloatArray:
        """Where levels are given [shape=(size // 2 + 1,), Hz]."""
        return np.arange(self.size // 2 + 1) * (self._sr / self.size)

    def make(
        self, times: FloatArray, level: Float32Array, first: int, n_samples: int
    ) -> Float32Array:
        """Draw the next piece.

        Parameters
        ----------
        times : np.ndarray [shape=(n_knots,), seconds from the beginning of the sound]
            Ascending; two or more.
        level : np.ndarray of float32 [shape=(n_knots, size // 2 + 1), dB]
            As `noise_levels` gives them.
        first : int [samples, a multiple of `hop`]
            Where the piece begins.
        n_samples : int
            Its length; a multiple of `hop` if another piece follows.

        Returns
        -------
        y : np.ndarray of float32 [shape=(n_samples,)]
            All zeros where the noise lies on its floor (-110 dB) throughout.
        """
        if level.max() <= _INAUDIBLE_DB:
            self._last = None
            return np.zeros(n_samples, np.float32)
        n_frames = -(-n_samples // self.hop) + 1
        # Frame i is centred on sample first + i * hop; the last belongs to the next piece too.
        known = 0 if self._last is None else 1
        centres = (first + np.arange(known, n_frames) * self.hop) / self._sr
        spectrum = _draw(len(centres), self.size, self._rng)
        spectrum *= _amplitude(centres, times, level)
        frames = np.fft.irfft(spectrum, self.size).astype(np.float32, copy=False) * self._window
        if self._last is not None:
            frames = np.concatenate([self._last[None], frames])
        self._last = frames[-1]
        # Each hop is the second half of one frame and the first half of the next.
        y = frames[:-1, self.hop :] + frames[1:, : self.hop]
        return np.asarray(y.reshape(-1)[:n_samples])


def noise_levels(noise: FloatArray, frequencies: FloatArray, f0: float) -> Float32Array:
    """Read the noise of an image at frequencies.

    Parameters
    ----------
    noise : np.ndarray [shape=(n_knots, 96), dB]
        Variance per sample of the white noise that has the density at the bin's partial.
    frequencies : np.ndarray [shape=(n_frequencies,), Hz]
    f0 : float [Hz]
        What the partial numbers count.

    Returns
    -------
    level : np.ndarray of float32 [shape=(n_knots, n_frequencies), dB]
        Linear in dB between bins. Below the first partial it falls by 12 dB an octave (breath and
        bow have no rumble, and the image says nothing about it), above partial 480 there is none.
    """
    orders = frequencies / f0
    position = np.interp(orders, BIN_PARTIALS, np.arange(len(BIN_PARTIALS)))
    index = np.minimum(position.astype(np.int64), len(BIN_PARTIALS) - 2)
    weight = (position - index).astype(np.float32)
    bins = noise.astype(np.float32)
    level = bins[:, index] * (1.0 - weight) + bins[:, index + 1] * weight
    below = (orders > 0.0) & (orders < 1.0)
    level[:, below] += (RUMBLE_DB_PER_OCTAVE * np.log2(orders[below])).astype(np.float32)
    level[:, (orders > MAX_PARTIAL + 0.5) | (frequencies == 0.0)] = _SILENT_DB
    return np.asarray(level)


def _amplitude(at: FloatArray, times: FloatArray, level: Float32Array) -> Float32Array:
    """Return the amplitudes of levels at `times` for the frames `at` others."""
    position = np.interp(at, times, np.arange(len(times)))
    index = np.minimum(position.astype(np.int64), len(times) - 2)
    weight = (position - index)[:, None].astype(np.float32)
    rows = level[index]
    rows += weight * (level[index + 1] - rows)
    rows[rows <= _INAUDIBLE_DB] = _SILENT_DB
    rows *= np.float32(np.log(10.0) / 20.0)
    return np.asarray(np.exp(rows, out=rows))


def _draw(n_frames: int, size: int, rng: np.random.Generator) -> Complex64Array:
    """Draw the spectra of white noise of variance 1: one modulus, random phases."""
    phases = rng.integers(len(_PHASORS), size=(n_frames, size // 2 + 1), dtype=np.uint16)
    return np.asarray(_PHASORS[phases] * np.float32(np.sqrt(size)))
