"""Loudness and onset strength every 10 ms.

Conventions
-----------
Frame i is centred on ``i * HOP_SECONDS``; samples outside the clip count as zero. Both functions
work through the clip in blocks, so the memory they need does not depend on its length.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, Float64Array
from retimbre.errors import ParameterError
from retimbre.pitch.frames import check_audio, frames_at
from retimbre.units import amplitude_to_db

FLOOR_DB = -120.0
"""Level of digital silence."""

LEVEL_SECONDS = 0.040
"""Width of the window of the level: two periods of the lowest voices."""

FLUX_SECONDS = 0.032
"""Width of the window of the spectra that the flux compares."""

FLUX_LAG = 3
"""The flux compares the spectra so many frames apart: their windows hardly overlap."""

FLUX_RANGE_DB = 60.0
"""Bands so far under the clip's loudest band count as silent."""

N_BANDS = 48
BAND_FMIN = 60.0
BAND_FMAX = 10000.0

GROUP_HZ = (800.0, 3000.0)
"""Between low, middle and high bands."""

_BLOCK_SAMPLES = 1 << 20


def frame_level_db(y: npt.ArrayLike, sr: float, n_frames: int) -> Float64Array:
    """Return the RMS level of each frame, in a Hann window of 40 ms.

    Parameters
    ----------
    y : array_like [shape=(n_samples,), linear]
        Mono audio; empty is silence.
    sr : float [Hz, > 0]
    n_frames : int [>= 0]
        Frames to measure; those beyond the end of the clip are silent.

    Returns
    -------
    level_db : np.ndarray [shape=(n_frames,), dB re full scale, >= -120]
        -120 where the frame is silent.

    Raises
    ------
    ParameterError
        If `y` is not 1-D, `sr` is not positive or `n_frames` is negative.
    """
    y = _check_audio(y, sr, n_frames)
    window = _hann(LEVEL_SECONDS, sr)
    weights = np.asarray(window / window.sum(), dtype=np.float32)
    level_db = np.empty(n_frames)
    for first, frames in _frame_blocks(y, sr, n_frames, len(window)):
        power = np.square(frames) @ weights
        level_db[first : first + len(frames)] = amplitude_to_db(np.sqrt(power), floor_db=FLOOR_DB)
    return level_db


