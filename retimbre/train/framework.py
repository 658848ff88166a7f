"""The training framework: whether it is there, and how precisely this machine computes in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from retimbre.errors import ModelNotFoundError, ParameterError
from retimbre.runtime import processor_flags

PRECISIONS = ("auto", "float32", "bfloat16")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Of processors that multiply in bfloat16: x86 (two ways) and ARM."""

MIN_COMPUTE_CAPABILITY = (8, 0)
"""Of NVIDIA's GPUs that do (Ampere and later)."""


def need_tensorflow() -> None:
    """Say what to install where the training framework is missing.

    Raises
    ------
    ModelNotFoundError
        If TensorFlow, Keras or ONNX is.
    """
    need_packages("Training", "keras", "onnx", "tensorflow")


def need_packages(what: str, *names: str) -> None:
    """Say what to install where a package of the training extra is missing.

    Parameters
    ----------
    what : str
        What needs them, as the first word of the sentence.
    *names : str
        Top-level packages; they are imported.

    Raises
    ------
    ModelNotFoundError
        If one is.
    """
    try:
        with silent_libraries():
            for name in names:
                package = import_module(name)
                if name == "tensorflow":
                    # Libraries of the GPU are loaded, and heard, only now.
                    package.config.list_physical_devices()
    except ImportError as error:
        raise ModelNotFoundError(
            f"{what} needs the package {error.name or name}; in a checkout of retimbre, install "
            "what it needs with \"pip install '.[train]'\"."
        ) from error


@contextmanager
def silent_libraries() -> Iterator[None]:
    """Keep away what TensorFlow's libraries write on stderr, as while they are loaded.

    They tell which instructions they were built for before they listen to any setting. Python's
    own errors are raised as always.
    """
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def choose_precision(asked: str) -> bool:
    """Tell whether to train in mixed precision (bfloat16 convolutions, float32 weights).

    Parameters
    ----------
    asked : str
        "float32", "bfloat16", or "auto": bfloat16 where a GPU or else the processor is made
        for it.

    Returns
    -------
    is_mixed : bool

    Raises
    ------
    ParameterError
        If `asked` is none of these.
    """
    if asked not in PRECISIONS:
        raise ParameterError(f"Unknown precision {asked!r}; use one of {', '.join(PRECISIONS)}.")
    if asked == "auto":
        gpu = gpu_has_bfloat16()
        return cpu_has_bfloat16() if gpu is None else gpu
    return asked == "bfloat16"


def cpu_has_bfloat16() -> bool:
    """Tell whether the processor multiplies in bfloat16; where nobody knows, it does not."""
    return not BFLOAT16_FLAGS.isdisjoint(processor_flags())


def gpu_has_bfloat16() -> bool | None:
    """Tell whether TensorFlow's first GPU multiplies in bfloat16; None where it has no GPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    details = tf.config.experimental.get_device_details(gpus[0])
    capability = tuple(details.get("compute_capability") or (0, 0))
    return capability >= MIN_COMPUTE_CAPABILITY
