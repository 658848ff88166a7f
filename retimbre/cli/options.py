"""Options of the main job, in the order of the help."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from retimbre.cli.group import SectionOption
from retimbre.cli.values import Level, Number, WholeNumber, frequency, note_range
from retimbre.settings.about import About
from retimbre.settings.params import PITCH_SECTION, TABLE

_TYPES: dict[str, Callable[[About], Any]] = {
    "number": lambda about: Number(about.low, about.high),
    "integer": lambda about: WholeNumber(about.low, about.high),  # type: ignore[arg-type]
    "choice": lambda about: click.Choice(about.choices),
    "level": lambda about: Level(about.low, about.high, about.choices),
    "frequency": lambda _: frequency,
    "keys": lambda _: note_range,
    "files": lambda _: click.Path(),
    "text": lambda _: None,
    "flag": lambda _: None,
}
"""What reads a setting on the command line, by its kind."""

REPEATED = ("confidence", "instruments", "like")
"""Settings that are given several times on the command line."""

IN_MS = ("min_note_length",)
"""Settings that are given in milliseconds on the command line."""


def option(name: str) -> SectionOption:
    """Make the option of a setting of the table."""
    about, default = TABLE[name].about, TABLE[name].default
    long = "--" + name.replace("_", "-")
    if about.kind == "flag":
        long = f"{long}/--no-{long.removeprefix('--')}"
    if name in IN_MS:
        default = round(1000.0 * default, 6)
    is_repeated = name in REPEATED
    said = about.shown or (default if is_repeated else None)
    return SectionOption(
        [about.short, long] if about.short else [long],
        section=about.section,
        multiple=is_repeated,
        default=None if is_repeated else default,
        show_default=not is_repeated,
        show_range=name != "seed",
        metavar=about.metavar or None,
        type=_TYPES[about.kind](about),
        help=about.help if said is None else f"{about.help}  [default: {said}]",
    )


class InputPath(click.Path):
    """A path that is not empty, as a variable of a shell may be: that would mean this folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if value == "":
            self.fail("The name of an input is empty; for this folder write ./", param, ctx)
        return super().convert(value, param, ctx)


INPUTS = click.Argument(
    ["inputs"],
    metavar="INPUT...",
    nargs=-1,
    required=True,
    type=InputPath(path_type=Path),
)

_output = partial(SectionOption, section="Output")
_side = partial(_output, is_flag=True)
OUTPUT = [
    _output(
        ["-o", "--output"],
        metavar="PATH",
        type=click.Path(),
        help="Output file, or folder (created if missing).",
    ),
    option("confidence"),
    _side(["--save-midi"], help="Write the notes as MIDI, with pitch bends."),
    _side(["--save-notes"], help="Write the notes as CSV: onset,offset,pitch,velocity."),
    _side(["--save-f0"], help="Write the pitch as CSV: time,frequency,confidence."),
    _output(
        ["--save-instruments"],
        metavar="FILE.json",
        type=click.Path(path_type=Path),
        help="Write the instruments of the output and their times; -i FILE.json plays them again.",
    ),
    _side(["--plot"], help="Write a picture (PNG) of input, pitch, notes and output."),
    _output(
        ["--overwrite/--skip-existing", "replace"],
        default=None,
        help="Replace existing outputs, or skip them.",
    ),
]

_SOUND_ORDER = (
    *("model", "instruments", "like", "secs_per_instrument", "seed"),
    *("expression", "pitch_expression", "loudness_expression", "articulation", "loudness"),
)
SOUND = [option(name) for name in _SOUND_ORDER]
PITCH_AND_NOTES = [
    option(name) for name, entry in TABLE.items() if entry.about.section == PITCH_SECTION
]

_flag = partial(click.Option, is_flag=True)
RUN = [
    _flag(
        ["--json", "as_json"],
        help="Print one JSON object per output; failures have the key 'error'.",
    ),
    _flag(["-n", "--dry-run"], help="Print the plan; render and write nothing."),
    click.Option(
        ["-j", "--jobs"],
        metavar="N",
        type=WholeNumber(1),
        default=1,
        show_default=True,
        help="Number of inputs to process at a time.",
    ),
    _flag(["-q", "--quiet"], help="Print errors only."),
    _flag(["-v", "--verbose"], help="Print details, and tracebacks of errors."),
]

PARAMS: list[click.Parameter] = [INPUTS, *OUTPUT, *SOUND, *PITCH_AND_NOTES, *RUN]
