"""The settings of each stage: one frozen dataclass per stage, checked when made."""

import math
from dataclasses import dataclass
from numbers import Integral

from retimbre.errors import ParameterError

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
            f"Pitch method {self.method!r} is not known; use one of {', '.join(PITCH_METHODS)}.",
        )
        _check(
            self.capacity in CREPE_CAPACITIES,
            f"CREPE capacity {self.capacity!r} is not known; "
            f"use one of {', '.join(CREPE_CAPACITIES)}.",
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
    seed : int or None [0..2**53]
        Same seed, same bytes; None draws one.
    """

    model: str = "default"
    secs_per_instrument: float = 6.0
    seed: int | None = None

    def __post_init__(self) -> None:
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
