"""Audio samples from callers, checked and mixed to mono."""

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.errors import ParameterError

_CHECKED_SAMPLES = 1 << 20


def to_mono(y: npt.ArrayLike) -> FloatArray:
    """Check samples and average their channels.

    Parameters
    ----------
    y : array_like [shape=(n_samples,) or (channels, n_samples)]

    Returns
    -------
    mono : np.ndarray of float32 [shape=(n_samples,)]
        `y` itself if it is that already.

    Raises
    ------
    ParameterError
        If `y` is empty, of another shape, or not finite everywhere.
    """
    y = np.asarray(y)
    if y.ndim not in (1, 2) or y.size == 0:
        raise ParameterError(
            f"Audio needs the shape (n_samples,) or (channels, n_samples), given {y.shape}."
        )
    y = np.asarray(y if y.ndim == 1 else y.mean(axis=0), dtype=np.float32)
    # By blocks: a mask of all samples would take a quarter of their memory once more.
    blocks = (y[i : i + _CHECKED_SAMPLES] for i in range(0, y.size, _CHECKED_SAMPLES))
    if not all(np.isfinite(block).all() for block in blocks):
        raise ParameterError("Audio must be finite; replace NaN and infinite samples.")
    return y
