"""Training notes as feature arrays on disk: building, loading, drawing batches.

A dataset is a folder with ``features.npy`` (float16, shape (n, 128, 240)) and
``manifest.jsonl`` (a line a note: font, bank, program, name, pitch, velocity).
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retimbre.errors import ModelFormatError, ModelNotFoundError
from retimbre.images import harmonic
from retimbre.train.soundfonts import Preset, SoundFont
from retimbre.units import midi_to_hz

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]

SILENT_PEAK = 3e-3
MAX_DETUNE_CENTS = 40.0
TUNED_CENTS = 1.0
MAX_BETWEEN_DB = -3.0
MIN_ODD_SHARE = 0.01
MIN_NOTES_PER_INSTRUMENT = 6


@dataclass(frozen=True)
class NoteLabel:
    """What a training note is."""

    font: str
    bank: int
    program: int
    name: str
    pitch: int
    velocity: int

    @property
    def instrument(self) -> tuple[str, int, int]:
        """What tells instruments apart."""
        return (self.font, self.bank, self.program)


def is_pitched_as_labelled(image: FloatArray) -> bool:
    """Tell whether a note sounds at its nominal pitch.

    Presets that stack fifths or sub-octaves put tones between the partials; presets that sound
    an octave up leave the odd partials empty. Both would teach the model to play wrong notes.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 3)]
    """
    held = image[8:96]
    between = np.median(held[:, :4, 2], axis=0).max()
    power = 10.0 ** (held[:, :24, 0].astype(np.float64) / 10.0)
    odd_share = power[:, 0::2].sum() / power.sum()
    return bool(between <= MAX_BETWEEN_DB and odd_share >= MIN_ODD_SHARE)


def analyze_note(y: FloatArray, pitch: int) -> FloatArray | None:
    """Measure a note and tune it, or return None where it is silent or sounds another pitch.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        At 44.1 kHz, from the onset.
    pitch : int [MIDI]

    Returns
    -------
    image : np.ndarray [shape=(128, 96, 3)] or None
    """
    import soxr

    if np.abs(y).max() < SILENT_PEAK:
        return None
    f0 = float(midi_to_hz(pitch))
    image = harmonic.analyze(y, f0)
    cents = harmonic.detune_cents(image)
    if abs(cents) > MAX_DETUNE_CENTS:
        return None
    if abs(cents) > TUNED_CENTS:
        # Played back slower by the ratio, the note is in tune and its partials lie on the grid.
        ratio = 2.0 ** (cents / 1200.0)
        rate = harmonic.SAMPLE_RATE
        image = harmonic.analyze(soxr.resample(y, rate, rate * ratio), f0)
    return image if is_pitched_as_labelled(image) else None


@dataclass(frozen=True)
class _Job:
    fonts: tuple[str, ...]
    pitch: int
    fraction: float
    seed: int
    velocity: int


_FONTS: dict[str, tuple[SoundFont, list[Preset]]] = {}


def _open(path: str) -> tuple[SoundFont, list[Preset]]:
    if path not in _FONTS:
        font = SoundFont(path)
        _FONTS[path] = (font, list(font.presets()))
    return _FONTS[path]


def _render_pitch(job: _Job) -> tuple[npt.NDArray[np.float16], list[NoteLabel]]:
    """Render a share of all presets at one pitch (the analysis is cached by pitch)."""
    rng = np.random.default_rng([job.seed, job.pitch])
    features, labels = [], []
    for path in job.fonts:
        font, presets = _open(path)
        for preset in presets:
            if rng.random() >= job.fraction:
                continue
            image = analyze_note(font.render(preset, job.pitch, job.velocity), job.pitch)
            if image is not None:
                features.append(harmonic.image_to_features(image).astype(np.float16))
                labels.append(NoteLabel(**asdict(preset), pitch=job.pitch, velocity=job.velocity))
    shape = (0, harmonic.N_FRAMES, harmonic.N_FEATURES)
    stacked = np.stack(features) if features else np.zeros(shape, np.float16)
    return stacked, labels


def _render_all(
    jobs: list[_Job], workers: int
) -> Iterator[tuple[npt.NDArray[np.float16], list[NoteLabel]]]:
    if workers == 1:
        yield from map(_render_pitch, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_render_pitch, jobs)


def build(
    folder: Path,
    fonts: list[Path],
    *,
    pitches: range = range(21, 109),
    fraction: float = 0.5,
    velocity: int = 100,
    seed: int = 0,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Render the presets of SoundFonts into a dataset folder.

    Parameters
    ----------
    folder : Path
        Made if missing; an old dataset in it is replaced at the end.
    fonts : list of Path
    pitches : range [MIDI]
    fraction : float [0..1]
        The share of all (preset, pitch) pairs that is rendered, drawn at random.
    velocity : int [1..127]
    seed : int
    workers : int [>= 1]
        Processes; one is this one.
    progress : callable, optional
        Called with pitches done and pitches in all.

    Returns
    -------
    n_notes : int
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [_Job(tuple(map(str, fonts)), p, fraction, seed, velocity) for p in pitches]
    parts: list[npt.NDArray[np.float16]] = []
    labels: list[NoteLabel] = []
    for done, (features, names) in enumerate(_render_all(jobs, workers), 1):
        parts.append(features)
        labels += names
        if progress is not None:
            progress(done, len(jobs))
    np.save(folder / "features.npy", np.concatenate(parts))
    lines = (json.dumps(asdict(label)) for label in labels)
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return len(labels)


class Dataset:
    """A dataset folder opened for training.

    Attributes
    ----------
    features : np.ndarray of float16 [shape=(n, 128, 240)]
    pitches : np.ndarray [shape=(n,), MIDI]
    instruments : list of tuple
        (font, bank, program) of each instrument with enough notes, sorted.
    notes_of : dict
        Rows of each instrument.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "features.npy").is_file():
            raise ModelNotFoundError(
                f"{folder} holds no dataset; make one with 'retimbre dataset build {folder}'."
            )
        self.features = np.load(folder / "features.npy")
        lines = (folder / "manifest.jsonl").read_text().splitlines()
        self.labels = [NoteLabel(**json.loads(line)) for line in lines]
        if len(self.labels) != len(self.features):
            raise ModelFormatError(
                f"{folder} names {len(self.labels)} notes and holds {len(self.features)}; "
                "build it again."
            )
        self.pitches = np.array([label.pitch for label in self.labels], np.int32)
        rows: dict[tuple[str, int, int], list[int]] = defaultdict(list)
        for row, label in enumerate(self.labels):
            rows[label.instrument].append(row)
        self.notes_of = {
            key: np.array(found)
            for key, found in sorted(rows.items())
            if len(found) >= MIN_NOTES_PER_INSTRUMENT
        }
        self.instruments = list(self.notes_of)

    def split(self, n_held_out: int, seed: int) -> tuple[list[int], list[int]]:
        """Split the instruments at random into trained and held-out ones (indices)."""
        order = np.random.default_rng(seed).permutation(len(self.instruments))
        return sorted(order[n_held_out:].tolist()), sorted(order[:n_held_out].tolist())

    def batch(
        self, instruments: list[int], size: int, rng: np.random.Generator
    ) -> tuple[FloatArray, IntArray, FloatArray, IntArray]:
        """Draw instruments and two notes of each.

        Returns
        -------
        features, pitches, other_features, other_pitches
            float32 (size, 128, 240) and int32 (size,), twice.
        """
        chosen = rng.choice(instruments, size)
        rows = np.stack([rng.choice(self.notes_of[self.instruments[i]], 2) for i in chosen])
        first, second = rows.T
        return (
            self.features[first].astype(np.float32),
            self.pitches[first],
            self.features[second].astype(np.float32),
            self.pitches[second],
        )
