"""What a training note is."""

from dataclasses import dataclass
from typing import NamedTuple


class InstrumentKey(NamedTuple):
    """What tells the instruments of a dataset apart."""

    source: str
    bank: int
    program: int
    name: str


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
    """

    source: str
    bank: int
    program: int
    name: str
    pitch: int
    velocity: int
    licence: str = "unknown"
    sample_rate: int = 44100

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
        As in `NoteLabel`; a recording may have no pitch.
    file : str
        The recording; empty for a SoundFont's note.
    """

    reason: str
    source: str
    bank: int
    program: int
    name: str
    pitch: int | None
    velocity: int
    file: str = ""
