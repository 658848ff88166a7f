"""GANSynth's generator as an ONNX graph that computes only the frames that are asked for.

What is the same in exact arithmetic is computed in the cheapest way:

- The first layer convolves one point, padded with zeros, by a kernel as large as the image: a
  matrix product with the kernel flipped. Of the one-hot pitch it takes one row.
- Doubling an image and convolving it by 3 x 3 is convolving it by 2 x 2, once for each of the four
  pixels that come of one, with the weights summed that meet the same pixel.
- Frame t of a 3-wide convolution needs frames t - 1 to t + 1, so the first m frames of an image
  need ``ceil((m + 2) / 2)`` of the image below, fewer than half where a note is short.
- Every value of a pixel is divided by one number at the end (pixel norm), so the last, 1 x 1 layer
  may come before the division.
"""

from typing import Any

import numpy as np
from onnx import helper

from retimbre._typing import FloatArray, IntArray
from retimbre.errors import ModelFormatError
from retimbre.generator.folder import PITCHES, PITCHES_KEY
from retimbre.io.networks import open_session
from retimbre.train.export.onnx_graph import Ends, Graph, finished_model
from retimbre.train.gansynth.weights import GansynthWeights
from retimbre.train.networks.representation import LEAK

EPSILON = 1e-8
MAX_RMS_DIFFERENCE = 1e-4
"""Far above rounding, which pixel norm and trained weights may amplify in single values, and far
below what one wrong row, column or weight makes."""

CHECKED_FRAMES = (1, 13, 24, 127)
"""How many frames are asked for where parts of notes are compared."""

FRAMES, BINS = 2, 3
"""Axes of images in the graph, which are (notes, channels, frames, bins)."""


def gansynth_graph(weights: GansynthWeights, lowest_pitch: int = 24) -> Any:
    """Write the generator.

    Parameters
    ----------
    weights : GansynthWeights
    lowest_pitch : int [MIDI]
        The graph tells which pitches it plays; see `retimbre.generator.folder.PITCHES`.

    Returns
    -------
    model : onnx.ModelProto
        Inputs ``z`` float32 (n, 256), ``pitch`` int64 (n,), counted from the lowest pitch, and
        ``frames`` int64 (1,), how many of the 128 frames are wanted (others than 1..128 count as
        the nearest of these); output ``specgrams`` float32 (n, frames, 1024, 2), normalised to
        -1..1: log mel power and instantaneous frequency.
    """
    graph, size = Graph(), weights.size
    needed = _needed_frames(graph, weights)
    x = _first_layer(graph, weights)
    for block in range(1, size.n_blocks + 1):
        if block > 1:
            x = _pixel_norm(graph, x, size.channels[block - 2])
            x = _doubled(graph, x, weights, block, needed[block])
        x = _pixel_norm(graph, x, size.channels[block - 1])
        x = graph.leaky(_conv(graph, x, *weights.folded(f"{block}/conv1"), pad=1))
        if block < size.n_blocks:
            x = _part(graph, x, [0], [needed[block]], [FRAMES])
    _last_layer(graph, x, weights, needed[size.n_blocks])
    inputs: Ends = {"z": ["n", size.latent_dim], "pitch": ["n"], "frames": [1]}
    bins = size.image(size.n_blocks)[1]
    model = finished_model(graph, "gansynth", inputs, {"specgrams": ["n", "frames", bins, 2]})
    pitches = PITCHES.format(low=lowest_pitch, high=lowest_pitch + size.n_pitches - 1)
    helper.set_model_props(model, {PITCHES_KEY: pitches})
    return model


def _part(graph: Graph, x: str, starts: list[int], ends: list[str], axes: list[int]) -> str:
    """Take part of an image; the ends are names of integers."""
    end = graph.node("Concat", *ends, axis=0) if len(ends) > 1 else ends[0]
    return graph.node("Slice", x, graph.integers(*starts), end, graph.integers(*axes))


def _needed_frames(graph: Graph, weights: GansynthWeights) -> dict[int, str]:
    """Count the frames of each block that the wanted ones need."""
    size, one, two = weights.size, graph.integers(1), graph.integers(2)
    above = size.n_blocks
    full = graph.integers(size.image(above)[0])
    needed = {above: graph.node("Min", graph.node("Max", "frames", one), full)}
    for block in range(above - 1, 0, -1):
        wide = graph.node("Add", needed[block + 1], graph.integers(3))
        half = graph.node("Div", wide, two)
        needed[block] = graph.node("Min", half, graph.integers(size.image(block)[0]))
    return needed


