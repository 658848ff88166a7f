"""Instruments that no SoundFont holds: the same change to all notes of an instrument.

An encoder that is to place any recorded instrument must have met more of them than a few hundred
presets. A changed instrument is one as well, as long as all its notes are changed alike: another
body (an equaliser fixed in Hz), another envelope, or two instruments in unison. What the encoder
is shown may be shorter and noisier besides, as recordings are; the note to be reproduced is not.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retimbre.images.harmonic import (
    BIN_PARTIALS,
    FEATURE_FILL,
    FRAME_TIMES,
    LEVEL_FLOOR_DB,
    N_BINS,
    N_FRAMES,
    N_PLAIN_FEATURES,
    N_SINGLE,
    NOISE_CEILING_DB,
    NOISE_FLOOR_DB,
    feature_mask,
)
from retimbre.images.held import hold_levels
from retimbre.images.timeline import BIN_COUNTS
from retimbre.train.dataset import Dataset, Notes
from retimbre.units import midi_to_hz

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]

UNCHANGED = 0.4
BODY, DECAY, SWELL, UNISON = 0.7, 0.25, 0.15, 0.35
SHORT, NOISY = 0.25, 0.2
"""How often: notes as they are; of the others each change; of all what only the encoder sees."""

BODY_DB = 3.0
TILT_DB = 1.5
N_WAVES = 4


@dataclass(frozen=True)
class Decibels:
    """Features of notes in dB, for one instrument a row.

    Attributes
    ----------
    level, noise : np.ndarray of float32 [shape=(n, frames, 96), dB]
    rest : np.ndarray of float32 [shape=(n, frames, 96)]
        Deviations and texture, as the networks see them.
    """

    level: FloatArray
    noise: FloatArray
    rest: FloatArray


def frame_times(n_frames: int) -> FloatArray:
    """Return the mean times of frames averaged to a resolution [shape=(n_frames,), seconds]."""
    return np.asarray(FRAME_TIMES.reshape(n_frames, -1).mean(axis=1))


def shorten(features: FloatArray, n_frames: int) -> FloatArray:
    """Average 128 frames to fewer."""
    split = features.reshape(len(features), n_frames, N_FRAMES // n_frames, -1)
    return np.asarray(split.mean(axis=2))


def draw_batch(
    dataset: Dataset, instruments: list[int], size: int, n_frames: int, rng: np.random.Generator
) -> tuple[Notes, Notes]:
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

    Returns
    -------
    heard : Notes
        What the encoder is shown.
    wanted : Notes
        Another note of the same instrument, row by row.
    """
    _, *pairs = dataset.draw_pairs(instruments, size, rng)
    changed = rng.random(size) >= UNCHANGED
    partners = rng.choice(instruments, size)
    in_unison = changed & (rng.random(size) < UNISON)
    body = np.where(changed & (rng.random(size) < BODY), 1.0, 0.0)
    waves = rng.standard_normal((size, N_WAVES + 1)) * body[:, None]
    phases = rng.random((size, N_WAVES)) * 2.0 * np.pi
    fall = np.where(changed & (rng.random(size) < DECAY), rng.uniform(2.0, 25.0, size), 0.0)
    swell = np.where(changed & (rng.random(size) < SWELL), rng.uniform(0.02, 0.4, size), 0.0)
    balance = rng.uniform(-12.0, 12.0, size)
    made = []
    for rows in pairs:
        notes = dataset.notes(rows)
        sound = _decibels(shorten(notes.features, n_frames))
        sound = _add_partners(sound, dataset, notes.pitches, partners, in_unison, balance)
        gain = _body_gain(notes.pitches, waves, phases)
        envelope = _envelope(frame_times(n_frames), fall, swell)
        sound = _shift(sound, gain[:, None, :] + envelope[:, :, None], changed)
        made.append((sound, notes))
    (first, heard), (second, wanted) = made
    worn = _wear(first, rng)
    return (
        heard._replace(features=_features(worn, heard.pitches)),
        wanted._replace(features=_features(second, wanted.pitches)),
    )


def _decibels(features: FloatArray) -> Decibels:
    level = (features[..., :N_BINS] - 1.0) * 45.0
    noise = features[..., N_BINS + N_SINGLE : N_PLAIN_FEATURES] * 45.0 - 65.0
    deviation = features[..., N_BINS : N_BINS + N_SINGLE]
    rest = np.concatenate([deviation, features[..., N_PLAIN_FEATURES:]], axis=-1)
    return Decibels(level, noise, rest)


