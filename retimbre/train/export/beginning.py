"""A run that begins with the networks of a model: its weights, read back and checked."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from retimbre._typing import FloatArray
from retimbre.errors import ModelFormatError, ParameterError
from retimbre.generator.folder import (
    ModelConfig,
    find_model,
    open_encoder,
    open_generator,
    read_config,
)
from retimbre.generator.playing import N_DIGITS
from retimbre.train.config import TrainConfig
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.export.harmonic import (
    MAX_DIFFERENCE,
    encoder_difference,
    generator_difference,
    weights_of,
)
from retimbre.train.export.onnx_graph import Weights, encoder_graph, generator_graph
from retimbre.train.networks.representation import find_representation
from retimbre.train.run.player import WholePlayer
from retimbre.train.run.trainer import Trainer


class Beginning:
    """The networks of a model, for runs to begin with.

    Parameters
    ----------
    model : str or Path
        A model folder, or the name of an embedded model.
    config : TrainConfig
        Of the run that shall begin.

    Attributes
    ----------
    config : TrainConfig
        All resolutions from the first note on, and which model it was.
    held_out : list of InstrumentKey
        What the model was not trained on; what it is judged by is to stay so.

    Raises
    ------
    ModelNotFoundError
        If there is no such model.
    ModelFormatError
        If it is damaged, or not one that `retimbre export` writes.
    ParameterError
        If its networks are not those that `config` describes.
    """

    def __init__(self, model: str | Path, config: TrainConfig) -> None:
        self._model = read_config(find_model(model))
        _check_suits(self._model, config)
        told = _read_config(self._model)
        self.held_out = [InstrumentKey(*key) for key in told.get("held_out", [])]
        self.config = replace(
            config,
            stage_starts=(0,) * len(config.stage_starts),
            fade_notes=0,
            begun_from=_describe(self._model),
        )
        # They say what is wrong with a file that is no such network.
        open_generator(self._model)
        open_encoder(self._model)
        self._graphs = {part: self._model.read(part, part) for part in ("generator", "encoder")}

    def load(self) -> Weights:
        """Read the weights and see that Keras computes with them what ONNX Runtime does.

        Returns
        -------
        weights : dict of (kernel, bias)
            By layer name, as in `networks.Networks`.

        Raises
        ------
        ModelFormatError
            If the graphs are not those that `retimbre export` writes, or any feature or latent of
            64 random notes differs by more than 1e-4.
        ParameterError
            If the networks have other channels than the settings.
        """
        graphs = {part: onnx.load_from_string(graph) for part, graph in self._graphs.items()}
        self._check_channels(_layers(graphs["generator"]))
        trainer = Trainer(replace(self.config, mixed_precision=False))
        palette = np.zeros((1, self.config.latent_dim), np.float32)
        weights: Weights = {}
        for part, graph in graphs.items():
            asked = _Asked(trainer)
            if part == "generator":
                own = generator_graph(asked, palette, self.config)
            else:
                own = encoder_graph(asked, self.config)
            # What has the same nodes was written by the same code, which asks in one order.
            if _outline(own) != _outline(graph):
                raise ModelFormatError(
                    f"{self._model.path(part)} is not a network that this version exports; export "
                    "its run again, or begin from another model."
                )
            weights |= zip(asked.names, _layers(graph), strict=True)
        put_weights(trainer, weights)
        self._check_same(trainer, _directions(graphs["generator"]))
        return weights

    def _check_channels(self, layers: list[tuple[FloatArray, FloatArray]]) -> None:
        widths = [kernel.shape[-1] for kernel, _ in layers if kernel.ndim == 3 and len(kernel) == 3]
        found, wanted = widths[::2], list(self.config.channels)
        if len(found) == len(wanted) and found != wanted:
            raise ParameterError(
                f"The networks of {self._model.folder} have the channels {found}, but the settings "
                f'{wanted}; set "channels" to {found} in a file for --config.'
            )

    def _check_same(self, trainer: Trainer, directions: FloatArray) -> None:
        own = WholePlayer(trainer)
        difference = max(
            generator_difference(self._graphs["generator"], own, directions, self.config),
            encoder_difference(self._graphs["encoder"], own, self.config),
        )
        if not difference <= MAX_DIFFERENCE:
            raise ModelFormatError(
                f"The networks of {self._model.folder} differ from Keras by {difference:.1e} with "
                "the same weights; export its run again, or begin from another model."
            )


def put_weights(trainer: Trainer, weights: Weights) -> None:
    """Put weights into the networks of a trainer and into their moving averages."""
    for name, (kernel, bias) in weights.items():
        layer = trainer.networks.layers[name]
        layer.kernel.assign(kernel)
        layer.bias.assign(bias)
    for average, variable in zip(trainer.averages, trainer.maker_variables, strict=True):
        average.assign(variable.value)


class _Asked(Weights):
    """The weights of a trainer's layers, with the names that were asked for, in order."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(weights_of(trainer))
        self.names: list[str] = []

    def __getitem__(self, name: str) -> tuple[FloatArray, FloatArray]:
        self.names.append(name)
        return super().__getitem__(name)


