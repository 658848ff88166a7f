"""Media suffixes read, audio formats written, and their size limits."""

import os
import re
from pathlib import Path

from retimbre.errors import ParameterError

# fmt: off
MEDIA_SUFFIXES = frozenset({
    ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".avi", ".caf",
    ".flac", ".flv", ".m4a", ".m4b", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4",
    ".mpg", ".oga", ".ogg", ".ogv", ".opus", ".rf64", ".snd", ".voc", ".w64", ".wav", ".wave",
    ".webm", ".wma", ".wmv", ".wv",
})
# fmt: on
"""What is taken from a folder of recordings; a file that is named itself is tried whatever its
suffix."""

MIDI_SUFFIXES = frozenset({".kar", ".mid", ".midi", ".rmi"})

INSTRUMENT_SUFFIX = ".json"
"""Instruments and paths of them are known by it."""

FORMATS = {
    ".wav": ("WAV", "PCM_24"),
    ".flac": ("FLAC", "PCM_24"),
    ".aiff": ("AIFF", "PCM_24"),
    ".aif": ("AIFF", "PCM_24"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
"""What can be written, by suffix: libsndfile's format and the subtype taken if none is asked."""

_MAX_BYTES = 2**32 - 2**16
"""WAV and AIFF count their bytes in 32 bits; some are left for the header."""

_LONGER_FORMATS = {"WAV": "RF64"}
"""What takes the place of a format whose samples are more than it can count (EBU Tech 3306)."""

_BYTES_PER_SAMPLE = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


def format_of(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return libsndfile's format and usual subtype of a file of this name.

    Raises
    ------
    ParameterError
        If the suffix is not that of a format that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ParameterError(
            f"Unsupported output format {suffix!r} ({os.fspath(path)}); use one of "
            f"{' '.join(FORMATS)}."
        )
    return FORMATS[suffix]


def check_length(path: str | os.PathLike[str], seconds: float, sr: int) -> None:
    """See that a file of this name can hold so much sound, before it is made.

    Parameters
    ----------
    path : str or path-like
        As in `save`, which takes the format's usual subtype.
    seconds : float [>= 0]
    sr : int [Hz, > 0]

    Raises
    ------
    ParameterError
        If it cannot: AIFF ends at 4 GiB, which is 9 hours at 44.1 kHz.
    """
    long_enough(path, *format_of(path), round(seconds * sr))


def long_enough(
    path: str | os.PathLike[str], file_format: str, subtype: str, n_samples: int
) -> str:
    """Return the format that holds so many mono samples: the one given or its larger kind.

    Parameters
    ----------
    path : str or path-like
        What the message calls the file.
    file_format, subtype : str
        libsndfile's names.
    n_samples : int

    Raises
    ------
    ParameterError
        If there is none.
    """
    n_bytes = n_samples * _BYTES_PER_SAMPLE.get(subtype, 1)
    if file_format not in ("WAV", "AIFF") or n_bytes <= _MAX_BYTES:
        return file_format
    if file_format in _LONGER_FORMATS:
        return _LONGER_FORMATS[file_format]
    raise ParameterError(
        f"{os.fspath(path)} would be larger than the 4 GiB that {file_format} can hold; "
        "write .wav or .flac instead."
    )


_OWN_RESULT = re.compile(r"(\.retimbred|_pe_\d{2,})(-\d+)?\.[^.]+$")


def is_own_result(name: str) -> bool:
    """Tell whether a file is named as results of earlier runs are."""
    return bool(_OWN_RESULT.search(name))


def recordings_in(folder: Path) -> list[Path]:
    """List the media files of a folder, in order of their names.

    Those of folders in it, hidden files and results of earlier runs are passed over.

    Parameters
    ----------
    folder : Path
        A file stands for itself.
    """
    if not folder.is_dir():
        return [folder]
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in MEDIA_SUFFIXES
        and not path.name.startswith(".")
        and not is_own_result(path.name)
        and path.is_file()
    )


def check_instrument_name(path: str | os.PathLike[str]) -> None:
    """See that a file of instruments will be known as one.

    Raises
    ------
    ParameterError
        If its name does not end in .json.
    """
    if os.path.splitext(path)[1].lower() != INSTRUMENT_SUFFIX:
        raise ParameterError(
            f"Instruments are saved as .json, given {os.fspath(path)!r}; end its name with .json."
        )
