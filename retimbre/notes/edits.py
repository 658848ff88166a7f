"""Edit the notes of a melody."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, Int64Array, IntArray
from retimbre.errors import ParameterError, check_type
from retimbre.expression import RELEASE_SECONDS
from retimbre.types import LARGEST_ID, Melody, NoteCurve, Notes

PHRASE_MARGIN_SECONDS = 0.01
"""Taken in at both ends of a phrase: onsets are rounded to samples, and curves to frames."""


def edit_note(melody: Melody, note_id: int, **changes: Any) -> Melody:
    """Change one note of a melody.

    Parameters
    ----------
    melody : Melody
    note_id : int
        One of ``melody.ids``.
    **changes
        ``onset``, ``offset`` [seconds], ``pitch`` [MIDI], ``velocity`` [1..127], ``articulation``,
        ``strength`` [0..1], ``curve`` (a NoteCurve).

    Returns
    -------
    melody : Melody
        Of the same origin; the note keeps its id, whatever its place is now.

    Raises
    ------
    ParameterError
        If there is no such note or field, or a value is out of its range.
    """
    index = _index_of(melody, note_id)
    rows = melody.rows()
    unknown = sorted(changes.keys() - rows[index].keys() - {"curve"} | changes.keys() & {"id"})
    if unknown:
        raise ParameterError(
            f"A note has no {unknown[0]!r} to change; use {', '.join(sorted(_FIELDS))}."
        )
    _check_changes(melody, changes)
    rows[index] |= changes
    return _of_rows(melody, rows)


def add_note(melody: Melody, **values: Any) -> Melody:
    """Add a note to a melody.

    Parameters
    ----------
    melody : Melody
    **values
        As `edit_note` takes them; ``onset``, ``offset`` and ``pitch`` are needed. Without a curve
        it is played plainly.

    Returns
    -------
    melody : Melody
        Of the same origin; the note's id is the largest.

    Raises
    ------
    ParameterError
        As `edit_note` raises, or if a value is missing.
    """
    check_type(melody, Melody, "What is edited")
    missing = [name for name in ("onset", "offset", "pitch") if name not in values]
    if missing:
        raise ParameterError(f"A new note needs {', '.join(missing)}.")
    unknown = sorted(values.keys() - _FIELDS)
    if unknown:
        raise ParameterError(f"A note has no {unknown[0]!r}; use {', '.join(sorted(_FIELDS))}.")
    _check_changes(melody, values)
    plain = {"velocity": 100, "articulation": "struck", "strength": 1.0}
    if melody.curves is not None:
        plain["curve"] = NoteCurve(np.zeros(1), np.zeros(1))
    note_id = int(melody.ids.max(initial=-1)) + 1
    return _of_rows(melody, [*melody.rows(), {"id": note_id, **plain, **values}])


def remove_note(melody: Melody, note_id: int) -> Melody:
    """Leave out one note of a melody.

    Raises
    ------
    ParameterError
        If there is no such note.
    """
    index = _index_of(melody, note_id)
    rows = melody.rows()
    del rows[index]
    extra = {own: kept for own, kept in melody.note_extra.items() if own != note_id}
    return _of_rows(replace(melody, note_extra=extra), rows)


def with_pitches(melody: Melody, pitches: IntArray) -> Melody:
    """Give the notes of a melody other pitches, each to its own.

    Parameters
    ----------
    melody : Melody
    pitches : np.ndarray of int [shape=(n_notes,), MIDI]
    """
    rows = [row | {"pitch": int(p)} for row, p in zip(melody.rows(), pitches, strict=True)]
    return _of_rows(melody, rows)


_FIELDS = frozenset(("onset", "offset", "pitch", "velocity", "articulation", "strength", "curve"))


def _check_changes(melody: Melody, changes: dict[str, Any]) -> None:
    """See that values are of the right kind; their ranges are checked where they are kept."""
    for name, value in changes.items():
        if name == "curve":
            is_right = isinstance(value, NoteCurve) and len(value.cents) > 0
            if melody.curves is None:
                raise ParameterError("The melody has no curves, so no note of it can have one.")
        elif name == "articulation":
            is_right = isinstance(value, str)
        elif name in ("pitch", "velocity"):
            is_right = isinstance(value, int | np.integer) and not isinstance(value, bool)
            is_right = is_right and abs(int(value)) < LARGEST_ID
        else:
            is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            is_right = is_number and bool(np.isfinite(value))
        if not is_right:
            wanted = _KINDS.get(name, "a finite number")
            raise ParameterError(f"{name!r} must be {wanted}, given {value!r:.60}.")


_KINDS = {
    "curve": "a NoteCurve with a frame or more",
    "articulation": "a word",
    "pitch": "a whole number",
    "velocity": "a whole number",
}


def _index_of(melody: Melody, note_id: int) -> int:
    check_type(melody, Melody, "What is edited")
    is_id = isinstance(note_id, int | np.integer) and not isinstance(note_id, bool)
    found = np.flatnonzero(melody.ids == (note_id if is_id else -1))
    if not len(found):
        raise ParameterError(f"The melody has no note of id {note_id!r:.60}.")
    return int(found[0])


def _of_rows(melody: Melody, rows: list[dict[str, Any]]) -> Melody:
    """Return the melody with these notes, sorted as `Notes` sorts them."""
    rows = sorted(rows, key=lambda row: (row["onset"], row["pitch"]))

    def column(name: str) -> npt.NDArray[Any]:
        return np.array([row[name] for row in rows])

    made = Notes(column("onset"), column("offset"), column("pitch"), column("velocity"))
    has_curves = melody.curves is not None
    plain = NoteCurve(np.zeros(1), np.zeros(1))
    return replace(
        melody,
        notes=made,
        curves=tuple(row.get("curve", plain) for row in rows) if has_curves else None,
        ids=column("id"),
        articulation=tuple(row["articulation"] for row in rows),
        strength=column("strength"),
    )


def notes_between(melody: Melody, start: float, stop: float, releases: FloatArray) -> Int64Array:
    """Return which notes sound in a part of a melody.

    Parameters
    ----------
    melody : Melody
    start, stop : float [seconds]
    releases : np.ndarray [shape=(n_notes,), seconds]
        How long each note rings after its offset.

    Returns
    -------
    indices : np.ndarray of int64 [shape=(n,)]
        Ascending.
    """
    end = melody.notes.offset + releases + PHRASE_MARGIN_SECONDS
    return np.flatnonzero((melody.notes.onset < stop) & (end > start))


def phrase_of(melody: Melody, note_id: int) -> tuple[float, float]:
    """Return the part of a melody in which notes can sound without a break around one of them.

    A note's release depends on when the next begins. So each counts with the longest release that
    it can have, whatever it has now.

    Parameters
    ----------
    melody : Melody
    note_id : int

    Returns
    -------
    start, stop : float [seconds]

    Raises
    ------
    ParameterError
        If the melody has no such note.
    """
    index = _index_of(melody, note_id)
    end = np.maximum.accumulate(melody.notes.offset + RELEASE_SECONDS)
    breaks = np.flatnonzero(melody.notes.onset[1:] > end[:-1] + 2.0 * PHRASE_MARGIN_SECONDS) + 1
    after = int(np.searchsorted(breaks, index, side="right"))
    first = int(breaks[after - 1]) if after else 0
    last = int(breaks[after]) if after < len(breaks) else len(melody)
    start = float(melody.notes.onset[first]) - PHRASE_MARGIN_SECONDS
    return max(0.0, start), float(end[last - 1]) + PHRASE_MARGIN_SECONDS