def _outline(model: Any) -> tuple[list[str], list[tuple[int, ...]]]:
    """Return the operators of a graph and the sizes of its layers."""
    sizes = [kernel.shape for kernel, _ in _layers(model)]
    return [node.op_type for node in model.graph.node], sizes


def _constants(model: Any) -> dict[str, FloatArray]:
    return {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}


def _layers(model: Any) -> list[tuple[FloatArray, FloatArray]]:
    """Return kernels, as Keras has them, and biases in the order in which they are used."""
    constants = _constants(model)
    turns = {"Gemm": (0, 1), "Conv": (2, 1, 0)}
    return [
        (constants[node.input[1]].transpose(turns[node.op_type]), constants[node.input[2]])
        for node in model.graph.node
        if node.op_type in turns and constants.keys() >= {*node.input[1:3]}
    ]


def _directions(model: Any) -> FloatArray:
    """Return the palette that a generator holds; see `onnx_graph.generator_graph`."""
    cosines = next(node for node in model.graph.node if node.op_type == "MatMul")
    return _constants(model)[cosines.input[1]].T


def _check_suits(model: ModelConfig, config: TrainConfig) -> None:
    """Refuse a model whose networks cannot be those of a run."""
    if config.equalised or not find_representation(config.representation).has_encoder:
        raise ParameterError(
            "Only harmonic runs that are not equalised can begin from a model; leave out --from, "
            "or use --config fine_tune."
        )
    if model.representation != config.representation or not model.has("encoder"):
        lacks = "no encoder" if model.representation == "harmonic" else "GANSynth's networks"
        raise ParameterError(
            f"{model.folder} has {lacks}, and a run cannot begin from it; give a model that "
            "'retimbre export' wrote of a harmonic run, such as default."
        )
    for name in ("latent_dim", "pitch_range"):
        own, wanted = getattr(model, name), getattr(config, name)
        if own != wanted:
            value = json.dumps(own)
            raise ParameterError(
                f"{model.folder} has {name} {value}, but the settings {json.dumps(wanted)}; set "
                f'"{name}" to {value} in a file for --config, or begin from another model.'
            )


def _read_config(model: ModelConfig) -> dict[str, Any]:
    """Read what the export wrote about the run, beside what playing needs."""
    told: dict[str, Any] = json.loads((model.folder / "config.json").read_text(encoding="utf-8"))
    return told


def _describe(model: ModelConfig) -> str:
    """Say which model it is and what it was trained on, which its licences want to be told."""
    told = _read_config(model)
    parts = [f"generator {model.files['generator'][1][:N_DIGITS]}"]
    if model.has("palette"):
        entries = json.loads(model.read("palette", "palette"))["instruments"]
        counts = Counter((entry.get("source"), entry.get("licence")) for entry in entries)
        parts += [
            f"{n} instruments from {source}, licence {licence}"
            for (source, licence), n in sorted(counts.items(), key=str)
        ]
    if told.get("begun_from"):
        parts.append(f"itself begun from {told['begun_from']}")
    return f"{model.name} ({'; '.join(parts)})"
