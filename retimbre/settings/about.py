"""What is known of a setting, and the check of settings by it."""

import math
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, NamedTuple

from retimbre.errors import ParameterError


class About(NamedTuple):
    """What is known of a setting, wherever people meet it.

    Attributes
    ----------
    help : str
        A sentence.
    unit : str
    kind : {"number", "integer", "flag", "choice", "text", "frequency", "keys", "files", "level"}
    low, high : float or None
        The range; both ends are allowed.
    choices : tuple of str
        All words that are allowed; a level may be a number or one of them.
    name : str
        The flat name, where it is not the field's.
    section : {"Output", "Sound", "Pitch and notes"}
        Heading on the help page; empty where the command line has no such option.
    short : str
        The one-letter option.
    metavar : str
    shown : str
        What the help page shows as the default in the place of None.
    """

    help: str
    unit: str = ""
    kind: str = "number"
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    name: str = ""
    section: str = ""
    short: str = ""
    metavar: str = ""
    shown: str = ""


def check(params: Any) -> None:
    """See that settings are what the table says.

    Raises
    ------
    ParameterError
        If one is of another kind, unknown or outside of its range.
    """
    for setting in fields(params):
        about, value = setting.metadata["about"], getattr(params, setting.name)
        if about.kind not in _KINDS or (value is None and setting.default is None):
            continue
        name = about.name or setting.name
        if about.kind == "level" and isinstance(value, str) and value in about.choices:
            continue
        if about.kind == "choice" and value not in about.choices:
            known = ", ".join(about.choices)
            raise ParameterError(f"Unknown {name} {value!r}; use one of {known}.")
        what, kind = _KINDS[about.kind]
        is_kind = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        low = -math.inf if about.low is None else about.low
        high = math.inf if about.high is None else about.high
        if not is_kind or (kind in (Real, Integral) and not low <= value <= high):
            raise ParameterError(f"{name} must be {what}{_range_of(about)}, given {value!r}.")


def _range_of(about: About) -> str:
    """Return the range of a setting in words."""
    if about.low is not None and about.high is not None:
        return f" from {about.low} to {about.high}" + "".join(f" or {w!r}" for w in about.choices)
    if about.low is not None:
        return f" of {about.low} or more"
    return "" if about.high is None else f" of {about.high} or less"


_KINDS: dict[str, tuple[str, type]] = {
    "number": ("a number", Real),
    "level": ("a number", Real),
    "frequency": ("a number", Real),
    "integer": ("a whole number", Integral),
    "flag": ("True or False", bool),
    "choice": ("a word", str),
}
"""What a value must be, by the kind of its setting."""