def _first_layer(graph: Graph, weights: GansynthWeights) -> str:
    """Write the first layer of block 1 from z and pitch, without its pixel norm."""
    size = weights.size
    kernel, bias = weights.folded("1/conv0")
    table = kernel[::-1, ::-1].transpose(2, 3, 0, 1).reshape(kernel.shape[2], -1)
    axis = graph.integers(1)
    of_z = graph.node("MatMul", "z", graph.constant(table[: size.latent_dim]))
    of_pitch = graph.node("Gather", graph.constant(table[size.latent_dim :]), "pitch", axis=0)
    # z and the one-hot pitch are normalised together.
    power = graph.node("ReduceSumSquare", "z", axis, keepdims=1)
    mean = graph.node("Mul", graph.node("Add", power, 1.0), 1.0 / len(table))
    rms = graph.node("Sqrt", graph.node("Add", mean, EPSILON))
    x = graph.node("Div", graph.node("Add", of_z, of_pitch), rms)
    x = graph.node("Reshape", x, graph.integers(-1, size.channels[0], *size.start))
    return graph.leaky(graph.node("Add", x, graph.constant(bias[:, None, None])))


def _conv(graph: Graph, x: str, kernel: FloatArray, bias: FloatArray | None, pad: int) -> str:
    """Convolve an image; kernels are (height, width, in, out)."""
    weight = graph.constant(kernel.transpose(3, 2, 0, 1))
    rest = [] if bias is None else [graph.constant(bias)]
    return graph.node("Conv", x, weight, *rest, pads=[pad] * 4)


def _doubled(graph: Graph, x: str, weights: GansynthWeights, block: int, needed: str) -> str:
    """Write the doubling and the first layer of a block, without its pixel norm."""
    kernel, bias = weights.folded(f"{block}/conv0")
    x = graph.leaky(_conv(graph, x, quarter_kernels(kernel), np.tile(bias, 4), pad=1))
    # The four pixels of a square lie one before and one at its place, along both axes.
    x = graph.node("DepthToSpace", x, blocksize=2, mode="DCR")
    frames, bins = weights.size.image(block)
    wide = graph.node("Add", needed, graph.integers(1))
    rows = graph.node("Min", wide, graph.integers(frames))
    end = graph.node("Add", rows, graph.integers(1))
    return _part(graph, x, [1, 1], [end, graph.integers(1 + bins)], [FRAMES, BINS])


def quarter_kernels(kernel: FloatArray) -> FloatArray:
    """Return the kernel that convolves a small image as `kernel` convolves it doubled.

    Parameters
    ----------
    kernel : np.ndarray [shape=(3, 3, in, out)]

    Returns
    -------
    quarters : np.ndarray [shape=(2, 2, in, 4 * out)]
        For the image padded with one pixel of zeros: its output at (i, j) holds the pixels
        (2i - 1, 2j - 1), (2i - 1, 2j), (2i, 2j - 1) and (2i, 2j) of the doubled image, convolved.
    """
    # Pixel 2i - 1 sees the small pixel i - 1 twice and i once, pixel 2i the other way round.
    taps = np.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], dtype=kernel.dtype)
    quarters: FloatArray = np.einsum("apk,bql,klio->pqiabo", taps, taps, kernel)
    return quarters.reshape(2, 2, kernel.shape[2], -1)


def _rms(graph: Graph, x: str, channels: int) -> str:
    """Return the root mean square over the channels, as a convolution: the fastest way."""
    mean = np.full((1, 1, channels, 1), 1.0 / channels)
    return graph.node(
        "Sqrt", _conv(graph, graph.node("Mul", x, x), mean, np.array([EPSILON]), pad=0)
    )


def _pixel_norm(graph: Graph, x: str, channels: int) -> str:
    return graph.node("Div", x, _rms(graph, x, channels))


def _last_layer(graph: Graph, x: str, weights: GansynthWeights, needed: str) -> None:
    """Write the last pixel norm and the layer that gives the image."""
    block = weights.size.n_blocks
    kernel, bias = weights.folded(f"{block}/to_rgb")
    image = _conv(graph, x, kernel, None, pad=0)
    image = graph.node("Div", image, _rms(graph, x, weights.size.channels[-1]))
    image = _part(graph, image, [0], [needed], [FRAMES])
    image = graph.node("Tanh", graph.node("Add", image, graph.constant(bias[:, None, None])))
    graph.node("Transpose", image, name="specgrams", perm=[0, 2, 3, 1])


