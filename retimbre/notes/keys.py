"""Which key each note is on: the performer's own grid of semitones, and scales.

Few people sing at A4 = 440 Hz, and without an accompaniment many drift. A note's key is the
nearest one on the grid that the notes around it lie on; the grid may move slowly, and what sounds
is not changed by it.
"""

import re

import numpy as np

from retimbre._typing import FloatArray, Int64Array, IntArray
from retimbre.errors import ParameterError

LOOSE, TIGHT = 0.4, 0.8
"""Concentration of the notes' pitches about a grid of semitones under which there is no common
tuning to speak of, and above which there is."""

GRID_HOLD_SEMITONES = 0.5
"""How far beyond half a semitone a tight tuning keeps a note on its key."""

DRIFT_SEMITONES = 0.09
"""How far a performer's tuning wanders in a second; in t seconds, sqrt(t) times as far."""

SPREAD_SEMITONES = 0.15
MOST_MISS = 3.0
"""How far notes lie from the grid, in the mean; a note far off says no more than one 2.4 times as
far."""

N_PHASES = 50
SHORTEST_STEP_SECONDS = 0.05

LONGEST_SECONDS = 0.5
"""A longer note says no more of the tuning."""

SCALES = {
    "chromatic": tuple(range(12)),
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
}
"""Semitones above the tonic."""

_TONIC = re.compile(r"([A-Ga-g])([#b♯♭]?)")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def fit_tuning(midi: FloatArray, duration: FloatArray) -> tuple[float, float]:
    """Take the circular mean of pitches modulo a semitone, long notes counting more.

    Parameters
    ----------
    midi : np.ndarray [shape=(n_notes,), MIDI]
        Fractional.
    duration : np.ndarray [shape=(n_notes,), seconds]

    Returns
    -------
    cents : float [-50..50]
        Of the performer's grid above A4 = 440 Hz.
    concentration : float [0..1]
        1: all pitches lie on the grid; 0: anywhere.
    """
    if len(midi) == 0:
        return 0.0, 0.0
    weights = np.minimum(duration, LONGEST_SECONDS)
    mean = np.sum(weights * np.exp(2j * np.pi * midi))
    return float(np.angle(mean) / (2 * np.pi) * 100.0), _concentration(midi, weights)


def choose_keys(midi: FloatArray, onset: FloatArray, offset: FloatArray) -> Int64Array:
    """Round pitches to keys on the performer's own grid, as far as there is one.

    A performer who is steadily 40 cents flat, or goes flat by a semitone over a minute, is
    transcribed on steady keys. One whose notes lie anywhere has no grid, and each note takes the
    nearest key.

    Parameters
    ----------
    midi : np.ndarray [shape=(n_notes,), MIDI]
        Fractional.
    onset, offset : np.ndarray [shape=(n_notes,), seconds]

    Returns
    -------
    keys : np.ndarray of int64 [shape=(n_notes,), MIDI 0..127]
    """
    if len(midi) == 0:
        return np.zeros(0, np.int64)
    weights = np.minimum(offset - onset, LONGEST_SECONDS) / LONGEST_SECONDS
    grid = _follow_grid(midi, onset, weights)
    grid -= np.rint(np.average(grid, weights=weights))
    concentration = _concentration(midi - grid, weights)
    nearest, on_grid = np.rint(midi), np.rint(midi - grid)
    trust = np.clip((concentration - LOOSE) / (TIGHT - LOOSE), 0.0, 1.0)
    keep = np.abs(midi - on_grid) <= 0.5 + GRID_HOLD_SEMITONES * trust
    return np.clip(np.where(keep, on_grid, nearest), 0, 127).astype(np.int64)


def _follow_grid(midi: FloatArray, onset: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the most likely grid at each note, a random walk [shape=(n_notes,), semitones].

    Its steps are followed over a circle of one semitone, so that it may move on for more than one.
    """
    phases = np.arange(N_PHASES) / N_PHASES
    off = (midi[:, None] - phases + 0.5) % 1.0 - 0.5
    miss = weights[:, None] * np.minimum(np.square(off / SPREAD_SEMITONES) / 2.0, MOST_MISS)
    move = (phases - phases[:, None] + 0.5) % 1.0 - 0.5
    seconds = np.maximum(np.diff(onset), SHORTEST_STEP_SECONDS)
    cost, came = miss[0], np.zeros((len(midi), N_PHASES), np.int64)
    for i, dt in enumerate(seconds, start=1):
        reached = cost[:, None] + np.square(move / DRIFT_SEMITONES) / (2.0 * dt)
        came[i] = reached.argmin(axis=0)
        cost = reached.min(axis=0) + miss[i]
    path = np.empty(len(midi), np.int64)
    path[-1] = int(cost.argmin())
    for i in range(len(midi) - 1, 0, -1):
        path[i - 1] = came[i, path[i]]
    return np.asarray(np.unwrap(2 * np.pi * phases[path]) / (2 * np.pi))


def _concentration(off: FloatArray, weights: FloatArray) -> float:
    """Return how near pitches lie to a grid [0..1]; 0 for pitches anywhere."""
    mean = np.sum(weights * np.exp(2j * np.pi * off)) / np.sum(weights)
    # Even random pitches have a mean of length 1 / sqrt(n): take that off.
    chance = np.sum(weights**2) / np.sum(weights) ** 2
    return float(np.sqrt(max(0.0, (abs(mean) ** 2 - chance) / max(1.0 - chance, 1e-9))))


def snap_to_scale(pitch: IntArray, tonic: str = "C", scale: str = "major") -> Int64Array:
    """Move keys to the nearest key of a scale.

    Parameters
    ----------
    pitch : np.ndarray [shape=(n_notes,), MIDI]
        May be fractional: what lies between two keys of the scale takes the nearer one.
    tonic : str
        Name of a note without octave: ``"C"``, ``"F#"``, ``"Bb"``.
    scale : str
        One of `SCALES`.

    Returns
    -------
    snapped : np.ndarray of int64 [shape=(n_notes,), MIDI 0..127]
        Halfway between two keys the lower one is taken.

    Raises
    ------
    ParameterError
        If there is no such note or scale.

    Examples
    --------
    >>> snap_to_scale(np.array([60, 61, 66]), "C", "major")
    array([60, 60, 65])
    """
    named = _TONIC.fullmatch(tonic)
    if named is None:
        raise ParameterError(f"Unknown tonic {tonic!r}; use a note's name such as C, F# or Bb.")
    if scale not in SCALES:
        raise ParameterError(f"Unknown scale {scale!r}; use one of {', '.join(SCALES)}.")
    letter, sign = named.groups()
    accidental = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[sign]
    root = _STEPS[letter.upper()] + accidental
    keys = np.array([k for k in range(128) if (k - root) % 12 in SCALES[scale]])
    wanted = np.asarray(pitch, np.float64).reshape(-1, 1)
    return np.asarray(keys[np.abs(wanted - keys).argmin(axis=1)], np.int64)
