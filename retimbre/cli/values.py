"""Option values: notes, frequencies and ranges of notes."""

import re
from collections.abc import Sequence
from typing import Any

import click

_NOTE = r"[A-Ga-g][#♯b♭]?-?\d+"


class Number(click.FloatRange):
    """A number in a range; what is none is called just that."""

    name = "number"


class WholeNumber(click.IntRange):
    """A whole number in a range."""

    name = "whole number"


class Level(Number):
    """A number in a range, or one of a few words.

    Parameters
    ----------
    low, high : float or None
    words : sequence of str
    """

    def __init__(self, low: float | None, high: float | None, words: Sequence[str]) -> None:
        super().__init__(low, high)
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or the word in small letters."""
        if str(value).lower() in self._words:
            return str(value).lower()
        try:
            float(value)
        except ValueError:
            known = ", ".join(map(repr, self._words))
            self.fail(f"{value!r} is neither a number nor one of {known}.", param, ctx)
        return super().convert(value, param, ctx)


def frequency(value: str | float) -> float:
    """Read a frequency in Hz, or the note that has it: ``65.4`` or ``C2``.

    Parameters
    ----------
    value : str or float

    Returns
    -------
    frequency : float [Hz]

    Raises
    ------
    click.BadParameter
        If `value` is neither.
    """
    try:
        return float(value)
    except ValueError:
        pass
    from retimbre.units import note_to_midi  # with NumPy, which the help does without

    try:
        return float(440.0 * 2.0 ** ((note_to_midi(str(value)) - 69) / 12))
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither a frequency nor a note; write 65.4 or C2."
        ) from None


def note_range(value: str | tuple[int, int]) -> tuple[int, int]:
    """Read a range of notes, as MIDI numbers or names: ``36-84`` or ``C2-C6``.

    Parameters
    ----------
    value : str or (int, int)

    Returns
    -------
    low, high : int [MIDI]

    Raises
    ------
    click.BadParameter
        If `value` is no range.
    """
    if isinstance(value, tuple):
        return value
    match = re.fullmatch(rf"\s*({_NOTE}|\d+)\s*-\s*({_NOTE}|\d+)\s*", value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not a range of notes; write 36-84 or C2-C6.")
    from retimbre.units import note_to_midi

    low, high = (int(text) if text.isdigit() else note_to_midi(text) for text in match.groups())
    return low, high
