"""What a run keeps in its folder: settings, where its notes are, its split and its figures.

::

    config.json     the settings (`TrainConfig`)
    run.json        the dataset, as a whole path
    split.json      which instruments are trained on and which are held out
    stats.jsonl     a line every 100 steps
    checkpoints/    the last two
    sheets/         sample sheets (PNG) and how they sound (WAV)
"""

import json
from collections.abc import Collection
from pathlib import Path

from retimbre.errors import (
    ModelFormatError,
    ModelNotFoundError,
    ParameterError,
    RetimbreError,
    WriteError,
)
from retimbre.io.files import write_text
from retimbre.train.config import TrainConfig
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.families import split_families
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.data.shards import SETTINGS

CHECKPOINTS = "checkpoints"
CONFIG = "config.json"
RUN = "run.json"
SHEETS = "sheets"
SPLIT = "split.json"
PARTS = ("trained", "held_out")
ELSEWHERE = "held_out_elsewhere"
STATS = "stats.jsonl"


def remember_dataset(folder: Path, dataset_folder: Path) -> None:
    """Write down where the notes of a run are."""
    content = {"dataset": str(dataset_folder.resolve())}
    write_text(folder / RUN, json.dumps(content, indent=2) + "\n")


OWN = (CONFIG, RUN, SPLIT, STATS, CHECKPOINTS, SHEETS)


def make_folder(folder: Path) -> None:
    """Make the folder of a run.

    Raises
    ------
    ParameterError
        If it is there and holds something else, which would be written over.
    WriteError
        If it cannot be made.
    """
    if folder.is_dir():
        # A run that was stopped at once has its settings and no split yet.
        others = sorted({path.name for path in folder.iterdir()} - {*OWN})
        is_started = (folder / SPLIT).is_file() or (folder / CHECKPOINTS).is_dir()
        if (folder / CONFIG).is_file() and not is_started:
            others += [] if _is_settings(folder / CONFIG) else [CONFIG]
        if others and not is_started:
            raise ParameterError(
                f"{folder} contains {others[0]} and is not a run; give a new folder for the run."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"{folder} cannot be made: {error.strerror}; use another folder."
        ) from error


def _is_settings(path: Path) -> bool:
    try:
        TrainConfig.load(path)
    except RetimbreError:
        return False
    return True


def check_run(folder: Path) -> None:
    """See that a folder holds a run.

    Raises
    ------
    ModelNotFoundError
        If there is no such folder, or it holds something else.
    """
    if not folder.is_dir():
        raise ModelNotFoundError(f"No folder named {folder}; give the folder of a run.")
    if not all((folder / name).is_file() for name in (CONFIG, SPLIT)):
        raise ModelNotFoundError(
            f"{folder} contains no run; give a folder written by 'retimbre train'."
        )


def dataset_of(folder: Path) -> Path:
    """Return the folder of the notes that a run was last trained on.

    Parameters
    ----------
    folder : Path
        The run.

    Raises
    ------
    ModelNotFoundError
        If the run does not say, or they are no longer there.
    ModelFormatError
        If its run.json holds something else.
    """
    path = folder / RUN
    if not path.is_file():
        raise ModelNotFoundError(
            f"{folder} does not say what it was trained on; give the dataset with --dataset."
        )
    try:
        found = Path(json.loads(path.read_text())["dataset"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFormatError(f"{path} names no dataset; give it with --dataset.") from error
    if not (found / SETTINGS).is_file():
        raise ModelNotFoundError(
            f"{folder} was trained on {found}, which is missing; give the dataset's folder with "
            "--dataset."
        )
    return found


def run_split(
    folder: Path, dataset: Dataset, config: TrainConfig, known: Collection[InstrumentKey] = ()
) -> tuple[list[int], list[int]]:
    """Return a run's trained and held-out instruments (indices), and keep them in its folder.

    They are drawn once, and those `known` to be held out elsewhere stand beside them. A dataset may
    grow while a run is under way; what was held out stays so, and what is new is left alone.

    Raises
    ------
    ParameterError
        If the dataset lacks instruments that the run was started with.
    """
    path = folder / SPLIT
    if not path.is_file():
        split = split_families(dataset, config.n_held_out, config.seed, known)
        named = {
            name: [list(dataset.instruments[i]) for i in part]
            for name, part in zip(PARTS, split, strict=True)
        }
        # Of no use here, but a model of this run has not heard them either.
        here = {*dataset.instruments}
        named[ELSEWHERE] = [list(key) for key in known if key not in here]
        write_text(path, json.dumps(named, indent=1) + "\n")
    names = json.loads(path.read_text())
    index = {tuple(key): i for i, key in enumerate(dataset.instruments)}
    missing = [key for part in PARTS for key in names[part] if tuple(key) not in index]
    if missing:
        raise ParameterError(
            f"The dataset lacks {len(missing)} instruments that {folder} was trained on, such as "
            f"{missing[0][-1]!r}; give the dataset that the run was started with."
        )
    trained, held_out = ([index[tuple(key)] for key in names[part]] for part in PARTS)
    return trained, held_out


def held_out_elsewhere(folder: Path) -> list[InstrumentKey]:
    """Return what a run's first model never heard and its dataset does not have."""
    names = json.loads((folder / SPLIT).read_text())
    return [InstrumentKey(*key) for key in names.get(ELSEWHERE, [])]


def trained_seconds(folder: Path, n_seen: int) -> float:
    """Return how long a run was trained until it had seen so many notes."""
    return _total_seconds(_lines(folder, n_seen))


class StatsLog:
    """The figures of a run, a JSON object a line.

    Parameters
    ----------
    folder : Path
        The run.
    n_seen : int
        Where the run goes on: what was written after that will be written again.

    Attributes
    ----------
    seconds : float
        How long the run was trained up to there, all its pieces together.
    """

    def __init__(self, folder: Path, n_seen: int) -> None:
        self._path = folder / STATS
        kept = _lines(folder, n_seen)
        if self._path.is_file():
            write_text(self._path, "".join(f"{line}\n" for line in kept))
        self.seconds = _total_seconds(kept)

    def write(self, line: dict[str, float]) -> None:
        """Add a line.

        Raises
        ------
        WriteError
            If it cannot be written; what is there of it is not read.
        """
        try:
            with self._path.open("a") as stats:
                stats.write(json.dumps(line) + "\n")
        except OSError as error:
            raise WriteError(f"{self._path} cannot be written: {error.strerror}.") from error


def _lines(folder: Path, n_seen: int) -> list[str]:
    """Return the lines of stats.jsonl up to so many notes."""
    path = folder / STATS
    lines = path.read_text().splitlines() if path.is_file() else []
    return [line for line in lines if _n_seen(line) <= n_seen]


def _n_seen(line: str) -> float:
    """Return the notes of a line; one that was cut off in writing is after everything."""
    try:
        return float(json.loads(line)["n_seen"])
    except (KeyError, TypeError, ValueError):
        return float("inf")


def _total_seconds(lines: list[str]) -> float:
    """Add up the pieces of a run where each counts its seconds from 0."""
    total = last = 0.0
    for line in lines:
        seconds = float(json.loads(line).get("seconds", last))
        total, last = (total + last if seconds < last else total), seconds
    return total + last
