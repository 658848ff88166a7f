"""Segment a pitch track into notes.

1. A small network says of every frame whether a note begins there, how it begins, and whether
   one sounds (`retimbre.notes.evidence`).
2. That, and the confidence over the threshold, become costs (`retimbre.notes.costs`).
3. The track is cut into notes of one pitch and gaps at the least total cost
   (`retimbre.notes.search`).
4. Each note's onset, offset and articulation are read off the evidence
   (`retimbre.notes.onsets`).
5. Each note is given its key, from its median pitch and the performer's tuning, and its
   velocity, from its loudness.

One PitchTrack serves any number of thresholds: nothing here looks at audio.

Octaves
-------
Every rule about octaves in the package, in the order in which a melody meets them:

- `retimbre.pitch.crepe.viterbi`, with CREPE and ``viterbi``: the path through the activations
  passes over a wrong octave that lasts a few frames.
- `retimbre.pitch.octaves.correct_octaves`, then: a stretch of frames moves by an octave, a twelfth
  or two octaves where the waveform repeats at another period than the one that was found.
- `retimbre.notes.search`, while the track is cut: a frame more than two semitones off costs no
  more than one that is two off, so that single frames an octave off do not end a note.
- `retimbre.notes.onsets.join_octave_slips`, after the cut: a stretch of up to 100 ms an octave off
  its neighbour joins it unless it is struck.
- `_median_pitches` in this module, when a note gets its pitch: frames an octave or more off the
  note's median are folded back before the median is taken again.
- `retimbre.notes.curves._fold_octaves`, when a note gets its curve: a frame is moved by octaves if
  it then lies within 250 cents of the note's middle.
- `retimbre.notes.melody.fit_pitches`, when a melody is fitted to a model: transposed notes outside
  the range move into it by the fewest octaves; they are counted as ``folded``.
- `retimbre.harmonic.octave.keep_octave`, when a note image is made: if the odd ones of its first 24
  partials hold less than 15 % of the power, these are raised, or it would sound an octave higher.

Training leaves out recorded notes that sound at another octave than the one they are named for
(``is_pitched_as_labelled`` in ``retimbre/train/data/measure.py``).
"""

from dataclasses import dataclass, replace

import numpy as np

from retimbre._typing import FloatArray, Int64Array
from retimbre.notes.costs import is_pitched, note_costs, reach_threshold
from retimbre.notes.curves import note_curves
from retimbre.notes.evidence import Evidence, find_evidence
from retimbre.notes.keys import choose_keys, fit_tuning, snap_to_scale
from retimbre.notes.onsets import articulations, join_octave_slips, offset_times, onset_times
from retimbre.notes.search import find_segments
from retimbre.settings.params import NoteParams
from retimbre.types import HOP_SECONDS, Notes, PitchTrack
from retimbre.units import hz_to_midi

__all__ = ["estimate_tuning", "note_curves", "segment_notes", "snap_to_scale"]


LOUDEST_VELOCITY = 112
"""Velocity of the clip's loud notes; a single louder one has room above."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The notes of a track and what was seen of them.

    Attributes
    ----------
    notes : Notes
    articulation : tuple of str
        One of `retimbre.types.ARTICULATIONS` per note.
    strength : np.ndarray [shape=(n_notes,), 0..1]
        How far the level rises into the note.
    n_short : int
        How many more notes there would be without a minimum length.
    """

    notes: Notes
    articulation: tuple[str, ...]
    strength: FloatArray
    n_short: int


@dataclass(frozen=True, eq=False)
class _FoundNotes:
    """Notes before they have keys; `midi` is the median pitch, `segments` are frames."""

    segments: Int64Array
    onset: FloatArray
    offset: FloatArray
    midi: FloatArray
    n_short: int


def segment_notes(
    track: PitchTrack,
    params: NoteParams | None = None,
    *,
    confidence: float | None = None,
    min_note_length: float | None = None,
) -> Notes:
    """Find the notes of a melody.

    A note is a stretch of voiced frames about one pitch; vibrato, slides and single wrong
    frames do not break it. It ends where the voice does, where another pitch stays, or where
    the same pitch is attacked again.

    Parameters
    ----------
    track : PitchTrack
    params : NoteParams, optional
        `confidence`, `min_note_length` are used; the others belong to later stages.
    confidence : float [0..1], optional
    min_note_length : float [seconds, >= 0], optional
        Take the place of those of `params`.

    Returns
    -------
    notes : Notes
        Sorted by onset, not overlapping; empty when nothing is voiced.

    Raises
    ------
    ParameterError
        If `confidence` is outside 0..1.

    Examples
    --------
    >>> times = np.arange(100) * 0.01
    >>> f0 = np.where(times < 0.5, 440.0, 493.9)
    >>> ones = np.ones(100)
    >>> track = PitchTrack(times, f0, 0.9 * ones, -20 * ones, 0 * ones)
    >>> segment_notes(track, confidence=0.8).pitch
    array([69, 71])
    """
    given = {"confidence": confidence, "min_note_length": min_note_length}
    changes = {name: value for name, value in given.items() if value is not None}
    params = replace(params or NoteParams(), **changes)  # type: ignore[arg-type]
    return segment(track, params.confidence, params.min_note_length).notes


