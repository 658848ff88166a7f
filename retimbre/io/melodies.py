"""Melodies as JSON: to be kept, edited elsewhere and played again."""

import json
import logging
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from retimbre.errors import DecodeError, ParameterError, check_type
from retimbre.io.files import read_json, write_text
from retimbre.types import LARGEST_ID, Melody, NoteCurve, Notes

logger = logging.getLogger("retimbre")

MAX_NUMBER = 1e15
"""No number of a melody is as large; NaN and infinity are none."""

FORMAT, FORMAT_VERSION = "retimbre melody", 1

_TOP = (
    *("source", "duration", "confidence", "folded", "voiced_seconds", "loudness"),
    *("dropped", "origin"),
)
_FILE = {*_TOP, "format", "format_version", "notes"}
_NOTE = ("id", "onset", "offset", "pitch", "velocity", "articulation", "strength")
_CURVE = ("cents", "level_db")


def save_melody(path: str | os.PathLike[str], melody: Melody) -> None:
    """Write a melody as JSON; the file appears whole or not at all.

    Nothing is lost: numbers are written with all their digits, and fields that a file of a later
    version had are written again.

    Parameters
    ----------
    path : str or path-like
    melody : Melody

    Raises
    ------
    WriteError
        If the file cannot be written.
    ParameterError
        If a field of ``extra`` has the name of one that every melody has.
    """
    check_type(melody, Melody, "What is saved")
    known = _FILE & melody.extra.keys()
    known |= {
        name for kept in melody.note_extra.values() for name in {*_NOTE, *_CURVE} & kept.keys()
    }
    if known:
        raise ParameterError(f"An extra field needs a name of its own, given {min(known)!r}.")
    head = {"format": FORMAT, "format_version": FORMAT_VERSION}
    top = {name: getattr(melody, name) for name in _TOP}
    fields = {**melody.extra, **head, **top}
    dump = partial(json.dumps, default=_plain)
    lines = [f" {dump(name)}: {dump(value)}" for name, value in fields.items()]
    notes = ",\n".join(f"  {dump(row)}" for row in _note_rows(melody))
    text = "{\n" + ",\n".join([*lines, f' "notes": [\n{notes}\n ]']) + "\n}\n"
    write_text(path, text)


def load_melody(path: str | os.PathLike[str]) -> Melody:
    """Read a melody that `save_melody` wrote, or somebody edited.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    melody : Melody
        Notes in any order are sorted; an id that is missing is the smallest that is free.

    Raises
    ------
    ReadError
        If there is no such file.
    DecodeError
        If it is no JSON of this format, or a value is not what it must be; says which.
    """
    name = os.fspath(path)
    table = read_json(path, FORMAT)
    version = table.get("format_version")
    if type(version) is not int or version < 1:
        raise DecodeError(f"{name} has the format_version {version!r}; it must be a whole number.")
    if version > FORMAT_VERSION:
        logger.warning("%s has the newer format_version %d; what is new is kept.", name, version)
    try:
        return _melody_of(table)
    except ParameterError as error:
        raise DecodeError(f"{name} cannot be read as a melody: {error}") from error


def _note_rows(melody: Melody) -> list[dict[str, Any]]:
    rows = []
    for row in melody.rows():
        curve = row.pop("curve", None)
        if curve is not None:
            row |= {part: getattr(curve, part).tolist() for part in _CURVE}
        rows.append({**melody.note_extra.get(row["id"], {}), **row})
    return rows


def _plain(value: object) -> Any:
    """Return a value of numpy as Python's own, which JSON knows."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _melody_of(table: Mapping[str, Any]) -> Melody:
    rows = table.get("notes")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ParameterError("'notes' must be a list of objects.")
    numbered = _with_ids(rows)
    order = sorted(numbered, key=lambda row: (_number(row, "onset"), _number(row, "pitch")))
    for row in order:
        whole = [name for name in ("pitch", "velocity") if _number(row, name) % 1]
        if whole:
            raise ParameterError(f"{whole[0]!r} must be a whole number, given {row[whole[0]]!r}.")
    has_curves = [all(part in row for part in _CURVE) for row in order]
    if any(sum(part in row for part in _CURVE) == 1 for row in order):
        raise ParameterError("A note has one of 'cents' and 'level_db'; it needs both or none.")
    if any(has_curves) and not all(has_curves):
        missing = order[has_curves.index(False)]["id"]
        raise ParameterError(f"Note {missing} lacks its curves, which the others have.")
    return Melody(
        Notes(*(np.array([_number(row, part) for row in order]) for part in _NOTE[1:5])),
        tuple(NoteCurve(*(_numbers(row, part) for part in _CURVE)) for row in order)
        if any(has_curves)
        else None,
        ids=np.array([row["id"] for row in order], np.int64),
        articulation=tuple(str(row.get("articulation", "struck")) for row in order),
        strength=np.array([_number(row, "strength", 1.0) for row in order]),
        extra={name: value for name, value in table.items() if name not in _FILE},
        note_extra={row["id"]: extra for row in order if (extra := _unknown(row))},
        **_facts(table),
    )


def _with_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give an id to the notes that have none."""
    given = [row["id"] for row in rows if "id" in row]
    if not all(type(note_id) is int and 0 <= note_id <= LARGEST_ID for note_id in given):
        raise ParameterError("The ids of notes must be different numbers from 0 on.")
    taken = {*given}
    free = (n for n in range(2 * len(rows)) if n not in taken)
    return [row if "id" in row else {**row, "id": next(free)} for row in rows]


def _unknown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in (*_NOTE, *_CURVE)}


def _facts(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in a file about the melody as a whole, as far as it does."""
    facts: dict[str, Any] = {}
    for name in ("source", "origin"):
        if isinstance(table.get(name), str):
            facts[name] = table[name]
    for name in ("duration", "confidence", "voiced_seconds", "loudness"):
        if table.get(name) is not None:
            facts[name] = _number(table, name)
    if "folded" in table:
        facts["folded"] = int(_number(table, "folded"))
    if isinstance(table.get("dropped"), dict):
        facts["dropped"] = {key: _number(table["dropped"], key) for key in table["dropped"]}
    return facts


def _number(row: Mapping[str, Any], name: str, default: float | None = None) -> Any:
    value = row.get(name, default)
    if type(value) not in (int, float) or not abs(value) < MAX_NUMBER:
        raise ParameterError(f"{name!r} must be a finite number, given {value!r:.60}.")
    return value


def _numbers(row: Mapping[str, Any], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = row[name]
    if not isinstance(values, list) or not values:
        raise ParameterError(f"{name!r} must be a list of numbers, given {values!r:.60}.")
    return np.array([_number({name: value}, name) for value in values], np.float64)
