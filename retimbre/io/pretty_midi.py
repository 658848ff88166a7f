"""Convert notes to and from pretty_midi objects, with bends."""

import logging
from typing import TYPE_CHECKING

import numpy as np

from retimbre.errors import ParameterError, check_type
from retimbre.io.midi import MIN_NOTE_SECONDS
from retimbre.io.midi_events import TICKS_PER_BEAT, TICKS_PER_SECOND
from retimbre.io.midi_writing import Event, arrange_notes
from retimbre.types import NoteCurves, Notes

if TYPE_CHECKING:
    import pretty_midi

logger = logging.getLogger("retimbre")

_SET_UP_TICKS = {101: 0, 100: 0, 6: 1, 38: 1}
"""When a control is set up. pretty_midi sorts the controls of one tick by their numbers; a range
must come after the parameter that it belongs to is selected, and before it is unselected."""

_SET_UP = 2
"""From this tick on [1/1920 s] the range of bends is known."""


def from_pretty_midi(score: "pretty_midi.PrettyMIDI") -> Notes:
    """Take the notes out of a pretty_midi object, as `load_midi` takes them out of a file.

    Parameters
    ----------
    score : pretty_midi.PrettyMIDI

    Returns
    -------
    notes : Notes
        Those of all instruments, without the drums; empty where there are none. A note whose end
        is its beginning lasts 50 ms. Bends, pedals, ties and programs are not read.

    Raises
    ------
    ParameterError
        If a note starts before 0, or a pitch or velocity is outside MIDI's range.

    Examples
    --------
    >>> notes = from_pretty_midi(pretty_midi.PrettyMIDI("in.mid"))  # doctest: +SKIP
    """
    import pretty_midi

    check_type(score, pretty_midi.PrettyMIDI, "The score")
    found = [
        (note.start, note.end, note.pitch, note.velocity)
        for instrument in score.instruments
        if not instrument.is_drum
        for note in instrument.notes
        if note.velocity > 0  # 0 ends a note
    ]
    if not found:
        return Notes.empty()
    onset, offset, pitch, velocity = (np.array(column) for column in zip(*found, strict=True))
    offset = np.where(offset > onset, offset, onset + MIN_NOTE_SECONDS)
    return Notes(onset, offset, pitch, velocity)


def to_pretty_midi(
    notes: Notes, curves: NoteCurves | None = None, *, program: int = 0
) -> "pretty_midi.PrettyMIDI":
    """Put notes into a pretty_midi object, as `save_midi` writes them to a file, without ties.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve or None
        With them each note is bent to its ``cents`` every 10 ms while it lasts, as in `save_midi`.
        A bend belongs to a whole instrument, so notes that sound together are given instruments of
        their own; a fifteenth at a time stays unbent, which is logged.
    program : int [0..127]
        General MIDI program of the instruments, counted from 0.

    Returns
    -------
    score : pretty_midi.PrettyMIDI
        At least one instrument. Times of notes are exact, those of bends are rounded to 1/1920 s;
        in the first millisecond the range of the bends is set, and no note is bent.

    Raises
    ------
    ParameterError
        If the program is outside 0..127, or there is not one curve per note.

    Examples
    --------
    >>> score = to_pretty_midi(result.notes, result.curves)  # doctest: +SKIP
    >>> score.write("out.mid")  # doctest: +SKIP
    """
    check_type(notes, Notes, "What is written")
    if not isinstance(program, int) or not 0 <= program <= 127:
        raise ParameterError(f"A MIDI program must be a number in 0..127, given {program!r}.")
    import pretty_midi

    parts = arrange_notes(notes, curves)
    if parts.n_plain:
        logger.warning("%d notes were written without pitch bends.", parts.n_plain)
    score = pretty_midi.PrettyMIDI(resolution=TICKS_PER_BEAT)
    for channel in sorted(set(parts.channels)) or [0]:
        instrument = pretty_midi.Instrument(program, name="retimbre")
        for i in np.flatnonzero(np.asarray(parts.channels) == channel):
            # A note that ends in the tick of its beginning would be lost when it is written.
            shortest = (parts.notes[i].onset + 1) / TICKS_PER_SECOND
            times = float(notes.onset[i]), max(float(notes.offset[i]), shortest)
            note = pretty_midi.Note(int(notes.velocity[i]), int(notes.pitch[i]), *times)
            instrument.notes.append(note)
        for event in parts.bends:
            if event[2].channel == channel:
                _add_bend(instrument, event)
        score.instruments.append(instrument)
    return score


def _add_bend(instrument: "pretty_midi.Instrument", event: Event) -> None:
    """Give an instrument a bend, or a part of what sets the range of its bends."""
    import pretty_midi

    tick, _, message = event
    if message.type == "pitchwheel":
        time = max(tick, _SET_UP) / TICKS_PER_SECOND
        instrument.pitch_bends.append(pretty_midi.PitchBend(message.pitch, time))
        return
    is_unselected = message.control in (100, 101) and message.value == 127
    tick = _SET_UP if is_unselected else _SET_UP_TICKS[message.control]
    change = pretty_midi.ControlChange(message.control, message.value, tick / TICKS_PER_SECOND)
    instrument.control_changes.append(change)
