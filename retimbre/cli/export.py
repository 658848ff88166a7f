"""The command ``retimbre export``."""

import json
from pathlib import Path

import click

from retimbre.train.config import TrainConfig
from retimbre.train.export.model_writing import check_free, check_output
from retimbre.train.framework import need_tensorflow
from retimbre.train.run.run_folder import CONFIG, check_run, dataset_of

HELP = """Export RUN as a model folder for 'retimbre -m'.

\b
  retimbre export runs/first -o models/mine
  retimbre melody.wav -m models/mine

The folder gets the averaged generator and encoder as ONNX, the palette (every trained instrument
by name), config.json and MODEL_CARD.md. The ONNX networks are compared with those of the run on
random notes; if they differ, nothing is written. An existing model in the folder is replaced; a
folder with anything else in it is refused.
"""


@click.command(help=HELP, short_help="Export a run as a model folder.")
@click.argument("run", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Model folder to write.  [default: RUN/model]",
)
@click.option(
    "--dataset",
    "dataset_folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="The run's dataset.  [default: where it was in training]",
)
@click.option(
    "--average",
    "earlier",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Earlier copy of RUN; the mean of both networks is exported; repeatable.",
)
def export(
    run: Path, output: Path | None, dataset_folder: Path | None, earlier: tuple[Path, ...]
) -> None:
    """Read the run and its notes, export, and say where the model is."""
    from retimbre.train.data.dataset import Dataset

    for needed in (run, *earlier):
        check_run(needed)
    folder = output or run / "model"
    check_free(folder)
    check_output(folder)
    notes = Dataset(dataset_folder or dataset_of(run))
    need_tensorflow()
    from retimbre.train.export.harmonic import export_run

    difference = export_run(run, notes, folder, earlier)
    config = TrainConfig.load(run / CONFIG)
    n_seen = json.loads((folder / "config.json").read_text(encoding="utf-8"))["notes_seen"]
    if n_seen <= config.judge_warmup_notes:
        click.echo(
            f"The generator has learned nothing yet: for {config.judge_warmup_notes:,} notes only "
            f"the discriminator does, and the run stopped at {n_seen:,}; continue with --resume.",
            err=True,
        )
    click.echo(f"The largest difference between ONNX and Keras is {difference:.1e}.", err=True)
    click.echo(folder)
