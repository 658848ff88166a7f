"""A dataset opened for training: its instruments, its batches, what is held out."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.errors import ModelFormatError
from retimbre.train.data import shards
from retimbre.train.data.duplicates import read_duplicates
from retimbre.train.data.heard import count_heard, share_rooms
from retimbre.train.data.labels import InstrumentKey, NoteLabel, find_held_out
from retimbre.train.data.measures import find_measure

MIN_NOTES_PER_INSTRUMENT = 6


ALL_HEARD = np.ones((1, 1, 1), np.float32)


class TrainingNotes(NamedTuple):
    """Some notes of a batch.

    Attributes
    ----------
    features : np.ndarray of float32 [shape=(n, frames, 288) or (n, frames, bins, 2)]
    pitches : np.ndarray of int32 [shape=(n,), MIDI]
    velocities : np.ndarray of float32 [shape=(n,), 0..1]
        MIDI velocity / 127.
    heard : np.ndarray of float32 [shape as features, or (1, 1, 1), 0..1]
        How much each value counts; see `retimbre.train.data.heard`.
    """

    features: FloatArray
    pitches: IntArray
    velocities: FloatArray
    heard: FloatArray = ALL_HEARD


class Dataset:
    """A dataset folder opened for training.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    settings : dict
        How it was built.
    representation : str
        "harmonic" or "mel"; see `retimbre.train.data.measures`.
    n_keys, n_planned_keys : int
        For how many keys the notes are there, and shall be when the build is finished.
    labels : list of NoteLabel
    pitches : np.ndarray of int32 [shape=(n,), MIDI]
    velocities : np.ndarray of float32 [shape=(n,), 0..1]
    is_heard_whole : bool
        Whether nothing of any note is completed or cut, as in SoundFonts.
    instruments : list of InstrumentKey
        Those with enough notes, copies of others left out, sorted.
    held_out : list of int
        Instruments that the build was told to hold out, indices into `instruments`.
    notes_of : dict
        Rows of each instrument.

    Raises
    ------
    ModelNotFoundError
        If the folder holds no dataset.
    ModelFormatError
        If a shard is torn, the dataset is of another format, or no instrument has enough notes.
    """

    def __init__(self, folder: Path) -> None:
        self.settings = shards.read_settings(folder)
        self.representation: str = self.settings.get("representation", "harmonic")
        low, high = map(int, self.settings["pitches"])
        self.n_planned_keys = high - low + 1
        self.n_keys = sum(shards.has_shard(folder, pitch) for pitch in range(low, high + 1))
        self._shape = find_measure(self.representation).shape
        parts = shards.read_shards(folder)
        self._parts = [features for features, _ in parts]
        self.labels = share_rooms([label for _, labels in parts for label in labels])
        self._starts = np.cumsum([0, *(len(labels) for _, labels in parts)])
        self.pitches = np.array([label.pitch for label in self.labels], np.int32)
        self.velocities = np.array([label.velocity / 127.0 for label in self.labels], np.float32)
        is_harmonic = self.representation == "harmonic"
        self.is_heard_whole = not is_harmonic or all(n.is_heard_whole for n in self.labels)
        self._copies = read_duplicates(folder)
        rows: dict[InstrumentKey, list[int]] = defaultdict(list)
        for row, label in enumerate(self.labels):
            if label.instrument not in self._copies:
                rows[label.instrument].append(row)
        self.notes_of = {
            key: np.array(found)
            for key, found in sorted(rows.items())
            if len(found) >= MIN_NOTES_PER_INSTRUMENT
        }
        self.instruments = list(self.notes_of)
        if not self.instruments:
            raise ModelFormatError(self._why_none(folder))
        told = find_held_out(self.instruments, self.settings.get("held_out", []))
        self.held_out = [i for i, key in enumerate(self.instruments) if key in told]
        self._rows_at = {
            (i, int(self.pitches[row])): row
            for i, key in enumerate(self.instruments)
            for row in self.notes_of[key]
        }

    @property
    def is_finished(self) -> bool:
        """Whether it was built to its end."""
        return self.n_keys >= self.n_planned_keys

    def _why_none(self, folder: Path) -> str:
        needed = f"No instrument of {folder} has {MIN_NOTES_PER_INSTRUMENT} notes"
        if self.is_finished:
            return (
                f"{needed}, which training needs; add recordings or keys and build again in "
                "another folder."
            )
        return (
            f"{needed} yet: only {self.n_keys} of {self.n_planned_keys} keys are built; run the "
            "same 'retimbre dataset build' again to continue."
        )

    def rows(self, rows: IntArray) -> FloatArray:
        """Return the features of some notes.

        Parameters
        ----------
        rows : np.ndarray of int [shape=(n,)]

        Returns
        -------
        features : np.ndarray of float32 [shape=(n, 128, 288) or (n, 128, 1024, 2)]
        """
        features = np.empty((len(rows), *self._shape), np.float32)
        part = np.searchsorted(self._starts, rows, side="right") - 1
        for i, (p, row) in enumerate(zip(part, rows, strict=True)):
            features[i] = self._parts[p][row - self._starts[p]]
        return features

    def notes(self, rows: IntArray) -> TrainingNotes:
        """Return some notes with their labels."""
        return TrainingNotes(self.rows(rows), self.pitches[rows], self.velocities[rows])

    def heard(self, rows: IntArray, features: FloatArray) -> FloatArray:
        """Return how much every value of some notes counts; see `heard.count_heard`.

        Parameters
        ----------
        rows : np.ndarray of int [shape=(n,)]
        features : np.ndarray [shape=(n, 128, 288)]
            As `rows` gives them.
        """
        return count_heard([self.labels[row] for row in rows], features)

    def find(self, keys: Collection[InstrumentKey]) -> set[int]:
        """Return which of some instruments are here; of copies those that they are copies of."""
        wanted = {self._copies.get(key, key) for key in keys} | {*keys}
        return {i for i, key in enumerate(self.instruments) if key in wanted}

    def label_of(self, instrument: int) -> NoteLabel:
        """Return the label of the instrument's first note."""
        return self.labels[int(self.notes_of[self.instruments[instrument]][0])]

    def row_at(self, instrument: int, pitch: int) -> int | None:
        """Return a note of an instrument at a pitch, or None where it has none."""
        return self._rows_at.get((instrument, pitch))

    def draw_notes(
        self,
        instruments: list[int],
        size: int,
        pitch_range: tuple[int, int],
        rng: np.random.Generator,
    ) -> IntArray:
        """Draw rows of notes within a range of pitches, all instruments alike [shape=(size,)].

        Raises
        ------
        ModelFormatError
            If there is no such note.
        """
        rows = self.rows_within(instruments, pitch_range)
        return np.array([rng.choice(rows[int(i)]) for i in rng.choice([*rows], size)])

    def draw_pairs(
        self,
        instruments: list[int],
        size: int,
        rng: np.random.Generator,
        pitch_range: tuple[int, int] = (0, 127),
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Draw instruments and the rows of two notes of each [shape=(size,), three times].

        Raises
        ------
        ModelFormatError
            If no instrument has a note within the range of pitches (MIDI, inclusive).
        """
        rows = self.rows_within(instruments, pitch_range)
        chosen = rng.choice([*rows], size)
        pairs = np.stack([rng.choice(rows[int(i)], 2) for i in chosen])
        return chosen, pairs[:, 0], pairs[:, 1]

    def rows_within(
        self, instruments: list[int], pitch_range: tuple[int, int]
    ) -> dict[int, IntArray]:
        """Return the notes within a range of each of the instruments that has any there."""
        low, high = pitch_range
        is_within = (self.pitches >= low) & (self.pitches <= high)
        of_each = {i: self.notes_of[self.instruments[i]] for i in instruments}
        found = {i: rows[is_within[rows]] for i, rows in of_each.items() if is_within[rows].any()}
        if not found:
            raise ModelFormatError(f"The dataset contains no notes within MIDI {low}..{high}.")
        return found
