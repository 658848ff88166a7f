"""Real notes: from a dataset, and rendered anew where their sound or raw image is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_models import levels_of

from retimbre.harmonic.image import N_BINS, N_FRAMES, SAMPLE_RATE, detune_cents
from retimbre.harmonic.measurement import measure_image
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.labels import InstrumentKey, NoteLabel
from retimbre.train.data.soundfonts import DEFAULT_SOUNDFONTS, SoundFont
from retimbre.units import midi_to_hz

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

TUNED_CENTS = 1.0


@dataclass(frozen=True, eq=False)
class NoteSet:
    """Notes by their rows in a dataset.

    Attributes
    ----------
    rows : np.ndarray of int64 [shape=(n,)]
    instruments : np.ndarray of int64 [shape=(n,)]
        Index of each note's instrument.
    pitches : np.ndarray of int64 [shape=(n,), MIDI]
    velocities : np.ndarray of int64 [shape=(n,), 1..127]
    """

    rows: IntArray
    instruments: IntArray
    pitches: IntArray
    velocities: IntArray

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, chosen: npt.NDArray[Any]) -> "NoteSet":
        """Return some of the notes, by index or by a mask."""
        arrays = (self.rows, self.instruments, self.pitches, self.velocities)
        return NoteSet(*(array[chosen] for array in arrays))

    def by_pitch(self) -> "NoteSet":
        """Return the notes lowest first: what analyses a pitch is kept from note to note."""
        return self.at(np.argsort(self.pitches, kind="stable"))


class RealNotes:
    """The notes of a dataset, drawn for tests.

    Parameters
    ----------
    dataset : Dataset
    trained, held_out : list of int
        Indices of the instruments that a model knows, and of those that it does not.
    """

    def __init__(self, dataset: Dataset, trained: list[int], held_out: list[int]) -> None:
        self.dataset = dataset
        self.trained = trained
        self.held_out = held_out

    def set_of(self, rows: IntArray, instruments: IntArray) -> NoteSet:
        """Return notes with their labels."""
        labels = [self.dataset.labels[row] for row in rows]
        return NoteSet(
            np.asarray(rows, np.int64),
            np.asarray(instruments, np.int64),
            np.array([label.pitch for label in labels], np.int64),
            np.array([label.velocity for label in labels], np.int64),
        )

    def draw(self, instruments: list[int], n: int, rng: np.random.Generator) -> NoteSet:
        """Draw different notes: an instrument, then a note of it that was not drawn yet.

        Fewer than `n` come back where the instruments have no more.
        """
        notes_of, keys = self.dataset.notes_of, self.dataset.instruments
        left = {i: rng.permutation(notes_of[keys[i]]).tolist() for i in instruments}
        drawn: list[tuple[int, int]] = []
        while len(drawn) < n and left:
            instrument = int(rng.choice(list(left)))
            drawn.append((left[instrument].pop(), instrument))
            if not left[instrument]:
                del left[instrument]
        rows, owners = np.array(drawn, np.int64).reshape(-1, 2).T
        return self.set_of(rows, owners)

    def draw_pairs(
        self, instruments: list[int], n: int, rng: np.random.Generator
    ) -> tuple[NoteSet, NoteSet]:
        """Draw pairs of notes of one instrument at two pitches, the second ones lowest first."""
        owners = rng.choice([i for i in instruments if self._has_pitches(i)], n)
        pairs = []
        for instrument in owners:
            rows = self.dataset.notes_of[self.dataset.instruments[instrument]]
            first = rng.choice(rows)
            others = rows[self.dataset.pitches[rows] != self.dataset.pitches[first]]
            pairs.append((first, rng.choice(others)))
        sources, targets = np.array(pairs, np.int64).T
        order = np.argsort(self.dataset.pitches[targets], kind="stable")
        first, second = (self.set_of(rows[order], owners[order]) for rows in (sources, targets))
        return first, second

    def _has_pitches(self, instrument: int) -> bool:
        rows = self.dataset.notes_of[self.dataset.instruments[instrument]]
        return len(np.unique(self.dataset.pitches[rows])) > 1

    def at_pitch(self, instruments: list[int], pitch: int, rng: np.random.Generator) -> NoteSet:
        """Return one note of each instrument that has some at a pitch, of a random velocity."""
        found = []
        for instrument in instruments:
            rows = self.dataset.notes_of[self.dataset.instruments[instrument]]
            there = rows[self.dataset.pitches[rows] == pitch]
            if len(there):
                found.append((rng.choice(there), instrument))
        rows, owners = np.array(found, np.int64).reshape(-1, 2).T
        return self.set_of(rows, owners)

    def features(self, notes: NoteSet) -> FloatArray:
        """Return the features of notes [shape=(n, 128, 288)]."""
        return self.dataset.rows(notes.rows)

    def shared_notes(self, instruments: list[int], *pitches: int) -> IntArray:
        """Return a row at each pitch of the instruments that have all [shape=(m, n_pitches)]."""
        found = [[self.dataset.row_at(i, pitch) for pitch in pitches] for i in instruments]
        whole = [rows for rows in found if None not in rows]
        return np.array(whole, np.int64).reshape(-1, len(pitches))

    def levels(self, notes: NoteSet) -> FloatArray:
        """Return the levels of notes, texture separated [shape=(n, 128, 96), dB]."""
        return self.levels_at(notes.rows)

    def levels_at(self, rows: IntArray) -> FloatArray:
        """Return the levels of rows of the dataset [shape=(n, 128, 96), dB]."""
        levels = np.empty((len(rows), N_FRAMES, N_BINS), np.float32)
        for start in range(0, len(rows), 128):
            part = rows[start : start + 128]
            levels[start : start + 128] = levels_of(self.dataset.rows(part))
        return levels

    def label(self, row: int) -> NoteLabel:
        """Return the label of a note."""
        return self.dataset.labels[row]


class Renderer:
    """Renders the notes of a dataset again from their SoundFonts.

    Parameters
    ----------
    paths : sequence of path
        Where SoundFonts may lie; those that exist are opened when first asked for.
    """

    def __init__(self, paths: tuple[str, ...] = DEFAULT_SOUNDFONTS) -> None:
        self._paths = {Path(path).name: Path(path) for path in paths}
        self._fonts: dict[str, SoundFont] = {}

    def wave(self, label: NoteLabel) -> FloatArray:
        """Render a note, in tune with its key.

        Returns
        -------
        y : np.ndarray of float32 [shape=(about 4 * 44100,), peak 1]

        Raises
        ------
        ModelNotFoundError
            If its SoundFont or FluidSynth is not installed.
        """
        if label.source not in self._fonts:
            path = self._paths.get(label.source, Path(label.source))
            self._fonts[label.source] = SoundFont(path)
        preset = InstrumentKey(label.source, label.bank, label.program, label.name)
        y = self._fonts[label.source].render(preset, label.pitch, label.velocity)
        y = tune(y, label.pitch)
        return np.asarray(y / max(float(np.abs(y).max()), 1e-9), np.float32)

    def image(self, label: NoteLabel) -> FloatArray:
        """Render a note and measure its raw image, flutter and all [shape=(128, 96, 4)]."""
        return measure_image(self.wave(label), float(midi_to_hz(label.pitch)))


def tune(y: FloatArray, pitch: int) -> FloatArray:
    """Bring a note in tune with its key by playing it faster or slower, as datasets do."""
    import soxr

    cents = detune_cents(measure_image(y, float(midi_to_hz(pitch))))
    if abs(cents) <= TUNED_CENTS:
        return y
    return np.asarray(soxr.resample(y, SAMPLE_RATE, SAMPLE_RATE * 2.0 ** (cents / 1200.0)))
