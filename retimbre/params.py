"""Settings of each stage, checked when they are made."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from retimbre.errors import ParameterError

if TYPE_CHECKING:
    from retimbre._typing import FloatArray
    from retimbre.types import Instrument

GivenInstruments: TypeAlias = (
    "str | Instrument | FloatArray | Sequence[str | Instrument | FloatArray]"
)
"""Names, instruments and latent vectors, mixed as one likes."""

PITCH_METHODS = ("crepe", "pyin")
CREPE_CAPACITIES = ("full", "tiny")

LARGEST_SEED = 2**53
"""Up to it every reader of JSON keeps an integer exact."""

SHORTEST_INSTRUMENT = 0.01
"""More instruments than frames [seconds] would only fill the memory."""


def _check(ok: bool, message: str) -> None:
    if not ok:
        raise ParameterError(message)


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

    method: str = "crepe"
    capacity: str = "full"
    viterbi: bool = True
    fmin: float = 32.7
    fmax: float = 1975.5

    def __post_init__(self) -> None:
        _check(
            self.method in PITCH_METHODS,
            f"Unknown pitch method {self.method!r}; use one of {', '.join(PITCH_METHODS)}.",
        )
        _check(
            self.capacity in CREPE_CAPACITIES,
            f"Unknown CREPE capacity {self.capacity!r}; use one of {', '.join(CREPE_CAPACITIES)}.",
        )
        _check(
            0 < self.fmin < self.fmax and math.isfinite(self.fmax),
            "The pitch range needs 0 < fmin < fmax, both finite, "
            f"given {self.fmin} and {self.fmax} Hz.",
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

    confidence: float = 0.5
    min_note_length: float = 0.06
    transpose: int = 0
    pitch_range: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _check(
            0.0 <= self.confidence <= 1.0,
            f"Confidence must be between 0 and 1, given {self.confidence}.",
        )
        _check(
            self.min_note_length >= 0.0,
            f"The minimum note length must not be negative, given {self.min_note_length} s.",
        )
        if self.pitch_range is not None:
            low, high = self.pitch_range
            _check(
                low >= 0 and high <= 127 and high - low >= 11,
                "The pitch range must lie in MIDI 0..127 and span an octave (12 keys) or more, "
                f"given {low}-{high}.",
            )


@dataclass(frozen=True)
class TimbreParams:
    """Which instruments play.

    Attributes
    ----------
    model : str
        A name under ``models/`` or the path of a model folder.
    secs_per_instrument : float [seconds, >= 0.01]
        One random instrument every so many seconds.
    instruments : str, Instrument, np.ndarray [shape=(latent_dim,)] or sequence of them, optional
        Instruments that are played instead of random ones: ``"Flute,Cello"`` or
        ``["Flute", "Cello"]`` spreads them over the melody, ``"Flute@0,Cello@8.5"`` puts them at
        times in seconds. In a sequence an Instrument or a z may stand in the place of a name.
    like : path or sequence of paths, optional
        Recordings of one note each, whose timbres are taken instead of random ones.
    seed : int or None [0..2**53]
        Same seed, same bytes; None draws one.
    """

    model: str = "default"
    secs_per_instrument: float = 6.0
    seed: int | None = None
    instruments: "GivenInstruments | None" = None
    like: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None

    def __post_init__(self) -> None:
        if self.instruments is not None:
            _check(not self.files, "Use either --instruments or --like, not both.")
            stops = read_stops(self.instruments)
            if any(stop.instrument is not None for stop in stops):
                # Arrays cannot be compared as settings are.
                items = tuple(stop.instrument or stop.name for stop in stops)
                object.__setattr__(self, "instruments", items)
        _check(
            self.secs_per_instrument >= SHORTEST_INSTRUMENT,
            f"Seconds per instrument must be {SHORTEST_INSTRUMENT} or more, "
            f"given {self.secs_per_instrument}.",
        )
        _check(
            self.seed is None
            or (isinstance(self.seed, Integral) and 0 <= self.seed <= LARGEST_SEED),
            f"The seed must be a whole number from 0 to {LARGEST_SEED} (2**53), "
            f"given {self.seed!r}.",
        )

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of `like`, however they were given."""
        if self.like is None:
            return ()
        paths = [self.like] if isinstance(self.like, str | os.PathLike) else self.like
        return tuple(os.fspath(path) for path in paths)


