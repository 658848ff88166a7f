"""Generator and encoder as ONNX graphs, written node by node from the trained weights."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from retimbre._typing import FloatArray
from retimbre.harmonic import image as harmonic
from retimbre.harmonic.frequencies import N_FREQUENCIES, bins_to_grid, grid_to_bins
from retimbre.train.config import TrainConfig
from retimbre.train.networks.prior import KEPT_COSINE, KEPT_WIDTH, SHARPNESS
from retimbre.train.networks.representation import (
    LEAK,
    PITCH_GAIN,
    RESIDUAL_GAIN,
    VELOCITY_CENTRE,
    VELOCITY_GAIN,
)
from retimbre.train.schedule import RESOLUTIONS

Ends = dict[str, list[int | str | None]]
"""Shapes of what goes into a network or comes out of it, by name."""

Weights = dict[str, tuple[FloatArray, FloatArray]]

OPSET = 18
IR_VERSION = 9
COUNTS = ("pitch", "frames")
"""Inputs that are whole numbers."""


class Graph:
    """Collects nodes and constants; every method returns the name of its output.

    Parameters
    ----------
    weights : dict of (kernel, bias), optional
        Of `dense` and `conv`, by layer name.
    """

    def __init__(self, weights: Weights | None = None) -> None:
        self.weights = weights or {}
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Add an initialiser."""
        name = f"c{len(self.constants)}"
        array = np.ascontiguousarray(np.asarray(value, dtype=dtype))
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, *values: int) -> str:
        """Add whole numbers."""
        return self.constant(values, np.int64)

    def node(self, op: str, *inputs: str | float, name: str = "", **attributes: Any) -> str:
        """Add an operator; numbers among its inputs become initialisers."""
        name = name or f"t{len(self.nodes)}"
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        self.nodes.append(helper.make_node(op, names, [name], **attributes))
        return name

    def dense(self, x: str, layer: str) -> str:
        """Multiply rows by a kernel (in, out) and add the bias."""
        kernel, bias = self.weights[layer]
        return self.node("Gemm", x, self.constant(kernel), self.constant(bias))

    def conv(self, x: str, layer: str) -> str:
        """Convolve (n, channels, frames); Keras kernels are (width, in, out)."""
        kernel, bias = self.weights[layer]
        pad = kernel.shape[0] // 2
        weight = self.constant(kernel.transpose(2, 1, 0))
        return self.node("Conv", x, weight, self.constant(bias), pads=[pad, pad])

    def leaky(self, x: str) -> str:
        """Apply the leaky rectifier."""
        return self.node("LeakyRelu", x, alpha=LEAK)

    def pixel_norm(self, x: str) -> str:
        """Divide by the root mean square over axis 1."""
        axes = self.integers(1)
        power = self.node("ReduceMean", self.node("Mul", x, x), axes, keepdims=1)
        rms = self.node("Sqrt", self.node("Add", power, 1e-8))
        return self.node("Div", x, rms)

    def unit(self, x: str) -> str:
        """Divide rows by their length."""
        length = self.node("ReduceL2", x, self.integers(1), keepdims=1)
        return self.node("Div", x, self.node("Max", length, 1e-12))

    def double(self, x: str, channels: int, frames: int) -> str:
        """Repeat every frame once."""
        split = self.node("Reshape", x, self.integers(-1, channels, frames, 1))
        pair = self.node("Concat", split, split, axis=3)
        return self.node("Reshape", pair, self.integers(-1, channels, 2 * frames))

    def part(self, x: str, start: int, end: int) -> str:
        """Take some of the values of axis 2."""
        places = [self.integers(i) for i in (start, end, 2)]
        return self.node("Slice", x, *places)

    def halve(self, x: str) -> str:
        """Average pairs of frames."""
        return self.node("AveragePool", x, kernel_shape=[2], strides=[2])


