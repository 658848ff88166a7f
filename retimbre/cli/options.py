"""Options of the main job, in the order of the help."""

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
        help="Output file, or folder (created if missing).",
    ),
    _output(
        ["-c", "--confidence"],
        multiple=True,
        metavar="FLOAT",
        type=Number(0, 1),
        help="How sure CREPE must be that a frame has a pitch; repeat to compare several "
        f"thresholds.  [default: {NOTES.confidence}]",
    ),
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

_sound = partial(SectionOption, section="Sound")
SOUND = [
    _sound(
        ["-m", "--model"],
        metavar="NAME|PATH",
        default=TIMBRE.model,
        show_default=True,
        help="Name of an embedded model, or a model folder.",
    ),
    _sound(
        ["-i", "--instruments"],
        metavar="LIST",
        multiple=True,
        help="Named instruments instead of random ones: 'Flute,Cello' morphs from the beginning "
        "to the end, 'Flute@0,Cello@8.5' at these seconds. Repeat the option to continue the "
        "list. 'retimbre instruments' lists the names.",
    ),
    _sound(
        ["--like"],
        metavar="FILE",
        multiple=True,
        type=click.Path(),
        help="Use the instrument in a recording of one note, at least 0.3 s long; repeat to morph "
        "from one to the next.",
    ),
    _sound(
        ["--secs-per-instrument"],
        metavar="S",
        type=Number(min=SHORTEST_INSTRUMENT),
        default=TIMBRE.secs_per_instrument,
        show_default=True,
        help="One random instrument per S seconds of the clip, at least two.",
    ),
    _sound(
        ["--seed"],
        show_range=False,
        metavar="INT",
        type=WholeNumber(0, LARGEST_SEED),
        help="Random seed; the same seed gives the same file.  [default: random, printed]",
    ),
    _sound(
        ["--expression"],
        metavar="FLOAT",
        type=Number(0, 1),
        default=RENDER.expression,
        show_default=True,
        help="0 plays plain notes, 1 follows the performer's pitch and loudness.",
    ),
]

_pitch = partial(SectionOption, section="Pitch and notes", show_default=True)
PITCH_AND_NOTES = [
    _pitch(
        ["--pitch-method"],
        type=click.Choice(PITCH_METHODS),
        default=PITCH.method,
        help="Pitch estimator.",
    ),
    _pitch(
        ["--crepe-capacity"],
        type=click.Choice(CREPE_CAPACITIES),
        default=PITCH.capacity,
        help="Size of the CREPE network.",
    ),
    _pitch(["--viterbi/--no-viterbi"], default=PITCH.viterbi, help="Smooth the pitch over time."),
    _pitch(
        ["--fmin"],
        type=frequency,
        metavar="HZ|NOTE",
        default=PITCH.fmin,
        help="Lowest pitch to look for, in Hz or as a note (C2).",
    ),
    _pitch(
        ["--fmax"],
        type=frequency,
        metavar="HZ|NOTE",
        default=PITCH.fmax,
        help="Highest pitch to look for.",
    ),
    _pitch(
        ["--min-note-length"],
        metavar="MS",
        type=Number(0),
        default=round(NOTES.min_note_length * 1000.0, 6),
        help="Drop shorter notes.",
    ),
    _pitch(
        ["--transpose"],
        metavar="SEMITONES",
        type=WholeNumber(-127, 127),
        default=NOTES.transpose,
        help="Transpose up, or down if negative.",
    ),
    _pitch(
        ["--pitch-range"],
        type=note_range,
        metavar="LOW-HIGH",
        help="Fold notes into this range by octaves, such as 36-84 or C2-C6.  [default: the "
        "model's range]",
    ),
]

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
