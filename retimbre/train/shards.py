"""The files of a dataset: memory-mapped shards, one a pitch, and what they were built from.

A dataset is a folder with ``dataset.json`` (how it was built) and for every pitch
``shards/060.npy`` (float16 features, shape (n, 128, 288)) beside ``shards/060.jsonl`` (a label a
note). A shard appears whole or not at all, so a build that was stopped goes on where it was.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.train.labels import NoteLabel

Features = npt.NDArray[np.float16]

FORMAT_VERSION = 2


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Write how a dataset is built, or see that what is there was built the same way.

    Raises
    ------
    ParameterError
        If the folder holds a dataset of other settings.
    """
    path = folder / "dataset.json"
    wanted = {"format_version": FORMAT_VERSION, **settings}
    if path.is_file():
        found = json.loads(path.read_text())
        others = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
        if others:
            raise ParameterError(
                f"{folder} holds a dataset built with another {', '.join(others)}; "
                "build with the same or name another folder."
            )
        return
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    _write_whole(path, (json.dumps(wanted, indent=2) + "\n").encode())


def read_settings(folder: Path) -> dict[str, Any]:
    """Read how a dataset was built.

    Raises
    ------
    ModelNotFoundError
        If the folder holds no dataset.
    ModelFormatError
        If it holds one of another format.
    """
    path = folder / "dataset.json"
    if not path.is_file():
        raise ModelNotFoundError(
            f"{folder} holds no dataset; make one with 'retimbre dataset build {folder}'."
        )
    try:
        settings: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ModelFormatError(f"{path} cannot be read as JSON ({error}).") from error
    if settings.get("format_version") != FORMAT_VERSION:
        raise ModelFormatError(
            f"{folder} holds a dataset of format {settings.get('format_version')!r}, this version "
            f"reads {FORMAT_VERSION}; build it again."
        )
    return settings


def has_shard(folder: Path, pitch: int) -> bool:
    """Tell whether the shard of a pitch is there."""
    return _paths(folder, pitch)[1].is_file()


def write_shard(folder: Path, pitch: int, features: Features, labels: list[NoteLabel]) -> None:
    """Write the shard of a pitch; the labels come last and make it count."""
    array, lines = _paths(folder, pitch)
    unfinished = array.with_suffix(".part.npy")
    np.save(unfinished, features)
    os.replace(unfinished, array)
    text = "".join(json.dumps(asdict(label)) + "\n" for label in labels)
    _write_whole(lines, text.encode())


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
        except (OSError, ValueError) as error:
            raise ModelFormatError(
                f"{lines.with_suffix('.npy')} is missing or damaged ({error}); remove "
                f"{lines.name} and build again."
            ) from error
        if len(labels) != len(features):
            raise ModelFormatError(
                f"{lines} names {len(labels)} notes and its shard holds {len(features)}; "
                "remove it and build again."
            )
        shards.append((features, labels))
    return shards


def _paths(folder: Path, pitch: int) -> tuple[Path, Path]:
    stem = folder / "shards" / f"{pitch:03d}"
    return stem.with_suffix(".npy"), stem.with_suffix(".jsonl")


def _write_whole(path: Path, data: bytes) -> None:
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)
