"""Follow the performer's loudness and keep the instrument's attack.

And how it sounds when it is played harder: louder is brighter.
"""

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.harmonic.image import BIN_PARTIALS, LEVEL_FLOOR_DB, NOISE_FLOOR_DB
from retimbre.harmonic.layout import BIN_COUNTS

PLAIN_VELOCITY = 80
"""At which an instrument has the spectrum that its model gives it."""

BRIGHTNESS_DB = 0.1
"""So many dB an octave above the fundamental for each dB that a note is louder.

Many sampled instruments only change their level with the velocity, and so would a model that was
trained on them; this makes all of them do what most instruments do."""

ATTACK_KEPT = 0.040
"""The instrument's first moments keep their own shape, in seconds."""

MAX_BOOST_DB = 24.0
MAX_CUT_DB = 60.0

_SMOOTHING = np.array([1.0, 3.0, 4.0, 3.0, 1.0]) / 12.0
"""Weights over 50 ms; what is faster in a measured level is the measurement's own."""


def follow_level(
    target_db: FloatArray, own_db: FloatArray, times: FloatArray, *, amount: float
) -> FloatArray:
    """Return the gain that takes a sound's level to the performer's.

    ``gain = amount * (target - own)``. Boosts bend towards 24 dB, so that a plucked string
    held long still sounds and still decays; cuts stop at 60 dB. During the first 40 ms the
    gain is that at 40 ms, and so the attack is the instrument's.

    Parameters
    ----------
    target_db : np.ndarray [shape=(n_target,), dB]
        The performer's level every 10 ms from the onset, held after its end; any reference.
    own_db : np.ndarray [shape=(n,), dB]
        The sound's own level at `times`; any reference.
    times : np.ndarray [shape=(n,), seconds]
        Ascending from the onset.
    amount : float [0..1]
        0 leaves the sound alone, 1 follows.

    Returns
    -------
    gain_db : np.ndarray [shape=(n,), dB]
    """
    # Levels are relative: both loudest moments are set to 0 dB.
    target = _at_times(_smooth(target_db - target_db.max()), times)
    wanted = amount * (target - (own_db - own_db.max()))
    boost = MAX_BOOST_DB * np.tanh(np.maximum(wanted, 0.0) / MAX_BOOST_DB)
    gain = boost + np.maximum(np.minimum(wanted, 0.0), -MAX_CUT_DB)
    kept = np.interp(ATTACK_KEPT, times, gain)
    return np.asarray(np.where(times < ATTACK_KEPT, kept, gain))


def _smooth(level_db: FloatArray) -> FloatArray:
    half = len(_SMOOTHING) // 2
    padded = np.pad(level_db, half, mode="edge")
    return np.convolve(padded, _SMOOTHING, mode="valid")


def _at_times(level_db: FloatArray, times: FloatArray) -> FloatArray:
    return np.asarray(np.interp(times / 0.010, np.arange(len(level_db)), level_db))


def brighten(images: FloatArray, velocities: IntArray) -> FloatArray:
    """Tilt the spectra of notes by how hard they are played.

    Partial k gets ``0.1 log2(k)`` dB for every dB that the note is louder than one of velocity
    80, by the law of velocities (40 log10 of their ratio); the noise around it as much.

    Parameters
    ----------
    images : np.ndarray of float32 [shape=(n, 128, 96, 4)]
        The loudest frame of each at 0 dB.
    velocities : np.ndarray of int [shape=(n,), 1..127]

    Returns
    -------
    tilted : np.ndarray of float32 [shape=(n, 128, 96, 4)]
        Each as loud in its loudest frame as it was; silence is silent.
    """
    louder_db = 40.0 * np.log10(np.asarray(velocities) / PLAIN_VELOCITY)
    gain = (BRIGHTNESS_DB * louder_db[:, None] * np.log2(BIN_PARTIALS)).astype(np.float32)
    level = images[..., 0]
    tilted = level + gain[:, None, :]
    gain = gain[:, None, :] - (_loudest_db(tilted) - _loudest_db(level))[:, None, None]
    out = images.copy()
    for channel, floor in ((0, LEVEL_FLOOR_DB), (2, NOISE_FLOOR_DB)):
        part = images[..., channel]
        out[..., channel] = np.where(part > floor, np.maximum(part + gain, floor), floor)
    return out


def _loudest_db(level: FloatArray) -> FloatArray:
    """Return the level of all partials in the loudest frame of each note [shape=(n,), dB]."""
    power = np.exp(level * np.float32(np.log(10.0) / 10.0)) @ BIN_COUNTS.astype(np.float32)
    return np.asarray(10.0 * np.log10(power.max(axis=1)))
