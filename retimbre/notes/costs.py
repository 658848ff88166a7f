"""Per-frame costs for note segmentation.

All costs are in one unit: a frame that is one semitone off its note, fully confident, costs 1.
"""

import numpy as np
import numpy.typing as npt

from retimbre._typing import BoolArray, FloatArray
from retimbre.notes.search import NoteCosts
from retimbre.types import PitchTrack
from retimbre.units import hz_to_midi

START_AFTER_GAP = 6.0
"""A note must be worth more than this, or it stays silence: about 30 ms of sure frames."""

START_AFTER_NOTE = 8.0
"""A new pitch a semitone away must last 80 ms to become a note, two or more away 40 ms."""

MAX_VOICED = 2.6
MAX_UNVOICED = 3.0
"""Limits of what one frame may say for and against being in a note."""

JUST_UNVOICED = 1.0
"""Against a note for a frame under a threshold so close to 1 that the odds tell no difference."""

MAX_UNVOICED_SOUNDING = 1.0
"""Less against it where the level holds: a rough voice makes a tracker unsure, too."""

DIP_FRAMES = 6
"""A frame is compared with the loudest of the 60 ms on both its sides."""

HOLD_DB = 6.0
"""A frame not further under both sides sounds on."""

DIP_FREE_DB = 3.0
DIP_PER_DB = 0.15
"""A deeper dip speaks for a break between notes."""

_CONFIDENCE_RANGE = (0.005, 0.995)
_THRESHOLD_RANGE = (0.01, 0.99)


def is_pitched(track: PitchTrack) -> BoolArray:
    """Say which frames carry a pitch at all [shape=(n_frames,)]."""
    return np.isfinite(track.f0) & (track.confidence > 0.0)


def note_costs(track: PitchTrack, confidence: float) -> NoteCosts:
    """Weigh each frame.

    Parameters
    ----------
    track : PitchTrack
    confidence : float [0..1]
        Where a frame says neither for nor against being in a note; below it against.

    Returns
    -------
    costs : NoteCosts
    """
    pitched = is_pitched(track)
    weight = np.where(pitched, track.confidence, 0.0)
    dip = level_dips(track.level_db)
    voicing = _voicing(weight, confidence)
    voicing[dip < HOLD_DB] = np.maximum(voicing[dip < HOLD_DB], -MAX_UNVOICED_SOUNDING)
    voicing[~pitched] = -MAX_UNVOICED
    return NoteCosts(
        midi=np.where(pitched, hz_to_midi(np.where(pitched, track.f0, 1.0)), 0.0),
        weight=weight,
        frame=DIP_PER_DB * np.maximum(dip - DIP_FREE_DB, 0.0) - voicing,
        start_after_gap=START_AFTER_GAP,
        start_after_note=START_AFTER_NOTE,
    )


def level_dips(level_db: FloatArray) -> FloatArray:
    """Return how far each frame lies under what is loud before and after it.

    Parameters
    ----------
    level_db : np.ndarray [shape=(n_frames,), dB]

    Returns
    -------
    dip : np.ndarray [shape=(n_frames,), dB, >= 0]
        Under the quieter of the loudest frames of the 60 ms on either side.
    """
    n_frames = len(level_db)
    if n_frames == 0:
        return np.zeros(0)
    padded = np.pad(level_db, DIP_FRAMES, mode="edge")
    loudest = np.lib.stride_tricks.sliding_window_view(padded, DIP_FRAMES + 1).max(axis=1)
    return np.asarray(np.minimum(loudest[:n_frames], loudest[DIP_FRAMES:]) - level_db)


def _voicing(weight: FloatArray, confidence: float) -> FloatArray:
    """Return the log odds of the confidence over those of the threshold, limited."""
    threshold = np.clip(confidence, *_THRESHOLD_RANGE)
    odds = _logit(np.clip(weight, *_CONFIDENCE_RANGE)) - _logit(threshold)
    # The limits bring a confidence and a threshold close to 1 together; below is still below.
    odds[(weight < confidence) & (odds >= 0.0)] = -JUST_UNVOICED
    return np.clip(odds, -MAX_UNVOICED, MAX_VOICED)


def _logit(probability: npt.ArrayLike) -> FloatArray:
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray(np.log(p / (1.0 - p)))
