"""Read and write MIDI files.

Times in files are ticks; here they are seconds. What is written has 1,920 ticks a second, so a
time is off by 0.26 ms at most. Which notes are tied is decided in `retimbre.io.midi_ties`.
"""

import logging
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from retimbre._typing import Int64Array
from retimbre.errors import DecodeError
from retimbre.io.files import open_input, whole_file
from retimbre.io.midi_events import LAST_TICK, notes_of_midi, parse_midi
from retimbre.io.midi_ties import find_ties
from retimbre.io.midi_writing import midi_of_notes
from retimbre.types import MAX_SECONDS, NoteCurves, Notes

logger = logging.getLogger("retimbre")

MIN_NOTE_SECONDS = 0.05
"""What a note whose end is its beginning is given for a length."""

_HEAD_BYTES = 12


class ArticulatedNotes(NamedTuple):
    """The notes of a MIDI file, and how they begin."""

    notes: Notes
    articulation: tuple[str, ...]
    """"struck" or "tied", one per note."""


class _Found(NamedTuple):
    """The notes of a MIDI file, at the times that it has."""

    notes: Notes
    before: Int64Array
    """Index of the note that each is tied to, -1 where it is struck [shape=(n_notes,)]."""


def is_midi(path: str | os.PathLike[str]) -> bool:
    """Tell by its first bytes whether a file is a MIDI file (or one in a RIFF wrapper).

    Parameters
    ----------
    path : str or path-like
        An existing file; the suffix does not matter.

    Returns
    -------
    is_midi : bool

    Raises
    ------
    ReadError
        If the file does not exist, may not be read or is empty.
    """
    with open_input(path) as handle:
        return _is_midi_head(handle.read(_HEAD_BYTES))


def read_midi(path: str | os.PathLike[str]) -> ArticulatedNotes | None:
    """Read the notes of a file, and which are tied, if it is a MIDI file; it is opened once.

    Parameters
    ----------
    path : str or path-like
        Any file; the suffix does not matter.

    Returns
    -------
    read : ArticulatedNotes or None
        The notes that `load_midi` gives, but one that another is tied to ends where that begins,
        if it overlapped it. None if the file is no MIDI file.

    Raises
    ------
    ReadError
        If the file does not exist or may not be read.
    DecodeError
        If it is empty, or a MIDI file that is damaged, holds no notes or lasts longer than 24
        hours.
    """
    found = _read(path)
    if found is None:
        return None
    notes, before = found
    is_tied = before >= 0
    offset = notes.offset.copy()
    offset[before[is_tied]] = np.minimum(offset[before[is_tied]], notes.onset[is_tied])
    articulation = np.where(is_tied, "tied", "struck").tolist()
    return ArticulatedNotes(
        Notes(notes.onset, offset, notes.pitch, notes.velocity), tuple(articulation)
    )


def load_midi(path: str | os.PathLike[str]) -> Notes:
    """Read the notes of a MIDI file: all tracks and channels, without the drums.

    Changes of tempo count wherever they stand. A note without an end lasts to the end of its
    track; one whose end is its beginning lasts 50 ms; both are logged.

    Parameters
    ----------
    path : str or path-like
        A standard MIDI file, also in a RIFF wrapper (.rmi).

    Returns
    -------
    notes : Notes
        At least one, at the times that the file has. Bends, pedals and programs are not read; which
        notes are tied is in the ``articulation`` that `Session.analyze` gives.

    Raises
    ------
    ReadError
        If the file does not exist or may not be read.
    DecodeError
        If it is no MIDI file, is damaged, holds no notes or lasts longer than 24 hours.
    """
    found = _read(path)
    if found is None:
        raise DecodeError(f"{os.fspath(path)} is not a MIDI file.")
    return found.notes


def _is_midi_head(head: bytes) -> bool:
    return head[:4] == b"MThd" or (head[:4] == b"RIFF" and head[8:12] == b"RMID")


def _read(path: str | os.PathLike[str]) -> _Found | None:
    with open_input(path) as handle:
        head = handle.read(_HEAD_BYTES)
        if not _is_midi_head(head):
            return None
        content = head + handle.read()
    return _notes_in(content, os.fspath(path))


def _notes_in(content: bytes, name: str) -> _Found:
    """Read the notes of a whole MIDI file."""
    midi, clock = parse_midi(content, name)
    file_notes, n_drums, n_unended = notes_of_midi(midi)
    if not file_notes:
        drums = f", only {n_drums} drum hits" if n_drums else ""
        raise DecodeError(f"{name} contains no notes{drums}.")
    if max(note.offset for note in file_notes) > LAST_TICK:
        raise DecodeError(f"{name} is a damaged MIDI file: its times are too large.")
    starts, ends, pitch, velocity, *_ = np.array(file_notes).T
    onset, offset = clock(starts), clock(ends)
    is_short = offset <= onset
    if offset.max() > MAX_SECONDS:
        raise DecodeError(
            f"{name} lasts {offset.max() / 3600.0:.1f} hours, which is more than "
            f"{MAX_SECONDS / 3600.0:.0f}; check its times."
        )
    counted = {
        "without an end, extended to the end of the track": n_unended,
        f"of zero length, extended to {1000.0 * MIN_NOTE_SECONDS:.0f} ms": int(is_short.sum()),
    }
    changed = [f"{n} note{'s' * (n != 1)} {which}" for which, n in counted.items() if n]
    if changed:
        logger.warning("%s has %s.", name, " and ".join(changed))
    offset = np.where(is_short, onset + MIN_NOTE_SECONDS, offset)
    order = np.lexsort((pitch, onset))  # as notes are sorted
    places = np.argsort(order)
    before = find_ties(file_notes, clock)[order]
    before = np.where(before >= 0, places[before], -1)
    return _Found(Notes(onset[order], offset[order], pitch[order], velocity[order]), before)


def save_midi(
    path: str | os.PathLike[str],
    notes: Notes,
    curves: NoteCurves | None = None,
    *,
    articulation: Sequence[str] | None = None,
) -> None:
    """Write notes as a MIDI file; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
    notes : Notes
        Times are rounded to 1/1920 s; a note lasts a tick or more.
    curves : sequence of NoteCurve or None
        With them each note is bent to its ``cents`` every 10 ms while it lasts. The range of the
        bends is set in the file: 2 semitones, or as many as needed, up to 24. Notes that sound
        together then have channels of their own; a fifteenth at a time stays unbent, which is
        logged.
    articulation : sequence of str or None
        One per note, see `retimbre.types.ARTICULATIONS`. Tied notes share a channel with the note
        that ends where they begin, within 20 ms, and the legato footswitch (control 68) is on
        there; others, also soft ones, are read as struck. So is a tied note of the same key as the
        one before it, one that follows nothing, one of two that follow the same note, and one for
        which no channel is left: notes that are tied or bent need one for themselves, and there
        are 14. None says nothing of it.

    Raises
    ------
    ParameterError
        If there is not one curve or articulation per note, or an articulation is unknown.
    WriteError
        If the file cannot be written.
    """
    midi, n_plain = midi_of_notes(notes, curves, articulation)
    if n_plain:
        logger.warning("%s: %d notes were written without pitch bends.", os.fspath(path), n_plain)
    with whole_file(path) as temporary:
        midi.save(temporary)
