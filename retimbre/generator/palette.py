"""Palette: the named instruments of a model.

Every instrument is a place in the latent space, with a few figures that say how it sounds.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from retimbre._typing import FloatArray
from retimbre.errors import ModelFormatError, ParameterError, alternatives
from retimbre.generator.folder import ModelConfig, is_pitch_range
from retimbre.instrument import Instrument

NEAR_NAMES = 3
"""So many names are told where one is not found."""

AMBIGUOUS_NAMES = 8
"""So many are told where several fit."""

SYNONYMS = {
    "accordeon": "accordion",
    "accordion": "accordian",
    "cor anglais": "english horn",
    "double bass": "contrabass",
    "glass armonica": "bowed glass",
    "glass harmonica": "bowed glass",
    "mbira": "kalimba",
    "mouth organ": "harmonica",
    "thumb piano": "kalimba",
    "vibes": "vibraphone",
}
"""Other names of instruments, tried where a name itself is not found."""

DESCRIPTORS = ("brightness", "attack", "decay", "noisiness")


class Palette(Mapping[str, FloatArray]):
    """The instruments of a model: a mapping from name to latent vector.

    Names match loosely: capitals, spaces, punctuation and accents do not count, and words of a
    name are enough where only one instrument has them. One that is told from another by a
    parenthesis alone, as "Flute (Other)" from "Flute", is meant only where that is asked for.

    Parameters
    ----------
    instruments : iterable of Instrument
        With names that differ; their order is kept.

    Raises
    ------
    ParameterError
        If a name is not found in ``palette[name]``; the sentence lists near names.
    """

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._entries = {entry.name: entry for entry in instruments}

    def __getitem__(self, name: str) -> FloatArray:
        return self.describe(name).z

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and len(self._fitting(name)) == 1

    def get(self, name: str, default: Any = None) -> Any:
        """Return the z of an instrument, or `default` where the name is not found."""
        fitting = self._fitting(name)
        return self._entries[fitting[0]].z if len(fitting) == 1 else default

    def __repr__(self) -> str:
        return f"<Palette of {len(self)} instruments>"

    def describe(self, name: str) -> Instrument:
        """Return what is known of an instrument.

        Parameters
        ----------
        name : str
            As in ``palette[name]``.

        Returns
        -------
        instrument : Instrument

        Raises
        ------
        ParameterError
            If no instrument has that name, or several could be meant.
        """
        fitting = self._fitting(name)
        if len(fitting) != 1:
            raise ParameterError(self._miss(name, fitting))
        return self._entries[fitting[0]]

    def select(self, words: Iterable[str] = ()) -> list[Instrument]:
        """Return the instruments whose names hold all of some words.

        Parameters
        ----------
        words : iterable of str
            Words or their beginnings; none select everything. Where no name holds them, they
            are taken for a part of a name without its spaces, or as in ``palette[name]``.

        Returns
        -------
        instruments : list of Instrument
            In their order; empty if none fits.
        """
        asked = " ".join(words)
        wanted = _words(asked)
        found = [name for name in self._entries if _has_words(name, wanted, str.startswith)]
        if not found:
            part = "".join(wanted)
            found = [name for name in self._entries if part in "".join(_words(name))]
        return [self._entries[name] for name in found or self._fitting(asked)]

    def near(self, name: str, n: int = NEAR_NAMES) -> list[str]:
        """Return the names most like `name`, the nearest first."""
        return sorted(self._entries, key=lambda known: -_likeness(name, known))[:n]

    def _fitting(self, name: str) -> list[str]:
        """Return the instruments that a name can mean, by the strictest rule that finds any."""
        if name in self._entries:
            return [name]
        wanted = _words(name)
        if not wanted:
            return []
        rules: tuple[Callable[[str], bool], ...] = (
            lambda known: "".join(_words(known)) == "".join(wanted),
            lambda known: _has_words(known, wanted, str.__eq__),
            lambda known: _has_words(known, wanted, str.startswith),
        )
        found = ([known for known in self._entries if rule(known)] for rule in rules)
        fitting = next((names for names in found if names), [])
        other = SYNONYMS.get(" ".join(wanted))
        return self._fitting(other) if other and not fitting else _without_twins(fitting)

    def _miss(self, name: str, fitting: list[str]) -> str:
        if not fitting:
            return f"No instrument named {name!r}. Did you mean {alternatives(self.near(name))}?"
        more = ", ..." if len(fitting) > AMBIGUOUS_NAMES else ""
        return (
            f"{name!r} matches {len(fitting)} instruments ("
            f"{', '.join(fitting[:AMBIGUOUS_NAMES])}{more}); use a longer name."
        )


def _without_twins(names: list[str]) -> list[str]:
    """Leave out the names that are another of them with a parenthesis behind."""
    return [name for name in names if re.sub(r"\s*\([^()]*\)$", "", name) not in {*names} - {name}]


def _words(name: str) -> list[str]:
    """Return the words of a name without capitals, accents and punctuation.

    Digits and a capital after a small letter begin a word.
    """
    plain = unicodedata.normalize("NFKD", name)
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", letters)
    return re.findall(r"\d+|[^\W\d_]+", parted.casefold())


def _has_words(name: str, wanted: list[str], fits: Callable[[str, str], bool]) -> bool:
    words = _words(name)
    return all(any(fits(word, want) for word in words) for want in wanted)


def _likeness(name: str, known: str) -> float:
    """Return how near two names are: as a whole, and their best words."""
    a, b = _words(name), _words(known)
    whole = SequenceMatcher(None, "".join(a), "".join(b)).ratio()
    best = [max((SequenceMatcher(None, x, y).ratio() for y in b), default=0.0) for x in a]
    return whole + (sum(best) / len(best) if best else 0.0)


def open_palette(config: ModelConfig) -> Palette:
    """Read the palette of a model.

    Parameters
    ----------
    config : ModelConfig

    Returns
    -------
    palette : Palette

    Raises
    ------
    ModelError
        If the model has none.
    ModelFormatError
        If its file is missing, damaged, no JSON or empty, two instruments share a name, or one
        lacks something.

    Notes
    -----
    The file holds ``{"instruments": [{"name": ..., "z": [...], "brightness": ..., ...}, ...]}``;
    see `Instrument`.
    """
    content = config.read("palette", "palette of named instruments")
    path = config.path("palette")
    try:
        table = json.loads(content)
    except ValueError as error:
        raise ModelFormatError(f"The palette {path} is not valid JSON ({error}).") from error
    rows = table.get("instruments") if isinstance(table, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ModelFormatError(
            f"The palette {path} must contain a list 'instruments' with at least one entry."
        )
    entries: dict[str, Instrument] = {}
    for k, row in enumerate(rows):
        entry = _read_instrument(row, f"Instrument {k} of the palette {path}", config.latent_dim)
        if entry.name in entries:
            raise ModelFormatError(f"The palette {path} has two instruments named {entry.name!r}.")
        entries[entry.name] = entry
    return Palette(entries.values())


def _read_instrument(row: object, where: str, latent_dim: int) -> Instrument:
    if not isinstance(row, dict):
        raise ModelFormatError(f"{where} must be an object, not {row!r}.")
    for name, (is_valid, wanted) in _FIELDS.items():
        if (name in row or name not in _OPTIONAL) and not is_valid(row.get(name)):
            raise ModelFormatError(
                f"{where}: {name} must be {wanted}, not {_short(row.get(name))}."
            )
    z = np.asarray(row["z"] if _is_vector(row.get("z")) else [], dtype=np.float32)
    if len(z) != latent_dim or not np.any(z):
        raise ModelFormatError(f"{where}: z must be {latent_dim} finite numbers, not all 0.")
    known: dict[str, Any] = {name: float(row[name]) for name in DESCRIPTORS}
    known |= {name: row[name] for name in _OPTIONAL if name in row}
    return Instrument(z, row["name"], range=(row["range"][0], row["range"][1]), **known)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_vector(value: object) -> bool:
    return isinstance(value, list) and all(_is_number(number) for number in value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_words(value))


_TEXT = (lambda value: isinstance(value, str), "a text")
_WHOLE = (lambda value: type(value) is int, "a whole number")
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_is_name, "a name with a letter or digit in it"),
    **dict.fromkeys(DESCRIPTORS, (_is_number, "a finite number")),
    "range": (is_pitch_range, "[lowest, highest] MIDI pitch within 0..127"),
    "source": _TEXT,
    "bank": _WHOLE,
    "program": _WHOLE,
    "licence": _TEXT,
}
_OPTIONAL = ("source", "bank", "program", "licence")
