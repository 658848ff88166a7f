"""What makes another instrument of one: the same change to all of its notes.

Another body (an equaliser fixed in Hz), other weights of the partials (fixed by their number),
another size (the instrument transposed, its resonances with it), another envelope, or a second
instrument: in unison with the first, or half way to it.
"""

from typing import NamedTuple

import numpy as np

from retimbre._typing import BoolArray, FloatArray, IntArray
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    FEATURE_FILL,
    FRAME_TIMES,
    LEVEL_FLOOR_DB,
    N_BINS,
    N_PLAIN_FEATURES,
    N_SINGLE,
    NOISE_CEILING_DB,
    NOISE_FLOOR_DB,
    feature_mask,
)
from retimbre.harmonic.layout import BIN_COUNTS
from retimbre.units import midi_to_hz

UNCHANGED = 0.2
BODY, PROFILE, TRANSPOSED, DECAY, SWELL, UNISON, BETWEEN = 0.7, 0.4, 0.6, 0.25, 0.15, 0.2, 0.5
"""How often: instruments as they are; of the others each change."""

N_WAVES = 4
BODY_DB = 4.5
TILT_DB = 2.0
PROFILE_DB = 3.0
ODD_DB = 4.0
MAX_STEPS = 7
"""Standard deviations of the equalisers' parts; the largest transposition in semitones."""

_FLOOR_MARGIN_DB = 0.5
_IS_ODD = np.where(BIN_PARTIALS % 2 == 1.0, 1.0, -1.0) * (np.arange(N_BINS) < N_SINGLE)


class Decibels(NamedTuple):
    """Features of some notes, in dB.

    Attributes
    ----------
    level, noise : np.ndarray of float32 [shape=(n, frames, 96), dB]
    rest : np.ndarray of float32 [shape=(n, frames, 96)]
        Deviations and texture, as the networks see them.
    """

    level: FloatArray
    noise: FloatArray
    rest: FloatArray


class Changes(NamedTuple):
    """How each instrument of a batch is changed; zeros where it is not.

    Attributes
    ----------
    is_changed : np.ndarray of bool [shape=(n,)]
    body, profile : np.ndarray [shape=(n, N_WAVES + 1), dB]
        Sizes of the equaliser's waves over frequency or partial number, and of the last part:
        the slope in dB an octave, or what odd partials have over even ones.
    body_phases, profile_phases : np.ndarray [shape=(n, N_WAVES), radians]
    steps : np.ndarray of int [shape=(n,), semitones]
    fall : np.ndarray [shape=(n,), dB/s]
    swell : np.ndarray [shape=(n,), seconds]
    partners : np.ndarray of int [shape=(n,)]
        Second instruments.
    is_unison, is_between : np.ndarray of bool [shape=(n,)]
    balance : np.ndarray [shape=(n,), dB]
        Of the second instrument in unison.
    share : np.ndarray [shape=(n,), 0..1]
        Of the second instrument, half way.
    """

    is_changed: BoolArray
    body: FloatArray
    body_phases: FloatArray
    profile: FloatArray
    profile_phases: FloatArray
    steps: IntArray
    fall: FloatArray
    swell: FloatArray
    partners: IntArray
    is_unison: BoolArray
    is_between: BoolArray
    balance: FloatArray
    share: FloatArray

    def at(self, rows: IntArray) -> "Changes":
        """Return the changes of some rows."""
        return Changes._make(part[rows] for part in self)


def draw_changes(instruments: list[int], size: int, rng: np.random.Generator) -> Changes:
    """Draw a change for each row of a batch, whose partners are among `instruments`."""
    is_changed = rng.random(size) >= UNCHANGED

    def chosen(probability: float) -> BoolArray:
        return np.asarray(is_changed & (rng.random(size) < probability))

    def waves(probability: float, scale: float, last: float) -> FloatArray:
        scales = np.append(np.full(N_WAVES, scale), last)
        sizes = rng.standard_normal((size, N_WAVES + 1)) * scales
        return np.asarray(sizes * chosen(probability)[:, None])

    def phases() -> FloatArray:
        return rng.random((size, N_WAVES)) * 2.0 * np.pi

    kind = rng.random(size)
    return Changes(
        is_changed=is_changed,
        body=waves(BODY, BODY_DB, TILT_DB),
        body_phases=phases(),
        profile=waves(PROFILE, PROFILE_DB, ODD_DB),
        profile_phases=phases(),
        steps=rng.integers(-MAX_STEPS, MAX_STEPS + 1, size) * chosen(TRANSPOSED),
        fall=rng.uniform(2.0, 25.0, size) * chosen(DECAY),
        swell=rng.uniform(0.02, 0.4, size) * chosen(SWELL),
        partners=rng.choice(instruments, size),
        is_unison=is_changed & (kind < UNISON),
        is_between=is_changed & (kind >= UNISON) & (kind < UNISON + BETWEEN),
        balance=rng.uniform(-12.0, 12.0, size),
        share=rng.uniform(0.2, 0.8, size),
    )


