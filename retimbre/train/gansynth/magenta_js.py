"""GANSynth's weights as Magenta.js has them: ``weights_manifest.json`` and its shards.

The manifest is a list of groups. A group names its files (``paths``), whose bytes follow on one
another, and its variables (``weights``) in the order of their bytes; each has a name, a shape, a
type and, where it was quantised, the type of its bytes with the scale and the minimum that turn
them back [1]_. The names are those of the checkpoint, the values too: Magenta.js scales kernels
when it loads them (that of its last layer by sqrt(2) too much; here it is scaled as in training).

References
----------
.. [1] TensorFlow.js, `tf.io.decodeWeights`.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.errors import ModelFormatError
from retimbre.generator.hints import MANIFEST
from retimbre.train.gansynth.weights import (
    MEL_PROG_HIRES,
    GansynthWeights,
    NetworkSize,
    collect_layers,
    count_images,
)

TYPES = {
    "float32": "<f4",
    "float16": "<f2",
    "int32": "<i4",
    "uint16": "<u2",
    "uint8": "u1",
    "bool": "u1",
    "complex64": "<c8",
}
"""Types of TensorFlow.js whose values all have one length in bytes."""

QUANTISED = ("uint8", "uint16", "float16")


@dataclass(frozen=True, eq=False)
class _Stored:
    """A variable in the bytes of its group."""

    content: memoryview
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    minimum: float

    def values(self) -> npt.NDArray[Any]:
        """Return the values, turned back where they are quantised."""
        raw = np.frombuffer(self.content, TYPES[self.dtype]).reshape(self.shape)
        if self.scale is None:
            return raw
        return (raw.astype(np.float64) * self.scale + self.minimum).astype(np.float32)


def read_js_weights(folder: Path, size: NetworkSize = MEL_PROG_HIRES) -> GansynthWeights:
    """Read the averaged generator that Magenta.js plays.

    Parameters
    ----------
    folder : Path
        With ``weights_manifest.json`` and the shards that it names.
    size : NetworkSize

    Returns
    -------
    weights : GansynthWeights
        There are no settings beside them: what the images mean is taken to be what Magenta.js
        takes it to be. `images_seen` is None unless the manifest holds ``global_step``.

    Raises
    ------
    ModelFormatError
        If the manifest or a shard is missing or damaged, or the variables are others.
    """
    path = folder.resolve() / MANIFEST
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))
        stored = {name: value for group in groups for name, value in _variables(group, path)}
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelFormatError(
            f"{path} is not a manifest of weights{_reason(error)}; get it again."
        ) from error
    shapes = {name: value.shape for name, value in stored.items()}
    variables = (shapes, lambda name: stored[name].values())
    layers = collect_layers(*variables, size, str(path))
    return GansynthWeights(size, layers, MANIFEST, count_images(*variables, str(path)))


def _variables(group: dict[str, Any], path: Path) -> Iterator[tuple[str, _Stored]]:
    """Cut the bytes of a group into its variables."""
    content = memoryview(b"".join(_shard(path.parent, name) for name in group["paths"]))
    start = 0
    for entry in group["weights"]:
        shape = _shape(entry["shape"])
        quantised = entry.get("quantization")
        dtype = quantised["dtype"] if quantised else entry["dtype"]
        is_known = dtype in (QUANTISED if quantised else TYPES)
        # What was no float before it was quantised is to be rounded again.
        if not is_known or (quantised and entry["dtype"] != "float32"):
            raise ModelFormatError(
                f"{path} stores {entry['name']} ({entry['dtype']!r}) as {dtype!r}, an unknown "
                "type; get the weights in float32."
            )
        end = start + math.prod(shape) * np.dtype(TYPES[dtype]).itemsize
        is_scaled = bool(quantised) and dtype != "float16"
        scale = float(quantised["scale"]) if is_scaled else None
        minimum = float(quantised["min"]) if is_scaled else 0.0
        yield entry["name"], _Stored(content[start:end], shape, dtype, scale, minimum)
        start = end
    if start != len(content):
        raise ModelFormatError(
            f"{path} lists {start:,} bytes of weights but its files contain {len(content):,}; get "
            "them again."
        )


def _reason(error: Exception) -> str:
    """Say what is wrong where it says something of the file, and not of Python."""
    if isinstance(error, KeyError):
        return f" (it lacks {error})"
    if isinstance(error, (OSError, ValueError)):
        return f" ({getattr(error, 'strerror', None) or error})"
    return ""


def _shape(sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, list) or any(type(n) is not int or n < 0 for n in sizes):
        raise ValueError(f"it gives a shape as {sizes!r}")
    return tuple(sizes)


def _shard(folder: Path, name: str) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ModelFormatError(
            f"{folder / MANIFEST} names the file {name!r} outside its folder; get the "
            "weights again."
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFormatError(
            f"{folder / MANIFEST} names {name!r}, which cannot be read; get the weights again."
        ) from error