def generator_graph(weights: Weights, palette: FloatArray, config: TrainConfig) -> Any:
    """Write the generator at full resolution.

    Parameters
    ----------
    weights : dict of (kernel, bias)
        By layer name, as in `networks.Networks`.
    palette : np.ndarray [shape=(n_instruments, latent_dim)]
        Unit vectors; see `prior.place_latents`.
    config : TrainConfig

    Returns
    -------
    model : onnx.ModelProto
        Inputs ``z`` float32 (n, latent_dim), ``pitch`` int64 (n,), counted from the lowest
        pitch, and ``velocity`` float32 (n,), MIDI / 127; output ``features`` float32
        (n, 128, 288), silent above Nyquist.
    """
    graph = Graph(weights)
    condition = _condition(graph, _place(graph, palette), config)
    x = graph.dense(condition, "g_start")
    x = graph.node("Reshape", x, graph.integers(-1, RESOLUTIONS[0], config.channels[0]))
    x = graph.node("Transpose", x, perm=[0, 2, 1])
    for i in range(len(RESOLUTIONS)):
        if i:
            x = graph.double(x, config.channels[i - 1], RESOLUTIONS[i - 1])
        x = _block(graph, x, condition, config, i)
    features = graph.conv(x, f"g_out{len(RESOLUTIONS) - 1}")
    features = graph.node("Transpose", features, perm=[0, 2, 1])
    curves = graph.conv(x, f"g_curve{len(RESOLUTIONS) - 1}")
    features = graph.node("Add", features, _from_frequencies(graph, curves, config))
    mask = graph.constant(harmonic.feature_mask(_pitches(config))[:, None, :], np.bool_)
    heard = graph.node("Gather", mask, "pitch", axis=0)
    graph.node("Where", heard, features, graph.constant(harmonic.FEATURE_FILL), name="features")
    inputs: Ends = {"z": ["n", config.latent_dim], "pitch": ["n"], "velocity": ["n"]}
    return finished_model(
        graph, "generator", inputs, {"features": ["n", harmonic.N_FRAMES, harmonic.N_FEATURES]}
    )


def encoder_graph(weights: Weights, config: TrainConfig) -> Any:
    """Write the encoder at full resolution.

    Parameters
    ----------
    weights : dict of (kernel, bias)
        By layer name, as in `networks.Networks`.
    config : TrainConfig

    Returns
    -------
    model : onnx.ModelProto
        Inputs ``features`` float32 (n, 128, 288) and ``pitch`` int64 (n,), counted from the
        lowest pitch; output ``z`` float32 (n, latent_dim) of rms 1.
    """
    graph = Graph(weights)
    stage = len(RESOLUTIONS) - 1
    seen = graph.node("Concat", "features", _onto_frequencies(graph, config), axis=2)
    x = graph.node("Transpose", seen, perm=[0, 2, 1])
    h = graph.leaky(graph.conv(x, f"e_in{stage}"))
    for i in range(stage, 0, -1):
        skip = h
        h = graph.leaky(graph.conv(h, f"e_conv{i}a"))
        h = graph.halve(graph.leaky(graph.conv(h, f"e_conv{i}b")))
        if config.channels[i] == config.channels[i - 1]:
            h = graph.node("Mul", graph.node("Add", h, graph.halve(skip)), RESIDUAL_GAIN)
    h = graph.node("Flatten", graph.node("Transpose", h, perm=[0, 2, 1]), axis=1)
    h = graph.node("Concat", h, _one_hot(graph, config, 1.0), axis=1)
    h = graph.leaky(graph.dense(h, "e_dense"))
    direction = graph.unit(graph.dense(h, "e_out"))
    graph.node("Mul", direction, config.latent_dim**0.5, name="z")
    inputs: Ends = {"features": ["n", harmonic.N_FRAMES, harmonic.N_FEATURES], "pitch": ["n"]}
    return finished_model(graph, "encoder", inputs, {"z": ["n", config.latent_dim]})


def _place(graph: Graph, palette: FloatArray) -> str:
    """Write `prior.place_latents`."""
    d = palette.shape[1]
    directions = graph.constant(palette)
    unit = graph.unit("z")
    cosines = graph.node("MatMul", unit, graph.constant(palette.T))
    scores = graph.node("Mul", cosines, SHARPNESS * d**0.5)
    shares = graph.node("Softmax", scores, axis=-1)
    blend = graph.unit(graph.node("MatMul", shares, directions))
    nearest = graph.node("ReduceMax", cosines, graph.integers(1), keepdims=1)
    margin = graph.node("Sub", nearest, KEPT_COSINE)
    kept = graph.node("Sigmoid", graph.node("Mul", margin, 1.0 / KEPT_WIDTH))
    own = graph.node("Mul", kept, unit)
    rest = graph.node("Mul", graph.node("Sub", 1.0, kept), blend)
    placed = graph.unit(graph.node("Add", own, rest))
    return graph.node("Mul", placed, d**0.5)


