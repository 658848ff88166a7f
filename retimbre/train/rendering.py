"""Building a dataset: every preset of some SoundFonts at every pitch and velocity."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retimbre.errors import ModelFormatError
from retimbre.images import harmonic
from retimbre.images.texture import separate_texture
from retimbre.train import shards
from retimbre.train.labels import NoteLabel
from retimbre.train.soundfonts import Preset, SoundFont, licence_of
from retimbre.units import midi_to_hz

FloatArray = npt.NDArray[np.floating]

PITCHES = range(21, 109)
VELOCITIES = (40, 80, 120)

SILENT_PEAK = 1e-3
MAX_DETUNE_CENTS = 40.0
TUNED_CENTS = 1.0
MAX_BETWEEN_DB = -12.0
MIN_ODD_SHARE = 0.01


def is_pitched_as_labelled(image: FloatArray) -> bool:
    """Tell whether a note sounds at its nominal pitch.

    Presets that stack fifths or sub-octaves put tones between the partials; presets that sound
    an octave up leave the odd partials empty. Both would teach the model to play wrong notes.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
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
    image : np.ndarray [shape=(128, 96, 4)] or None
        Its flutter is in the texture.
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
    return separate_texture(image) if is_pitched_as_labelled(image) else None


@dataclass(frozen=True)
class _Job:
    folder: str
    fonts: tuple[str, ...]
    pitch: int
    velocities: tuple[int, ...]
    fraction: float
    seed: int


_FONTS: dict[str, tuple[SoundFont, list[Preset]]] = {}


def _open(path: str) -> tuple[SoundFont, list[Preset]]:
    if path not in _FONTS:
        font = SoundFont(path)
        _FONTS[path] = (font, list(font.presets()))
    return _FONTS[path]


def _render_pitch(job: _Job) -> int:
    """Write the shard of one pitch (whose analysis is cached) and return its notes."""
    rng = np.random.default_rng([job.seed, job.pitch])
    features, labels = [], []
    for path in job.fonts:
        font, presets = _open(path)
        licence = licence_of(path)
        for preset in presets:
            for velocity in job.velocities:
                if rng.random() >= job.fraction:
                    continue
                image = analyze_note(font.render(preset, job.pitch, velocity), job.pitch)
                if image is not None:
                    features.append(harmonic.image_to_features(image).astype(np.float16))
                    labels.append(
                        NoteLabel(
                            **asdict(preset), pitch=job.pitch, velocity=velocity, licence=licence
                        )
                    )
    shape = (0, harmonic.N_FRAMES, harmonic.N_FEATURES)
    stacked = np.stack(features) if features else np.zeros(shape, np.float16)
    shards.write_shard(Path(job.folder), job.pitch, stacked, labels)
    return len(labels)


def _render_all(jobs: list[_Job], workers: int) -> Iterator[int]:
    if workers == 1:
        yield from map(_render_pitch, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_render_pitch, jobs)


def build(
    folder: Path,
    fonts: list[Path],
    *,
    pitches: range = PITCHES,
    velocities: tuple[int, ...] = VELOCITIES,
    fraction: float = 1.0,
    seed: int = 0,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Render the presets of SoundFonts into a dataset folder; a stopped build goes on.

    Parameters
    ----------
    folder : Path
        Made if missing.
    fonts : list of Path
    pitches : range [MIDI]
    velocities : tuple of int [1..127]
    fraction : float [0..1]
        The share of all (preset, pitch, velocity) that is rendered, drawn at random.
    seed : int
    workers : int [>= 1]
        Processes; one is this one.
    progress : callable, optional
        Called with pitches done and pitches in all.

    Returns
    -------
    n_notes : int

    Raises
    ------
    ParameterError
        If the folder holds a dataset of other settings.
    ModelFormatError
        If no note came out.
    """
    settings = {
        "sources": [path.name for path in fonts],
        "pitches": [pitches.start, pitches.stop - 1],
        "velocities": list(velocities),
        "fraction": fraction,
        "seed": seed,
    }
    shards.write_settings(folder, settings)
    missing = [pitch for pitch in pitches if not shards.has_shard(folder, pitch)]
    names = tuple(map(str, fonts))
    jobs = [_Job(str(folder), names, p, velocities, fraction, seed) for p in missing]
    n_done = len(pitches) - len(missing)
    for done, _ in enumerate(_render_all(jobs, workers), n_done + 1):
        if progress is not None:
            progress(done, len(pitches))
    n_notes = sum(len(labels) for _, labels in shards.read_shards(folder))
    if n_notes == 0:
        raise ModelFormatError(f"No note of {', '.join(map(str, fonts))} could be used.")
    return n_notes
