"""The command ``retimbre``: its options, jobs and report."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import click

from retimbre import __version__, errors
from retimbre.batch import plan
from retimbre.cli.group import MainJobGroup
from retimbre.cli.options import PARAMS
from retimbre.cli.report import Console, ProgressBars
from retimbre.io.formats import recordings_in
from retimbre.settings import Options, Settings

COMMANDS = {
    "instruments": ("retimbre.cli.instruments:instruments", "List the instruments of a model."),
    "train": ("retimbre.cli.train:train", "Train a generator."),
    "dataset": ("retimbre.cli.dataset:dataset", "Build a training dataset."),
    "export": ("retimbre.cli.export:export", "Export a trained generator to ONNX."),
    "import-gansynth": (
        "retimbre.cli.import_gansynth:import_gansynth",
        "Convert a GANSynth checkpoint to a model.",
    ),
}

HELP = """Turn a recorded melody into the same melody played by instruments that never existed.

INPUT is a media file, a MIDI file or a folder of them. The result is written beside it as
STEM.retimbred.wav; several thresholds give STEM_pe_00.wav, STEM_pe_05.wav and so on.

\b
  retimbre song.webm
  retimbre song.webm -c 0 -c 0.5 -c 0.8 -o results
  retimbre song.webm -i "Flute,Cello"
  retimbre song.webm --like my-clarinet.wav
  retimbre recordings/ -j 4 --save-midi --plot --json

The files written are listed on stdout; messages and progress go to stderr. Exit codes: 0 done,
1 failed, 2 wrong usage, 3 some of several outputs failed.
"""

EPILOG = """Earlier results under retimbre's own names are replaced; an existing file given with -o
is kept unless --overwrite is given. Files that an earlier run wrote beside its output (.mid, .csv,
.png) stay until the same option writes them again. Inputs are never overwritten. Write ./NAME for
an input whose name is that of a command."""
# The options that say which side outputs are written.
_SIDES = {"save_midi": "midi", "save_notes": "notes", "save_f0": "f0", "plot": "plot"}


def run_main_job(
    *,
    inputs: tuple[Path, ...],
    output: str | None,
    confidence: tuple[float, ...],
    save_instruments: Path | None,
    replace: bool | None,
    dry_run: bool,
    jobs: int,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Do what the options say and exit with the code of the report."""
    report = Console(as_json, quiet, verbose)
    _set_up_logging(logging.DEBUG if verbose else logging.ERROR if quiet else logging.INFO)
    sides = [kind for name, kind in _SIDES.items() if options.pop(name)]
    # Options that are the settings' own stay in `options`; the rest is named above.
    settings, thresholds = _settings(options, confidence)
    # A MIDI file has one output, however many thresholds are asked for.
    found = _find(inputs, report, tell_midi=dry_run or len(thresholds) > 1)
    try:
        planned = plan.plan_jobs(found, thresholds, output=output, sides=sides)
    except errors.ParameterError as error:
        raise click.BadParameter(str(error), param_hint="'-o'") from error
    named = set() if output is None or plan.is_folder_output(output) else {Path(output)}
    if save_instruments is not None:
        try:
            planned = plan.with_instruments(found, planned, save_instruments)
        except errors.ParameterError as error:
            raise click.BadParameter(str(error), param_hint="'--save-instruments'") from error
        named.add(save_instruments)
    planned = _writable(planned, replace, _given_files(planned, settings), named, report)
    if dry_run:
        _tell(planned, settings, report)
    elif planned:
        _play(planned, settings, jobs, report)
        report.compare()
    click.get_current_context().exit(report.exit_code)


def _settings(
    options: dict[str, Any], confidence: tuple[float, ...]
) -> tuple[Settings, tuple[float, ...]]:
    """Check all values before anything is done with them."""
    options["min_note_length"] /= 1000.0
    options["instruments"] = ",".join(options["instruments"]) if options["instruments"] else None
    with _refusing("'-i'"):
        settings = Settings.from_options(**cast(Options, options))
        thresholds = tuple(dict.fromkeys(confidence)) or (settings.notes.confidence,)
        for threshold in thresholds:
            settings.with_confidence(threshold)
    return settings, thresholds


def _find(paths: Sequence[Path], report: Console, *, tell_midi: bool) -> list[plan.Input]:
    from retimbre.io.midi import is_midi

    found: list[plan.Input] = []
    for path in paths:
        try:
            found += plan.find_inputs(path)
        except errors.RetimbreError as error:
            report.failed(str(path), errors.one_line(error))
    known = []
    for item in plan.without_repeats(found):
        try:
            is_known = tell_midi and is_midi(item.path)
            known.append(dataclasses.replace(item, is_midi=is_known))
        except errors.RetimbreError as error:
            report.failed(str(item.path), errors.one_line(error))
    return known


