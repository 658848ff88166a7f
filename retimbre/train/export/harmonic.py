"""A run becomes a model folder: the averaged networks as ONNX, the palette, and what it is."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from retimbre._typing import FloatArray, IntArray
from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.harmonic.image import N_FEATURES, N_FRAMES, SAMPLE_RATE
from retimbre.train.config import TrainConfig
from retimbre.train.data.dataset import Dataset
from retimbre.train.export.card import card_text
from retimbre.train.export.mel import export_mel_run
from retimbre.train.export.model_writing import write_parts
from retimbre.train.export.onnx_graph import Weights, encoder_graph, generator_graph
from retimbre.train.export.palette import describe_palette, encode_instruments
from retimbre.train.networks.prior import place_latents
from retimbre.train.run.player import WholePlayer
from retimbre.train.run.run_folder import CHECKPOINTS, CONFIG, held_out_elsewhere, run_split
from retimbre.train.run.trainer import Trainer

MAX_DIFFERENCE = 1e-4
N_CHECKED = 64


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
    config = replace(TrainConfig.load(run / CONFIG), mixed_precision=False)
    latest = tf.train.latest_checkpoint(str(run / CHECKPOINTS))
    if latest is None:
        raise ModelNotFoundError(f"{run} contains no checkpoint; train it first.")
    trainer = Trainer(config)
    trainer.checkpoint().restore(latest).assert_consumed()
    trainer.use_averages()
    return trainer


def load_average(run: Path, earlier: Sequence[Path] = ()) -> tuple[Trainer, list[int]]:
    """Open a run with the mean of its networks and of those that it had earlier.

    The mean of weights from far apart in one training often generalises better than either [1]_.

    Parameters
    ----------
    run : Path
    earlier : sequence of Path
        Copies of the run, made while it was trained.

    Returns
    -------
    trainer : Trainer
        Of `run`; its networks are the mean of all.
    seen : list of int
        How many notes each copy had seen.

    Raises
    ------
    ModelNotFoundError
        If a folder holds no checkpoint.
    ParameterError
        If one is of other networks.

    References
    ----------
    .. [1] Izmailov et al., "Averaging weights leads to wider optima and better generalization",
       UAI 2018.
    """
    trainer = load_run(run)
    variables = trainer.maker_variables
    sums = [variable.numpy().astype(np.float64) for variable in variables]
    seen = []
    for copy in earlier:
        other = load_run(copy)
        seen.append(int(other.n_seen))
        others = [variable.numpy() for variable in other.maker_variables]
        if [values.shape for values in others] != [values.shape for values in sums]:
            raise ParameterError(f"{copy} is not a copy of {run}: its networks have other sizes.")
        sums = [total + values for total, values in zip(sums, others, strict=True)]
    for variable, total in zip(variables, sums, strict=True):
        variable.assign((total / (1 + len(earlier))).astype(np.float32))
    return trainer, seen


def export_run(run: Path, dataset: Dataset, folder: Path, earlier: Sequence[Path] = ()) -> float:
    """Write a model folder and check that it computes what Keras computes.

    Parameters
    ----------
    run : Path
        A run folder of `loop.train`.
    dataset : Dataset
        What it was trained on: its instruments are encoded once more.
    folder : Path
        Gets generator.onnx, encoder.onnx, palette.json, MODEL_CARD.md and config.json; of a run in
        GANSynth's representation there is neither encoder nor palette.
    earlier : sequence of Path
        Copies of the run from earlier, see `load_average`.

    Returns
    -------
    difference : float
        Largest difference of any feature or latent between ONNX Runtime and Keras over 64
        random notes.

    Raises
    ------
    ModelFormatError
        If the difference is above 1e-4, or the run has not grown to its last resolution.
    WriteError
        If the folder cannot be written; nothing of the model stands there then.
    """
    trainer, seen = load_average(run, earlier)
    config = trainer.config
    _check_grown(run, trainer)
    if config.representation != "harmonic":
        return export_mel_run(run, dataset, trainer, folder, seen)
    own = WholePlayer(trainer)
    trained, held_out = run_split(run, dataset, config)
    directions = encode_instruments(dataset, trained, own.encode)
    palette = describe_palette(dataset, trained, directions, own.generate)
    weights = weights_of(trainer)
    parts = {
        "generator": generator_graph(weights, directions, config).SerializeToString(),
        "encoder": encoder_graph(weights, config).SerializeToString(),
    }
    difference = max(
        generator_difference(parts["generator"], own, directions, config),
        encoder_difference(parts["encoder"], own, config),
    )
    if difference > MAX_DIFFERENCE:
        raise ModelFormatError(
            f"The exported networks of {run} differ from Keras by {difference:.1e}; "
            "nothing was written."
        )
    n_seen = int(trainer.n_seen)
    write_parts(
        folder,
        parts | {"palette": _palette_bytes(palette)},
        card_text(folder, run, dataset, trained, held_out, config, n_seen, seen),
        representation=config.representation,
        sample_rate=SAMPLE_RATE,
        latent_dim=config.latent_dim,
        pitch_range=config.pitch_range,
        notes_seen=n_seen,
        instruments=len(palette),
        held_out=[*(dataset.instruments[i] for i in held_out), *held_out_elsewhere(run)],
        **({"begun_from": config.begun_from} if config.begun_from else {}),
    )
    return difference


def weights_of(trainer: Trainer) -> Weights:
    """Return kernel and bias of every layer by its name."""
    return {
        name: (layer.kernel.numpy(), layer.bias.numpy())
        for name, layer in trainer.networks.layers.items()
        if layer.built
    }


def _check_grown(run: Path, trainer: Trainer) -> None:
    n_grown, n_seen = trainer.config.n_grown, int(trainer.n_seen)
    if n_seen < n_grown:
        raise ModelFormatError(
            f"{run} has seen {n_seen:,} notes, but reaches its last resolution only at "
            f"{n_grown:,}; train it further with --resume, or shorten its stages in a config file."
        )


def _palette_bytes(entries: list[dict[str, Any]]) -> bytes:
    """Write the palette, an instrument a line."""
    lines = ",\n".join("  " + json.dumps(entry) for entry in entries)
    return f'{{"instruments": [\n{lines}\n]}}\n'.encode()


def _difference(graph: bytes, wanted: FloatArray, **inputs: FloatArray | IntArray) -> float:
    from retimbre.io.networks import open_session

    return float(np.abs(open_session(graph).run(None, inputs)[0] - wanted).max())


def generator_difference(
    graph: bytes, own: WholePlayer, directions: FloatArray, config: TrainConfig
) -> float:
    """Return how far a generator (ONNX) with these directions is from Keras on random notes."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((N_CHECKED, config.latent_dim)).astype(np.float32)
    # Some at instruments: those are played as they are.
    z[: len(directions)][:16] = 16.0 * directions[:16]
    low, high = config.pitch_range
    pitches = rng.integers(low, high + 1, N_CHECKED)
    velocities = rng.random(N_CHECKED).astype(np.float32)
    wanted = own.generate(place_latents(z, directions), pitches, velocities)
    return _difference(graph, wanted, z=z, pitch=pitches - low, velocity=velocities)


def encoder_difference(graph: bytes, own: WholePlayer, config: TrainConfig) -> float:
    """Return how far an encoder (ONNX) is from Keras on random notes."""
    rng = np.random.default_rng(1)
    features = rng.uniform(-1.0, 1.0, (N_CHECKED, N_FRAMES, N_FEATURES)).astype(np.float32)
    low, high = config.pitch_range
    pitches = rng.integers(low, high + 1, N_CHECKED)
    wanted = own.encode(features, pitches)
    return _difference(graph, wanted, features=features, pitch=pitches - low)
