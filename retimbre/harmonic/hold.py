"""Extend notes of other lengths to 3 s held, then released.

The networks know notes that are held for 3 s and released for 1 s. A recorded note ends when it
ends; its image is completed as the note would have gone on. Texture is measured over a while, and
so the image that it is measured on is looped instead.
"""

import numpy as np

from retimbre._typing import FloatArray
from retimbre.harmonic.image import (
    ATTACK_STEP,
    FRAME_TIMES,
    HOLD_SECONDS,
    LEVEL_FLOOR_DB,
    N_ATTACK_FRAMES,
    NOISE_FLOOR_DB,
)

MARGIN_SECONDS = 0.05
"""The last moments before the end already see it through their windows."""

RECENT_SECONDS = 0.12
MAX_FALL_DB = 60.0
RELEASE_DB = 120.0
"""A note that is cut off rings out by so many dB a second."""


def hold_image(image: FloatArray, seconds: float) -> FloatArray:
    """Complete the image of a note that ends at `seconds` as if it were held for 3 s.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
        See `retimbre.harmonic.image`.
    seconds : float [> 0]
        When the recorded note ends or is released, from its onset.

    Returns
    -------
    image : np.ndarray of float32 [shape=(128, 96, 4)]
        A copy. From shortly before the end all bins fall as fast as the whole note fell in the
        half before; from 3 s on they are released. A note of 3 s or more is only released.
    """
    out = image.astype(np.float32, copy=True)
    total = 10.0 * np.log10(np.sum(10.0 ** (image[..., 0] / 10.0), axis=1))
    level, noise = hold_levels(
        image[None, ..., 0], image[None, ..., 2], total[None], FRAME_TIMES, seconds
    )
    out[..., 0], out[..., 2] = level[0], noise[0]
    first = _first_held(FRAME_TIMES, seconds)
    out[first:, :, 1] = out[first - 1, :, 1]
    out[first:, :, 3] = out[first - 1, :, 3]
    return out


def hold_levels(
    level: FloatArray,
    noise: FloatArray,
    total: FloatArray,
    times: FloatArray,
    seconds: float,
) -> tuple[FloatArray, FloatArray]:
    """Complete levels and noise as `hold_image` does, several notes at once.

    Parameters
    ----------
    level, noise : np.ndarray [shape=(n, frames, 96), dB]
    total : np.ndarray [shape=(n, frames), dB]
        Level of the whole note, from which its fall is read.
    times : np.ndarray [shape=(frames,), seconds]
    seconds : float
        When the notes end.

    Returns
    -------
    level, noise : np.ndarray [shape=(n, frames, 96), dB]
    """
    first = _first_held(times, seconds)
    fall = _fall(total[:, :first], times[:first])[:, None, None]
    recent = times[:first] >= times[first - 1] - RECENT_SECONDS
    after = times[first:, None] - times[first - 1]
    released = np.maximum(times[first:, None] - HOLD_SECONDS, 0.0)
    held = []
    for channel, floor in ((level, LEVEL_FLOOR_DB), (noise, NOISE_FLOOR_DB)):
        start = channel[:, :first][:, recent].mean(axis=1, keepdims=True)
        rest = np.maximum(start - fall * after - RELEASE_DB * released, floor)
        held.append(np.concatenate([channel[:, :first], rest], axis=1))
    return held[0], held[1]


def heard_until(seconds: float) -> float:
    """Return up to when an image completed by `hold_image` is what was recorded [seconds]."""
    return min(max(seconds - MARGIN_SECONDS, 0.5 * seconds), HOLD_SECONDS)


def _first_held(times: FloatArray, seconds: float) -> int:
    """Return the first frame that the recording says nothing of."""
    return int(np.clip(np.searchsorted(times, heard_until(seconds)), 2, len(times) - 1))


def _fall(total: FloatArray, times: FloatArray) -> FloatArray:
    """Return how fast notes fall in their later half, in dB a second (0 .. 60)."""
    late = times >= 0.5 * times[-1]
    t = times[late] - times[late].mean()
    slope = (total[:, late] @ t) / max(float(t @ t), 1e-9)
    return np.asarray(np.clip(-slope, 0.0, MAX_FALL_DB))


def loop_image(image: FloatArray, seconds: float) -> FloatArray:
    """Let a note that ends at `seconds` go back from there to its attack, forth again, and so on.

    Texture is averaged over more than half a second (`retimbre.harmonic.texture`); the silence
    after a short note would count as calm, and its end as a fall.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
        See `retimbre.harmonic.image`.
    seconds : float [> 0]
        When the note ends, from its onset.

    Returns
    -------
    image : np.ndarray [shape=(128, 96, 4)]
        A copy; up to shortly before the end it is the same.
    """
    end = float(np.clip(seconds - MARGIN_SECONDS, 2.0 * ATTACK_STEP, FRAME_TIMES[-1]))
    start = min(N_ATTACK_FRAMES * ATTACK_STEP, 0.5 * end)
    way = end - start
    beyond = FRAME_TIMES - end
    way_back = beyond % (2.0 * way)
    looped = end - np.minimum(way_back, 2.0 * way - way_back)
    times = np.where(beyond > 0.0, looped, FRAME_TIMES)
    nearest = np.rint(np.interp(times, FRAME_TIMES, np.arange(len(FRAME_TIMES)))).astype(np.int64)
    return image[nearest]
