"""Options of the main job, in the order of the help."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from retimbre import __version__
from retimbre.cli.group import LAST_SECTION, SectionOption
from retimbre.cli.values import Number, WholeNumber, frequency, note_range
from retimbre.settings.params import PITCH_SECTION, TABLE, About

_TYPES: dict[str, Any] = {
    "frequency": frequency,
    "keys": note_range,
    "files": click.Path(),
    "text": None,
    "flag": None,
}
"""What reads the text of a setting on the command line, by its kind."""

REPEATED = ("confidence", "instruments", "like")
"""Settings that are given several times on the command line."""

IN_MS = ("min_note_length",)
"""Settings that are given in milliseconds on the command line."""


def _option(name: str) -> SectionOption:
    """Make the option of a setting of the table."""
    about, default = TABLE[name].about, TABLE[name].default
    scale = 1000.0 if name in IN_MS else 1.0
    long = "--" + name.replace("_", "-")
    extra: dict[str, Any] = {}
    if name in REPEATED:
        extra["multiple"] = True
    elif default is not None:
        shown = round(default * scale, 6) if name in IN_MS else default
        extra |= {"default": shown, "show_default": True}
    if about.kind == "flag":
        long = f"{long}/--no-{long.removeprefix('--')}"
    said = about.shown or (default if name in REPEATED and default is not None else "")
    return SectionOption(
        [*([about.short] if about.short else []), long],
        section=about.section,
        show_range=name != "seed",
        metavar=about.metavar or None,
        type=_type_of(about),
        help=about.help + (f"  [default: {said}]" if said != "" else ""),
        **extra,
    )


def _type_of(about: About) -> Any:
    if about.kind == "number":
        return Number(about.low, about.high)
    if about.kind == "integer":
        low, high = (None if end is None else int(end) for end in (about.low, about.high))
        return WholeNumber(low, high)
    return click.Choice(about.choices) if about.kind == "choice" else _TYPES[about.kind]


def _section(name: str) -> list[SectionOption]:
    return [_option(setting) for setting, entry in TABLE.items() if entry.about.section == name]


INPUTS = click.Argument(
    ["inputs"], metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)

_output = partial(SectionOption, section="Output")
OUTPUT = [
    _output(
        ["-o", "--output"],
        metavar="PATH",
        type=click.Path(),
        help="Output file, or folder (created if missing).",
    ),
    _option("confidence"),
    _output(["--save-midi"], is_flag=True, help="Write the notes as MIDI, with pitch bends."),
    _output(
        ["--save-notes"], is_flag=True, help="Write the notes as CSV: onset,offset,pitch,velocity."
    ),
    _output(["--save-f0"], is_flag=True, help="Write the pitch as CSV: time,frequency,confidence."),
    _output(
        ["--plot"], is_flag=True, help="Write a picture (PNG) of input, pitch, notes and output."
    ),
    _output(
        ["--overwrite/--skip-existing", "replace"],
        default=None,
        help="Replace existing outputs, or skip them.",
    ),
]

_SOUND_ORDER = ("model", "instruments", "like", "secs_per_instrument", "seed", "expression")
SOUND = [_option(name) for name in _SOUND_ORDER]
PITCH_AND_NOTES = _section(PITCH_SECTION)

_run = partial(SectionOption, section=LAST_SECTION)
RUN = [
    _run(
        ["--json", "as_json"],
        is_flag=True,
        help="Print one JSON object per output; failures have the key 'error'.",
    ),
    _run(["-n", "--dry-run"], is_flag=True, help="Print the plan; render and write nothing."),
    _run(
        ["-j", "--jobs"],
        metavar="N",
        type=WholeNumber(1),
        default=1,
        show_default=True,
        help="Number of inputs to process at a time.",
    ),
    _run(["-q", "--quiet"], is_flag=True, help="Print errors only."),
    _run(["-v", "--verbose"], is_flag=True, help="Print details, and tracebacks of errors."),
]


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"retimbre {__version__}")
        ctx.exit()


VERSION = _run(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)

PARAMS: list[click.Parameter] = [INPUTS, *OUTPUT, *SOUND, *PITCH_AND_NOTES, *RUN, VERSION]
