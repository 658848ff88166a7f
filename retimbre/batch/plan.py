"""Plan which files are read and written before any work begins.

Nothing here opens a file.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain, count
from pathlib import Path

from retimbre.errors import ParameterError, ReadError, WriteError
from retimbre.io.formats import (
    MEDIA_SUFFIXES,
    MIDI_SUFFIXES,
    check_instrument_name,
    format_of,
    is_own_result,
)

SIDE_SUFFIXES = {"midi": ".mid", "notes": ".notes.csv", "f0": ".f0.csv", "plot": ".png"}
"""What is written beside an output, and how its name ends."""

INSTRUMENTS = "instruments"
"""The kind of side output whose name is given: the path of the instruments."""


@dataclass(frozen=True)
class Input:
    """A file to read.

    Attributes
    ----------
    path : Path
    folder : Path or None
        The folder that it was found in, if it was not named itself.
    is_midi : bool
        A MIDI file has one output, whatever the thresholds.
    """

    path: Path
    folder: Path | None = None
    is_midi: bool = False


@dataclass(frozen=True)
class Output:
    """A file to write.

    Attributes
    ----------
    path : Path
    confidence : float or None
        None where the threshold has no meaning (MIDI).
    sides : dict of str to Path
        Side outputs by kind, a key of `SIDE_SUFFIXES` or `INSTRUMENTS`.
    """

    path: Path
    confidence: float | None
    sides: dict[str, Path]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that this output writes."""
        return (self.path, *self.sides.values())


@dataclass(frozen=True)
class Job:
    """One input and its outputs, one per threshold.

    Attributes
    ----------
    source : Path
    outputs : tuple of Output
        Those that are to be written.
    thresholds : tuple of float [0..1]
        All that were asked for, also where the output is left out: the lowest that finds a note
        gives the gain of all.
    """

    source: Path
    outputs: tuple[Output, ...]
    thresholds: tuple[float, ...] = ()


def find_inputs(path: Path) -> list[Input]:
    """List the files that a path stands for.

    Parameters
    ----------
    path : Path
        A file, taken as it is, or a folder, searched to its depth for media and MIDI files. Hidden
        files and results of earlier runs are passed over.

    Returns
    -------
    inputs : list of Input
        Sorted by name.

    Raises
    ------
    ReadError
        If nothing is there, the folder holds nothing to play, or the path cannot be looked up.
    """
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise ReadError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    if not exists:
        raise ReadError(f"No file or folder named {str(path)!r}.")
    if not is_folder:
        return [Input(path)]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Input(Path(folder, name), path) for name in sorted(names) if _is_playable(name)]
    if not found:
        raise ReadError(f"The folder {str(path)!r} contains no media or MIDI file.")
    return found


def _is_playable(name: str) -> bool:
    return (
        Path(name).suffix.lower() in MEDIA_SUFFIXES | MIDI_SUFFIXES
        and not name.startswith(".")
        and not is_own_result(name)
    )


def without_repeats(inputs: Sequence[Input]) -> list[Input]:
    """Leave out inputs that are the same file as an earlier one."""
    first: dict[Path, Input] = {}
    for item in inputs:
        first.setdefault(item.path.resolve(), item)
    return list(first.values())


def is_folder_output(output: str) -> bool:
    """Tell whether ``-o`` names a folder.

    It does if the folder exists, if the name ends in a slash, and if nothing of that name exists
    and it has no suffix.
    """
    path = Path(output)
    # Unlike pathlib's, these answer False for a name that cannot be.
    if output.endswith(("/", os.sep)) or os.path.isdir(path):
        return True
    return path.suffix == "" and not os.path.exists(path)


def plan_jobs(
    inputs: Sequence[Input],
    thresholds: Sequence[float],
    *,
    output: str | None = None,
    sides: Sequence[str] = (),
) -> list[Job]:
    """Give every input its outputs, no two of them the same file.

    Parameters
    ----------
    inputs : sequence of Input
        Without repeats.
    thresholds : sequence of float [0..1]
        At least one, all different.
    output : str, optional
        A file for the one output, or a folder for all of them (see `is_folder_output`); None
        puts each output beside its input.
    sides : sequence of str
        Keys of `SIDE_SUFFIXES`.

    Returns
    -------
    jobs : list of Job
        In the order of the inputs.

    Raises
    ------
    ParameterError
        If `output` is a file and there can be more than one output, or its suffix is not that
        of a format that can be written.
    """
    several = len(thresholds) > 1
    if output is not None and inputs and not is_folder_output(output):
        return [_one_job(inputs, thresholds, Path(output), sides)]
    folders = [_target_folder(item, output) for item in inputs]
    jobs = []
    for item, folder, label in zip(inputs, folders, _labels(inputs, folders), strict=True):
        endings = {".retimbred.wav": None if item.is_midi else thresholds[0]}
        if several and not item.is_midi:
            endings = {f"_pe_{threshold_tag(c)}.wav": c for c in thresholds}
        outputs = tuple(_output(folder, label + ending, c, sides) for ending, c in endings.items())
        jobs.append(Job(item.path, outputs, () if item.is_midi else tuple(thresholds)))
    return jobs