def _given_files(jobs: list[plan.Job], settings: Settings) -> dict[Path, str]:
    """Return the files that the command reads, and what each of them is."""
    model = Path(settings.timbre.model)
    parts = model.iterdir() if model.is_dir() else [model]
    return {
        **{path.resolve(): "a file of the model" for path in parts if path.is_file()},
        **{
            path.resolve(): "a recording of --like"
            for given in settings.timbre.files
            for path in recordings_in(Path(given))
        },
        **{Path(path).resolve(): "a file of --instruments" for path in settings.timbre.saved},
        **{job.source.resolve(): "an input" for job in jobs},
    }


def _writable(
    jobs: list[plan.Job],
    replace: bool | None,
    kept: dict[Path, str],
    named: set[Path],
    report: Console,
) -> list[plan.Job]:
    """Leave out the outputs that must not or need not be written, and tell why."""
    left = []
    for job in jobs:
        outputs = []
        for output in job.outputs:
            source = str(job.source)
            taken = [path for path in output.paths if path.resolve() in kept]
            try:
                there = [path for path in output.paths if plan.standing(path)]
            except errors.RetimbreError as error:
                report.failed(source, errors.one_line(error), output)
                continue
            if taken:
                what = kept[taken[0].resolve()]
                report.failed(source, f"{taken[0]} is {what}; choose another output.", output)
            elif replace is False and output.path in there:
                report.skipped(source, output)
            elif replace is not True and (lost := _lost(output, there, named, replace)):
                report.failed(source, f"{lost[0]} exists; add --overwrite to replace it.", output)
            else:
                outputs.append(output)
        left.append(dataclasses.replace(job, outputs=tuple(outputs)))
    return [job for job in left if job.outputs]


def _lost(
    output: plan.Output, there: list[Path], named: set[Path], replace: bool | None
) -> list[Path]:
    """Return what must stay of what is there: files that were named, and those beside an output."""
    if replace is None and output.path in named:
        return there
    return [path for path in there if path in named]


def _play(jobs: list[plan.Job], settings: Settings, workers: int, report: Console) -> None:
    from retimbre.batch.run import run_jobs

    progress = ProgressBars(report)
    set_up = partial(_set_up_logging, logging.getLogger("retimbre").level)
    n_outputs = sum(len(job.outputs) for job in jobs)
    outcomes = run_jobs(jobs, settings, workers=workers, progress=progress, set_up_worker=set_up)
    try:
        with _refusing(_hint(settings)):
            for n_done, outcome in enumerate(outcomes, 1):
                progress.close()
                report.add(outcome)
                if workers > 1:
                    progress("files", n_done, n_outputs)
    finally:
        progress.close()


def _hint(settings: Settings) -> str:
    """Return the option that names files of instruments; only one of the two is given."""
    return "'--like'" if settings.timbre.files else "'-i'"


@contextmanager
def _refusing(hint: str) -> Iterator[None]:
    """Tell what is wrong with the command, not with an input, as such."""
    try:
        yield
    except errors.ModelNotFoundError as error:
        raise click.BadParameter(errors.one_line(error), param_hint="'-m'") from error
    # What is wrong with an input is an outcome; this is wrong with a file of an instrument.
    except (errors.AudioError, errors.FileError) as error:
        raise click.BadParameter(errors.one_line(error), param_hint=hint) from error
    except errors.ParameterError as error:
        raise click.UsageError(errors.one_line(error)) from error


def _tell(jobs: list[plan.Job], settings: Settings, report: Console) -> None:
    """Say what would be done, and how."""
    from retimbre.timbre import check_timbre

    with _refusing(_hint(settings)):
        check_timbre(settings.timbre)
    told = dataclasses.asdict(settings)
    del told["notes"]["confidence"]  # each output tells its own
    report.settings(told)
    for job in jobs:
        for output in job.outputs:
            at = settings.with_confidence(output.confidence)
            report.planned(str(job.source), output, dataclasses.asdict(at))


def _set_up_logging(level: int) -> None:
    # It remarks on its cache folder, which helps nobody who asked for a picture.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    logger = logging.getLogger("retimbre")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("retimbre: %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(level)


command = MainJobGroup(
    name="retimbre",
    callback=run_main_job,
    params=PARAMS,
    lazy=COMMANDS,
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(__version__, prog_name="retimbre", message="%(prog)s %(version)s")(command)
