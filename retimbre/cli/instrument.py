"""The commands ``retimbre instruments show`` and ``retimbre instruments play``."""

import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from retimbre import errors
from retimbre.batch.plan import standing
from retimbre.cli.options import option
from retimbre.cli.report import print_line
from retimbre.settings import Settings
from retimbre.settings.stops import Random, read_stops

if TYPE_CHECKING:
    from retimbre.session import Session

SHOW_HELP = """Draw what an instrument sounds like: spectrograms at five keys and three velocities.

NAME is one item of a list of -i: a name, random, random:NUMBER, or a .json file of one instrument.

\b
  retimbre instruments show flute
  retimbre instruments show random:7 -o seven.png
"""

PLAY_HELP = """Write a short demo of an instrument: low to high, soft to loud, and a phrase.

NAME is one item of a list of -i: a name, random, random:NUMBER, or a .json file of one instrument.

\b
  retimbre instruments play "Bowed Glass" -o glass.wav
  retimbre instruments play random
"""

_Command = TypeVar("_Command", bound=Callable[..., None])


def _with_options(metavar: str, suffix: str) -> Callable[[_Command], _Command]:
    """Give a command the name of an instrument and the file that is written."""

    def decorate(command: _Command) -> _Command:
        for add in (
            click.argument("words", metavar="NAME", nargs=-1, required=True),
            click.option(
                "-o",
                "--output",
                metavar=metavar,
                type=click.Path(path_type=Path),
                help=f"File to write.  [default: NAME{suffix}]",
            ),
            click.option("--overwrite", is_flag=True, help="Replace an existing file."),
        ):
            command = add(command)
        return command

    return decorate


@click.command(help=SHOW_HELP, params=[option("model")])
@_with_options("PNG", ".png")
def show(words: tuple[str, ...], model: str, output: Path | None, overwrite: bool) -> None:
    """Draw one instrument."""
    from retimbre.display.instrument import draw_instrument
    from retimbre.notes.demo import demo_keys, touch_grid

    if output is not None and output.suffix.lower() != ".png":
        raise click.BadParameter(
            f"A picture is written as .png, given {str(output)!r}; end its name with .png.",
            param_hint="'-o'",
        )
    session, path = _open(" ".join(words), model, output, ".png", overwrite)
    draw_instrument(path, session.play(touch_grid(demo_keys(session.model.pitch_range))))
    print_line(str(path))


@click.command(help=PLAY_HELP, params=[option("model")])
@_with_options("FILE", ".wav")
def play(words: tuple[str, ...], model: str, output: Path | None, overwrite: bool) -> None:
    """Play a demo of one instrument."""
    from retimbre.io import audio
    from retimbre.io.formats import format_of
    from retimbre.notes.demo import demo_keys, demo_melody

    if output is not None:
        try:
            format_of(output)
        except errors.ParameterError as error:
            raise click.BadParameter(errors.one_line(error), param_hint="'-o'") from error
    session, path = _open(" ".join(words), model, output, ".wav", overwrite)
    result = session.play(demo_melody(demo_keys(session.model.pitch_range)))
    audio.save(path, result.y, result.sr)
    print_line(str(path))


def _open(
    item: str, model: str, output: Path | None, suffix: str, overwrite: bool
) -> tuple["Session", Path]:
    """Open a session with the one instrument, and find the file that it is written to."""
    from retimbre.latent import N_SEEDS
    from retimbre.session import Session

    try:
        stops = read_stops(item)
        if len(stops) > 1 or stops[0].time is not None:
            raise errors.ParameterError(
                f"{item!r:.60} is more than one name; give one instrument, without a time."
            )
        # The noise in a sound has a seed of its own, so that an instrument sounds the same again.
        drawn = Random(secrets.randbelow(N_SEEDS))
        asked = drawn.word if stops[0].what == Random() else item
        session = Session(Settings.from_options(model=model, instruments=asked, seed=0))
    except errors.ModelNotFoundError as error:
        raise click.BadParameter(errors.one_line(error), param_hint="'-m'") from error
    except (errors.ParameterError, errors.FileError) as error:
        raise click.BadParameter(errors.one_line(error), param_hint="NAME") from error
    assert session.timbre is not None
    names = session.timbre.names
    if len(names) > 1:
        raise click.BadParameter(
            f"{item} contains {len(names)} instruments; give one of them: {names[0]}, for example.",
            param_hint="NAME",
        )
    path = Path(_file_name(names[0]) + suffix) if output is None else output
    if standing(path) and not overwrite:
        raise click.ClickException(f"{path} exists; add --overwrite to replace it.")
    if names[0] != stops[0].word:
        click.echo(f"{item}: {names[0]}", err=True)
    return session, path


def _file_name(name: str) -> str:
    """Return a name without what file names should not have.

    >>> _file_name("random:7"), _file_name("mine/oboe.json"), _file_name("Bowed Glass")
    ('random-7', 'oboe', 'Bowed-Glass')
    """
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^\w.()+-]+", "-", re.sub(r"\.json\W*$", "", last)).strip("-.") or "instrument"
