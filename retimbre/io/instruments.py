"""Instruments and paths of them as JSON: heard or drawn once, played again."""

import json
import os
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from retimbre.errors import DecodeError, ParameterError, check_type
from retimbre.instrument import Correction, Instrument, Instruments
from retimbre.io.files import read_json, write_text
from retimbre.io.formats import check_instrument_name

FORMAT, FORMAT_VERSION = "retimbre instrument", 1
PATH_FORMAT = "retimbre instrument path"

LARGEST = 1000.0
"""A z has an rms of 1; with numbers far beyond that networks return no numbers."""

_TEXTS = ("name", "source", "licence", "model")
_NUMBERS = ("brightness", "attack", "decay", "noisiness")
_COUNTS = ("bank", "program")

_Saved = TypeVar("_Saved", Instrument, Instruments)


def save_instrument(path: str | os.PathLike[str], instrument: Instrument) -> None:
    """Write an instrument as JSON, with its correction; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
        With the suffix .json, by which ``like`` knows it. An instrument that is there is replaced.
    instrument : Instrument

    Raises
    ------
    WriteError
        If the file cannot be written.
    ParameterError
        If `instrument` is none, or the path has another suffix.
    """
    check_instrument_name(path)
    if isinstance(instrument, np.ndarray):
        raise ParameterError(
            "What is saved must be an Instrument, given ndarray; Instrument(z, name) makes one of "
            "a z, generator.instruments.describe(name) gives one of the palette."
        )
    check_type(instrument, Instrument, "What is saved")
    table: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION}
    table |= {name: getattr(instrument, name) for name in (*_TEXTS, *_COUNTS, "range")}
    # JSON has no number for what is not known.
    table |= {name: value for name in _NUMBERS if (value := getattr(instrument, name)) == value}
    table |= {"z": instrument.z.tolist()}
    table["z_at"] = [[pitch, z.tolist()] for pitch, z in instrument.z_at]
    if instrument.correction is not None:
        table["correction"] = _table_of(instrument.correction)
    write_text(path, json.dumps(table, indent=1) + "\n")


def save_instruments(path: str | os.PathLike[str], instruments: Instruments) -> None:
    """Write a path of instruments as JSON; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
        With the suffix .json, by which ``instruments`` knows it. A file that is there is replaced.
    instruments : Instruments
        As in `Result.instruments`; one that a generator has paced is refused.

    Raises
    ------
    WriteError
        If the file cannot be written.
    ParameterError
        If `instruments` is no path, or was paced, or the file has another suffix.

    Examples
    --------
    >>> save_instruments("mine.json", result.instruments)  # doctest: +SKIP
    """
    check_instrument_name(path)
    check_type(instruments, Instruments, "What is saved")
    if not instruments.is_plain:
        raise ParameterError(
            "A path that was paced by even_path is not saved; save the one it was made from."
        )
    head = {"format": PATH_FORMAT, "format_version": FORMAT_VERSION, "model": instruments.model}
    # One line per instrument: short enough to be looked at.
    rows = ",\n".join(json.dumps(_row_of(instruments, k)) for k in range(len(instruments.times)))
    write_text(path, f'{json.dumps(head)[:-1]}, "instruments": [\n{rows}\n]}}\n')


def _row_of(instruments: Instruments, k: int) -> dict[str, Any]:
    row: dict[str, Any] = {"time": float(instruments.times[k])}
    if instruments.names:
        row["name"] = instruments.names[k]
    row["z"] = instruments.z[k].tolist()
    correction = instruments.corrections[k] if instruments.corrections else None
    return row if correction is None else row | {"correction": _table_of(correction)}


def _table_of(correction: Correction) -> dict[str, Any]:
    return {part.name: getattr(correction, part.name).tolist() for part in fields(Correction)}


def load_instrument(path: str | os.PathLike[str]) -> Instrument:
    """Read an instrument that `save_instrument` wrote.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    instrument : Instrument

    Raises
    ------
    ReadError
        If there is no such file.
    DecodeError
        If it is no JSON of this format, or a value is not what it must be; says which.
    """
    return _read(path, read_json(path, FORMAT), _instrument_of)


