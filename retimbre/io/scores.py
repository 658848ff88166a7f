"""Notes to and from pretty_midi's objects, in which other people's code keeps its MIDI."""

from typing import TYPE_CHECKING

import numpy as np

from retimbre.errors import ParameterError
from retimbre.types import Notes

if TYPE_CHECKING:
    import pretty_midi


def notes_from_score(score: "pretty_midi.PrettyMIDI") -> Notes:
    """Take the notes out of a score: all instruments, without the drums.

    Parameters
    ----------
    score : pretty_midi.PrettyMIDI

    Returns
    -------
    notes : Notes
        Empty where the score holds none; notes of no length are left out.

    Raises
    ------
    ParameterError
        If a note starts before 0, or a pitch or velocity is outside MIDI's range.
    """
    found = [
        (note.start, note.end, note.pitch, note.velocity)
        for instrument in score.instruments
        if not instrument.is_drum
        for note in instrument.notes
        if note.end > note.start and note.velocity > 0
    ]
    if not found:
        return Notes.empty()
    onset, offset, pitch, velocity = (np.array(column) for column in zip(*found, strict=True))
    return Notes(onset, offset, pitch, velocity)


def score_from_notes(notes: Notes, *, program: int = 0) -> "pretty_midi.PrettyMIDI":
    """Write notes as a score of one instrument.

    Parameters
    ----------
    notes : Notes
    program : int [0..127]
        General MIDI program, counted from 0.

    Returns
    -------
    score : pretty_midi.PrettyMIDI

    Raises
    ------
    ParameterError
        If the program is outside 0..127.
    """
    if not 0 <= program <= 127:
        raise ParameterError(f"A MIDI program must be in 0..127, given {program}.")
    import pretty_midi

    instrument = pretty_midi.Instrument(program, name="retimbre")
    instrument.notes = [
        pretty_midi.Note(int(velocity), int(pitch), float(onset), float(offset))
        for onset, offset, pitch, velocity in zip(
            notes.onset, notes.offset, notes.pitch, notes.velocity, strict=True
        )
    ]
    score = pretty_midi.PrettyMIDI(resolution=960)
    score.instruments.append(instrument)
    return score
