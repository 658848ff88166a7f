"""Open inputs safely; write outputs completely or not at all."""

import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from retimbre.errors import DecodeError, FileError, ReadError, WriteError
from retimbre.runtime import READ_BYTES


def open_input(path: str | os.PathLike[str]) -> FileIO:
    """Open a regular, non-empty file for reading bytes.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    handle : FileIO
        At position 0; unbuffered, so that its descriptor can be handed on. Its ``name`` is a
        number, so that no reader can judge the content by the suffix.

    Raises
    ------
    ReadError
        If it does not exist, is a folder, is no regular file or may not be read.
    DecodeError
        If it is empty.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ReadError(f"{os.fspath(path)} is a folder; give a file in it.")
        if not stat.S_ISREG(mode):
            raise ReadError(f"{os.fspath(path)} is not a regular file; save it to one first.")
        descriptor = os.open(path, READ_BYTES)
    except FileNotFoundError:
        raise ReadError(f"{os.fspath(path)} does not exist.") from None
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(f"{os.fspath(path)} cannot be read: {_reason(error)}.") from error
    except ValueError as error:  # a NUL in the name
        raise ReadError(f"{os.fspath(path)!r} is not a valid file name: {error}.") from error
    handle = FileIO(descriptor, "rb")
    if os.fstat(descriptor).st_size == 0:
        handle.close()
        raise DecodeError(f"{os.fspath(path)} is empty (0 bytes).")
    return handle


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file beside its place and put it there only when it is complete.

    Whatever ends the block early, an interrupt of the user included, leaves what stood at
    `path` as it was and removes the unfinished file.

    Parameters
    ----------
    path : str or path-like
        Where the file shall stand; a file that is there already is replaced.

    Yields
    ------
    temporary : Path
        An empty file in the same folder, to be written in the block.

    Raises
    ------
    WriteError
        If the folder does not exist or may not be written, if `path` is a folder or a device,
        or if writing fails (a full disk).
    """
    target = _checked_target(path)
    temporary = target.with_name(f".retimbre-{secrets.token_hex(8)}.part")
    try:
        # Opened here and not by tempfile, whose files nobody but the owner may read.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        os.replace(temporary, target)
    except FileError:
        raise
    except OSError as error:
        raise WriteError(f"{os.fspath(path)} cannot be written: {_reason(error)}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_room(folder: str | os.PathLike[str]) -> None:
    """Find out whether a file can be written into a folder: by trying, and leaving nothing there.

    Parameters
    ----------
    folder : str or path-like
        One that exists.

    Raises
    ------
    OSError
        Why not: the disk is full, the file system is read-only, there is no permission.
    """
    with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
        probe.write(b"\0")


def append_byte(path: str | os.PathLike[str]) -> None:
    """Find out why a file cannot become longer, where a library that writes it does not say.

    Parameters
    ----------
    path : str or path-like
        Of no use to anybody after this.

    Raises
    ------
    OSError
        If there is a reason: the disk is full.
    """
    with open(path, "ab", buffering=0) as handle:
        handle.write(b"\0")


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write bytes to a file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file.
    content : bytes
        All of it.

    Raises
    ------
    WriteError
        As `whole_file` raises.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], content: str) -> None:
    r"""Write text to a file as UTF-8 with ``\n`` line ends, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file.
    content : str
        All of it.

    Raises
    ------
    WriteError
        As `whole_file` raises.
    """
    write_bytes(path, content.encode("utf-8"))


def _checked_target(path: str | os.PathLike[str]) -> Path:
    # Links are followed: replacing would otherwise put a file in the place of the link.
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise WriteError(f"{os.fspath(path)} cannot be written: it is a folder.")
    if target.exists() and not target.is_file():
        raise WriteError(f"{os.fspath(path)} cannot be written: it is not a regular file.")
    if not target.parent.is_dir():
        raise WriteError(
            f"{os.fspath(path)} cannot be written: the folder {target.parent} does not exist."
        )
    return target


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def read_json(path: str | os.PathLike[str], *kinds: str) -> dict[str, Any]:
    """Read a JSON object whose ``format`` says what it is: one of some kinds.

    Raises
    ------
    ReadError
        If there is no such file.
    DecodeError
        If it is no JSON, or of another kind.
    """
    name = os.fspath(path)
    with open_input(path) as handle:
        content = handle.readall()
    try:
        table = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{name} is not valid JSON ({_json_reason(error)}).") from error
    found = table.get("format") if isinstance(table, dict) else None
    if found not in kinds:
        wanted = " or ".join(kinds)
        raise DecodeError(f"{name} is not a {wanted}: its 'format' is {found!r:.60}.")
    return dict(table)


def _json_reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text"
    return "it is nested too deeply, or a number in it is too long"
