"""Exceptions that retimbre raises on purpose.

::

    RetimbreError
    ├── Cancelled                         somebody asked for the work to stop
    ├── ParameterError(ValueError)        a bad value, shape or unit
    ├── FileError(OSError)                names the file and what is wrong with it
    │   ├── ReadError                     it is not there, or may not be read
    │   │   └── DecodeError               what it holds is damaged, or no audio or MIDI
    │   └── WriteError                    a disk is full, a folder is missing or closed
    ├── AudioError
    │   ├── DecodeError                   as above
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


class FileError(RetimbreError, OSError):
    """A file or a folder cannot be read or written."""


class ReadError(FileError):
    """A file does not exist, is a folder or may not be read."""


class WriteError(FileError):
    """A file cannot be written: the disk is full, or its folder is missing or closed."""


class AudioError(RetimbreError):
    """Something is wrong with the audio."""


class DecodeError(ReadError, AudioError):
    """What a file holds is damaged, or is not audio or MIDI."""


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


def check_type(value: object, kind: type, what: str) -> None:
    """See that a value is of a type.

    Parameters
    ----------
    value : object
    kind : type
    what : str
        What messages call it.

    Raises
    ------
    ParameterError
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        raise ParameterError(
            f"{what} must be {article} {kind.__name__}, given {type(value).__name__}."
        )
