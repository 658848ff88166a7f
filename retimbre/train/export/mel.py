"""A run in GANSynth's representation becomes a model folder, like an imported checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retimbre.generator.folder import MEL_RATE
from retimbre.train.data.dataset import Dataset
from retimbre.train.export.card import card_text
from retimbre.train.export.gansynth_graph import (
    compare_specgrams,
    gansynth_graph,
    refuse_difference,
)
from retimbre.train.export.model_writing import write_parts
from retimbre.train.gansynth.weights import GansynthWeights, NetworkSize
from retimbre.train.run.player import Player
from retimbre.train.run.run_folder import run_split
from retimbre.train.run.trainer import Trainer

N_CHECKED = 2


def export_mel_run(
    run: Path, dataset: Dataset, trainer: Trainer, folder: Path, averaged: Sequence[int] = ()
) -> float:
    """Write a model folder and check that it computes what Keras computes.

    Parameters
    ----------
    run : Path
        A run folder of `loop.train`.
    dataset : Dataset
        What it was trained on.
    trainer : Trainer
        The run at its last checkpoint, its averages in place.
    folder : Path
        Gets generator.onnx, MODEL_CARD.md and config.json.
    averaged : sequence of int
        What the card says of earlier networks in the mean, see `retimbre.train.export.card`.

    Returns
    -------
    difference : float
        Largest difference of any value between ONNX Runtime and Keras over two random notes.

    Raises
    ------
    ModelFormatError
        If the root mean square of the differences is above 1e-4.
    """
    config, n_seen = trainer.config, int(trainer.n_seen)
    graph = gansynth_graph(keras_weights(trainer), config.pitch_range[0]).SerializeToString()
    rng, (low, high) = np.random.default_rng(0), config.pitch_range
    z = rng.standard_normal((N_CHECKED, config.latent_dim)).astype(np.float32)
    pitches = rng.integers(low, high + 1, N_CHECKED)
    player = Player(trainer, config.moment(config.total_notes))
    wanted = player.generate(z, pitches, np.ones(N_CHECKED))
    differences = compare_specgrams(graph, z, pitches - low, wanted)
    largest = refuse_difference(*differences, f"The exported network of {run} differs from Keras")
    trained, held_out = run_split(run, dataset, config)
    write_parts(
        folder,
        {"generator": graph},
        card_text(folder, run, dataset, trained, held_out, config, n_seen, averaged),
        representation=config.representation,
        sample_rate=MEL_RATE,
        latent_dim=config.latent_dim,
        pitch_range=config.pitch_range,
        notes_seen=n_seen,
    )
    return largest


def keras_weights(trainer: Trainer) -> GansynthWeights:
    """Return the generator's weights as a checkpoint of GANSynth has them."""
    config, networks = trainer.config, trainer.networks
    kind = networks.representation
    frames, bins = kind.shapes[0]
    size = NetworkSize(config.channels, config.latent_dim, config.n_pitches, (frames, bins))
    # Of equalised layers these are the kernels of unit variance.
    stored = {name: layer.get_weights() for name, layer in networks.layers.items()}
    layers = {}
    for block in range(1, size.n_blocks + 1):
        layers[f"{block}/conv0"] = stored[f"g_conv{block - 1}a"]
        layers[f"{block}/conv1"] = stored[f"g_conv{block - 1}b"]
    # Keras spreads a point where GANSynth convolves a padded one: the kernel is flipped.
    kernel, bias = layers["1/conv0"]
    layers["1/conv0"] = (kernel[::-1, ::-1].transpose(0, 1, 3, 2), bias)
    layers[f"{size.n_blocks}/to_rgb"] = stored[f"g_out{size.n_blocks - 1}"]
    return GansynthWeights(size, layers, "a run of retimbre", int(trainer.n_seen))