def with_instruments(inputs: Sequence[Input], jobs: Sequence[Job], path: Path) -> list[Job]:
    """Let the one output also write the path of its instruments.

    Parameters
    ----------
    inputs : sequence of Input
    jobs : sequence of Job
        What `plan_jobs` made of them.
    path : Path
        The file to write.

    Returns
    -------
    jobs : list of Job

    Raises
    ------
    ParameterError
        If there can be more than one output, whose paths differ, or `path` does not end in .json.
    """
    check_instrument_name(path)
    n_outputs = sum(len(job.outputs) for job in jobs)
    if n_outputs > 1 or any(item.folder is not None for item in inputs):
        raise ParameterError(
            f"{str(path)!r} keeps the instruments of one output, but there may be several; give "
            "one input and one threshold."
        )
    return [
        Job(job.source, tuple(_with_side(output, INSTRUMENTS, path) for output in job.outputs))
        for job in jobs
    ]


def _with_side(output: Output, kind: str, path: Path) -> Output:
    return replace(output, sides={**output.sides, kind: path})


def threshold_tag(confidence: float) -> str:
    """Write a threshold as file names do: its digits without the point.

    Examples
    --------
    >>> [threshold_tag(c) for c in (0, 0.5, 0.85, 1)]
    ['00', '05', '085', '10']
    """
    digits = format(Decimal(repr(float(confidence))), "f")
    return digits.replace(".", "")


def _one_job(
    inputs: Sequence[Input], thresholds: Sequence[float], path: Path, sides: Sequence[str]
) -> Job:
    if len(inputs) > 1 or len(thresholds) > 1 or inputs[0].folder is not None:
        raise ParameterError(
            f"{str(path)!r} is a single file, but there may be several outputs; give a folder "
            "instead (an existing one, or a name without a suffix)."
        )
    format_of(path)  # raises where it cannot be written
    confidence = None if inputs[0].is_midi else thresholds[0]
    return Job(inputs[0].path, (_output(path.parent, path.name, confidence, sides),))


def _output(folder: Path, name: str, confidence: float | None, sides: Sequence[str]) -> Output:
    stem = Path(name).stem
    return Output(
        folder / name, confidence, {kind: folder / (stem + SIDE_SUFFIXES[kind]) for kind in sides}
    )


def _target_folder(item: Input, output: str | None) -> Path:
    if output is None:
        return item.path.parent
    return Path(output) / item.path.parent.relative_to(item.folder or item.path.parent)


def _labels(inputs: Sequence[Input], folders: Sequence[Path]) -> list[str]:
    """Name each input so that no two names meet in one folder: as short as that allows."""
    schemes: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem,
        lambda path: path.name,
        lambda path: f"{path.absolute().parent.name}_{path.stem}",
        lambda path: f"{path.absolute().parent.name}_{path.name}",
    )
    level = [0] * len(inputs)
    for _ in schemes:
        labels = [schemes[n](item.path) for n, item in zip(level, inputs, strict=True)]
        keys = list(map(_key, labels, folders))
        counts = Counter(keys)
        level = [n + (counts[key] > 1) for n, key in zip(level, keys, strict=True)]
    return _numbered(labels, folders)


def _key(label: str, folder: Path) -> tuple[str, str]:
    # Some file systems do not tell capitals apart.
    return str(folder.absolute()), label.casefold()


def _numbered(labels: Sequence[str], folders: Sequence[Path]) -> list[str]:
    taken: dict[tuple[str, str], str] = {}
    for label, folder in zip(labels, folders, strict=True):
        names = chain([label], (f"{label}-{n}" for n in count(2)))
        name = next(name for name in names if _key(name, folder) not in taken)
        taken[_key(name, folder)] = name
    return list(taken.values())


def standing(path: Path) -> bool:
    """Tell whether something would be lost by writing there; an empty file holds nothing.

    Raises
    ------
    WriteError
        If no file of that name can be (it is too long).
    """
    try:
        return path.exists() and not (path.is_file() and path.stat().st_size == 0)
    except OSError as error:
        raise WriteError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
