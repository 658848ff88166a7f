"""The command ``retimbre train``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from retimbre.cli.train_options import NumberRange
from retimbre.cli.words import count
from retimbre.errors import ModelNotFoundError, ParameterError
from retimbre.train.config import CONFIGS, TrainConfig, find_config
from retimbre.train.framework import PRECISIONS, need_tensorflow
from retimbre.train.run.progress import Status, tell_time
from retimbre.train.run.run_folder import CONFIG

if TYPE_CHECKING:
    from tqdm import tqdm

    from retimbre.train.data.dataset import Dataset

STOPPING = "retimbre: finishing this step and saving; press Ctrl-C again to stop now."

FINE_TUNE = "fine_tune"
"""The configuration of a run that begins from a model."""

PACE_STEPS = 20
"""After so many steps it is told how long a run will take."""

SHOWN = ("level_error", "adversarial", "discriminator", "pitch_fake")
"""Figures of the progress line; the others stand in stats.jsonl."""

HELP = """Train a generator on DATASET; all files of the run are written to RUN.

\b
  retimbre train datasets/mine runs/first
  retimbre train datasets/mine runs/first --minutes 60
  retimbre train datasets/mine runs/first --resume --total-notes 4000000
  retimbre train datasets/mine runs/mine --from default

RUN gets the settings, checkpoints, figures of every 100 steps (stats.jsonl) and sample sheets.
Ctrl-C saves a checkpoint; --resume continues from it exactly as if the run had not stopped. The
exit code is 0 when the run or its --minutes are over, 130 after Ctrl-C and 143 after SIGTERM, so
that a script does not continue with a half-trained model.
"""


@click.command(help=HELP, short_help="Train a generator.")
@click.argument("dataset_folder", metavar="DATASET", type=click.Path(path_type=Path))
@click.argument("run", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--config",
    "config_name",
    metavar="NAME|FILE",
    help=f"Settings of a new run: {', '.join(CONFIGS)}, or a JSON file like a run's config.json. "
    f" [default: harmonic; with --from: {FINE_TUNE}]",
)
@click.option(
    "--from",
    "model",
    metavar="MODEL",
    help="Begin with the networks of a model: an embedded one by name, or a model folder.",
)
@click.option("--resume", is_flag=True, help="Continue from the run's last checkpoint.")
@click.option(
    "--minutes", type=NumberRange(0.0), help="Stop after this many minutes; --resume continues."
)
@click.option("--total-notes", type=click.IntRange(1), help="Length of the run, in notes.")
@click.option(
    "--decay-notes",
    type=click.IntRange(0),
    help="Number of notes at the end over which the learning rate falls.",
)
@click.option("--batch-size", type=click.IntRange(4), help="Notes per step, a multiple of 4.")
@click.option(
    "--seed", type=click.IntRange(0), help="Random seed; the same seed gives the same weights."
)
@click.option(
    "--sheet-notes",
    type=click.IntRange(0),
    help="Write a sample sheet every so many notes; 0 for none.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Precision of the convolutions; auto uses bfloat16 where the GPU or processor supports "
    "it well.  [default: auto; with --resume: that of the run]",
)
def train(dataset_folder: Path, run: Path, minutes: float | None, **options: Any) -> None:
    """Read the settings, train, and say how to go on."""
    from retimbre.train.data.dataset import Dataset

    dataset = Dataset(dataset_folder)
    resume, precision, model = (options.pop(name) for name in ("resume", "precision", "model"))
    config = choose_settings(run, resume=resume, model=model, **options)
    need_tensorflow()
    from retimbre.train.export.beginning import Beginning
    from retimbre.train.run.loop import train as run_training

    beginning = None if model is None else Beginning(model, config)
    config = (beginning.config if beginning else config).settled(precision)
    go_on = f"retimbre train {dataset_folder} {run} --resume"
    with _terminating(), closing(ProgressLine(config)) as line:
        try:
            trainer = run_training(
                run,
                dataset,
                config,
                dataset_folder=dataset_folder,
                beginning=beginning,
                resume=resume,
                minutes=minutes,
                begin=partial(say_start, dataset_folder, dataset, config),
                report=line.report,
                progress=line.update,
                stopping=line.tell_stopping,
            )
        except KeyboardInterrupt as interrupt:
            line.close()
            click.echo(f"retimbre: stopped{line.place}; continue with: {go_on}", err=True)
            number = interrupt.args[0] if interrupt.args else signal.SIGINT
            raise click.exceptions.Exit(128 + number) from interrupt
    click.echo(tell_end(run, config, int(trainer.n_seen), line.place, go_on), err=True)


def say_start(
    folder: Path, dataset: "Dataset", config: TrainConfig, trained: list[int], held_out: list[int]
) -> None:
    """Say what a run is trained on, and what of that may not be as it is wanted.

    Parameters
    ----------
    folder : Path
        Of the dataset.
    dataset : Dataset
    config : TrainConfig
    trained, held_out : list of int
        Indices into ``dataset.instruments``.
    """
    n_notes = sum(len(dataset.notes_of[dataset.instruments[i]]) for i in trained)
    instruments = count(len(trained), "instrument")
    notes = count(n_notes, "note")
    click.echo(f"{folder}: {instruments}, {notes}, {len(held_out):,} held out.", err=True)
    if config.n_held_out and not held_out:
        click.echo(
            f"No instrument is held out although n_held_out is {config.n_held_out}: at most a "
            "quarter can be, and instruments of similar sound or name only together.",
            err=True,
        )
    if not dataset.is_finished:
        click.echo(
            f"{folder} is not finished ({dataset.n_keys} of {dataset.n_planned_keys} keys); run "
            "the same 'retimbre dataset build' to continue, which also finds copies at its end.",
            err=True,
        )
    begun = f"Begun from {config.begun_from}. " if config.begun_from else ""
    click.echo(f"{begun}Training in {tell_precision(config)}.", err=True)


def tell_precision(config: TrainConfig) -> str:
    """Name the precision of a run."""
    return "bfloat16" if config.mixed_precision else "float32"


def tell_pace(config: TrainConfig, status: Status) -> str:
    """Say how fast a run is and how long it will take from where it is."""
    left = status.total_notes - status.n_seen
    # The discriminator alone is trained faster, too.
    is_last = status.moment.stage == len(config.channels) - 1
    is_last &= status.n_seen >= config.judge_warmup_notes
    return (
        f"Training in {tell_precision(config)}: {status.notes_per_second:.0f} notes/s"
        f"{'' if is_last else ' at first'}, about {tell_time(status.seconds_left)} for "
        f"{left:,} notes."
    )


def tell_end(run: Path, config: TrainConfig, n_seen: int, place: str, go_on: str) -> str:
    """Say that a run, or the time given to it, is over, and what comes next.

    Parameters
    ----------
    run : Path
    config : TrainConfig
    n_seen : int [notes]
    place : str
        Where the run is, as the end of a sentence.
    go_on : str
        The command that goes on.
    """
    if n_seen < config.total_notes:
        return f"Time is up{place}; continue with: {go_on}"
    # Said only where it can be done.
    more = f"export needs at least {config.n_grown:,} notes: {go_on} --total-notes N"
    next_step = more if n_seen < config.n_grown else f"next: retimbre export {run}"
    return f"{run}: trained on {n_seen:,} notes; {next_step}"


def choose_settings(
    run: Path,
    *,
    config_name: str | None,
    resume: bool,
    model: str | None = None,
    **numbers: int | None,
) -> TrainConfig:
    """Return the settings of a run: those it has, or named ones, changed by options.

    Parameters
    ----------
    run : Path
    config_name : str, optional
        Of a new run.
    resume : bool
    model : str, optional
        That a new run begins from.
    **numbers : int, optional
        Settings of `TrainConfig`.

    Raises
    ------
    ParameterError
        If a setting is impossible, or a run that goes on would need to change it.
    ModelNotFoundError
        If there is no run to go on with.
    """
    given: dict[str, Any] = {name: n for name, n in numbers.items() if n is not None}
    if not resume:
        base = "harmonic" if model is None else FINE_TUNE
        if model is None and config_name == FINE_TUNE:
            raise ParameterError(f"{FINE_TUNE} begins with the networks of a model; add --from.")
        if model is not None and config_name in CONFIGS and config_name != FINE_TUNE:
            raise ParameterError(
                f"{config_name} trains networks that know nothing yet; with --from use "
                f'--config {FINE_TUNE}, or a file of settings, as {{"base": "{FINE_TUNE}"}}.'
            )
        # A file may be that of a run which was begun from another model.
        return replace(find_config(config_name or base, base), begun_from="", **given)
    if not (run / CONFIG).is_file():
        raise ModelNotFoundError(f"{run} contains no run to resume; leave out --resume.")
    config = TrainConfig.load(run / CONFIG)
    told = {"config": config_name, "from": model}
    fixed = [name for name, value in told.items() if value is not None]
    for name in ("seed", "batch_size"):
        if name in given and given[name] != getattr(config, name):
            fixed.append(name)
    if fixed:
        option = fixed[0].replace("_", "-")
        raise ParameterError(f"{run} keeps the settings it was started with; leave out --{option}.")
    return replace(config, **given)


@contextmanager
def _terminating() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does; the interrupt then has its number."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class ProgressLine:
    """Shows a run on stderr: a line that keeps changing, or where that is no terminal a few."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._bar: tqdm[Any] | None = None
        self._status: Status | None = None
        self._n_steps = 0

    @property
    def place(self) -> str:
        """Where the run is, as the end of a sentence."""
        if self._status is None:
            return " before the first step"
        return f" at {self._status.n_seen:,} of {self._status.total_notes:,} notes"

    def update(self, status: Status) -> None:
        """Show how far the run is."""
        from tqdm import tqdm

        if self._bar is None:
            bar_format = "{percentage:3.0f}%|{bar:10}| {desc}"
            self._bar = tqdm(
                total=status.total_notes, initial=status.n_seen, bar_format=bar_format, disable=None
            )
        self._status = status
        self._n_steps += 1
        if self._n_steps == PACE_STEPS:
            self._bar.write(tell_pace(self._config, status), file=sys.stderr)
        self._bar.set_description_str(tell(status), refresh=False)
        self._bar.update(status.n_seen - self._bar.n)

    def report(self, _: dict[str, float]) -> None:
        """Write a line every 100 steps where there is no terminal."""
        if self._status is not None and self._bar is not None and self._bar.disable:
            click.echo(tell(self._status), err=True)

    def tell_stopping(self) -> None:
        """Say that Ctrl-C was heard; this is called in the midst of whatever is done."""
        is_shown = self._bar is not None and not self._bar.disable
        # The line is being written at this very moment: a word within it cannot be.
        with suppress(RuntimeError):
            click.echo(("\n" if is_shown else "") + STOPPING, err=True)

    def close(self) -> None:
        """Leave the line as it stands; it may be closed again."""
        if self._bar is not None:
            self._bar.close()


def tell(status: Status) -> str:
    """Say where a run is in one line."""
    moment = status.moment
    fade = f" (fade {moment.alpha:.2f})" if moment.is_fading else ""
    figures = " ".join(
        f"{name.removesuffix('_error')} {status.stats[name]:.3f}"
        for name in SHOWN
        if name in status.stats
    )
    pace = ""
    if status.notes_per_second > 0.0:
        left = tell_time(status.seconds_left)
        pace = f"{left} left, {status.notes_per_second:.0f} notes/s, "
    return (
        f"{status.n_seen:,}/{status.total_notes:,} notes, {pace}stage {moment.stage}{fade}, "
        f"{figures}"
    )
