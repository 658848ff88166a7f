"""The command ``retimbre instruments``, which lists them; what follows it shows one."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from retimbre.cli.group import MainJobGroup
from retimbre.cli.options import option
from retimbre.cli.report import print_line
from retimbre.cli.words import columns
from retimbre.errors import ModelNotFoundError, alternatives, one_line

if TYPE_CHECKING:
    from retimbre.instrument import Instrument

HELP = """List a model's named instruments, with figures that describe their sound.

FILTER is one or more words or beginnings of words; only instruments whose names match all of
them are listed.

\b
  retimbre instruments
  retimbre instruments flute --sort brightness
  retimbre song.webm -i "Flute,Cello"
  retimbre instruments show random:7
  retimbre instruments play "Bowed Glass" -o glass.wav

\b
brightness  spectral centroid of middle C, in Hz
attack      time until it is within 3 dB of its loudest, in ms
decay       how fast it fades while held, in dB per second; 0 is sustained
noisiness   level of its noise relative to its tone, in dB
range       notes of it in training; other notes can be played too
"""

# Column, what it shows of an instrument, and by what it is sorted.
_COLUMNS: dict[str, tuple[Callable[["Instrument"], str], Callable[["Instrument"], Any]]] = {
    "name": (lambda i: i.name, lambda i: i.name.casefold()),
    "brightness": (lambda i: f"{i.brightness:.0f} Hz", lambda i: i.brightness),
    "attack": (lambda i: f"{1000 * i.attack:.0f} ms", lambda i: i.attack),
    "decay": (lambda i: f"{i.decay:.1f} dB/s", lambda i: i.decay),
    "noisiness": (lambda i: f"{i.noisiness:.0f} dB", lambda i: i.noisiness),
    "range": (lambda i: _range(i.range or ()), lambda i: i.range),
    "source": (lambda i: i.source, lambda i: i.source.casefold()),
}
_JSON = (*_COLUMNS, "bank", "program", "licence")


COMMANDS = {
    "play": ("retimbre.cli.instrument:play", "Write a short demo of an instrument."),
    "show": ("retimbre.cli.instrument:show", "Draw a picture of an instrument."),
}


@click.command(cls=MainJobGroup, lazy=COMMANDS, help=HELP, params=[option("model")])
@click.argument("words", metavar="[FILTER]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array (attack in seconds).")
@click.option(
    "--sort",
    "field",
    type=click.Choice(list(_COLUMNS)),
    help="Sort by a column, smallest first.  [default: the model's order]",
)
def instruments(words: tuple[str, ...], model: str, as_json: bool, field: str | None) -> None:
    """Print the instruments whose names hold all of some words."""
    from retimbre.generator.folder import find_model, read_config
    from retimbre.generator.palette import open_palette

    try:
        palette = open_palette(read_config(find_model(model)))
    except ModelNotFoundError as error:
        raise click.BadParameter(one_line(error), param_hint="'-m'") from error
    found = palette.select(words)
    if not found:
        asked = " ".join(words)
        raise click.ClickException(
            f"No instrument has {asked!r} in its name. Did you mean "
            f"{alternatives(palette.near(asked))}?"
        )
    if field is not None:
        found.sort(key=_COLUMNS[field][1])
    if as_json:
        rows = [{name: getattr(entry, name) for name in _JSON} for entry in found]
        print_line(json.dumps(rows, indent=2))
    else:
        cells = [list(_COLUMNS), *([show(i) for show, _ in _COLUMNS.values()] for i in found)]
        for line in columns(cells, to_the_left=("name", "range", "source")):
            print_line(line)


def _range(ends: Sequence[int]) -> str:
    from retimbre.units import midi_to_note

    return "-".join(map(midi_to_note, ends))