def band_rises(y: npt.ArrayLike, sr: float, n_frames: int) -> Float32Array:
    """Return the mean rise over all mel bands, and over the low, middle and high ones alone.

    The spectrum of each frame is compared with the one 30 ms earlier. A sudden attack peaks at
    its own time: cut off in the middle of the window, it fills all bands at once. Each band is
    compared with the loudest of its three nearest bands 30 ms earlier, so a partial that glides
    into the next band in a vibrato is not new energy [1]_.

    Parameters
    ----------
    y : array_like [shape=(n_samples,), linear]
        Mono audio; empty is silence.
    sr : float [Hz]
    n_frames : int [>= 0]

    Returns
    -------
    rises : np.ndarray of float32 [shape=(n_frames, 4), dB, 0..60]
        All bands; those up to 800 Hz, to 3 kHz, and above.

    Raises
    ------
    ParameterError
        If `y` is not 1-D, `sr` is not positive or `n_frames` is negative.

    References
    ----------
    .. [1] S. Böck and G. Widmer, "Maximum filter vibrato suppression for onset detection",
       DAFx 2013.
    """
    y = _check_audio(y, sr, n_frames)
    bands_db = _band_levels_db(y, sr, n_frames + FLUX_LAG)
    rises = np.zeros((n_frames, 1 + len(GROUP_HZ) + 1), np.float32)
    if bands_db.size == 0 or bands_db.max() <= FLOOR_DB:
        return rises
    np.maximum(bands_db, bands_db.max() - FLUX_RANGE_DB, out=bands_db)
    group = np.searchsorted(GROUP_HZ, _band_centres(sr), side="right")
    step = max(1, _BLOCK_SAMPLES // N_BANDS)
    for first in range(0, n_frames, step):
        last = min(first + step, n_frames)
        before = bands_db[first:last]
        after = bands_db[first + FLUX_LAG : last + FLUX_LAG]
        rise = np.maximum(after - _widen(before), 0.0)
        rises[first:last, 0] = rise.mean(axis=1)
        for k in np.unique(group):
            rises[first:last, 1 + k] = rise[:, group == k].mean(axis=1)
    return rises


def _check_audio(y: npt.ArrayLike, sr: float, n_frames: int) -> Float32Array:
    if n_frames < 0:
        raise ParameterError(f"The number of frames must not be negative, given {n_frames}.")
    return check_audio(y, sr)


def _hann(seconds: float, sr: float) -> Float64Array:
    """Return a Hann window of odd length, so that it has a sample at its centre."""
    half = max(1, round(seconds * sr / 2))
    return np.hanning(2 * half + 3)[1:-1]


def _frame_blocks(
    y: Float32Array, sr: float, n_frames: int, length: int, first_frame: int = 0
) -> Iterator[tuple[int, Float32Array]]:
    """Yield (index of the block's first frame, its frames [shape=(n, length)]).

    Frame i is centred on ``(first_frame + i) * HOP_SECONDS``.
    """
    step = max(1, _BLOCK_SAMPLES // length)
    for first in range(0, n_frames, step):
        index = np.arange(first, min(first + step, n_frames)) + first_frame
        yield first, frames_at(y, sr, index, length)


def _band_levels_db(y: Float32Array, sr: float, n_frames: int) -> Float32Array:
    """Return mel band levels of frames -FLUX_LAG.. [shape=(n_frames, N_BANDS), dB]."""
    window = np.asarray(_hann(FLUX_SECONDS, sr), dtype=np.float32)
    n_fft = 1 << (len(window) - 1).bit_length()
    filters = _mel_filters(sr, n_fft) / np.float32(np.square(window).sum())
    levels = np.empty((n_frames, N_BANDS), dtype=np.float32)
    for first, frames in _frame_blocks(y, sr, n_frames, len(window), first_frame=-FLUX_LAG):
        spectrum = np.fft.rfft(frames * window, n_fft, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        bands = np.maximum(power @ filters, 10.0 ** (FLOOR_DB / 10.0))
        levels[first : first + len(frames)] = 10.0 * np.log10(bands)
    return levels


def _band_edges(sr: float) -> Float64Array:
    """Return where the bands begin, peak and end, evenly spaced in mel [shape=(50,), Hz].

    mel(f) = 2595 log10(1 + f / 700).
    """
    fmax = min(BAND_FMAX, sr / 2)
    fmin = min(BAND_FMIN, fmax / 2)
    mel_min, mel_max = (2595.0 * math.log10(1.0 + f / 700.0) for f in (fmin, fmax))
    mel = np.linspace(mel_min, mel_max, N_BANDS + 2)
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))


def _band_centres(sr: float) -> Float64Array:
    return _band_edges(sr)[1:-1]


def _mel_filters(sr: float, n_fft: int) -> Float32Array:
    """Return triangular bands [shape=(n_fft // 2 + 1, N_BANDS)].

    A triangle is never narrower than two bins, so the low bands of a short window are not empty.
    """
    edges = _band_edges(sr)
    bin_hz = sr / n_fft
    freqs = np.arange(n_fft // 2 + 1)[:, None] * bin_hz
    below = np.maximum(edges[1:-1] - edges[:-2], bin_hz)
    above = np.maximum(edges[2:] - edges[1:-1], bin_hz)
    distance = freqs - edges[1:-1]
    triangles = np.minimum(1.0 + distance / below, 1.0 - distance / above)
    return np.asarray(np.maximum(triangles, 0.0), dtype=np.float32)


def _widen(bands_db: Float32Array) -> Float32Array:
    """Return the largest of each band and its two neighbours."""
    widened = bands_db.copy()
    np.maximum(widened[:, 1:], bands_db[:, :-1], out=widened[:, 1:])
    np.maximum(widened[:, :-1], bands_db[:, 1:], out=widened[:, :-1])
    return widened
