"""The options of the main job, in the order of the help page."""

from functools import partial
from pathlib import Path

import click

from retimbre import __version__
from retimbre.cli.group import LAST_SECTION, SectionOption
from retimbre.cli.values import Number, WholeNumber, frequency, note_range
from retimbre.params import (
    CREPE_CAPACITIES,
    LARGEST_SEED,
    PITCH_METHODS,
    SHORTEST_INSTRUMENT,
    NoteParams,
    PitchParams,
    RenderParams,
    TimbreParams,
)

PITCH, NOTES, TIMBRE, RENDER = PitchParams(), NoteParams(), TimbreParams(), RenderParams()

INPUTS = click.Argument(
    ["inputs"], metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)

_output = partial(SectionOption, section="Output")
OUTPUT = [
    _output(
        ["-o", "--output"],
        metavar="PATH",
        type=click.Path(),
        help="A file, for one output, or a folder, which is made if it is not there.",
    ),
    _output(
        ["-c", "--confidence"],
        multiple=True,
        metavar="FLOAT",
        type=Number(0, 1),
        help="Frames below it are unvoiced; give several to compare them, from one analysis.  "
        f"[default: {NOTES.confidence}]",
    ),
    _output(["--save-midi"], is_flag=True, help="Write the notes as MIDI, with pitch bends."),
    _output(
        ["--save-notes"], is_flag=True, help="Write the notes as CSV: onset,offset,pitch,velocity."
    ),
    _output(["--save-f0"], is_flag=True, help="Write the pitch as CSV: time,frequency,confidence."),
    _output(["--plot"], is_flag=True, help="Draw input, pitch, notes and output into a PNG."),
    _output(
        ["--overwrite/--skip-existing", "replace"],
        default=None,
        help="Replace any output that exists, or keep it and go on.",
    ),
]

_sound = partial(SectionOption, section="Sound")
SOUND = [
    _sound(
        ["-m", "--model"],
        metavar="NAME|PATH",
        default=TIMBRE.model,
        show_default=True,
        help="A generator that is embedded, or the folder of one.",
    ),
    _sound(
        ["-i", "--instruments"],
        metavar="LIST",
        multiple=True,
        help="Morph along named instruments instead of random ones: 'Flute,Cello', from the "
        "beginning to the end, or 'Flute@0,Cello@8.5', at these seconds. Of several lists the "
        "next goes on where one ends.  'retimbre instruments' lists them.",
    ),
    _sound(
        ["--like"],
        metavar="FILE",
        multiple=True,
        type=click.Path(),
        help="Sound like the instrument of a recorded note of 0.3 s or more; give several to "
        "morph from one to the next.",
    ),
    _sound(
        ["--secs-per-instrument"],
        metavar="S",
        type=Number(min=SHORTEST_INSTRUMENT),
        default=TIMBRE.secs_per_instrument,
        show_default=True,
        help="One random instrument for every S seconds of the clip, two at least.",
    ),
    _sound(
        ["--seed"],
        metavar="INT",
        type=WholeNumber(0, LARGEST_SEED),
        help="Of the random instruments and of the noise in the sounds: same seed, same bytes.  "
        "[default: one is drawn and told]",
    ),
    _sound(
        ["--expression"],
        metavar="FLOAT",
        type=Number(0, 1),
        default=RENDER.expression,
        show_default=True,
        help="0: plain notes; 1: the performer's pitch and loudness are followed.",
    ),
]

_pitch = partial(SectionOption, section="Pitch and notes", show_default=True)
PITCH_AND_NOTES = [
    _pitch(
        ["--pitch-method"],
        type=click.Choice(PITCH_METHODS),
        default=PITCH.method,
        help="How the pitch is estimated.",
    ),
    _pitch(
        ["--crepe-capacity"],
        type=click.Choice(CREPE_CAPACITIES),
        default=PITCH.capacity,
        help="Size of the CREPE network.",
    ),
    _pitch(["--viterbi/--no-viterbi"], default=PITCH.viterbi, help="Smooth the path of pitches."),
    _pitch(
        ["--fmin"],
        type=frequency,
        metavar="HZ|NOTE",
        default=PITCH.fmin,
        help="The lowest pitch to look for, in Hz or as a note (C2).",
    ),
    _pitch(
        ["--fmax"],
        type=frequency,
        metavar="HZ|NOTE",
        default=PITCH.fmax,
        help="The highest pitch to look for.",
    ),
    _pitch(
        ["--min-note-length"],
        metavar="MS",
        type=Number(0),
        default=round(NOTES.min_note_length * 1000.0, 6),
        help="Shorter notes are dropped.",
    ),
    _pitch(
        ["--transpose"],
        metavar="SEMITONES",
        type=WholeNumber(-127, 127),
        default=NOTES.transpose,
        help="Play higher (or, with a minus, lower).",
    ),
    _pitch(
        ["--pitch-range"],
        type=note_range,
        metavar="LOW-HIGH",
        help="Fold notes into 36-84 or C2-C6, say, by octaves.  [default: the model's range]",
    ),
]

_run = partial(SectionOption, section=LAST_SECTION)
RUN = [
    _run(
        ["--json", "as_json"],
        is_flag=True,
        help="Print one JSON object per output; that of a failure has the key 'error'.",
    ),
    _run(["-n", "--dry-run"], is_flag=True, help="Say what would be done; play, write nothing."),
    _run(
        ["-j", "--jobs"],
        metavar="N",
        type=WholeNumber(1),
        default=1,
        show_default=True,
        help="How many inputs to work on at a time.",
    ),
    _run(["-q", "--quiet"], is_flag=True, help="Say nothing but errors."),
    _run(["-v", "--verbose"], is_flag=True, help="Say more, and show the tracebacks of errors."),
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
