"""Instruments that stand twice in a dataset: presets and recordings made of one sample."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.errors import ModelFormatError
from retimbre.io.files import write_text
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.data.measures import mean_distances, thin_levels
from retimbre.train.data.takes import Parts, share_takes

FILE = "duplicates.json"

SAME_DB = 0.5
"""Instruments whose levels differ by less, on average over the notes they share, are copies.

Half of the smallest change of level that is heard. FluidR3 and MuseScore General have samples in
common, compressed with loss in one of them: those lie at 0.06 to 0.5 dB, and where envelopes or
filters differ too, at 0.5 to 2 dB."""

MIN_SHARED = 3
"""Notes of the same pitch and velocity that copies must share to be found out."""

FRAMES = slice(4, None, 16)
"""The frames that are compared: two of the attack and six of the rest."""


class Duplicate(NamedTuple):
    """An instrument that is left out, and the one that it is a copy of."""

    dropped: InstrumentKey
    copy_of: InstrumentKey


def find_duplicates(
    parts: Parts,
    sources: Sequence[str] = (),
    limit_db: float = SAME_DB,
    held_out: Collection[InstrumentKey] = (),
) -> list[Duplicate]:
    """Find the instruments whose notes are the same as another's.

    Parameters
    ----------
    parts : sequence of (np.ndarray of float16 [shape=(n, 128, ...)], list of NoteLabel)
        As `shards.read_shards` gives them; the notes of one pitch are in one part.
    sources : sequence of str
        Of copies with as many notes, the one whose source comes first is kept.
    limit_db : float
        Largest mean difference of levels above -60 dB over shared notes. Recordings are compared
        take by take besides; see `retimbre.train.data.takes`.
    held_out : collection of InstrumentKey
        They are never what is dropped for another's sake: their copies are.

    Returns
    -------
    duplicates : list of Duplicate
        In order of what is dropped; nothing that is kept is dropped elsewhere.
    """
    counts = Counter(label.instrument for _, labels in parts for label in labels)
    rank = {source: i for i, source in enumerate(sources)}
    # The most notes first: a copy with a few is the smaller loss.
    keys = sorted(
        counts,
        key=lambda k: (k not in held_out, -counts[k], rank.get(k.source, len(rank)), k),
    )
    index = {key: i for i, key in enumerate(keys)}
    is_same = mean_distances(_shared_notes(parts, index), len(keys), MIN_SHARED) < limit_db
    is_same |= share_takes(parts, index)
    kept: list[int] = []
    found = []
    for i, key in enumerate(keys):
        original = next((j for j in kept if is_same[i, j]), None)
        if original is None:
            kept.append(i)
        else:
            found.append(Duplicate(key, keys[original]))
    return sorted(found)


def drop_duplicates(
    folder: Path,
    parts: Parts,
    sources: Sequence[str],
    held_out: Collection[InstrumentKey] = (),
) -> list[Duplicate]:
    """Find the duplicates of a dataset and keep them out of training, by ``duplicates.json``.

    Parameters
    ----------
    folder : Path
    parts, sources, held_out
        As in `find_duplicates`.

    Returns
    -------
    duplicates : list of Duplicate
    """
    found = find_duplicates(parts, sources, held_out=held_out)
    content = [{**d.dropped._asdict(), "copy_of": d.copy_of._asdict()} for d in found]
    # One a line, so that a line can be taken out by hand.
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in content)
    write_text(folder / FILE, f'{{"duplicates": [\n{lines}\n]}}\n')
    return found


def read_duplicates(folder: Path) -> dict[InstrumentKey, InstrumentKey]:
    """Read which instruments of a dataset are copies, and of which others.

    Raises
    ------
    ModelFormatError
        If ``duplicates.json`` is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        # Where the last line was taken out, the one before ends with a comma.
        found = json.loads(re.sub(r",(\s*\])", r"\1", path.read_text()))["duplicates"]
        return {_key_of(d): _key_of(d["copy_of"]) for d in found}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFormatError(
            f"{path} cannot be read ({type(error).__name__}: {error}); it must be a list of JSON "
            "objects, one per instrument, or be removed."
        ) from error


def _key_of(entry: dict[str, Any]) -> InstrumentKey:
    return InstrumentKey(*(entry[part] for part in InstrumentKey._fields))


def _shared_notes(
    parts: Parts, index: dict[InstrumentKey, int]
) -> Iterator[tuple[npt.NDArray[np.int64], FloatArray]]:
    """Yield, for every pitch and velocity, who plays it and the levels of how it is played."""
    for features, labels in parts:
        # One note an instrument: of several takes the first.
        rows: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        for row, label in enumerate(labels):
            rows[label.pitch, label.velocity].setdefault(index[label.instrument], row)
        level = thin_levels(features, FRAMES)
        for of_member in rows.values():
            yield np.array(list(of_member)), level[list(of_member.values())]
