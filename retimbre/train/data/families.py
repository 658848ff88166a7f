"""Families: instruments that are so much alike that one tells what the other sounds like.

An instrument that was never trained on is a test only if no twin of it was: General MIDI has each
of its programs in every SoundFont, often from the same samples.
"""

import re
from collections.abc import Collection

import numpy as np

from retimbre._typing import FloatArray
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.data.measures import mean_distances, thin_levels

TWIN_DB = 3.0
"""Instruments whose levels differ by less, on average over shared notes, are twins."""

N_SHARED = 6
FRAME_STEP = 8


def find_families(dataset: Dataset) -> list[list[int]]:
    """Group the instruments of a dataset into families.

    Two instruments are of one family if they have the same MIDI program, whatever bank and
    source, or the same name, or sound alike; and so are all that are joined by such pairs.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    families : list of list of int
        Indices into ``dataset.instruments``, each exactly once, in order of their first.
    """
    labels = [dataset.label_of(i) for i in range(len(dataset.instruments))]
    names = np.array([_plain(label.name) for label in labels])
    programs = np.array([label.program for label in labels])
    is_alike = (level_distances(dataset) < TWIN_DB) | (names[:, None] == names)
    # Recordings have no program; their names are all there is.
    is_alike |= (programs[:, None] == programs) & (programs >= 0)
    family = np.arange(len(labels))
    for i, j in np.argwhere(np.triu(is_alike, 1)):
        family[family == family[j]] = family[i]
    members: dict[int, list[int]] = {}
    for i, of_family in enumerate(family.tolist()):
        members.setdefault(of_family, []).append(i)
    return list(members.values())


def level_distances(dataset: Dataset) -> FloatArray:
    """Return how much the levels of every two instruments differ.

    Returns
    -------
    distance : np.ndarray [shape=(n, n), dB]
        Mean difference over audible bins of notes that both have at one pitch and velocity;
        infinite where they share none.
    """
    frames = slice(None, None, FRAME_STEP)
    notes = (
        (np.array(list(rows)), thin_levels(dataset.rows(np.array(list(rows.values()))), frames))
        for rows in _common_notes(dataset)
    )
    return mean_distances(notes, len(dataset.instruments), 1)


def _common_notes(dataset: Dataset) -> list[dict[int, int]]:
    """Return, for some pitches and velocities, the row of every instrument that has the note."""
    found: dict[tuple[int, int], dict[int, int]] = {}
    for i, key in enumerate(dataset.instruments):
        for row in dataset.notes_of[key]:
            label = dataset.labels[row]
            found.setdefault((label.pitch, label.velocity), {})[i] = int(row)
    # Spread over the keyboard, so that instruments of any range share some.
    order = sorted(found)
    chosen = np.unique(np.linspace(0, len(order) - 1, 4 * N_SHARED).astype(int))
    return [found[order[c]] for c in chosen]


def _plain(name: str) -> str:
    """Return a name without numbers and signs; one that has nothing else is itself."""
    return re.sub(r"[^a-z]+", "", name.lower()) or name.casefold()


def split_families(
    dataset: Dataset, n_held_out: int, seed: int, known: Collection[InstrumentKey] = ()
) -> tuple[list[int], list[int]]:
    """Split the instruments into trained and held-out ones, families undivided.

    Parameters
    ----------
    dataset : Dataset
    n_held_out : int
        Families are drawn at random while they fit into so many instruments, and into a
        quarter of all; beside them stand the families of what the build was told to hold out.
        Where there are presets of SoundFonts only they are drawn and counted, and the same ones
        whatever recordings there are besides: those are few, and each is another instrument.
    seed : int
    known : collection of InstrumentKey
        More that are held out with their families, where they are in the dataset.

    Returns
    -------
    trained, held_out : list of int
        Indices into `instruments`; no twin of a held-out instrument is trained on.
    """
    told = {*dataset.held_out, *(i for i, key in enumerate(dataset.instruments) if key in known)}
    if n_held_out == 0 and not told:
        return list(range(len(dataset.instruments))), []
    families = find_families(dataset)
    held_out = [i for family in families if told & set(family) for i in family]
    families = [family for family in families if not told & set(family)]
    presets = {i for i, key in enumerate(dataset.instruments) if key.program >= 0}
    drawable = presets or set(range(len(dataset.instruments)))
    families = [family for family in families if drawable & set(family)]
    families.sort(key=lambda family: min(drawable & set(family)))
    left = min(n_held_out, len(drawable) // 4)
    for index in np.random.default_rng(seed).permutation(len(families)):
        size = len(drawable & set(families[index]))
        if size <= left:
            held_out += families[index]
            left -= size
    trained = sorted(set(range(len(dataset.instruments))) - set(held_out))
    return trained, sorted(held_out)
