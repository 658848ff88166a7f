"""What a training note is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from retimbre.harmonic.image import NOTE_SECONDS, SAMPLE_RATE


class InstrumentKey(NamedTuple):
    """What tells the instruments of a dataset apart."""

    source: str
    bank: int
    program: int
    name: str


def find_held_out(keys: Iterable[InstrumentKey], names: Iterable[str]) -> set[InstrumentKey]:
    """Return the instruments that are called so, or whose source is, in any case of letters."""
    folded = {name.casefold() for name in names}
    return {key for key in keys if {key.name.casefold(), key.source.casefold()} & folded}


@dataclass(frozen=True)
class NoteLabel:
    """The label of a note.

    Attributes
    ----------
    source : str
        The SoundFont's file, or the folder of recordings.
    bank, program : int
        MIDI bank and program; -1 where there are none.
    name : str
        The preset's name, or the recorded instrument's.
    pitch : int [MIDI]
    velocity : int [1..127]
    licence : str
        Of the source.
    sample_rate : int [Hz]
        Of the sound that was analysed; its partials above half of that are silent.
    has_velocity : bool
        Whether the velocity was told; else it is the middle one.
    heard_seconds : float [seconds]
        So much of the note was recorded; after that it was completed.
    heard_hz : float [Hz]
        Nothing above was recorded.
    room_db : tuple of float [shape=(9,), dB] or ()
        Noise of the room at `retimbre.train.data.heard.ROOM_HZ`: variance per sample of white noise
        of that density, re the note's loudest frame. Empty where it is not known, or none.
    loudest_db : float or None [dB]
        Power of the loudest frame in the recording, re 1.
    """

    source: str
    bank: int
    program: int
    name: str
    pitch: int
    velocity: int
    licence: str = "unknown"
    sample_rate: int = SAMPLE_RATE
    has_velocity: bool = True
    heard_seconds: float = NOTE_SECONDS
    heard_hz: float = SAMPLE_RATE / 2
    room_db: tuple[float, ...] = ()
    loudest_db: float | None = None

    def __post_init__(self) -> None:
        # JSON knows lists only.
        object.__setattr__(self, "room_db", tuple(self.room_db))

    @property
    def is_heard_whole(self) -> bool:
        """Whether every value of its image was recorded."""
        is_cut = self.heard_seconds < NOTE_SECONDS or self.heard_hz < SAMPLE_RATE / 2
        return not (is_cut or self.room_db)

    @property
    def instrument(self) -> InstrumentKey:
        """The instrument that plays."""
        return InstrumentKey(self.source, self.bank, self.program, self.name)


@dataclass(frozen=True)
class LeftOut:
    """A note that could not be used.

    Attributes
    ----------
    reason : str
        Why: one of `retimbre.train.data.measure.Reason`.
    source, bank, program, name, pitch, velocity
        As in `NoteLabel`; a recording may have no pitch and no velocity.
    file : str
        The recording; empty for a SoundFont's note.
    """

    reason: str
    source: str
    bank: int
    program: int
    name: str
    pitch: int | None
    velocity: int | None
    file: str = ""
