"""Type aliases shared by all modules, and arrays that stay as they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Complex64Array = npt.NDArray[np.complex64]
IntArray = npt.NDArray[np.integer]
IndexArray = npt.NDArray[np.intp]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

Progress = Callable[[int, int], None]
"""Called with how much is done, and of how much."""

StageProgress = Callable[[str, int, int], None]
"""Called with the stage (``"pitch"`` or ``"generate"``), how much is done, and of how much."""


def readonly(array: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a copy that cannot be changed."""
    copy = np.array(array, dtype=dtype)
    copy.setflags(write=False)
    return copy
