"""Folders of recorded notes as training sounds.

Two layouts are read. In the first a note is a file whose name ends with its pitch, as a MIDI
number or a name (C4 is 60), and may end with a velocity after that: ``flute_60.wav``,
``flute_C#4.flac``, ``flute_60_100.wav``; folders within the folder are searched too. The second is
NSynth's [1]_: ``examples.json`` beside ``audio/*.wav``.

References
----------
.. [1] Engel et al., "Neural Audio Synthesis of Musical Notes with WaveNet Autoencoders",
   ICML 2017.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retimbre.errors import ParameterError
from retimbre.io.formats import MEDIA_SUFFIXES
from retimbre.train.data.measure import Reason
from retimbre.units import note_to_midi

NSYNTH_INDEX = "examples.json"
LICENCES = "LICENCES.tsv"
"""A table in the folder, or in the one around it: instrument, licence and, if wanted, credit."""

DEFAULT_VELOCITY = 80
"""Of recordings that name none: the middle one of the SoundFonts' three."""

_PITCH = r"\d{1,3}|[A-Ga-g](?:[#♯s]|[b♭])?-?\d"


@dataclass(frozen=True)
class Recording:
    """A file that holds a note.

    Attributes
    ----------
    folder, file : str
        ``folder / file`` is its path; the folder's name is the name of the source.
    name : str
        The instrument.
    pitch : int or None [MIDI]
        None where its name, or its entry in NSynth's index, tells none.
    velocity : int or None
        A note's is 1..127; None where its name tells none.
    is_laid_out : bool
        It begins with the note, which is held for 3 s and then released, as NSynth's are.
    licence : str
        And whom to name; empty where no table tells it.
    """

    folder: str
    file: str
    name: str
    pitch: int | None
    velocity: int | None = None
    is_laid_out: bool = False
    licence: str = ""

    def why_unused(self, pitches: range) -> Reason | None:
        """Return why it is no note of some pitches, as far as that can be told without hearing."""
        if self.pitch is None:
            return Reason.NO_ENTRY if self.is_laid_out else Reason.NO_LABEL
        if self.velocity is not None and not 1 <= self.velocity <= 127:
            return Reason.VELOCITY
        return None if self.pitch in pitches else Reason.OUTSIDE

    @property
    def source(self) -> str:
        """The name of its folder."""
        return Path(self.folder).name

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.folder) / self.file


def find_recordings(folder: Path) -> list[Recording]:
    """List the recordings of a folder, in order of their names.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    recordings : list of Recording
        With those whose pitch is not known.

    Raises
    ------
    ParameterError
        If there is no recording, or NSynth's index or the table of licences is damaged.
    """
    folder = folder.resolve()
    index = folder / NSYNTH_INDEX
    found = list(_read_nsynth(folder) if index.is_file() else _read_names(folder))
    if not found:
        raise ParameterError(
            f"{folder} contains no recordings; give a folder with files like flute_60.wav."
        )
    licences = read_licences(folder)
    named = (replace(note, licence=licences.get(note.name.casefold(), "")) for note in found)
    return sorted(named, key=lambda recording: recording.file)


def read_licences(folder: Path) -> dict[str, str]:
    """Read the licences of a folder's instruments.

    Returns
    -------
    licences : dict of str to str
        By the instrument's name in small letters: the licence, and in brackets whom to name. Empty
        where there is no table.

    Raises
    ------
    ParameterError
        If the table lacks a column.
    """
    path = next((p for p in (folder / LICENCES, folder.parent / LICENCES) if p.is_file()), None)
    if path is None:
        return {}
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        table = csv.DictReader(lines, delimiter="\t")
        if not {"instrument", "licence"} <= {*(table.fieldnames or ())}:
            raise ParameterError(
                f"{path} must begin with a line that names the columns instrument and licence, "
                "set apart by tabs."
            )
        return {
            row["instrument"].casefold(): row["licence"]
            + (f" ({row['credit']})" if row.get("credit") else "")
            for row in table
            if row["licence"]
        }


def listing_digest(recordings: list[Recording]) -> str:
    """Return a SHA-256 of which notes are in which files, and of their sizes."""
    digest = hashlib.sha256()
    for note in recordings:
        size = note.path.stat().st_size if note.path.is_file() else -1
        line = [note.file, note.name, note.pitch, note.velocity, size]
        digest.update(json.dumps(line).encode() + b"\n")
    return digest.hexdigest()


def parse_stem(stem: str, pitches: range) -> tuple[str, int, int | None] | None:
    """Read the name, pitch and velocity off the name of a file.

    Parameters
    ----------
    stem : str
    pitches : range [MIDI]
        Where ``flute_2_60`` could be both, the pitch is one of these.

    Returns
    -------
    name, pitch, velocity : str, int [MIDI], int or None
        Or None where there is no pitch. The velocity is as it stands there, outside of 1..127 too;
        None where there is none.

    Examples
    --------
    >>> parse_stem("flute_C4", range(21, 109))
    ('flute', 60, None)
    >>> parse_stem("flute_60_100", range(21, 109))
    ('flute', 60, 100)
    >>> parse_stem("flute_2_60", range(21, 109))
    ('flute_2', 60, None)
    """
    three = re.fullmatch(rf"(.+)_({_PITCH})_(\d{{1,3}})", stem)
    if three and _midi(three[2]) in pitches:
        return three[1], _midi(three[2]), int(three[3])
    two = re.fullmatch(rf"(.+)_({_PITCH})", stem)
    return (two[1], _midi(two[2]), None) if two else None


def _read_names(folder: Path) -> Iterator[Recording]:
    for path in folder.rglob("*"):
        file = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in file.parts)
        if is_hidden or path.suffix.lower() not in MEDIA_SUFFIXES or not path.is_file():
            continue
        parsed = parse_stem(path.stem, range(21, 109))
        name, pitch, velocity = parsed or (path.stem, None, None)
        yield Recording(str(folder), file.as_posix(), name, pitch, velocity)


def _read_nsynth(folder: Path) -> Iterator[Recording]:
    index = folder / NSYNTH_INDEX
    try:
        examples: dict[str, Any] = json.loads(index.read_text())
        entries = [*examples.items()]
    except (ValueError, AttributeError) as error:
        raise ParameterError(
            f"{index} is not an NSynth index ({error}); it must give instrument_str, pitch and "
            "velocity for each note."
        ) from error
    for stem, note in entries:
        name, pitch, velocity = _read_entry(note) or (stem, None, None)
        yield Recording(str(folder), f"audio/{stem}.wav", name, pitch, velocity, True)


def _read_entry(note: Any) -> tuple[str, int, int] | None:
    """Read instrument, pitch and velocity of an entry, or None where one is missing."""
    try:
        velocity = min(max(int(note["velocity"]), 1), 127)
        return str(note["instrument_str"]), int(note["pitch"]), velocity
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def _midi(text: str) -> int:
    """Return the MIDI number of a pitch as `_PITCH` has it."""
    return int(text) if text.isdigit() else note_to_midi(text.replace("s", "#"))
