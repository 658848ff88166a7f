"""Results on stdout, messages on stderr, and the exit code."""

import errno
import json
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from retimbre.cli.words import columns, count
from retimbre.settings.params import TABLE
from retimbre.settings.stops import tell

if TYPE_CHECKING:
    from tqdm import tqdm

    from retimbre.batch.plan import Output
    from retimbre.batch.run import Outcome
    from retimbre.result import Report

_LEAST_TOLD_DB = 0.05
"""What rounds to less than a tenth is not worth a sentence."""

_STAGES = {"pitch": "estimating pitch", "generate": "rendering", "files": "outputs"}


@dataclass
class Console:
    """Count what became of the outputs and tell it; the only owner of the exit code.

    Attributes
    ----------
    as_json : bool
        One JSON object per output on stdout instead of its path.
    quiet : bool
        Say nothing on stderr but errors.
    verbose : bool
        Show the tracebacks of errors.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    n_done: int = 0
    n_failed: int = 0
    results: "list[Outcome]" = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0: nothing failed; 1: everything did; 3: some outputs failed and some did not."""
        if self.n_failed == 0:
            return 0
        return 3 if self.n_done else 1

    def add(self, outcome: "Outcome") -> None:
        """Take in what became of one output, and tell it."""
        if outcome.output is not None:
            self.results.append(outcome)
        if outcome.report is None:
            self.failed(str(outcome.source), outcome.error or "", outcome.output, outcome.details)
            return
        self.n_done += 1
        if self.as_json:
            timings = {name: round(spent, 4) for name, spent in outcome.report.timings.items()}
            self._object(outcome.report.as_dict() | {"timings": timings})
        else:
            for path in (str(outcome.report.output), *outcome.report.files.values()):
                print_line(path)
        self.say(_sentence(outcome.report))
        if outcome.report.limited_db >= _LEAST_TOLD_DB:
            self.say(_limit(outcome.report))

    def failed(
        self,
        source: str,
        error: str,
        output: "Output | None" = None,
        details: str | None = None,
    ) -> None:
        """Take in and tell a failure: one line on stderr, with `as_json` an object on stdout."""
        self.n_failed += 1
        if self.as_json:
            self._object({"input": source, **_names(output), "error": error})
        if self.verbose and details:
            click.echo(details.rstrip(), err=True)
        is_named = re.search(rf"(?<![\w./-]){re.escape(source)}(?![\w/-])", error)
        where = "" if is_named else f"{source}: "
        click.echo(f"retimbre: {where}{error}", err=True)

    def skipped(self, source: str, output: "Output") -> None:
        """Take in and tell that an output exists and is kept."""
        self.n_done += 1
        if self.as_json:
            self._object({"input": source, **_names(output), "skipped": True})
        self.say(f"{output.path} exists; skipped")

    def planned(self, source: str, output: "Output", settings: dict[str, Any]) -> None:
        """Tell what a real run would write."""
        self.n_done += 1
        if self.as_json:
            self._object({"input": source, **_names(output), "dry_run": True, "settings": settings})
        else:
            at = "" if output.confidence is None else f" at confidence {output.confidence:g}"
            print_line(f"{source} -> {', '.join(str(path) for path in output.paths)}{at}")

    def settings(self, stages: dict[str, dict[str, Any]]) -> None:
        """Say the settings of each stage in a line; those that are not set are left out."""
        for stage, values in stages.items():
            told = [
                _setting(name, value) for name, value in values.items() if value not in (None, ())
            ]
            self.say(f"{stage}: {', '.join(told)}")

    def say(self, text: str) -> None:
        """Write a line on stderr unless `quiet`."""
        if not self.quiet:
            click.echo(text, err=True)

    def compare(self) -> None:
        """Say how the thresholds of each input compare, where there are several."""
        by_source: dict[str, list[Outcome]] = {}
        for outcome in self.results:
            by_source.setdefault(str(outcome.source), []).append(outcome)
        for source, outcomes in by_source.items():
            if len(outcomes) > 1:
                self.say(f"\n{source}\n{_table(outcomes)}")

    def _object(self, content: dict[str, Any]) -> None:
        print_line(json.dumps(content))