class Stop(NamedTuple):
    """An instrument on the way of the timbre: by name, or itself.

    Attributes
    ----------
    name : str
    time : float or None [seconds]
        When it is reached, if that is given.
    instrument : Instrument or None
        None where the palette is asked for the name.
    """

    name: str
    time: float | None
    instrument: "Instrument | None" = None


def read_stops(given: "GivenInstruments") -> tuple[Stop, ...]:
    """Read a list of instruments.

    Parameters
    ----------
    given : str, Instrument, np.ndarray or sequence of them
        Names, in one text with commas between; all of them with ``@seconds`` behind, or none.
        Instruments and latent vectors have no time.

    Returns
    -------
    stops : tuple of Stop
        One at least.

    Raises
    ------
    ParameterError
        If a name is missing, a time is no number from 0 on, times do not ascend, some
        instruments have a time and others none, or a z is not one row of finite numbers.

    Examples
    --------
    >>> [stop.name for stop in read_stops("Flute@0, Grand Piano@8.5")]
    ['Flute', 'Grand Piano']
    """
    items = given.split(",") if isinstance(given, str) else _one_by_one(given)
    told = (
        given
        if isinstance(given, str)
        else ",".join(i if isinstance(i, str) else i.name or "z" for i in items)
    )
    _check(
        bool(items) and all(not isinstance(i, str) or i.strip() for i in items),
        f"An instrument in {told!r} has no name; write names as in 'Flute,Cello'.",
    )
    stops = tuple(_read_stop(item) for item in items)
    times = [stop.time for stop in stops if stop.time is not None]
    _check(
        len(times) in (0, len(stops)),
        f"Only some instruments in {told!r} have a time; give one to all (as in "
        "'Flute@0,Cello@8.5') or to none.",
    )
    _check(
        times == sorted(times),
        f"Instrument times must be in ascending order, given {', '.join(f'{t:g}' for t in times)}.",
    )
    return stops


def _one_by_one(given: Any) -> "list[str | Instrument]":
    """Return names and instruments; a latent vector becomes an instrument without a name."""
    # NumPy comes with it, which the help of the command line does without.
    from retimbre.types import Instrument

    is_array = hasattr(given, "ndim") and given.dtype.kind in "fiu"
    is_one = isinstance(given, Instrument) or (is_array and given.ndim < 2)
    items: list[str | Instrument] = []
    for item in [given] if is_one else given:
        if isinstance(item, str | Instrument):
            items.append(item)
            continue
        _check(
            hasattr(item, "ndim"),
            f"The instrument {item!r} lacks a name; give a name, an Instrument or an array z.",
        )
        items.append(Instrument(item))
    return items


def _read_stop(item: "str | Instrument") -> Stop:
    if not isinstance(item, str):
        return Stop(item.name, None, item)
    name, at, text = item.rpartition("@")
    if not at:
        return Stop(item.strip(), None)
    try:
        time = float(text)
    except ValueError:
        time = math.nan
    _check(
        0.0 <= time < math.inf and bool(name.strip()),
        f"{item.strip()!r} must be a name, @ and a time in seconds (0 or more), as in 'Cello@8.5'.",
    )
    return Stop(name.strip(), time)


@dataclass(frozen=True)
class RenderParams:
    """How the notes sound.

    Attributes
    ----------
    expression : float [0..1]
        0: plain notes; 1: the performer's pitch and loudness curves are followed.
    peak_db : float [dB re full scale, <= 0]
        Peak of the result.
    """

    expression: float = 1.0
    peak_db: float = -1.0

    def __post_init__(self) -> None:
        _check(
            0.0 <= self.expression <= 1.0,
            f"Expression must be between 0 and 1, given {self.expression}.",
        )
        _check(self.peak_db <= 0.0, f"The peak must not be above 0 dBFS, given {self.peak_db} dB.")