def gain_of(changes: Changes, pitches: IntArray, times: FloatArray) -> FloatArray:
    """Return what changes add to the levels of notes.

    Parameters
    ----------
    changes : Changes
    pitches : np.ndarray of int [shape=(n,), MIDI]
        At which the notes sound.
    times : np.ndarray [shape=(frames,), seconds]

    Returns
    -------
    gain : np.ndarray of float32 [shape=(n, frames, 96), dB]
    """
    octaves = np.log2(midi_to_hz(pitches)[:, None] * BIN_PARTIALS / 1000.0)
    bins = _waves(octaves, changes.body, changes.body_phases)
    bins += changes.body[:, -1:] * octaves
    bins += _waves(np.log2(BIN_PARTIALS)[None], changes.profile, changes.profile_phases)
    bins += changes.profile[:, -1:] * _IS_ODD
    rise = np.minimum((times + 1e-3) / np.maximum(changes.swell[:, None], 1e-6), 1.0)
    envelope = 20.0 * np.log10(rise) - changes.fall[:, None] * times
    return bins.astype(np.float32)[:, None, :] + envelope.astype(np.float32)[:, :, None]


def _waves(octaves: FloatArray, sizes: FloatArray, phases: FloatArray) -> FloatArray:
    """Return a smooth curve over 10 octaves [shape=(n, 96), dB]."""
    gain = np.zeros((len(sizes), octaves.shape[1]))
    for k in range(N_WAVES):
        turns = octaves * (2.0 * np.pi * (k + 1) / 10.0) + phases[:, k : k + 1]
        gain += sizes[:, k : k + 1] * np.sin(turns)
    return gain


def add_gain(sound: Decibels, gain: FloatArray, is_changed: BoolArray) -> Decibels:
    """Add a gain to levels and noise; the loudest frame of what is changed is at 0 dB again."""
    level = np.where(sound.level > LEVEL_FLOOR_DB + _FLOOR_MARGIN_DB, sound.level + gain, -200.0)
    noise = np.where(sound.noise > NOISE_FLOOR_DB + _FLOOR_MARGIN_DB, sound.noise + gain, -200.0)
    excess = total_levels(level).max(axis=1) * is_changed
    level -= excess[:, None, None]
    noise -= excess[:, None, None]
    return Decibels(
        np.maximum(level, LEVEL_FLOOR_DB, out=level),
        np.maximum(noise, NOISE_FLOOR_DB, out=noise),
        sound.rest,
    )


def total_levels(level: FloatArray) -> FloatArray:
    """Return the level of all partials together [shape=(n, frames), dB]."""
    power = np.maximum(to_power(level) @ BIN_COUNTS.astype(np.float32), 1e-12)
    return np.asarray(10.0 * np.log10(power))


def join(own: Decibels, other: Decibels, changes: Changes) -> Decibels:
    """Let a second instrument sound with the first, or bring the first half way to it.

    Parameters
    ----------
    own, other : Decibels
        The same notes, row by row as in `changes`.
    changes : Changes
        Each either in unison or between.
    """
    is_unison = changes.is_unison[:, None, None]
    balance = changes.balance.astype(np.float32)[:, None, None]
    half = changes.share.astype(np.float32)[:, None, None]

    gain = to_power(balance)

    def sum_of(a: FloatArray, b: FloatArray, floor: float) -> FloatArray:
        power = _heard_power(a, floor) + gain * _heard_power(b, floor)
        summed = 10.0 * np.log10(np.maximum(power, np.float32(10.0 ** (floor / 10.0))))
        return np.where(is_unison, summed, a + half * (b - a))

    level = sum_of(own.level, other.level, LEVEL_FLOOR_DB)
    added = gain * to_power(other.level[..., :N_SINGLE])
    in_unison = added / (added + to_power(own.level[..., :N_SINGLE]))
    share = np.where(is_unison, in_unison, half)
    share = np.concatenate([share, share], axis=-1)
    rest = own.rest + share * (other.rest - own.rest)
    return Decibels(level, sum_of(own.noise, other.noise, NOISE_FLOOR_DB), rest)


def _heard_power(level: FloatArray, floor: float) -> FloatArray:
    """Return 10^(dB / 10); what lies on the floor is silence, however many of it sound."""
    return np.where(level > floor + _FLOOR_MARGIN_DB, to_power(level), np.float32(0.0))


def to_power(level: FloatArray) -> FloatArray:
    """Return 10^(dB / 10)."""
    return np.asarray(np.exp(level * np.float32(np.log(10.0) / 10.0)))


def to_decibels(features: FloatArray) -> Decibels:
    """Read features [shape=(n, frames, 288)] as dB."""
    level = (features[..., :N_BINS] - 1.0) * 45.0
    noise = features[..., N_BINS + N_SINGLE : N_PLAIN_FEATURES] * 45.0 - 65.0
    deviation = features[..., N_BINS : N_BINS + N_SINGLE]
    rest = np.concatenate([deviation, features[..., N_PLAIN_FEATURES:]], axis=-1)
    return Decibels(level, noise, rest)


def to_features(sound: Decibels, pitches: IntArray) -> FloatArray:
    """Undo `to_decibels`; what cannot sound at a pitch is filled in [shape=(n, frames, 288)]."""
    level = np.clip(sound.level, LEVEL_FLOOR_DB, 0.0) / 45.0 + 1.0
    noise = np.clip(sound.noise, NOISE_FLOOR_DB, NOISE_CEILING_DB) / 45.0 + 65.0 / 45.0
    deviation, texture = np.split(sound.rest, 2, axis=-1)
    features = np.concatenate([level, deviation, noise, texture], axis=-1)
    mask = feature_mask(pitches)[:, None, :]
    return np.where(mask, features, FEATURE_FILL).astype(np.float32, copy=False)


def frame_times(n_frames: int) -> FloatArray:
    """Return the mean times of frames averaged to a resolution [shape=(n_frames,), seconds]."""
    return np.asarray(FRAME_TIMES.reshape(n_frames, -1).mean(axis=1))
