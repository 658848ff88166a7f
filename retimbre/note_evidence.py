"""What the frames of a pitch track say for and against notes, as costs.

All costs are in one unit: a frame that is one semitone off its note, fully confident, costs 1.
"""

import numpy as np
import numpy.typing as npt

from retimbre.note_path import NoteCosts
from retimbre.types import PitchTrack
from retimbre.units import hz_to_midi

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

START_AFTER_GAP = 6.0
"""A note must be worth more than this, or it stays silence."""

START_AFTER_NOTE = 8.0
"""A new pitch a semitone away must last 80 ms to become a note."""

LEAST_START = 1.5
"""What a note costs where an attack is evident."""

MAX_VOICED = 2.2
MAX_UNVOICED = 3.0
"""Limits of what one frame may say for and against being in a note."""

ATTACK_FREE_DB = 2.0
ATTACK_PER_DB = 1.0
"""A peak of onset strength makes the start cheaper by so much per dB above the free ones."""

DIP_FRAMES = 6
DIP_FREE_DB = 3.0
DIP_PER_DB = 0.5
"""A frame so far under the loudest of the 60 ms on both its sides is a break between notes."""

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
    midi = np.where(pitched, hz_to_midi(np.where(pitched, track.f0, 440.0)), 0.0)
    weight = np.where(pitched, track.confidence, 0.0)
    attack = ATTACK_PER_DB * np.maximum(_peaks(track.onset_strength) - ATTACK_FREE_DB, 0.0)
    return NoteCosts(
        midi=midi,
        weight=weight,
        frame=_break_cost(track.level_db) - _voicing(weight, pitched, confidence),
        start_after_gap=np.maximum(START_AFTER_GAP - attack, LEAST_START),
        start_after_note=np.maximum(START_AFTER_NOTE - attack, LEAST_START),
    )


def _voicing(weight: Float64Array, pitched: BoolArray, confidence: float) -> Float64Array:
    """Return the log odds of the confidence over those of the threshold, limited."""
    threshold = np.clip(confidence, *_THRESHOLD_RANGE)
    odds = _logit(np.clip(weight, *_CONFIDENCE_RANGE)) - _logit(threshold)
    return np.where(pitched, np.clip(odds, -MAX_UNVOICED, MAX_VOICED), -MAX_UNVOICED)


def _logit(probability: npt.ArrayLike) -> Float64Array:
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray(np.log(p / (1.0 - p)))


def _peaks(values: npt.NDArray[np.floating]) -> Float64Array:
    """Keep the local maxima, zero elsewhere."""
    before = np.concatenate([[-np.inf], values[:-1]])
    after = np.concatenate([values[1:], [-np.inf]])
    return np.where((values >= before) & (values > after), values, 0.0)


def _break_cost(level_db: npt.NDArray[np.floating]) -> Float64Array:
    padded = np.pad(level_db, DIP_FRAMES, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, DIP_FRAMES + 1).max(axis=1)
    loudest_before, loudest_after = windows[: len(level_db)], windows[DIP_FRAMES:]
    dip = np.minimum(loudest_before, loudest_after) - level_db - DIP_FREE_DB
    return np.asarray(DIP_PER_DB * np.maximum(dip, 0.0))