# ---- the network as it is written ------------------------------------------------------------


def generate_specgrams(weights: GansynthWeights, z: FloatArray, pitch: IntArray) -> FloatArray:
    """Compute whole images step by step as GANSynth describes them, to compare with the graph.

    Parameters
    ----------
    weights : GansynthWeights
    z : np.ndarray [shape=(n, 256)]
    pitch : np.ndarray of int [shape=(n,)]
        Counted from the lowest.

    Returns
    -------
    specgrams : np.ndarray [shape=(n, 128, 1024, 2), normalised]
    """
    size = weights.size
    one_hot = np.eye(size.n_pitches, dtype=np.float32)[pitch]
    point = _normalised(np.concatenate([z.astype(np.float32), one_hot], axis=1))
    frames, bins = size.start
    x = np.pad(point[:, None, None], ((0, 0), (frames - 1,) * 2, (bins - 1,) * 2, (0, 0)))
    for block in range(1, size.n_blocks + 1):
        if block > 1:
            x = np.pad(x.repeat(2, axis=1).repeat(2, axis=2), _BORDER)
        x = _activated(_convolved(x, weights, f"{block}/conv0"))
        x = _activated(_convolved(np.pad(x, _BORDER), weights, f"{block}/conv1"))
    return np.asarray(np.tanh(_convolved(x, weights, f"{size.n_blocks}/to_rgb")))


_BORDER = ((0, 0), (1, 1), (1, 1), (0, 0))


def _normalised(x: FloatArray) -> FloatArray:
    power = np.mean(np.square(x), axis=-1, keepdims=True) + np.float32(EPSILON)
    return np.asarray(x / np.sqrt(power))


def _activated(x: FloatArray) -> FloatArray:
    return _normalised(np.maximum(x, np.float32(LEAK) * x))


def _convolved(x: FloatArray, weights: GansynthWeights, layer: str) -> FloatArray:
    """Convolve images (n, frames, bins, channels) without any padding, scale, add the bias."""
    kernel, bias = weights.layers[layer]
    height, width = kernel.shape[:2]
    frames, bins = x.shape[1] - height + 1, x.shape[2] - width + 1
    total: FloatArray = np.zeros((len(x), frames, bins, kernel.shape[3]), np.float32)
    for i in range(height):
        for j in range(width):
            total += x[:, i : i + frames, j : j + bins] @ kernel[i, j]
    total *= weights.gain(layer)
    total += bias
    return total


# ---- what differs ----------------------------------------------------------------------------


def compare_specgrams(
    graph: bytes, z: FloatArray, pitch: IntArray, wanted: FloatArray
) -> tuple[float, float]:
    """Compare what a network makes of notes with what it should, whole and in part.

    Parameters
    ----------
    graph : bytes
        See `gansynth_graph`.
    z : np.ndarray [shape=(n, latent_dim)]
    pitch : np.ndarray of int [shape=(n,)]
        Counted from the lowest.
    wanted : np.ndarray [shape=(n, 128, 1024, 2), normalised]

    Returns
    -------
    largest : float
        The largest difference of any value.
    rms : float
        The root of the mean square of all differences, of that part where it is largest. Both
        are NaN where a value is no number.
    """
    session = open_session(graph)
    found = []
    for frames in (*CHECKED_FRAMES, wanted.shape[1]):
        inputs = {"z": z, "pitch": pitch, "frames": np.array([frames])}
        differences = session.run(None, inputs)[0] - wanted[:, :frames]
        found.append((np.abs(differences).max(), np.sqrt(np.mean(np.square(differences)))))
    largest, rms = np.max(found, axis=0)
    return float(largest), float(rms)


def refuse_difference(largest: float, rms: float, what: str) -> float:
    """Return the largest difference of any value of a network that is as it should be.

    Parameters
    ----------
    largest, rms : float
        See `compare_specgrams`.
    what : str
        The beginning of the sentence that refuses it.

    Raises
    ------
    ModelFormatError
        If the root mean square of the differences is above 1e-4.
    """
    if not rms <= MAX_RMS_DIFFERENCE:
        raise ModelFormatError(f"{what} by {rms:.1e} (rms); nothing was written.")
    return largest
