"""Run jobs: analyze each input once, render it at every threshold."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from retimbre._typing import FloatArray, StageProgress
from retimbre.batch.plan import INSTRUMENTS, Job, Output
from retimbre.display import plot
from retimbre.display.spectrogram import LogSpectrogram, log_spectrogram
from retimbre.errors import NoPitchError, ParameterError, WriteError, one_line
from retimbre.io import audio, midi, tables
from retimbre.io.files import check_room
from retimbre.io.formats import check_length
from retimbre.io.instruments import save_instruments
from retimbre.result import Analysis, Report, Result
from retimbre.runtime import in_processes, timed
from retimbre.session import TAIL_SECONDS, Session
from retimbre.settings import Settings
from retimbre.timbre import TimbrePath
from retimbre.types import Melody


@dataclass(frozen=True)
class Outcome:
    """What became of one output.

    Attributes
    ----------
    source : Path
    output : Output or None
        None where the input failed before its outputs were begun.
    report : Report or None
        That of the result; None on failure.
    error : str or None
        One sentence; None on success.
    details : str or None
        The traceback of the error.
    """

    source: Path
    output: Output | None = None
    report: Report | None = None
    error: str | None = None
    details: str | None = None


def run_jobs(
    jobs: Sequence[Job],
    settings: Settings,
    *,
    workers: int = 1,
    progress: StageProgress | None = None,
    set_up_worker: Callable[[], None] | None = None,
) -> Iterator[Outcome]:
    """Run jobs and yield what becomes of each output, as it is known.

    Parameters
    ----------
    jobs : sequence of Job
    settings : Settings
        A seed is drawn once for all of them where there is none.
    workers : int [>= 1]
        Processes; 1 runs everything in this one.
    progress : callable, optional
        As in `Session`; not called when there are several workers.
    set_up_worker : callable, optional
        Called once in every worker process (to set up its logging, say).

    Yields
    ------
    outcome : Outcome
        In the order of the jobs with one worker, in the order of completion with several.

    Raises
    ------
    ModelError
        If the model cannot be loaded: no job could succeed.
    ParameterError
        If there are no workers, the model cannot play in the pitch range, or has no instrument
        of a name.
    AudioError
        If no note is heard in a recording whose timbre is asked for.
    """
    if workers < 1:
        raise ParameterError(f"The number of workers must be 1 or more, given {workers}.")
    session = Session(settings)
    if workers == 1 or len(jobs) == 1:
        for job in jobs:
            yield from run_job(job, session, progress=progress)
    else:
        work = partial(_work, settings=session.settings, timbre=session.timbre)
        yield from _run_pool(jobs, work, min(workers, len(jobs)), set_up_worker)


def run_job(
    job: Job,
    session: Session,
    *,
    progress: StageProgress | None = None,
) -> Iterator[Outcome]:
    """Analyse one input once and write all of its outputs.

    Parameters
    ----------
    job : Job
    session : Session
    progress : callable, optional

    Yields
    ------
    outcome : Outcome
        One an output; one for all of them if the input cannot be read.
    """
    pictures: list[LogSpectrogram] = []

    def listen(y: FloatArray, sr: int) -> None:
        _check_lengths(job, len(y) / sr, rate)
        if any("plot" in output.sides for output in job.outputs):
            pictures.append(log_spectrogram(y, sr))

    try:
        for output in job.outputs:
            for path in output.paths:
                _check_folder(path.parent)
        rate = session.model.clip_rate
        analysis = session.analyze(job.source, progress=progress, listener=listen)
        _check_lengths(job, analysis.duration, rate)  # of MIDI nothing is listened to
        gain_of = _lower_melody(job, session, analysis)
    # A boundary: whatever is wrong with this input, the next one gets its turn.
    except Exception as error:
        yield _failure(job.source, None, error)
        return
    picture = pictures[0] if pictures else None
    play = partial(_play, job.source, session, analysis, picture=picture, progress=progress)
    # The lowest threshold first: all take its gain. What becomes of them is told in order.
    outcomes, waiting = dict[Path, Outcome](), list(job.outputs)
    for output in sorted(job.outputs, key=_threshold):
        outcomes[output.path], melody = play(output, gain_of)
        gain_of = gain_of or melody
        while waiting and waiting[0].path in outcomes:
            yield outcomes.pop(waiting.pop(0).path)


def _play(
    source: Path,
    session: Session,
    analysis: Analysis,
    output: Output,
    gain_of: Melody | None,
    *,
    picture: LogSpectrogram | None,
    progress: StageProgress | None,
) -> tuple[Outcome, Melody | None]:
    """Play and write one output; return what becomes of it, and what was played."""
    # In here no result lives on while the next is rendered: an hour has 600 MB.
    melody = None
    try:
        result = session.render(analysis, output.confidence, gain_of=gain_of, progress=progress)
        melody = result.melody
        return Outcome(source, output, write(result, output, picture)), melody
    except Exception as error:
        return _failure(source, output, error), melody


def _threshold(output: Output) -> float:
    return 0.0 if output.confidence is None else output.confidence


def _lower_melody(job: Job, session: Session, analysis: Analysis) -> Melody | None:
    """Find the first notes under the thresholds of the outputs, where those are left out."""
    lowest = min(map(_threshold, job.outputs), default=0.0)
    for threshold in sorted(job.thresholds):
        if threshold < lowest:
            with suppress(NoPitchError):
                return session.melody(analysis, threshold)
    return None


def write(result: Result, output: Output, picture: LogSpectrogram | None = None) -> Report:
    """Write a result and what was asked for beside it.

    Parameters
    ----------
    result : Result
    output : Output
        Its folders are made if they do not exist. Side outputs that a MIDI input does not have
        (its f0) are left out.
    picture : LogSpectrogram, optional
        Of the input, for the plot.

    Returns
    -------
    report : Report
        That of the result, with the files written (``output``, ``files``) and the time taken.

    Raises
    ------
    WriteError
        If a file cannot be written.
    """
    timings = dict(result.report.timings)
    with timed(timings, "save"):
        for path in output.paths:
            _make_folder(path.parent)
        written = dict(output.sides)
        if result.pitch is None:
            written.pop("f0", None)
        for kind, path in written.items():
            _write_side(kind, path, result, picture)
        # Last, so that where the main output exists everything does.
        audio.save(output.path, result.y, result.sr)
    timings["total"] += timings["save"]
    files = {kind: str(path) for kind, path in written.items()}
    return replace(result.report, output=str(output.path), files=files, timings=timings)


def _check_lengths(job: Job, seconds: float, sr: int) -> None:
    """Find out before the work whether its results can be as long as they will be."""
    for output in job.outputs:
        check_length(output.path, seconds + TAIL_SECONDS, sr)


def _check_folder(folder: Path) -> None:
    """Find out before the work whether its result can be written."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise WriteError(f"Cannot write into {str(folder)!r}: {str(there)!r} is a file.")
    try:
        check_room(there)
    except OSError as error:
        raise WriteError(f"Cannot write into {str(folder)!r}: {error.strerror}.") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"Cannot make the folder {str(folder)!r}: {error.strerror}.") from error


