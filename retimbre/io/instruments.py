"""Instruments as JSON: heard once, played again without the recordings."""

import json
import os
from dataclasses import fields
from typing import Any

import numpy as np

from retimbre.errors import DecodeError, ParameterError, check_type
from retimbre.instrument import Correction, Instrument
from retimbre.io.files import read_json, write_text

FORMAT, FORMAT_VERSION = "retimbre instrument", 1
SUFFIX = ".json"

LARGEST = 1000.0
"""A z has an rms of 1; with numbers far beyond that networks return no numbers."""

_TEXTS = ("name", "source", "licence", "model")
_NUMBERS = ("brightness", "attack", "decay", "noisiness")
_COUNTS = ("bank", "program")


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
    if os.path.splitext(path)[1].lower() != ".json":
        raise ParameterError(
            f"An instrument is saved as .json, given {os.fspath(path)!r}; end its name with .json."
        )
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
        parts = (
            (part.name, getattr(instrument.correction, part.name)) for part in fields(Correction)
        )
        table["correction"] = {name: values.tolist() for name, values in parts}
    write_text(path, json.dumps(table, indent=1) + "\n")


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
    name = os.fspath(path)
    table = read_json(path, FORMAT)
    version = table.get("format_version", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise DecodeError(
            f"{name} is of format version {version!r:.20}, this version of retimbre reads "
            f"{FORMAT_VERSION}; hear the instrument again."
        )
    try:
        return _instrument_of(table)
    except KeyError as error:
        raise DecodeError(f"{name} cannot be read as an instrument: {error} is missing.") from error
    except (TypeError, ValueError, OverflowError, ParameterError) as error:
        raise DecodeError(f"{name} cannot be read as an instrument: {error}") from error


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
        raise ParameterError(f"its z has numbers beyond {LARGEST:g}; hear the instrument again.")
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