def _features(sound: Decibels, pitches: IntArray) -> FloatArray:
    level = np.clip(sound.level, LEVEL_FLOOR_DB, 0.0) / 45.0 + 1.0
    noise = np.clip(sound.noise, NOISE_FLOOR_DB, NOISE_CEILING_DB) / 45.0 + 65.0 / 45.0
    deviation, texture = np.split(sound.rest, 2, axis=-1)
    features = np.concatenate([level, deviation, noise, texture], axis=-1)
    mask = feature_mask(pitches)[:, None, :]
    return np.where(mask, features, FEATURE_FILL).astype(np.float32)


def _add_partners(
    sound: Decibels,
    dataset: Dataset,
    pitches: IntArray,
    partners: IntArray,
    in_unison: npt.NDArray[np.bool_],
    balance: FloatArray,
) -> Decibels:
    """Let another instrument play the same notes, where it has them."""
    level, noise, rest = (part.copy() for part in (sound.level, sound.noise, sound.rest))
    for i in np.flatnonzero(in_unison):
        row = dataset.row_at(int(partners[i]), int(pitches[i]))
        if row is None:
            continue
        features = shorten(dataset.rows(np.array([row])), level.shape[1])
        other = _decibels(features)
        gain = balance[i]
        own, added = 10.0 ** (level[i] / 10.0), 10.0 ** ((other.level[0] + gain) / 10.0)
        share = (added / (own + added))[:, :N_SINGLE]
        share = np.concatenate([share, share], axis=-1)
        level[i] = 10.0 * np.log10(own + added)
        noise[i] = 10.0 * np.log10(
            10.0 ** (noise[i] / 10.0) + 10.0 ** ((other.noise[0] + gain) / 10.0)
        )
        rest[i] = (1.0 - share) * rest[i] + share * other.rest[0]
    return Decibels(level, noise, rest)


def _body_gain(pitches: IntArray, waves: FloatArray, phases: FloatArray) -> FloatArray:
    """Return a smooth equaliser, fixed in Hz for each row, at the bins [shape=(n, 96), dB]."""
    octaves = np.log2(midi_to_hz(pitches)[:, None] * BIN_PARTIALS / 1000.0)
    gain = TILT_DB * waves[:, -1:] * octaves
    for k in range(N_WAVES):
        turns = octaves * (2.0 * np.pi * (k + 1) / 10.0) + phases[:, k : k + 1]
        gain = gain + BODY_DB * waves[:, k : k + 1] * np.sin(turns)
    return np.asarray(gain)


def _envelope(times: FloatArray, fall: FloatArray, swell: FloatArray) -> FloatArray:
    """Return a further decay and a slower attack [shape=(n, frames), dB]."""
    rise = np.minimum((times + 1e-3) / np.maximum(swell[:, None], 1e-6), 1.0)
    return np.asarray(20.0 * np.log10(rise) - fall[:, None] * times)


def _shift(sound: Decibels, gain: FloatArray, changed: npt.NDArray[np.bool_]) -> Decibels:
    """Add a gain to levels and noise and take the loudest frame back to 0 dB."""
    level = np.where(sound.level > LEVEL_FLOOR_DB + 0.5, sound.level + gain, LEVEL_FLOOR_DB)
    noise = np.where(sound.noise > NOISE_FLOOR_DB + 0.5, sound.noise + gain, NOISE_FLOOR_DB)
    power = (10.0 ** (np.maximum(level, LEVEL_FLOOR_DB) / 10.0)) @ BIN_COUNTS
    excess = 10.0 * np.log10(power.max(axis=1))[:, None, None]
    excess = np.where(changed[:, None, None], excess, 0.0)
    return Decibels(
        np.maximum(level - excess, LEVEL_FLOOR_DB),
        np.maximum(noise - excess, NOISE_FLOOR_DB),
        sound.rest,
    )


def _wear(sound: Decibels, rng: np.random.Generator) -> Decibels:
    """Cut notes short and put them into a noisy room, as recordings are."""
    level, noise = sound.level.copy(), sound.noise.copy()
    size, n_frames = level.shape[:2]
    times = frame_times(n_frames)
    for i in np.flatnonzero(rng.random(size) < SHORT):
        total = 10.0 * np.log10((10.0 ** (level[i : i + 1] / 10.0)) @ BIN_COUNTS)
        one = slice(i, i + 1)
        seconds = float(np.exp(rng.uniform(np.log(0.3), np.log(3.0))))
        level[one], noise[one] = hold_levels(level[one], noise[one], total, times, seconds)
    hiss = np.where(rng.random(size) < NOISY, rng.uniform(-75.0, -35.0, size), -200.0)
    return Decibels(level, np.maximum(noise, hiss[:, None, None]), sound.rest)
