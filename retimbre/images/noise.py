"""Noise of a given density: the breath, bow and hammer of a note.

White noise is drawn in the frequency domain, frame by frame, and shaped there. Frames are about
12 ms long and overlap by half under a sine window, whose square sums to one, so the variance of
the result is that of the frames.
"""

import math

import numpy as np
import numpy.typing as npt

from retimbre.images.harmonic import BIN_PARTIALS, MAX_PARTIAL, NOISE_FLOOR_DB

FloatArray = npt.NDArray[np.floating]

FRAME_SECONDS = 0.0116
_INAUDIBLE_DB = NOISE_FLOOR_DB + 2.0


def frame_length(sr: float) -> int:
    """Return the power of two nearest to 11.6 ms, in samples (512 at 44.1 kHz)."""
    return 1 << max(4, round(math.log2(FRAME_SECONDS * sr)))


def shape_noise(
    times: FloatArray,
    noise: FloatArray,
    *,
    f0: float,
    n_samples: int,
    sr: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Draw noise whose density follows the noise channel of an image.

    Parameters
    ----------
    times : np.ndarray [shape=(n_knots,), seconds]
        Times of the rows of `noise`, ascending.
    noise : np.ndarray [shape=(n_knots, 96), dB]
        Variance per sample of the white noise that has the density at the bin's partial;
        linear in dB between knots and between bins. Below the first partial it stays, above
        partial 480 there is none.
    f0 : float [Hz]
        What the partial numbers count.
    n_samples : int
    sr : float [Hz]
    rng : np.random.Generator

    Returns
    -------
    y : np.ndarray of float32 [shape=(n_samples,)]
        All zeros where the noise lies on its floor (-110 dB) throughout.
    """
    if noise.max() <= _INAUDIBLE_DB:
        return np.zeros(n_samples, np.float32)
    size = frame_length(sr)
    hop = size // 2
    n_frames = -(-n_samples // hop) + 1
    # Frame i is centred on sample i * hop; the first starts half a frame before the note.
    rows = _rows_at(np.arange(n_frames) * hop / sr, times, noise)
    spectrum = _draw(n_frames, size // 2 + 1, rng)
    spectrum *= _amplitude(rows, np.arange(size // 2 + 1) * sr / size, f0) * np.sqrt(size / 2.0)
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    frames = np.fft.irfft(spectrum, size).astype(np.float32, copy=False) * window
    # Each hop is the second half of one frame and the first half of the next.
    y = frames[:-1, hop:] + frames[1:, :hop]
    return np.asarray(y.reshape(-1)[:n_samples])


def _rows_at(at: FloatArray, times: FloatArray, noise: FloatArray) -> npt.NDArray[np.float32]:
    position = np.interp(at, times, np.arange(len(times)))
    index = np.minimum(position.astype(np.int64), len(times) - 2)
    weight = (position - index)[:, None].astype(np.float32)
    rows = noise.astype(np.float32)
    return np.asarray(rows[index] + weight * (rows[index + 1] - rows[index]))


def _amplitude(
    rows: npt.NDArray[np.float32], frequencies: FloatArray, f0: float
) -> npt.NDArray[np.float32]:
    """Return the amplitude of each frame at each frequency, 0 where there is no noise."""
    orders = frequencies / f0
    position = np.interp(orders, BIN_PARTIALS, np.arange(len(BIN_PARTIALS)))
    index = np.minimum(position.astype(np.int64), len(BIN_PARTIALS) - 2)
    weight = (position - index).astype(np.float32)
    level = rows[:, index]
    level += weight * (rows[:, index + 1] - level)
    amplitude = np.exp(level * np.float32(np.log(10.0) / 20.0))
    amplitude[level <= _INAUDIBLE_DB] = 0.0
    amplitude[:, orders > MAX_PARTIAL + 0.5] = 0.0
    amplitude[:, 0] = 0.0
    return np.asarray(amplitude)


def _draw(n_frames: int, n_bins: int, rng: np.random.Generator) -> npt.NDArray[np.complex64]:
    """Return independent complex normal numbers, real and imaginary parts of variance 1."""
    parts = rng.standard_normal((n_frames, 2 * n_bins), dtype=np.float32)
    return parts.view(np.complex64)
