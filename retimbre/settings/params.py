"""Settings of each stage, checked when they are made, and the table of all of them."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from retimbre.errors import ParameterError
from retimbre.settings.about import About, check
from retimbre.settings.stops import LARGEST_SEED, items_of, read_stops

if TYPE_CHECKING:
    from retimbre.settings.stops import GivenInstruments

PITCH_METHODS = ("crepe", "pyin")
CREPE_CAPACITIES = ("full", "tiny")
ARTICULATIONS = ("performer", "always", "never")

DEFAULT_LOUDNESS = -20.0
"""What 19 of 20 clips reach under a true peak of -1 dBTP [LUFS], see docs/loudness.md."""

SHORTEST_INSTRUMENT = 0.01
"""More instruments than frames [seconds] would only fill the memory."""


PITCH_SECTION = "Pitch and notes"


def _setting(default: Any, help: str, **about: Any) -> Any:
    return field(default=default, metadata={"about": About(help, **about)})


_sound = partial(_setting, section="Sound")
_pitch = partial(_setting, section=PITCH_SECTION)
_frequency = partial(_pitch, unit="Hz", kind="frequency", metavar="HZ|NOTE")
_fraction = partial(_setting, low=0, high=1, metavar="FLOAT")


def check_pitch_range(low: int, high: int) -> None:
    """See that every note can be folded into a range of pitches [MIDI].

    Raises
    ------
    ParameterError
        If the range is smaller than an octave or outside 0..127.
    """
    if not (low >= 0 and high <= 127 and high - low >= 11):
        raise ParameterError(
            "The pitch range must lie in MIDI 0..127 and span an octave (12 keys) or more, "
            f"given {low}-{high}."
        )


@dataclass(frozen=True)
class PitchParams:
    """How the pitch is estimated.

    Attributes
    ----------
    method : {"crepe", "pyin"}
    capacity : {"full", "tiny"}
        Size of the CREPE network.
    viterbi : bool
        Smooth the path of pitches with the Viterbi algorithm, and correct CREPE's octaves by the
        waveform's period; False gives the network's frames one by one.
    fmin, fmax : float [Hz]
        Frames are searched for f0 in this range; CREPE itself spans 32.7..1975.5 Hz.
    """

    method: str = _pitch(
        "crepe", "Pitch estimator.", kind="choice", choices=PITCH_METHODS, name="pitch_method"
    )
    capacity: str = _pitch(
        "full",
        "Size of the CREPE network.",
        kind="choice",
        choices=CREPE_CAPACITIES,
        name="crepe_capacity",
    )
    viterbi: bool = _pitch(True, "Smooth the pitch over time.", kind="flag")
    fmin: float = _frequency(32.7, "Lowest pitch to look for, in Hz or as a note (C2).")
    fmax: float = _frequency(1975.5, "Highest pitch to look for.")

    def __post_init__(self) -> None:
        check(self)
        if not (0 < self.fmin < self.fmax and math.isfinite(self.fmax)):
            raise ParameterError(
                "The pitch range needs 0 < fmin < fmax, both finite, "
                f"given {self.fmin} and {self.fmax} Hz."
            )


@dataclass(frozen=True)
class NoteParams:
    """How frames become notes.

    Attributes
    ----------
    confidence : float [0..1]
        Frames below it are unvoiced.
    min_note_length : float [seconds, >= 0]
        Shorter notes are dropped.
    transpose : int [semitones]
    pitch_range : (int, int) or None [MIDI]
        Notes outside are folded into it by octaves; None takes the model's range.
    """

    confidence: float = _fraction(
        0.5,
        "How sure CREPE must be that a frame has a pitch; repeat to compare several thresholds.",
        section="Output",
        short="-c",
    )
    min_note_length: float = _pitch(0.04, "Drop shorter notes.", unit="s", low=0, metavar="MS")
    transpose: int = _pitch(
        0,
        "Transpose up, or down if negative.",
        unit="semitones",
        kind="integer",
        low=-127,
        high=127,
        metavar="SEMITONES",
    )
    pitch_range: tuple[int, int] | None = _pitch(
        None,
        "Fold notes into this range by octaves, such as 36-84 or C2-C6.",
        kind="keys",
        metavar="LOW-HIGH",
        shown="the model's range",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.pitch_range is not None:
            keys = self.pitch_range
            if isinstance(keys, str) or [*map(type, keys)] != [int, int]:
                raise ParameterError(f"pitch_range must be two MIDI numbers, given {keys!r:.60}.")
            check_pitch_range(*keys)


@dataclass(frozen=True)
class TimbreParams:
    """Which instruments play.

    Attributes
    ----------
    model : str
        A name under ``models/`` or the path of a model folder.
    secs_per_instrument : float [seconds, >= 0.01]
        One random instrument every so many seconds.
    instruments : str, path-like, Instrument, Instruments, np.ndarray or sequence, optional
        Instruments that are played instead of random ones, in the words of
        `retimbre.settings.stops`: ``"Flute,random:7,my-oboe.json"`` spreads them over the melody,
        ``"Flute@0,Cello@8.5"`` puts them at times in seconds. An Instrument, a z
        [shape=(latent_dim,)], a .json file or a path (`Instruments`) is taken, too, alone or in a
        sequence; an array may hold several z [shape=(n, latent_dim)].
    like : path or sequence of paths, optional
        Recordings whose instruments are taken instead of random ones: each a file with a clear note
        or more, a folder of recordings of one instrument, or what `save_instrument` wrote.
    seed : int or None [0..2**53]
        Same seed, same bytes; None draws one.
    """

    model: str = _sound(
        "default",
        "Name of an embedded model, or a model folder.",
        kind="text",
        short="-m",
        metavar="NAME|PATH",
    )
    secs_per_instrument: float = _sound(
        6.0,
        "One random instrument per S seconds of the clip, at least two.",
        unit="s",
        low=SHORTEST_INSTRUMENT,
        metavar="S",
    )
    seed: int | None = _sound(
        None,
        "Random seed; the same seed gives the same file.",
        kind="integer",
        low=0,
        high=LARGEST_SEED,
        metavar="INT",
        shown="random, printed",
    )
    instruments: "GivenInstruments | None" = _sound(
        None,
        "Instruments: names ('retimbre instruments' lists them), random, random:NUMBER or .json "
        "files of --save-instruments and save_instrument. 'Flute,random:7' morphs from the "
        "beginning to the end, 'Flute@0,Cello@8.5' at these seconds. Repeat the option to continue "
        "the list.",
        kind="text",
        short="-i",
        metavar="LIST",
        shown="random ones",
    )
    like: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = _sound(
        None,
        "Use the instrument in a recording of a note or more, in a folder of recordings, or in a "
        ".json file of save_instrument; repeat to morph from one to the next.",
        kind="files",
        metavar="FILE|FOLDER",
    )

    def __post_init__(self) -> None:
        check(self)
        files = self.files
        if self.instruments is not None:
            if files:
                raise ParameterError("Use either --instruments or --like, not both.")
            read_stops(self.instruments)
            items = items_of(self.instruments)
            if not all(isinstance(item, str) for item in items):
                # Arrays cannot be compared as settings are.
                object.__setattr__(self, "instruments", tuple(items))

    @property
    def saved(self) -> tuple[str, ...]:
        """The files among the instruments."""
        stops = () if self.instruments is None else read_stops(self.instruments)
        return tuple(str(stop.what) for stop in stops if isinstance(stop.what, os.PathLike))

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of `like`, however they were given."""
        paths: Any = [self.like] if isinstance(self.like, str | os.PathLike) else self.like or ()
        try:
            found = tuple(str(os.fspath(path)) for path in paths)
        except TypeError:
            raise ParameterError(
                f"like must be paths of recordings, given {self.like!r:.60}; instruments that were "
                "heard are given as instruments."
            ) from None
        if "" in found:
            raise ParameterError(
                "like is an empty name; give a recording, a folder of them or a saved instrument."
            )
        return found