class ProgressBars:
    """Show the stages of a run: bars on a terminal, and the sentences of the generator.

    An instance is called as ``progress(stage, done, total)``.
    """

    def __init__(self, report: Console) -> None:
        self._report = report
        self._stage = ""
        self._start = 0.0
        self._bar: tqdm[Any] | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take in how far a stage is; one that is not known yet begins."""
        if self._stage != stage:
            if done >= total:
                return
            self._begin(stage, total)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        if done >= total:
            seconds = perf_counter() - self._start
            self.close()
            if stage == "generate":
                self._report.say(f"generated {count(total, 'sample')} in {seconds:.1f}s")

    def _begin(self, stage: str, total: int) -> None:
        self.close()
        self._stage, self._start = stage, perf_counter()
        if stage == "generate":
            self._report.say(f"Generating {count(total, 'sample')}...")
        # A process may be started without stderr; Python then has None in its place.
        if not self._report.quiet and sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, desc=_STAGES.get(stage, stage), leave=False, mininterval=0.05
            )

    def close(self) -> None:
        """Take the bar away, wherever it stands."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""


def print_line(line: str) -> None:
    """Write a line on stdout; what keeps it from there (a full disk) is told in a sentence."""
    try:
        click.echo(line)
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader has seen enough
            raise
        # Else the interpreter would try again to write it, and fail again, when it ends.
        with suppress(OSError, ValueError), open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        raise click.ClickException(
            f"The results cannot be listed on stdout: {error.strerror}."
        ) from error


_UNITS = {entry.attribute: f" {entry.about.unit}" for entry in TABLE.values() if entry.about.unit}


def _setting(name: str, value: Any) -> str:
    """Write a setting as people say it: ``min note length 0.06 s``."""
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, tuple | list):
        text = ("-" if name == "pitch_range" else ",").join(map(str, value))
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    unit = "" if isinstance(value, str) else _UNITS.get(name, "")
    return f"{name.removesuffix('_db').replace('_', ' ')} {text}{unit}"


def _names(output: "Output | None") -> dict[str, Any]:
    if output is None:
        return {}
    return {"output": str(output.path), "confidence": output.confidence}


def _sentence(report: "Report") -> str:
    notes = f"{report.notes} note{'s' * (report.notes != 1)}"
    folded = f" ({report.folded} folded by octaves)" if report.folded else ""
    played = f" on {tell(report.heard_names)}" if report.heard_names else ""
    return (
        f"{report.input} -> {report.output}: {notes}{folded}{played}, "
        f"{report.duration:.1f} s, {_loudness(report)} LUFS, seed {report.seed}, "
        f"took {report.timings['total']:.1f} s"
    )


def _limit(report: "Report") -> str:
    return (
        f"{report.output} is {report.limited_db:.1f} dB less loud than it should be, because its "
        "peaks allow no more; --loudness sets another loudness."
    )


def _loudness(report: "Report") -> str:
    return "under -70" if report.loudness is None else f"{report.loudness:.1f}"


def _table(outcomes: "list[Outcome]") -> str:
    """Set the thresholds of one input side by side."""
    head = (
        "threshold",
        "notes",
        "voiced s",
        "dropped s",
        "dropped notes",
        "folded",
        "LUFS",
        "output",
    )
    rows = [head, *sorted(map(_row, outcomes), key=lambda row: float(row[0]))]
    return "\n".join(columns(rows, to_the_left=("output",)))


def _row(outcome: "Outcome") -> tuple[str, ...]:
    confidence = f"{outcome.output.confidence:g}" if outcome.output is not None else ""
    report = outcome.report
    if report is None:
        return (confidence, *["-"] * 6, "failed")
    return (
        confidence,
        f"{report.notes}",
        f"{report.voiced_seconds:.2f}",
        f"{report.dropped['unvoiced_seconds']:.2f}",
        f"{report.dropped['short_notes']:.0f}",
        f"{report.folded}",
        _loudness(report),
        f"{report.output}",
    )
