"""Short notes run forth and back, so that what is measured over a while finds them sounding."""

import numpy as np

from retimbre._typing import FloatArray
from retimbre.harmonic.hold import MARGIN_SECONDS
from retimbre.harmonic.image import ATTACK_STEP, FRAME_TIMES, N_ATTACK_FRAMES


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
