"""The Fréchet audio distance of random instruments to real notes, by musicnn's embeddings."""

import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_metrics import frechet_distance
from sound_models import SoundModel, draw_z, generate_images
from sound_notes import NoteSet, RealNotes, Renderer
from sound_table import Row

from retimbre.errors import RetimbreError
from retimbre.harmonic.image import SAMPLE_RATE, features_to_image
from retimbre.harmonic.synthesis import synthesize_plain

FloatArray = npt.NDArray[np.floating[Any]]

EMBED = Path(__file__).with_name("sound_embed.py")
CLIP_RATE = 16000
CLIP_SECONDS = 3
SPLITS = 10


class MusicnnMissingError(RetimbreError):
    """musicnn cannot be used; the sentence says what to do."""


def check_musicnn(python: str) -> None:
    """See that an interpreter has musicnn.

    Raises
    ------
    MusicnnMissingError
    """
    run = [python, "-c", "import musicnn.models, tensorflow, tf_keras, librosa"]
    try:
        found = subprocess.run(run, env=_environment(), capture_output=True, text=True)
    except OSError as error:
        raise MusicnnMissingError(f"{python} is no interpreter ({error}).") from error
    if found.returncode:
        last = found.stderr.strip().splitlines()[-1:] or ["no message"]
        raise MusicnnMissingError(
            f"{python} cannot run musicnn ({last[0]}); run 'pip install --no-deps musicnn "
            "tf_keras' there or name another interpreter with --musicnn-python."
        )


def _environment() -> dict[str, str]:
    return {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def to_clip(y: FloatArray) -> FloatArray:
    """Return the first 3 s of a note (44.1 kHz) at 16 kHz, peak 1 [shape=(48000,)]."""
    import soxr

    low = np.asarray(soxr.resample(y.astype(np.float32), SAMPLE_RATE, CLIP_RATE))
    clip = np.zeros(CLIP_SECONDS * CLIP_RATE, np.float32)
    n = min(len(low), len(clip))
    clip[:n] = low[:n]
    return np.asarray(clip / max(float(np.abs(clip).max()), 1e-9), np.float32)


def embed(waves: Iterable[FloatArray], python: str) -> FloatArray:
    """Return musicnn's embeddings of notes at 44.1 kHz [shape=(n, 200)]."""
    clips = np.stack([to_clip(y) for y in waves])
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "clips.npy"), Path(folder, "embeddings.npy")
        np.save(source, clips)
        subprocess.run(
            [python, str(EMBED), str(source), str(target)],
            env=_environment(),
            check=True,
            capture_output=True,
        )
        return np.asarray(np.load(target))


def distances(
    real: FloatArray, made: FloatArray, instruments: npt.NDArray[Any], rng: np.random.Generator
) -> tuple[float, float]:
    """Compare made notes with real ones, and real ones with each other.

    Sets of one size each time, half of the notes, because the distance is larger the fewer there
    are; means over 10 draws.

    Parameters
    ----------
    real, made : np.ndarray [shape=(n, d)]
        Embeddings.
    instruments : np.ndarray of int [shape=(n,)]
        Of the real notes.
    rng : np.random.Generator

    Returns
    -------
    made_to_real : float
    half_to_half : float
        Between the notes of two halves of the instruments.
    """
    n = len(real) // 2
    across, within = [], []
    for _ in range(SPLITS):
        order = rng.permutation(np.unique(instruments))
        is_first = np.isin(instruments, order[: len(order) // 2])
        # The halves have about as many notes; the same number is taken of both.
        size = min(n, int(is_first.sum()), int((~is_first).sum()))
        halves = [rng.permutation(np.flatnonzero(side))[:size] for side in (is_first, ~is_first)]
        within.append(frechet_distance(real[halves[0]], real[halves[1]]))
        some = [rng.permutation(len(points))[:size] for points in (made, real)]
        across.append(frechet_distance(made[some[0]], real[some[1]]))
    return float(np.mean(across)), float(np.mean(within))


def play_random(model: SoundModel, notes: NoteSet, rng: np.random.Generator) -> Iterable[Any]:
    """Play random instruments at the pitches and velocities of some notes."""
    z = draw_z(model, len(notes), rng)
    for start in range(0, len(notes), 64):
        rows = np.arange(start, min(start + 64, len(notes)))
        part = notes.at(rows)
        images = generate_images(model, z[rows], part.pitches, part.velocities)
        for image, pitch in zip(images, part.pitches.tolist(), strict=True):
            yield synthesize_plain(image, pitch)


def fad_rows(
    model: SoundModel, real: RealNotes, renderer: Renderer, python: str, *, n: int, seed: int
) -> list[Row]:
    """Measure the Fréchet audio distance, and what the images alone add to it.

    Raises
    ------
    MusicnnMissingError
        If the interpreter `python` has no musicnn.
    """
    check_musicnn(python)
    rng = np.random.default_rng([seed, 9])
    notes = real.draw(real.trained, n, rng).by_pitch()
    labels = [real.label(row) for row in notes.rows.tolist()]
    truth = embed((renderer.wave(label) for label in labels), python)
    made = embed(play_random(model, notes, rng), python)
    images = features_to_image(real.features(notes))
    coded = embed(
        (synthesize_plain(i, p) for i, p in zip(images, notes.pitches.tolist(), strict=True)),
        python,
    )
    across, within = distances(truth, made, notes.instruments, rng)
    of_images, _ = distances(truth, coded, notes.instruments, rng)
    return [
        Row(
            "FAD of random instruments to real notes over that of two halves of the real ones",
            f"{across / within:.2f}",
            "<= 2",
            f"musicnn, 3 s: {across:.3f} over {within:.3f}; real notes played from their own "
            f"images to real notes {of_images:.3f}; {n // 2} notes a set, mean of {SPLITS} draws",
        )
    ]
