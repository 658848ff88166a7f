"""The command ``retimbre export``."""

from pathlib import Path

import click

from retimbre.train.export.model_writing import check_free, check_output
from retimbre.train.framework import need_tensorflow
from retimbre.train.run.run_folder import check_run, dataset_of

HELP = """Turn RUN into a model folder that 'retimbre -m' plays.

\b
  retimbre export runs/first -o models/mine
  retimbre melody.wav -m models/mine

The folder gets the averaged generator and encoder as ONNX, the palette (every trained instrument
by name), config.json and MODEL_CARD.md. The networks are compared with those of the run on random
notes; where they differ nothing is written. The files of a model that is there are replaced; a
folder that holds anything else is refused.
"""


@click.command(help=HELP, short_help="Turn a run into a model folder.")
@click.argument("run", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="The model folder.  [default: RUN/model]",
)
@click.option(
    "--dataset",
    "dataset_folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="The notes of the run.  [default: where they were in training]",
)
@click.option(
    "--average",
    "earlier",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A copy of RUN from earlier: the mean of both networks is exported.  [repeatable]",
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
    click.echo(f"ONNX equals Keras to {difference:.1e}.", err=True)
    click.echo(folder)