def _write_side(kind: str, path: Path, result: Result, picture: LogSpectrogram | None) -> None:
    if kind == "midi":
        articulation = result.melody.articulation if result.melody is not None else None
        midi.save_midi(path, result.notes, result.curves, articulation=articulation)
    elif kind == "notes":
        tables.save_notes_csv(path, result.notes)
    elif kind == "f0" and result.pitch is not None:
        tables.save_f0_csv(path, result.pitch)
    elif kind == "plot":
        plot.draw_result(path, result, picture)
    elif kind == INSTRUMENTS:
        save_instruments(path, result.instruments)


def _failure(source: Path, output: Output | None, error: Exception) -> Outcome:
    details = "".join(traceback.format_exception(error))
    return Outcome(source, output, error=one_line(error), details=details)


def _run_pool(
    jobs: Sequence[Job],
    work: Callable[[Job], list[Outcome]],
    workers: int,
    set_up: Callable[[], None] | None,
) -> Iterator[Outcome]:
    """Spread jobs over processes; a process that dies takes only its own job with it."""
    lost: list[Job] = []
    for job, outcomes in in_processes(work, jobs, workers, set_up):
        yield from outcomes or ()
        if outcomes is None:
            lost.append(job)
    # It is not known which job a process died of, so each of the lost gets one of its own.
    for job in lost:
        for _, outcomes in in_processes(work, [job], 1, set_up):
            died = "The worker process died, perhaps out of memory; try fewer --jobs."
            yield from outcomes or [Outcome(job.source, error=died)]


def _work(job: Job, settings: Settings, timbre: TimbrePath | None) -> list[Outcome]:
    """Run one job in a worker, where Ctrl-C ends the job and leaves no unfinished file."""
    try:
        return list(run_job(job, Session(settings, timbre=timbre)))
    except KeyboardInterrupt:
        return [Outcome(job.source, error="Interrupted.")]
