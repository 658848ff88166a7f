"""Exceptions that retimbre raises on purpose.

::

    RetimbreError
    ├── Cancelled                         somebody asked for the work to stop
    ├── ParameterError(ValueError)        a bad value, shape or unit
    ├── AudioError
    │   ├── DecodeError(OSError)          names the file and what is wrong with it
    │   └── NoPitchError                  nothing voiced at this threshold
    └── ModelError
        ├── ModelNotFoundError            lists the known names
        └── ModelFormatError              wrong file, wrong shape, wrong checksum

A message is one sentence: what is wrong, the offending value, what to do.
"""

from collections.abc import Sequence


class RetimbreError(Exception):
    """Base of all errors that a user can meet."""


class Cancelled(RetimbreError):
    """Somebody asked for the work to stop."""


class ParameterError(RetimbreError, ValueError):
    """A parameter has a bad value, shape or unit."""


class AudioError(RetimbreError):
    """Something is wrong with the audio."""


class DecodeError(AudioError, OSError):
    """A file cannot be read as audio or MIDI, or a result cannot be written."""


class NoPitchError(AudioError):
    """Nothing in the clip is voiced at the asked confidence."""


class ModelError(RetimbreError):
    """Something is wrong with a model folder."""


class ModelNotFoundError(ModelError):
    """No model of that name or path exists."""


class ModelFormatError(ModelError):
    """A model file is not what it should be."""


def one_line(error: BaseException) -> str:
    """Return an error as one line; one that was not raised on purpose with its type."""
    text = " ".join(str(error).split())
    if isinstance(error, RetimbreError):
        return text
    return f"Unexpected {type(error).__name__}: {text or 'no message'}; please report it."


def alternatives(names: Sequence[str]) -> str:
    """Join names for a question.

    >>> alternatives(["Flute"]), alternatives(["Flute", "Oboe", "Cello"])
    ('Flute', 'Flute, Oboe or Cello')
    """
    return " or ".join([part for part in (", ".join(names[:-1]), names[-1]) if part])