def _pitches(config: TrainConfig) -> npt.NDArray[np.integer]:
    low, high = config.pitch_range
    return np.arange(low, high + 1)


def _from_frequencies(graph: Graph, curves: str, config: TrainConfig) -> str:
    """Write `frequency_layers.FromFrequencies` for curves (n, 160, frames)."""
    tables = graph.constant(grid_to_bins(_pitches(config)))
    table = graph.node("Gather", tables, "pitch", axis=0)
    turned = graph.node("Transpose", curves, perm=[0, 2, 1])
    of_level = graph.part(turned, 0, N_FREQUENCIES)
    of_noise = graph.part(turned, N_FREQUENCIES, 2 * N_FREQUENCIES)
    level, noise = (graph.node("MatMul", curve, table) for curve in (of_level, of_noise))
    nothing = graph.node("Mul", graph.part(level, 0, harmonic.N_SINGLE), 0.0)
    return graph.node("Concat", level, nothing, noise, nothing, axis=2)


def _onto_frequencies(graph: Graph, config: TrainConfig) -> str:
    """Write `frequency_layers.OntoFrequencies`: the levels over frequency (n, frames, 80)."""
    tables, is_sounding = bins_to_grid(_pitches(config))
    table = graph.node("Gather", graph.constant(tables), "pitch", axis=0)
    silence = np.where(is_sounding, 0.0, harmonic.FEATURE_FILL[0])[:, None, :]
    fill = graph.node("Gather", graph.constant(silence), "pitch", axis=0)
    levels = graph.node("MatMul", graph.part("features", 0, harmonic.N_BINS), table)
    return graph.node("Add", levels, fill)


def _one_hot(graph: Graph, config: TrainConfig, gain: float) -> str:
    depth = graph.constant(config.n_pitches, np.int64)
    return graph.node("OneHot", "pitch", depth, graph.constant([0.0, gain]), axis=-1)


def _condition(graph: Graph, z: str, config: TrainConfig) -> str:
    column = graph.node("Unsqueeze", "velocity", graph.integers(1))
    centred = graph.node("Sub", column, VELOCITY_CENTRE)
    strength = graph.node("Mul", centred, VELOCITY_GAIN)
    pitch = _one_hot(graph, config, PITCH_GAIN)
    x = graph.pixel_norm(graph.node("Concat", z, pitch, strength, axis=1))
    for i in range(2):
        x = graph.leaky(graph.dense(x, f"g_map{i}"))
    return x


def _block(graph: Graph, x: str, condition: str, config: TrainConfig, i: int) -> str:
    scale = graph.dense(condition, f"g_scale{i}")
    scale = graph.node("Unsqueeze", scale, graph.integers(2))
    gain = graph.node("Add", scale, 1.0)
    h = graph.pixel_norm(graph.leaky(graph.conv(x, f"g_conv{i}a")))
    h = graph.node("Mul", h, gain)
    h = graph.pixel_norm(graph.leaky(graph.conv(h, f"g_conv{i}b")))
    if i and config.channels[i] == config.channels[i - 1]:
        h = graph.node("Mul", graph.node("Add", h, x), RESIDUAL_GAIN)
    return h


def _ends(shapes: Ends) -> list[Any]:
    types = {name: TensorProto.INT64 if name in COUNTS else TensorProto.FLOAT for name in shapes}
    return [helper.make_tensor_value_info(name, types[name], shapes[name]) for name in shapes]


def finished_model(graph: Graph, name: str, inputs: Ends, outputs: Ends) -> Any:
    """Put the nodes of a graph between its ends and check what comes out (onnx.ModelProto)."""
    body = helper.make_graph(graph.nodes, name, _ends(inputs), _ends(outputs), graph.constants)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(body, opset_imports=[opset], producer_name="retimbre")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model
