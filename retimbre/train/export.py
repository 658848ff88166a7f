"""A run becomes a model folder: the averaged generator as ONNX, and what it was trained on."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from retimbre.errors import ModelFormatError, ModelNotFoundError
from retimbre.images.harmonic import FEATURE_FILL, SAMPLE_RATE, feature_mask
from retimbre.train.config import TrainConfig
from retimbre.train.dataset import Dataset
from retimbre.train.loop import CHECKPOINTS, Trainer
from retimbre.train.onnx_graph import Weights, generator_graph
from retimbre.train.prior import encode_palette, place_latents
from retimbre.train.schedule import RESOLUTIONS

FloatArray = npt.NDArray[np.floating]

FORMAT_VERSION = 1
MAX_DIFFERENCE = 1e-4
LAST_STAGE = len(RESOLUTIONS) - 1


def load_run(run: Path) -> Trainer:
    """Open a run at its last checkpoint, its averages in place of its weights.

    Parameters
    ----------
    run : Path

    Raises
    ------
    ModelNotFoundError
        If the folder holds no checkpoint.
    """
    config = replace(TrainConfig.load(run / "config.json"), mixed_precision=False)
    latest = tf.train.latest_checkpoint(str(run / CHECKPOINTS))
    if latest is None:
        raise ModelNotFoundError(f"{run} holds no checkpoint; train it first.")
    trainer = Trainer(config)
    trainer.checkpoint().restore(latest).assert_consumed()
    trainer.use_averages()
    return trainer


def layer_weights(model: Any) -> Weights:
    """Return kernel and bias of every layer of a Keras model, by layer name."""
    return {
        layer.name: (layer.kernel.numpy(), layer.bias.numpy())
        for layer in model.layers
        if hasattr(layer, "kernel")
    }


def keras_features(
    trainer: Trainer, palette: FloatArray
) -> Callable[[FloatArray, npt.NDArray[np.integer]], FloatArray]:
    """Return the generator of a run as a function (z, MIDI pitches) -> features."""
    generator = trainer.networks.generator(LAST_STAGE, False)
    low, high = trainer.config.pitch_range
    masks = feature_mask(np.arange(low, high + 1))[:, None, :]

    def play(z: FloatArray, pitches: npt.NDArray[np.integer]) -> FloatArray:
        index = np.asarray(pitches) - low
        one_hot = np.eye(trainer.config.n_pitches, dtype=np.float32)[index]
        features = generator(
            [place_latents(z, palette).astype(np.float32), one_hot, np.ones(1, np.float32)]
        )
        return np.where(masks[index], np.asarray(features), FEATURE_FILL)

    return play


def export_run(run: Path, dataset: Dataset, folder: Path) -> float:
    """Write a model folder and check that it computes what Keras computes.

    Parameters
    ----------
    run : Path
        A run folder of `loop.train`.
    dataset : Dataset
        What it was trained on: its instruments are encoded once more.
    folder : Path
        Gets generator.onnx and config.json.

    Returns
    -------
    difference : float
        Largest difference of any feature between ONNX Runtime and Keras over 64 random notes.

    Raises
    ------
    ModelFormatError
        If the difference is above 1e-4.
    """
    trainer = load_run(run)
    config = trainer.config
    weights = layer_weights(trainer.networks.generator(LAST_STAGE, False))
    palette = encode_palette(trainer, dataset)
    graph = generator_graph(weights, palette, config).SerializeToString()
    difference = _difference(graph, keras_features(trainer, palette), config)
    if difference > MAX_DIFFERENCE:
        raise ModelFormatError(
            f"The exported network of {run} differs from Keras by {difference:.1e}; "
            "nothing was written."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "generator.onnx").write_bytes(graph)
    description = {
        "format_version": FORMAT_VERSION,
        "representation": "harmonic",
        "sample_rate": SAMPLE_RATE,
        "latent_dim": config.latent_dim,
        "pitch_range": list(config.pitch_range),
        "generator": "generator.onnx",
        "generator_sha256": hashlib.sha256(graph).hexdigest(),
        "notes_seen": int(trainer.n_seen),
        "instruments": len(palette),
    }
    (folder / "config.json").write_text(json.dumps(description, indent=2) + "\n")
    return difference


def _difference(
    graph: bytes,
    reference: Callable[[FloatArray, npt.NDArray[np.integer]], FloatArray],
    config: TrainConfig,
) -> float:
    import onnxruntime

    rng = np.random.default_rng(0)
    z = rng.standard_normal((64, config.latent_dim)).astype(np.float32)
    low, high = config.pitch_range
    pitches = rng.integers(low, high + 1, 64)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    features = session.run(None, {"z": z, "pitch": pitches - low})[0]
    return float(np.abs(features - reference(z, pitches)).max())
