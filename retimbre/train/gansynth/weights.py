"""The weights of GANSynth's generator [1]_, wherever they were read from.

Its training keeps every kernel at unit variance and multiplies it as it is used (the equalised
learning rate), and it plays with moving averages of its variables. The names and shapes below
are those of its variables; they are the same in its checkpoints and in Magenta.js.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019, appendix A;
   magenta/models/gansynth of Magenta.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.errors import ModelFormatError

Shape = tuple[int, ...]
ReadVariable = Callable[[str], npt.NDArray[Any]]

BLOCKS = "Generator/progressive_gan_generator/progressive_gan_block_"
AVERAGE = "/ExponentialMovingAverage"
GLOBAL_STEP = "global_step"

N_LISTED = 3
"""How many faults of one kind a message lists."""


@dataclass(frozen=True)
class NetworkSize:
    """How large a generator of GANSynth is.

    Attributes
    ----------
    channels : tuple of int
        Of its blocks, from the coarsest to the finest; each image is twice as large as the one
        before along both axes.
    latent_dim, n_pitches : int
    start : (int, int)
        Frames and bins of the coarsest image.
    """

    channels: tuple[int, ...] = (256, 256, 256, 256, 128, 64, 32)
    latent_dim: int = 256
    n_pitches: int = 61
    start: tuple[int, int] = (2, 16)

    @property
    def n_blocks(self) -> int:
        """How many resolutions there are."""
        return len(self.channels)

    def image(self, block: int) -> tuple[int, int]:
        """Return frames and bins of the image of a block (1..n_blocks)."""
        frames, bins = self.start
        return frames << (block - 1), bins << (block - 1)

    def kernels(self) -> dict[str, Shape]:
        """Return the shapes (height, width, in, out) of all kernels that play, by layer."""
        shapes: dict[str, Shape] = {}
        below = self.latent_dim + self.n_pitches
        for block, width in enumerate(self.channels, 1):
            shapes[f"{block}/conv0"] = (*(self.start if block == 1 else (3, 3)), below, width)
            shapes[f"{block}/conv1"] = (3, 3, width, width)
            below = width
        return shapes | {f"{self.n_blocks}/to_rgb": (1, 1, below, 2)}


MEL_PROG_HIRES = NetworkSize()
"""The size of the published checkpoints."""


@dataclass(frozen=True, eq=False)
class GansynthWeights:
    """The weights of a generator, as its training knows them.

    Attributes
    ----------
    size : NetworkSize
    layers : dict of (kernel, bias)
        By layer, such as ``"7/conv1"``; kernels have shape (height, width, in, out).
    checkpoint : str
        What they were read from.
    images_seen : int or None
        Images of the training; None where nothing tells.
    """

    size: NetworkSize
    layers: Mapping[str, tuple[FloatArray, FloatArray]]
    checkpoint: str
    images_seen: int | None

    def gain(self, layer: str) -> float:
        """Return by what a kernel is multiplied before it is used.

        This is the equalised learning rate, ``sqrt(2 / ((1 + slope^2) n))`` for n inputs of each
        output: slope 1 in the layer that gives the image, 0 in all others.
        """
        slope = 1.0 if layer.endswith("to_rgb") else 0.0
        return math.sqrt(2.0 / ((1.0 + slope**2) * math.prod(self.layers[layer][0].shape[:-1])))

    def folded(self, layer: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the kernel that is used, its gain multiplied in, and the bias, in float64."""
        kernel, bias = self.layers[layer]
        return kernel.astype(np.float64) * self.gain(layer), bias.astype(np.float64)


