"""The command ``retimbre import-gansynth``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retimbre.errors import ParameterError
from retimbre.generator.folder import MEL, MEL_RATE
from retimbre.generator.hints import CONFIG
from retimbre.train.export.model_writing import check_free, check_output, write_parts
from retimbre.train.framework import need_packages
from retimbre.train.gansynth.folders import find_folder, is_js

if TYPE_CHECKING:
    from retimbre.train.gansynth.weights import GansynthWeights

LOWEST_PITCH = 24
N_CHECKED = 2
HELP = """Convert a GANSynth checkpoint to a model folder for 'retimbre -m'.

\b
  retimbre import-gansynth acoustic_only
  retimbre import-gansynth ~/Downloads/all_instruments -o models/all_instruments
  retimbre melody.wav -m models/all_instruments

CHECKPOINT is the folder with experiment.json and stage_00000 to stage_00012, as published or
written by gansynth_train, or a folder of Magenta.js weights (weights_manifest.json and its
shards). Only models of the configuration mel_prog_hires whose last resolution is fully faded in
can be imported; the message names any file or setting that is missing or different.

The folder gets the averaged generator as ONNX, config.json and MODEL_CARD.md. The network is
compared with GANSynth's own formulas on random notes; if they differ, nothing is written.

Reading a training checkpoint needs TensorFlow; Magenta.js weights need only the package onnx.
docs/gansynth.md says where to get a checkpoint and how to use it.
"""

CARD = """# {name}

A [GANSynth](https://arxiv.org/abs/1902.08710) generator (configuration `mel_prog_hires`), imported
from a checkpoint without further training.

| | |
|---|---|
| plays | MIDI {low}..{high}, {latent_dim} latent dimensions; images of 4 s at 16 kHz |
| checkpoint | {checkpoint} |
| trained on | {seen} |
| weights | the moving averages of its training, in float32 |
| licence | that of the checkpoint; ask its publisher |
"""


@click.command(
    name="import-gansynth", help=HELP, short_help="Convert a GANSynth checkpoint to a model."
)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Model folder to write.  [default: models/NAME]",
)
@click.option("--name", help="Name of the model.  [default: the name of CHECKPOINT]")
@click.option("--overwrite", is_flag=True, help="Replace an existing model.")
def import_gansynth(
    checkpoint: Path, output: Path | None, name: str | None, overwrite: bool
) -> None:
    """Read the checkpoint, write the model, and say where it is."""
    source = find_folder(checkpoint)
    name = _name(source, name)
    folder = output or Path("models") / name
    if os.path.exists(folder / CONFIG) and not overwrite:
        raise ParameterError(f"{folder} already contains a model; add --overwrite to replace it.")
    check_free(folder)
    check_output(folder)
    click.echo(f"Importing {source} into {folder}...", err=True)
    difference = import_model(source, folder, name)
    click.echo(
        f"The largest difference between ONNX and GANSynth's formulas is {difference:.1e}.",
        err=True,
    )
    click.echo(folder)


def _name(checkpoint: Path, name: str | None) -> str:
    folder = checkpoint.resolve()
    if name is None:
        is_stage = folder.name.startswith("stage_")
        name = folder.parent.name if is_stage else folder.name
    if name in ("", "..") or Path(name).name != name:
        raise ParameterError(f"Invalid model name {name!r}; give a --name without folders.")
    return name


def import_model(checkpoint: Path, folder: Path, name: str) -> float:
    """Write the model folder of a checkpoint, whole or not at all.

    Parameters
    ----------
    checkpoint : Path
        A folder with ``experiment.json``, one of its stages, or one of Magenta.js weights.
    folder : Path
        Gets generator.onnx, MODEL_CARD.md and config.json; files of these names are replaced.
    name : str
        What the model is called.

    Returns
    -------
    difference : float
        Largest difference of any value between ONNX Runtime and GANSynth's formulas in NumPy,
        over two random notes, whole and in part.

    Raises
    ------
    ModelError
        If the checkpoint is not there or is not understood, if a package that the import needs is
        missing, or if the network made from it computes something else.
    WriteError
        If the folder cannot be written.
    """
    weights = read_weights(checkpoint)
    need_packages("Importing", "onnx")
    from retimbre.train.export.gansynth_graph import gansynth_graph, refuse_difference

    graph = gansynth_graph(weights, LOWEST_PITCH).SerializeToString()
    what = f"The network made from {checkpoint} differs from GANSynth's formulas"
    largest = refuse_difference(*compare(graph, weights), what)
    size = weights.size
    write_parts(
        folder,
        {"generator": graph},
        _card(weights, name),
        representation=MEL,
        sample_rate=MEL_RATE,
        latent_dim=size.latent_dim,
        pitch_range=[LOWEST_PITCH, LOWEST_PITCH + size.n_pitches - 1],
        images_seen=weights.images_seen,
        source={"kind": "GANSynth", "name": name, "checkpoint": weights.checkpoint},
    )
    return largest


def read_weights(checkpoint: Path) -> "GansynthWeights":
    """Read the weights of a checkpoint of either kind; see `import_model`."""
    from retimbre.train.gansynth.checkpoint import read_checkpoint
    from retimbre.train.gansynth.magenta_js import read_js_weights

    folder = find_folder(checkpoint)
    return read_js_weights(folder) if is_js(folder) else read_checkpoint(folder)


def compare(graph: bytes, weights: "GansynthWeights") -> tuple[float, float]:
    """Compare a network with GANSynth's formulas on random notes, whole and in part.

    Parameters
    ----------
    graph : bytes
        An ONNX network; see `gansynth_graph.gansynth_graph`.
    weights : GansynthWeights

    Returns
    -------
    largest, rms : float
        See `gansynth_graph.compare_specgrams`.
    """
    import numpy as np

    from retimbre.train.export.gansynth_graph import compare_specgrams, generate_specgrams

    size, rng = weights.size, np.random.default_rng(0)
    z = rng.standard_normal((N_CHECKED, size.latent_dim)).astype(np.float32)
    pitch = rng.integers(0, size.n_pitches, N_CHECKED)
    return compare_specgrams(graph, z, pitch, generate_specgrams(weights, z, pitch))


def _card(weights: "GansynthWeights", name: str) -> str:
    size = weights.size
    seen = "see its publisher's description"
    if weights.images_seen is not None:
        seen = f"{weights.images_seen:,} images of notes; for the notes {seen}"
    return CARD.format(
        name=name,
        low=LOWEST_PITCH,
        high=LOWEST_PITCH + size.n_pitches - 1,
        latent_dim=size.latent_dim,
        checkpoint=f"{name}, {weights.checkpoint}",
        seen=seen,
    )
