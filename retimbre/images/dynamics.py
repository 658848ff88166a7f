"""How a note follows the performer's loudness without losing the instrument's attack."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]

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