def collect_layers(
    shapes: Mapping[str, Shape], read: ReadVariable, size: NetworkSize, where: str
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Read the averaged variables of all layers that play, each of which must be what it should.

    Parameters
    ----------
    shapes : dict of tuple of int
        Of all variables that there are, by name.
    read : callable
        Name -> variable.
    size : NetworkSize
    where : str
        What messages call the source.

    Returns
    -------
    layers : dict of (kernel, bias)
        float32, by layer; see `GansynthWeights`.

    Raises
    ------
    ModelFormatError
        If variables are missing, have other shapes or types or hold values that are no finite
        numbers, or if there is a block too many.
    """
    kernels = size.kernels()
    pairs = {layer: _names(layer) for layer in kernels}
    wanted = {pairs[layer][0]: shape for layer, shape in kernels.items()}
    wanted |= {pairs[layer][1]: shape[-1:] for layer, shape in kernels.items()}
    _check_shapes(shapes, wanted, where)
    _check_blocks(shapes, size.n_blocks, where)
    found = {name: read(name) for name in wanted}
    other = [f"{name} is {v.dtype}" for name, v in found.items() if v.dtype.kind != "f"]
    if other:
        raise ModelFormatError(
            f"{where} contains weights that are not floats ({listed(other)}); import an unmodified "
            "GANSynth checkpoint."
        )
    with np.errstate(over="ignore"):
        values = {name: np.asarray(v, np.float32) for name, v in found.items()}
    bad = [name for name, value in values.items() if not np.isfinite(value).all()]
    if bad:
        raise ModelFormatError(
            f"{where} contains values that are not finite ({listed(bad)}); get it again, or import "
            "an earlier checkpoint if the training failed."
        )
    return {layer: (values[kernel], values[bias]) for layer, (kernel, bias) in pairs.items()}


def count_images(shapes: Mapping[str, Shape], read: ReadVariable, where: str) -> int | None:
    """Return how many images a training has seen, or None where nothing tells.

    Parameters
    ----------
    shapes, read, where
        As in `collect_layers`; it is the variable `GLOBAL_STEP` that tells.

    Raises
    ------
    ModelFormatError
        If it is no whole number from 0 on.
    """
    if shapes.get(GLOBAL_STEP) != ():
        return None
    step = read(GLOBAL_STEP)
    is_number = step.dtype.kind in "iuf" and bool(np.isfinite(step))
    if not is_number or step < 0 or int(step) != step:
        raise ModelFormatError(
            f"{where} gives {GLOBAL_STEP} as {step.item()!r}, which is not a number of images; get "
            "it again."
        )
    return int(step)


def _check_shapes(shapes: Mapping[str, Shape], wanted: Mapping[str, Shape], where: str) -> None:
    missing = [name for name in wanted if name not in shapes]
    if missing and all(name.removesuffix(AVERAGE) in shapes for name in missing):
        raise ModelFormatError(
            f"{where} lacks the moving averages of its generator, which GANSynth plays "
            f"({listed(missing)}); import the checkpoint that its training wrote."
        )
    if missing:
        raise ModelFormatError(
            f"{where} lacks variables of GANSynth's generator ({listed(missing)}); get it again, "
            "or import one of the configuration mel_prog_hires."
        )
    other = [
        f"{name} has shape {shapes[name]} and not {shape}"
        for name, shape in wanted.items()
        if shapes[name] != shape
    ]
    if other:
        raise ModelFormatError(
            f"{where} belongs to another network ({listed(other)}); import one of the "
            "configuration mel_prog_hires."
        )


def _check_blocks(shapes: Mapping[str, Shape], n_blocks: int, where: str) -> None:
    """Refuse a network that goes on after the last block: what plays here is half its size."""
    known = tuple(f"{BLOCKS}{block}/" for block in range(1, n_blocks + 1))
    more = [name for name in shapes if name.startswith(BLOCKS) and not name.startswith(known)]
    if more:
        raise ModelFormatError(
            f"{where} contains more than the {n_blocks} blocks of GANSynth's generator "
            f"({listed(more)}); import one of the configuration mel_prog_hires."
        )


def _names(layer: str) -> tuple[str, str]:
    """Return the names of the averaged kernel and bias of a layer."""
    return f"{BLOCKS}{layer}/conv2d/kernel{AVERAGE}", f"{BLOCKS}{layer}/bias{AVERAGE}"


def listed(items: list[str]) -> str:
    """List some of the items in words, and how many more there are if they are several."""
    rest = len(items) - N_LISTED
    if rest <= 1:
        return ", ".join(items)
    return f"{', '.join(items[:N_LISTED])}, and {rest} more"
