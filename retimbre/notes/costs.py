"""Per-frame costs for note segmentation.

All costs are in one unit: a frame that is one semitone off its note, fully confident, costs 1.
The evidence comes in log odds, and each kind has its weight: what speaks for a note or for its
beginning is taken off, what speaks against it is added.
"""

import numpy as np
import numpy.typing as npt

from retimbre._typing import BoolArray, FloatArray, Int64Array
from retimbre.notes.evidence import Evidence
from retimbre.notes.search import NoteCosts
from retimbre.types import PitchTrack
from retimbre.units import hz_to_midi

START_AFTER_GAP = 7.0
"""What a note costs that is as likely as not to begin here."""

START_AFTER_NOTE = 6.5
"""The same, right after another note."""

NEAR_FRAMES = 2
"""An onset that is likely within so many frames is likely here."""

ONSET_SHARE = 5.0
MAX_ONSET = 5.0
"""How much the evidence of an onset counts, and within which limits."""

VOICED_SHARE = 0.4
MAX_VOICED = 5.0
"""The same of the evidence that a note sounds."""

SURE_SHARE = 0.12
MAX_SURE = 2.6
"""The same of how far the confidence lies over the threshold."""

STRICT_SHARE, LENIENT_SHARE = 1.0, 1.5
"""How far the log odds of a threshold above and below 0.5 move what the evidence must reach: at 0
nearly all that has a pitch is in a note."""

UNPITCHED = 3.5
"""Against a note for a frame without a pitch."""

JUST_UNVOICED = 1.0
"""Against a note for a frame under a threshold so close to 1 that the odds tell no difference."""

_CONFIDENCE_RANGE = (0.005, 0.995)
_THRESHOLD_RANGE = (0.01, 0.99)


def is_pitched(track: PitchTrack) -> BoolArray:
    """Say which frames carry a pitch at all [shape=(n_frames,)]."""
    return np.isfinite(track.f0) & (track.confidence > 0.0)


def note_costs(track: PitchTrack, evidence: Evidence, confidence: float) -> NoteCosts:
    """Weigh each frame.

    Parameters
    ----------
    track : PitchTrack
    evidence : Evidence
        Of the track.
    confidence : float [0..1]
        Where the estimator's confidence says neither for nor against being in a note. The
        evidence that a note sounds must be as likely.

    Returns
    -------
    costs : NoteCosts
    """
    pitched = is_pitched(track)
    weight = np.where(pitched, track.confidence, 0.0)
    threshold = float(_logit(np.clip(confidence, *_THRESHOLD_RANGE)))
    threshold *= STRICT_SHARE if threshold > 0.0 else LENIENT_SHARE
    voiced = VOICED_SHARE * np.clip(evidence.voiced - threshold, -MAX_VOICED, MAX_VOICED)
    voiced += SURE_SHARE * _sureness(weight, confidence)
    voiced[~pitched] = -UNPITCHED
    onset = ONSET_SHARE * np.clip(_near_odds(evidence.onset), -MAX_ONSET, MAX_ONSET)
    return NoteCosts(
        midi=np.where(pitched, hz_to_midi(np.where(pitched, track.f0, 1.0)), 0.0),
        weight=weight,
        frame=-voiced,
        start_after_gap=START_AFTER_GAP - onset,
        start_after_note=START_AFTER_NOTE - onset,
    )


def _sureness(weight: FloatArray, confidence: float) -> FloatArray:
    """Return the log odds of the confidence over those of the threshold, limited."""
    threshold = np.clip(confidence, *_THRESHOLD_RANGE)
    odds = _logit(np.clip(weight, *_CONFIDENCE_RANGE)) - _logit(threshold)
    # The limits bring a confidence and a threshold close to 1 together; below is still below.
    odds[(weight < confidence) & (odds >= 0.0)] = -JUST_UNVOICED
    return np.clip(odds, -MAX_SURE, MAX_SURE)


def _near_odds(onset: FloatArray) -> FloatArray:
    """Return the log odds that a note begins within 20 ms of each frame.

    Where the network knows that one begins but not exactly when, it shares it out among frames.
    """
    likely = np.pad(1.0 / (1.0 + np.exp(-onset)), NEAR_FRAMES)
    total = np.convolve(likely, np.ones(2 * NEAR_FRAMES + 1), mode="valid")
    return _logit(np.clip(total, *_CONFIDENCE_RANGE))


def reach_threshold(track: PitchTrack, segments: Int64Array, confidence: float) -> BoolArray:
    """Say which notes have a frame that reaches the threshold [shape=(n_notes,)].

    Evidence alone makes no note: in one below the threshold throughout, no pitch was found.
    """
    reached = np.append(0, np.cumsum(is_pitched(track) & (track.confidence >= confidence)))
    return np.asarray(reached[segments[:, 1]] > reached[segments[:, 0]])


def _logit(probability: npt.ArrayLike) -> FloatArray:
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray(np.log(p / (1.0 - p)))
