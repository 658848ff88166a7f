"""Families: instruments that are so much alike that one tells what the other sounds like.

An instrument that was never trained on is a test only if no twin of it was: General MIDI has each
of its programs in every SoundFont, often from the same samples.
"""

import re
from collections.abc import Collection, Sequence

import numpy as np

from retimbre._typing import BoolArray, FloatArray, IntArray
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.data.measures import mean_distances, thin_levels

TWIN_DB = 3.0
"""Instruments whose levels differ by less, on average over shared notes, are twins."""

N_SHARED = 6
FRAME_STEP = 8


def find_families(dataset: Dataset) -> list[list[int]]:
    """Group the instruments of a dataset into families.

    Two instruments are of one family if they sound alike; two presets also if they have the same
    MIDI program, whatever bank and source, or the same name; two recorded ones if they have the
    same name. So are all that are joined by such pairs.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    families : list of list of int
        Indices into ``dataset.instruments``, each exactly once, in order of their first.
    """
    return _group(_find_alike(dataset), range(len(dataset.instruments)))


def _find_alike(dataset: Dataset) -> BoolArray:
    """Tell which pairs of instruments are alike in themselves [shape=(n, n)]."""
    names = np.array([_plain(key.name) for key in dataset.instruments])
    programs = np.array([key.program for key in dataset.instruments])
    is_preset = programs >= 0
    distance = level_distances(dataset)
    if is_preset.any():
        # By their own notes: which of all are compared depends on what else there is.
        presets = np.flatnonzero(is_preset)
        distance[np.ix_(presets, presets)] = level_distances(dataset, presets)
    is_alike = distance < TWIN_DB
    # A user's cello is another than that of a SoundFont.
    is_alike |= (names[:, None] == names) & (is_preset[:, None] == is_preset)
    is_alike |= (programs[:, None] == programs) & is_preset
    return is_alike


def _group(is_alike: BoolArray, members: Sequence[int]) -> list[list[int]]:
    """Group some instruments: those that are alike, directly or through others of them."""
    family = {i: i for i in members}
    for i in members:
        for j in np.flatnonzero(is_alike[i]).tolist():
            if j in family and family[j] != family[i]:
                old = family[j]
                family |= {k: family[i] for k, of in family.items() if of == old}
    groups: dict[int, list[int]] = {}
    for i, of in family.items():
        groups.setdefault(of, []).append(i)
    return sorted(groups.values())


def level_distances(dataset: Dataset, members: IntArray | None = None) -> FloatArray:
    """Return how much the levels of every two instruments differ.

    Parameters
    ----------
    dataset : Dataset
    members : np.ndarray of int [shape=(n,)], optional
        Of ``dataset.instruments``; all by default.

    Returns
    -------
    distance : np.ndarray [shape=(n, n), dB]
        Mean difference over audible bins of notes that both have at one pitch and velocity;
        infinite where they share none.
    """
    frames = slice(None, None, FRAME_STEP)
    chosen = np.arange(len(dataset.instruments)) if members is None else members
    notes = (
        (np.array(list(rows)), thin_levels(dataset.rows(np.array(list(rows.values()))), frames))
        for rows in _common_notes(dataset, chosen)
    )
    return mean_distances(notes, len(chosen), 1)


def _common_notes(dataset: Dataset, members: IntArray) -> list[dict[int, int]]:
    """Return, for some pitches and velocities, the row of every instrument that has the note."""
    found: dict[tuple[int, int], dict[int, int]] = {}
    for i, member in enumerate(members.tolist()):
        for row in dataset.notes_of[dataset.instruments[member]]:
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
    told = {*dataset.held_out, *dataset.find(known)}
    n = len(dataset.instruments)
    if n_held_out == 0 and not told:
        return list(range(n)), []
    is_alike = _find_alike(dataset)
    held_out = {i for family in _group(is_alike, range(n)) if told & {*family} for i in family}
    presets = [i for i, key in enumerate(dataset.instruments) if key.program >= 0]
    families = [f for f in _group(is_alike, presets or range(n)) if not held_out & {*f}]
    left = min(n_held_out, len(presets or range(n)) // 4)
    for index in np.random.default_rng(seed).permutation(len(families)):
        if len(families[index]) <= left:
            held_out |= {*families[index]}
            left -= len(families[index])
    # What was drawn takes along what is like it.
    others = sorted(held_out | ({*range(n)} - {*presets}))
    held_out |= {i for family in _group(is_alike, others) if held_out & {*family} for i in family}
    return sorted({*range(n)} - held_out), sorted(held_out)
