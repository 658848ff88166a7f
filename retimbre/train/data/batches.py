"""Batches of notes, many of them of instruments that no SoundFont holds.

An encoder that is to place any recorded instrument must have met more of them than a few hundred
presets. A changed instrument (`retimbre.train.data.changes`) is one as well. What the encoder is
shown may be shorter and noisier besides, as recordings are; the note to be reproduced is not.
"""

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray
from retimbre.harmonic.hold import hold_levels
from retimbre.harmonic.image import N_FRAMES
from retimbre.train.data.changes import (
    Changes,
    Decibels,
    add_gain,
    draw_changes,
    frame_times,
    gain_of,
    join,
    to_decibels,
    to_features,
    total_levels,
)
from retimbre.train.data.dataset import ALL_HEARD, Dataset, TrainingNotes

SHORT, NOISY = 0.25, 0.2
"""How often the encoder's notes are cut short, and lie in noise."""


def shorten(features: FloatArray, n_frames: int) -> FloatArray:
    """Average 128 frames to fewer."""
    split = features.reshape(len(features), n_frames, N_FRAMES // n_frames, -1)
    return np.asarray(split.mean(axis=2))


def average_pool(images: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Average images (n, 128, 1024, 2) to fewer frames and bins."""
    frames, bins = shape
    blocks = images.reshape(len(images), frames, N_FRAMES // frames, bins, -1, images.shape[-1])
    return np.asarray(blocks.mean(axis=(2, 4)))


def draw_batch(
    dataset: Dataset,
    instruments: list[int],
    size: int,
    n_frames: int,
    rng: np.random.Generator,
    pitch_range: tuple[int, int] = (21, 108),
) -> tuple[TrainingNotes, TrainingNotes]:
    """Draw two notes each of some instruments, many of them changed ones.

    Parameters
    ----------
    dataset : Dataset
    instruments : list of int
        Those to draw from.
    size : int
    n_frames : int
        Resolution of the features.
    rng : np.random.Generator
    pitch_range : (int, int) [MIDI, inclusive]
        No note is drawn from outside or transposed beyond.

    Returns
    -------
    heard : TrainingNotes
        What the encoder is shown.
    wanted : TrainingNotes
        Another note of the same instrument, row by row. `heard` is (1, 1, 1) in both where all
        notes of the dataset were heard whole.
    """
    _, *pairs = dataset.draw_pairs(instruments, size, rng, pitch_range)
    changes = draw_changes(instruments, size, rng)
    pitches = dataset.pitches[np.stack(pairs)]
    partner_rows = _find_partners(dataset, changes, pitches)
    steps = _playable_steps(changes.steps, pitches, pitch_range)
    made = []
    for rows, partners, sounding in zip(pairs, partner_rows, pitches + steps, strict=True):
        whole = dataset.rows(rows)
        sound = to_decibels(shorten(whole, n_frames))
        heard = ALL_HEARD
        if not dataset.is_heard_whole:
            heard = shorten(_count_both(dataset, rows, whole, partners), n_frames)
        sound = _add_partners(sound, dataset, partners, changes)
        gain = gain_of(changes, sounding, frame_times(n_frames))
        sound = add_gain(sound, gain, changes.is_changed)
        made.append((sound, sounding, dataset.velocities[rows], heard))
    (first, low, soft, clear), (second, high, loud, dim) = made
    worn = _wear(first, rng)
    return (
        TrainingNotes(to_features(worn, low), low, soft, clear),
        TrainingNotes(to_features(second, high), high, loud, dim),
    )


def _count_both(
    dataset: Dataset, rows: IntArray, features: FloatArray, partners: IntArray
) -> FloatArray:
    """Return how much each value of a batch counts: what was heard of both instruments."""
    heard = dataset.heard(rows, features)
    which = np.flatnonzero(partners >= 0)
    if len(which):
        other = dataset.heard(partners[which], dataset.rows(partners[which]))
        heard[which] = np.minimum(heard[which], other)
    return heard


def _playable_steps(
    steps: IntArray, pitches: IntArray, pitch_range: tuple[int, int]
) -> npt.NDArray[np.int32]:
    """Return the transpositions that keep both notes of a row in range; 0 for the others."""
    low, high = pitch_range
    moved = pitches + steps
    is_playable = ((moved >= low) & (moved <= high)).all(axis=0)
    return np.where(is_playable, steps, 0).astype(np.int32)


def _find_partners(
    dataset: Dataset, changes: Changes, pitches: IntArray
) -> npt.NDArray[np.integer]:
    """Return the second instruments' notes at the pitches of both of a row's notes.

    Returns
    -------
    rows : np.ndarray of int [shape=(2, n)]
        -1 where there is no second instrument, or it lacks one of the two notes.
    """
    found = np.full(pitches.shape, -1)
    for i in np.flatnonzero(changes.is_unison | changes.is_between):
        rows = [dataset.row_at(int(changes.partners[i]), int(pitch)) for pitch in pitches[:, i]]
        if None not in rows:
            found[:, i] = rows
    return found


def _add_partners(
    sound: Decibels, dataset: Dataset, partners: IntArray, changes: Changes
) -> Decibels:
    """Let second instruments play the same notes, where they have them."""
    which = np.flatnonzero(partners >= 0)
    if not len(which):
        return sound
    n_frames = sound.level.shape[1]
    other = to_decibels(shorten(dataset.rows(partners[which]), n_frames))
    own = Decibels(*(part[which] for part in sound))
    joined = join(own, other, changes.at(which))
    for part, new in zip(sound, joined, strict=True):
        part[which] = new
    return sound


def _wear(sound: Decibels, rng: np.random.Generator) -> Decibels:
    """Cut notes short and put them into a noisy room, as recordings are."""
    level, noise = sound.level.copy(), sound.noise.copy()
    size, n_frames = level.shape[:2]
    times = frame_times(n_frames)
    for i in np.flatnonzero(rng.random(size) < SHORT):
        one = slice(i, i + 1)
        seconds = float(np.exp(rng.uniform(np.log(0.3), np.log(3.0))))
        total = total_levels(level[one])
        level[one], noise[one] = hold_levels(level[one], noise[one], total, times, seconds)
    hiss = np.where(rng.random(size) < NOISY, rng.uniform(-75.0, -35.0, size), -200.0)
    return Decibels(level, np.maximum(noise, hiss.astype(np.float32)[:, None, None]), sound.rest)
