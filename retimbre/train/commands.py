"""The commands ``retimbre dataset``, ``retimbre train`` and ``retimbre export``."""

from dataclasses import replace
from pathlib import Path

import click

from retimbre.errors import ModelNotFoundError
from retimbre.train.config import TrainConfig


def _need_tensorflow() -> None:
    """Say what to install where the training framework is missing."""
    try:
        import keras
        import onnx
        import tensorflow
    except ImportError as error:
        raise ModelNotFoundError(
            f"Training needs the package {error.name}; install what it needs with "
            "\"pip install 'retimbre[train]'\"."
        ) from error
    del keras, onnx, tensorflow


@click.group(short_help="Make training notes.")
def dataset() -> None:
    """Make the notes that a model is trained on."""


@dataset.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--soundfont",
    "soundfonts",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A SoundFont; repeatable. Default: those of Debian's packages.",
)
@click.option("--fraction", default=0.5, show_default=True, type=click.FloatRange(0.0, 1.0))
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("-j", "--jobs", default=2, show_default=True, type=click.IntRange(1))
def build(
    folder: Path, soundfonts: tuple[Path, ...], fraction: float, seed: int, jobs: int
) -> None:
    """Render the presets of SoundFonts, dry, on 88 keys, into FOLDER."""
    from tqdm import tqdm

    from retimbre.train import dataset as notes
    from retimbre.train.soundfonts import find_soundfonts

    fonts = list(soundfonts) or find_soundfonts()
    with tqdm(desc="Rendering", unit="pitch", disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        n_notes = notes.build(
            folder, fonts, fraction=fraction, seed=seed, workers=jobs, progress=show
        )
    click.echo(f"{n_notes} notes in {folder}", err=True)


@click.command(short_help="Train a model.")
@click.argument("dataset_folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--total-notes", default=None, type=click.IntRange(32), help="Length of the run.")
@click.option("--minutes", default=None, type=float, help="Stop after so long (resumable).")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option("--seed", default=None, type=int)
def train(
    dataset_folder: Path,
    run: Path,
    total_notes: int | None,
    minutes: float | None,
    resume: bool,
    seed: int | None,
) -> None:
    """Train a generator on DATASET_FOLDER; everything of the run goes into RUN."""
    from retimbre.train.dataset import Dataset

    notes = Dataset(dataset_folder)
    _need_tensorflow()
    from retimbre.train.loop import train as run_training

    config = TrainConfig.load(run / "config.json") if resume else TrainConfig()
    if total_notes is not None:
        config = replace(config, total_notes=total_notes)
    if seed is not None:
        config = replace(config, seed=seed)

    def show(line: dict[str, float]) -> None:
        click.echo("  ".join(f"{name} {value:g}" for name, value in line.items()), err=True)

    run_training(run, notes, config, resume=resume, minutes=minutes, report=show)


@click.command(short_help="Turn a run into a model folder.")
@click.argument("dataset_folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("model", type=click.Path(file_okay=False, path_type=Path))
def export(dataset_folder: Path, run: Path, model: Path) -> None:
    """Write the averaged networks of RUN, trained on DATASET_FOLDER, as ONNX into MODEL."""
    from retimbre.train.dataset import Dataset

    notes = Dataset(dataset_folder)
    _need_tensorflow()
    from retimbre.train.export import export_run

    difference = export_run(run, notes, model)
    click.echo(f"{model}: ONNX equals Keras to {difference:.1e}", err=True)
