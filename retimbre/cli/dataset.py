"""The command ``retimbre dataset``."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retimbre.cli.train_options import NumberRange
from retimbre.cli.words import choose, count
from retimbre.errors import ModelFormatError
from retimbre.runtime import count_cores

if TYPE_CHECKING:
    from retimbre.train.data.build import Built

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""

MOST_JOBS = 4
"""More are used only where they are asked for: each fills a good part of the memory."""

LOWEST, HIGHEST = 21, 108


HELP = """Build a training dataset in FOLDER from SoundFonts (rendered dry) and recordings.

Ctrl-C stops the build; the same command continues it.

\b
  retimbre dataset build datasets/mine
  retimbre dataset build datasets/mine --recordings my-samples --licence "CC BY 4.0"
  retimbre dataset build datasets/mine --recordings my-samples --system-soundfonts
"""


def pitch_range(value: str) -> range:
    """Read a range of MIDI pitches: ``36-84``.

    Raises
    ------
    click.BadParameter
        If `value` is no range of the keyboard's 88 keys.
    """
    match = re.fullmatch(r"(\d{1,3})-(\d{1,3})", value.strip())
    low, high = (int(match[1]), int(match[2])) if match else (1, 0)
    if not LOWEST <= low <= high <= HIGHEST:
        raise click.BadParameter(
            f"{value!r} is not a range of MIDI pitches within {LOWEST}-{HIGHEST}; write it like "
            "36-84."
        )
    return range(low, high + 1)


@click.group(short_help="Make training notes.")
def dataset() -> None:
    """Make the notes that a model is trained on."""


@dataset.command(
    help=HELP,
    short_help="Build a dataset from SoundFonts and recordings.",
    context_settings={"show_default": True},
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--soundfont",
    "soundfonts",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="SoundFont (.sf2, .sf3) to render; repeatable.  [default without --recordings: as with "
    "--system-soundfonts]",
)
@click.option(
    "--system-soundfonts",
    is_flag=True,
    help="Also render those of Debian's packages fluid-soundfont-gm and "
    "musescore-general-soundfont.",
)
@click.option(
    "--recordings",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of notes named like flute_60.wav, flute_C4.wav or flute_60_100.wav (with a "
    "velocity), or in NSynth's layout; repeatable.",
)
@click.option(
    "--held-out",
    multiple=True,
    metavar="NAME",
    help="Instrument, or folder or SoundFont with all its instruments, that is never trained on, "
    "nor is any copy of it; repeatable.",
)
@click.option(
    "--velocity",
    "velocities",
    multiple=True,
    default=(40, 80, 120),
    type=click.IntRange(1, 127),
    help="MIDI velocity at which SoundFonts are played; repeatable.",
)
@click.option(
    "--pitches",
    default=f"{LOWEST}-{HIGHEST}",
    metavar="LOW-HIGH",
    type=pitch_range,
    help="Range of MIDI pitches.",
)
@click.option(
    "--fraction",
    default=1.0,
    type=NumberRange(0.0, 1.0, min_open=True),
    help="Fraction of the SoundFonts' notes to use, chosen at random.",
)
@click.option(
    "--recordings-fraction",
    "recorded_fraction",
    default=1.0,
    type=NumberRange(0.0, 1.0, min_open=True),
    help="Fraction of the recorded notes to use, chosen at random.",
)
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(0),
    help="Random seed of these choices.",
)
@click.option(
    "--licence",
    default="unknown",
    show_default=False,
    metavar="NAME",
    help="Licence of sources that retimbre does not know, for the model card.",
)
@click.option(
    "--representation",
    default="harmonic",
    type=click.Choice(["harmonic", "mel"]),
    help="What is stored for each note: its partials, or GANSynth's mel spectrogram (0.5 MB per "
    "note) for --config mel_prog_hires.",
)
@click.option(
    "-j",
    "--jobs",
    "workers",
    default=lambda: min(count_cores(), MOST_JOBS),
    show_default=f"number of cores, at most {MOST_JOBS}",
    type=click.IntRange(1),
    help="Number of processes; each needs about 1.5 GB with Debian's SoundFonts.",
)
def build(
    folder: Path,
    soundfonts: tuple[Path, ...],
    recordings: tuple[Path, ...],
    system_soundfonts: bool,
    workers: int,
    **settings: Any,
) -> None:
    """Build a dataset and say what became of it."""
    from tqdm import tqdm

    from retimbre.train.data import build as rendering
    from retimbre.train.data.soundfonts import find_soundfonts

    fonts = list(soundfonts)
    if system_soundfonts or not (fonts or recordings):
        named = {path.resolve() for path in fonts}
        fonts += [path for path in find_soundfonts() if path.resolve() not in named]
    with ExitStack() as stack:
        bars: list[tqdm[Any]] = []

        def show(done: int, total: int) -> None:
            if not bars:
                # What an earlier build left must not count for the speed.
                bar = tqdm(total=total, initial=done, desc="Rendering", unit="pitch", disable=None)
                bars.append(stack.enter_context(bar))
            bars[0].update(done - bars[0].n)

        try:
            built = rendering.build(
                folder, fonts, recordings=recordings, workers=workers, progress=show, **settings
            )
        except KeyboardInterrupt as interrupt:
            stack.close()
            click.echo(
                "\nretimbre: interrupted; finished notes are kept, run the same command to "
                "continue.",
                err=True,
            )
            raise click.exceptions.Exit(INTERRUPTED) from interrupt
    for line in tell(built, folder):
        click.echo(line, err=True)
    if not built.n_trainable:
        left = " that is not held out" if built.n_held_out else ""
        raise ModelFormatError(
            f"{folder} leaves nothing to train on: no instrument{left} has enough notes of its "
            f"own; {'hold out fewer, or ' if built.n_held_out else ''}add recordings or keys and "
            "build again in another folder."
        )


def tell(built: "Built", folder: Path) -> list[str]:
    """Say what became of a build, in sentences."""
    from retimbre.train.data.build import tell_reasons
    from retimbre.train.data.dataset import MIN_NOTES_PER_INSTRUMENT
    from retimbre.train.data.recordings import DEFAULT_VELOCITY

    notes, instruments = count(built.n_notes, "note"), count(built.n_instruments, "instrument")
    lines = [f"{folder}: {notes} of {instruments}."]
    n_left_out = sum(built.left_out.values())
    if n_left_out:
        reasons = tell_reasons(built.left_out)
        lines.append(
            f"{choose(n_left_out, 'note was', 'notes were')} left out ({reasons}); "
            f"{folder / 'left_out'} lists {'it' if n_left_out == 1 else 'them'}."
        )
    if built.n_narrow:
        lines.append(
            f"{choose(built.n_narrow, 'note was', 'notes were')} recorded at less than 44.1 kHz: "
            "above half of their rate nothing counts."
        )
    if built.n_no_velocity:
        unnamed = choose(built.n_no_velocity, "note has", "notes have")
        lines.append(f"{unnamed} no velocity in the name: learned at {DEFAULT_VELOCITY}.")
    if built.duplicates:
        copies = choose(len(built.duplicates), "instrument is a copy", "instruments are copies")
        lines.append(f"{copies} of others and left out of training ({folder / 'duplicates.json'}).")
    if built.n_held_out:
        lines.append(f"{choose(built.n_held_out, 'instrument is', 'instruments are')} held out.")
    if built.n_few:
        few = choose(built.n_few, "instrument has", "instruments have")
        are = "is" if built.n_few == 1 else "are"
        lines.append(
            f"{few} fewer than {MIN_NOTES_PER_INSTRUMENT} notes and {are} left out of training."
        )
    return lines