def load_instruments(path: str | os.PathLike[str]) -> Instruments:
    """Read a path that `save_instruments` or ``--save-instruments`` wrote.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    instruments : Instruments
        As they were, to the last bit.

    Raises
    ------
    ReadError
        If there is no such file.
    DecodeError
        If it is no JSON of this format, or a value is not what it must be; says which.
    """
    return _read(path, read_json(path, PATH_FORMAT), _path_of)


def load_saved(path: str | os.PathLike[str]) -> Instrument | Instruments:
    """Read what either `save_instrument` or `save_instruments` wrote; raises as they do."""
    table = read_json(path, FORMAT, PATH_FORMAT)
    if table["format"] == FORMAT:
        return _read(path, table, _instrument_of)
    return _read(path, table, _path_of)


def _read(
    path: str | os.PathLike[str], table: dict[str, Any], make: Callable[[dict[str, Any]], _Saved]
) -> _Saved:
    """Make of a table what it holds; errors name the file."""
    name = os.fspath(path)
    version = table.get("format_version", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise DecodeError(
            f"{name} is of format version {version!r:.20}, this version of retimbre reads "
            f"{FORMAT_VERSION}; make the file again."
        )
    why: object
    try:
        return make(table)
    except KeyError as error:
        why = f"{error} is missing."
    except ParameterError as error:
        why = error
    except (TypeError, ValueError, OverflowError):
        why = "a number in it is none, or rows of numbers differ in length."
    raise DecodeError(f"{name} cannot be read as an instrument: {why}")


def _path_of(table: dict[str, Any]) -> Instruments:
    rows = table["instruments"]
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise ParameterError(f"'instruments' must be a list of objects, given {rows!r:.60}.")
    found = [_instrument_of({key: row[key] for key in row if key in _ROW}) for row in rows]
    times = [_number(row["time"], "time") for row in rows]
    if not np.isfinite(times).all():
        raise ParameterError("a time in it is not finite.")
    lengths = {len(instrument.z) for instrument in found}
    if len(lengths) > 1:
        raise ParameterError(
            f"its instruments have z of {min(lengths)} and {max(lengths)} numbers."
        )
    return Instruments(
        np.stack([instrument.z for instrument in found]),
        np.array(times),
        # A name is printed within a line.
        tuple(" ".join(instrument.name.split()) or "z" for instrument in found),
        tuple(instrument.correction for instrument in found),
        model=_text(table.get("model", ""), "model"),
    )


_ROW = ("name", "z", "correction")


def _instrument_of(table: dict[str, Any]) -> Instrument:
    known: dict[str, Any] = {name: _text(table[name], name) for name in _TEXTS if name in table}
    known |= {name: _number(table[name], name) for name in _NUMBERS if name in table}
    known |= {name: int(_number(table[name], name)) for name in _COUNTS if name in table}
    if table.get("range") is not None:
        known["range"] = _read_range(table["range"])
    if table.get("correction") is not None:
        given = table["correction"]
        if not isinstance(given, dict):
            raise ParameterError(f"'correction' is no object but {given!r:.60}.")
        known["correction"] = Correction(*(given[part.name] for part in fields(Correction)))
    z_at = _read_z_at(table.get("z_at", []))
    found = Instrument(table["z"], z_at=z_at, **known)
    if max(np.abs(z).max() for z in (found.z, *(z for _, z in z_at))) > LARGEST:
        raise ParameterError(f"its z has numbers beyond {LARGEST:g}; make the file again.")
    return found


def _read_z_at(value: Any) -> tuple[tuple[int, Any], ...]:
    pairs = value if isinstance(value, list) else [value]
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ParameterError(f"'z_at' must be pairs of a MIDI note and a z, given {value!r:.60}.")
    return tuple((int(_number(pitch, "z_at")), z) for pitch, z in pairs)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ParameterError(f"{name!r} is no text but {value!r:.60}.")
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterError(f"{name!r} is no number but {value!r:.60}.")
    return float(value)


def _read_range(value: Any) -> tuple[int, int]:
    is_pair = isinstance(value, list) and len(value) == 2
    if not (
        is_pair and all(type(key) is int for key in value) and 0 <= value[0] <= value[1] <= 127
    ):
        raise ParameterError(
            f"'range' must be the lowest and the highest MIDI note, given {value!r:.60}."
        )
    return value[0], value[1]