def segment(track: PitchTrack, confidence: float, min_note_length: float) -> Segmentation:
    """Find the notes of a melody as `segment_notes` does, and say how they begin.

    Parameters
    ----------
    track : PitchTrack
    confidence : float [0..1]
    min_note_length : float [seconds, >= 0]

    Returns
    -------
    segmentation : Segmentation
    """
    evidence = find_evidence(track)
    found = _find_notes(track, evidence, confidence, min_note_length)
    keys = choose_keys(found.midi, found.onset, found.offset)
    notes = Notes(found.onset, found.offset, keys, _velocities(track, found.segments))
    articulation, strength = articulations(track, evidence, found.onset, found.offset)
    return Segmentation(notes, articulation, strength, found.n_short)


def estimate_tuning(track: PitchTrack, *, confidence: float | None = None) -> float:
    """Return how far the performer's notes lie above A4 = 440 Hz, modulo a semitone.

    Parameters
    ----------
    track : PitchTrack
    confidence : float [0..1], optional
        Threshold at which notes are found; default that of NoteParams.

    Returns
    -------
    cents : float [-50..50]
        The circular mean of the notes' median pitches, weighted by their lengths; 0.0 without
        notes.
    """
    params = NoteParams()
    threshold = params.confidence if confidence is None else confidence
    found = _find_notes(track, find_evidence(track), threshold, params.min_note_length)
    return fit_tuning(found.midi, found.offset - found.onset)[0]


def _find_notes(
    track: PitchTrack, evidence: Evidence, threshold: float, min_note_length: float
) -> _FoundNotes:
    """Return the notes of a minimum length, and how many are shorter but last a frame."""
    segments = find_segments(note_costs(track, evidence, threshold))
    segments = join_octave_slips(track, evidence, segments)
    segments = segments[reach_threshold(track, segments, threshold)]
    frames = onset_times(evidence, segments)
    offset = offset_times(segments, frames) * HOP_SECONDS
    onset = frames * HOP_SECONDS
    duration = offset - onset
    long = duration >= max(min_note_length, HOP_SECONDS) - 1e-9
    n_short = int(np.count_nonzero(~long & (duration >= HOP_SECONDS - 1e-9)))
    segments = segments[long]
    medians = _median_pitches(track, segments)
    return _FoundNotes(segments, onset[long], offset[long], medians, n_short)


def _median_pitches(track: PitchTrack, segments: Int64Array) -> FloatArray:
    """Return each note's median pitch, sure frames counting more [shape=(n_notes,), MIDI].

    Frames that are off by octaves are folded back to the others first.
    """
    pitched = is_pitched(track)
    medians = np.empty(len(segments))
    for i, (first, last) in enumerate(segments):
        frames = np.arange(first, last)[pitched[first:last]]
        midi, confidence = hz_to_midi(track.f0[frames]), track.confidence[frames]
        octaves = np.rint((midi - _weighted_median(midi, confidence)) / 12.0)
        medians[i] = _weighted_median(midi - 12.0 * octaves, confidence)
    return medians


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, 0.5 * cumulated[-1])])


def _velocities(track: PitchTrack, segments: Int64Array) -> Int64Array:
    """Map each note's loudest level to a velocity: 12 dB are a factor of two.

    General MIDI's law, level = 40 log10(velocity / 127) dB, with the clip's loud notes at
    LOUDEST_VELOCITY.
    """
    if len(segments) == 0:
        return np.zeros(0, np.int64)
    levels = np.array([track.level_db[first:last].max() for first, last in segments])
    loud = np.percentile(levels, 90.0)
    velocity = LOUDEST_VELOCITY * 10.0 ** ((levels - loud) / 40.0)
    return np.asarray(np.clip(np.rint(velocity), 1, 127), dtype=np.int64)
