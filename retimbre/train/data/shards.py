"""The files of a dataset: memory-mapped shards, one a pitch, and what they were built from.

A dataset is a folder with ``dataset.json`` (how it was built) and for every pitch
``shards/060.npy`` (float16 features, shape (n, 128, 288)) beside ``shards/060.jsonl`` (a label a
note). A shard appears whole or not at all, so a build that was stopped goes on where it was.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.io.files import whole_file, write_bytes, write_text
from retimbre.train.data.labels import LeftOut, NoteLabel

Features = npt.NDArray[np.float16]

FORMAT_VERSION = 2

SETTINGS = "dataset.json"
"""How a dataset was built; without it a folder holds none."""

_UNFINISHED = ".retimbre-*.part"
"""What `retimbre.io.files.whole_file` leaves where its process is killed."""


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Write how a dataset is built, or see that what is there was built the same way.

    What a build of other settings left that came to no note is removed.

    Raises
    ------
    ParameterError
        If the folder holds notes of other settings or something else, or cannot be made.
    """
    path = folder / SETTINGS
    wanted = {"format_version": FORMAT_VERSION, **settings}
    _refuse_foreign(folder)
    if path.is_file():
        found = json.loads(path.read_text())
        others = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
        if not others:
            return
        if any(path.stat().st_size for path in (folder / "shards").glob("*.jsonl")):
            changes = "; ".join(_tell_change(k, found.get(k), wanted.get(k)) for k in others)
            raise ParameterError(
                f"{folder} contains a dataset built with other settings ({changes}); use the same "
                "settings or another folder."
            )
        _clear(folder)
    try:
        (folder / "shards").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(
            f"{folder} cannot be made: {error.strerror}; use another folder."
        ) from error
    write_text(path, json.dumps(wanted, indent=2) + "\n")


def _refuse_foreign(folder: Path) -> None:
    """See that a folder is new, empty or that of a dataset, whose files may be replaced."""
    if not folder.is_dir():
        return
    try:
        if "format_version" in json.loads((folder / SETTINGS).read_text()):
            return
        strange = [SETTINGS]
    except FileNotFoundError:
        strange = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    except (OSError, TypeError, ValueError):
        strange = [SETTINGS]
    if strange:
        raise ParameterError(
            f"{folder} contains {strange[0]} and is not a dataset; give a new folder."
        )


def _clear(folder: Path) -> None:
    """Remove what a build wrote."""
    for pattern in ("shards/*.npy", "shards/*.jsonl", "left_out/*.jsonl", SETTINGS):
        for path in folder.glob(pattern):
            path.unlink()


def _tell_change(name: str, found: Any, wanted: Any) -> str:
    """Say how a setting was, and how it is now.

    >>> _tell_change("velocities", [40, 80], [90]), _tell_change("licence", "CC0", None)
    ('velocities 40, 80, now 90', 'licence CC0, now none')
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        return f"other {name}"
    return f"{name} {_shown(found)}, now {_shown(wanted)}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list | dict) else str(value)


def read_settings(folder: Path) -> dict[str, Any]:
    """Read how a dataset was built.

    Raises
    ------
    ModelNotFoundError
        If the folder holds no dataset.
    ModelFormatError
        If it holds one of another format.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise ModelNotFoundError(
            f"{folder} contains no dataset; build one in a new folder with "
            "'retimbre dataset build'."
        )
    try:
        settings: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ModelFormatError(f"{path} cannot be read as JSON ({error}).") from error
    if settings.get("format_version") != FORMAT_VERSION:
        raise ModelFormatError(
            f"{folder} contains a dataset of format {settings.get('format_version')!r}, this "
            f"version reads {FORMAT_VERSION}; build it again."
        )
    return settings


def has_shard(folder: Path, pitch: int) -> bool:
    """Tell whether the shard of a pitch is there."""
    return _paths(folder, pitch)[1].is_file()


def write_shard(
    folder: Path,
    pitch: int,
    features: Features,
    labels: list[NoteLabel],
    left_out: Sequence[LeftOut] = (),
) -> None:
    """Write the shard of a pitch; the labels come last and make it count."""
    array, lines = _paths(folder, pitch)
    write_left_out(folder, f"{pitch:03d}", left_out)
    with whole_file(array) as unfinished, unfinished.open("wb") as file:
        np.save(file, features)
    write_bytes(lines, _json_lines(labels))


def write_left_out(folder: Path, name: str, notes: Sequence[LeftOut]) -> None:
    """Write which notes could not be used, and why; no file where there is none."""
    path = folder / "left_out" / f"{name}.jsonl"
    if notes:
        path.parent.mkdir(exist_ok=True)
        write_bytes(path, _json_lines(notes))
    else:
        path.unlink(missing_ok=True)


def read_left_out(folder: Path) -> list[LeftOut]:
    """Read which notes could not be used, lowest pitch first."""
    files = sorted((folder / "left_out").glob("*.jsonl"))
    lines = [line for path in files for line in path.read_text().splitlines()]
    return [LeftOut(**json.loads(line)) for line in lines]


def read_shards(folder: Path) -> list[tuple[Features, list[NoteLabel]]]:
    """Open the shards of a dataset, lowest pitch first, features memory-mapped.

    Raises
    ------
    ModelFormatError
        If a shard is torn.
    """
    shards = []
    for lines in sorted((folder / "shards").glob("*.jsonl")):
        labels = [NoteLabel(**json.loads(line)) for line in lines.read_text().splitlines()]
        if not labels:
            continue
        try:
            features = np.load(lines.with_suffix(".npy"), mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise ModelFormatError(
                f"{lines.with_suffix('.npy')} is missing or damaged ({error}); remove "
                f"{lines.name} and build again."
            ) from error
        if len(labels) != len(features):
            raise ModelFormatError(
                f"{lines} lists {len(labels)} notes but its shard contains {len(features)}; remove "
                "it and build again."
            )
        shards.append((features, labels))
    return shards


def sweep(folder: Path) -> None:
    """Remove what builds that were killed left half written."""
    for part in (folder, folder / "shards", folder / "left_out"):
        for path in part.glob(_UNFINISHED):
            path.unlink(missing_ok=True)


def _paths(folder: Path, pitch: int) -> tuple[Path, Path]:
    stem = folder / "shards" / f"{pitch:03d}"
    return stem.with_suffix(".npy"), stem.with_suffix(".jsonl")


def _json_lines(notes: Sequence[NoteLabel] | Sequence[LeftOut]) -> bytes:
    return "".join(json.dumps(asdict(note)) + "\n" for note in notes).encode()