@dataclass(frozen=True)
class RenderParams:
    """How the notes sound.

    Attributes
    ----------
    expression : float [0..1]
        0: plain notes; 1: the performer's pitch and loudness curves are followed.
    pitch_expression, loudness_expression : float or None [0..1]
        The same for one of the two; None takes `expression`.
    articulation : {"performer", "always", "never"}
        Which notes sound as one: those that the performer tied, all that follow another, or none.
    loudness : float [LUFS, -60..0] or {"peak", "input"}
        Integrated loudness of the result (BS.1770-4), as far as its peak allows. ``"peak"``: as
        loud as the peak allows; ``"input"``: as loud as the recording.
    peak_db : float [dBTP, <= 0]
        Ceiling of the true peak of the result.
    """

    expression: float = _fraction(
        1.0, "0 plays plain notes, 1 follows the performer's pitch and loudness.", section="Sound"
    )
    pitch_expression: float | None = _fraction(
        None,
        "The same for the pitch alone: vibrato, slides, intonation.",
        section="Sound",
        shown="--expression",
    )
    loudness_expression: float | None = _fraction(
        None, "The same for the loudness alone.", section="Sound", shown="--expression"
    )
    articulation: str = _sound(
        "performer",
        "Which notes are tied into one sound: those that the performer tied, all that follow "
        "another, or none.",
        kind="choice",
        choices=ARTICULATIONS,
    )
    loudness: float | str = _sound(
        DEFAULT_LOUDNESS,
        "Loudness of the result in LUFS; 'peak': as loud as a true peak of -1 dBTP allows; "
        "'input': as loud as the recording.",
        unit="LUFS",
        kind="level",
        low=-60,
        high=0,
        choices=("peak", "input"),
        metavar="LUFS|peak|input",
    )
    peak_db: float = _setting(
        -1.0, "Ceiling of the true peak; it wins over the loudness.", unit="dBTP", high=0
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def expressions(self) -> tuple[float, float]:
        """How much of the performer's pitch and loudness is kept [0..1]."""
        pitch, loudness = (
            self.expression if own is None else own
            for own in (self.pitch_expression, self.loudness_expression)
        )
        return pitch, loudness

    @property
    def is_expressive(self) -> bool:
        """Whether anything of a performance is kept; otherwise all notes are plain."""
        return self.expressions != (0.0, 0.0)


STAGES = {
    "pitch": PitchParams,
    "notes": NoteParams,
    "timbre": TimbreParams,
    "render": RenderParams,
}
"""The parameters of each stage, by the names of the attributes of `Settings`."""


class Entry(NamedTuple):
    """A row of the table of settings.

    Attributes
    ----------
    stage, attribute : str
        Where the setting is kept.
    default : object
    about : About
    """

    stage: str
    attribute: str
    default: Any
    about: About


TABLE = {
    about.name or setting.name: Entry(stage, setting.name, setting.default, about)
    for stage, params in STAGES.items()
    for setting in fields(params)
    for about in [setting.metadata["about"]]
}
"""All settings by their flat names: keywords of `retimbre_file`, and with dashes the options of the
command line."""
