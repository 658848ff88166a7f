"""A model folder is written whole or not at all."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retimbre.errors import ParameterError, WriteError
from retimbre.generator.folder import FORMAT_VERSION
from retimbre.generator.hints import CONFIG

PARTS = {"generator": "generator.onnx", "encoder": "encoder.onnx", "palette": "palette.json"}
"""The files of a model by what config.json calls them."""

CARD = "MODEL_CARD.md"


def check_output(folder: Path) -> None:
    """See before the work begins that a model can be written where it is wanted.

    Parameters
    ----------
    folder : Path
        Need not be there.

    Raises
    ------
    WriteError
        If it, or the folder that it shall stand in, cannot be written.
    """
    # The files are made in a folder beside it, so its parent must be open too.
    for wanted in (folder, folder.parent):
        place = next(p for p in (wanted, *wanted.parents) if os.path.lexists(p) or p == p.parent)
        if not os.path.isdir(place):
            what = "a file" if os.path.isfile(place) else "no folder"
            raise WriteError(f"{folder} cannot be written: {place} is {what}; choose another -o.")
        if not os.access(place, os.W_OK | os.X_OK):
            raise WriteError(
                f"{folder} cannot be written: {place} is not writable; choose another -o."
            )


def check_free(folder: Path) -> None:
    """See that a folder is new, empty or that of a model, whose files may be replaced.

    Raises
    ------
    ParameterError
        If it holds something else.
    """
    if not folder.is_dir() or is_model(folder):
        return
    # Of a model that was half replaced all is there but its config.
    others = sorted({path.name for path in folder.iterdir()} - {*PARTS.values(), CARD})
    if others:
        raise ParameterError(
            f"{folder} contains {others[0]} and is not a model; give a new folder, or an existing "
            "model to replace."
        )


def is_model(folder: Path) -> bool:
    """Tell a model folder from others, and from a run, which has a config of its own."""
    try:
        return '"generator_sha256"' in (folder / CONFIG).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def write_parts(folder: Path, parts: Mapping[str, bytes], card: str, **settings: Any) -> None:
    """Write a model of its networks and palette, its card and its config.json.

    Parameters
    ----------
    folder : Path
    parts : mapping of str to bytes
        By what they are, see `PARTS`; config.json names them and gives their checksums.
    card : str
    **settings
        What config.json says besides.

    Raises
    ------
    WriteError
        See `write_model`.
    """
    config = {"format_version": FORMAT_VERSION, **settings}
    for part, content in parts.items():
        config |= {part: PARTS[part], f"{part}_sha256": hashlib.sha256(content).hexdigest()}
    files = {PARTS[part]: content for part, content in parts.items()} | {CARD: card.encode()}
    # Last, so that a folder with a config is a whole model.
    write_model(folder, files | {CONFIG: (json.dumps(config, indent=2) + "\n").encode()})


def write_model(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a model beside its place and move them there.

    Parameters
    ----------
    folder : Path
        Made if missing; files of the same names are replaced.
    files : mapping of str to bytes
        By name; the last of them makes a model of the folder.

    Raises
    ------
    WriteError
        If the folder cannot be written (a full disk); nothing new stands there then.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(
            prefix=".retimbre-", suffix=".part", dir=folder.parent, ignore_cleanup_errors=True
        ) as temporary:
            for name, content in files.items():
                Path(temporary, name).write_bytes(content)
            folder.mkdir(exist_ok=True)
            # An old config would describe new files if the moving were interrupted.
            (folder / list(files)[-1]).unlink(missing_ok=True)
            for name in files:
                os.replace(Path(temporary, name), folder / name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WriteError(f"{folder} cannot be written: {reason}.") from error
