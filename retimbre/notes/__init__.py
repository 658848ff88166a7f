"""Segment a pitch track into notes.

1. Every frame says how much it belongs to a note and whether one begins there
   (`retimbre.notes.costs`).
2. The track is cut into stretches of one pitch and gaps at the least total cost
   (`retimbre.notes.search`).
3. Stretches are cut at attacks, and each note's onset is found (`retimbre.notes.onsets`).
4. Each note is given its key, from its median pitch and the performer's tuning, and its
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
  its neighbour joins it unless there is an attack within 40 ms.
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
from retimbre.notes.costs import is_pitched, note_costs
from retimbre.notes.curves import note_curves
from retimbre.notes.onsets import join_octave_slips, onset_times, split_at_attacks
from retimbre.notes.search import find_segments
from retimbre.settings.params import NoteParams
from retimbre.types import HOP_SECONDS, Notes, PitchTrack
from retimbre.units import hz_to_midi

__all__ = ["estimate_tuning", "note_curves", "segment_notes"]


LOUDEST_VELOCITY = 112
"""Velocity of the clip's loud notes; a single louder one has room above."""

LOOSE, TIGHT = 0.4, 0.8
"""Concentration of the notes' pitches about a grid of semitones under which there is no common
tuning to speak of, and above which there is."""

GRID_HOLD_SEMITONES = 0.25
"""How far beyond half a semitone a tight tuning keeps a note on its key."""


@dataclass(frozen=True, eq=False)
class _FoundNotes:
    """Notes before they have keys; `midi` is the median pitch, `segments` are frames."""

    segments: Int64Array
    onset: FloatArray
    offset: FloatArray
    midi: FloatArray


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
    notes, _ = segment_and_count(track, params.confidence, params.min_note_length)
    return notes


def segment_and_count(
    track: PitchTrack, confidence: float, min_note_length: float
) -> tuple[Notes, int]:
    """Find the notes of a melody as `segment_notes` does, and count those that are too short.

    Parameters
    ----------
    track : PitchTrack
    confidence : float [0..1]
    min_note_length : float [seconds, >= 0]

    Returns
    -------
    notes : Notes
    n_short : int
        How many more there would be without a minimum length.
    """
    found, n_short = _find_notes(track, confidence, min_note_length)
    keys = _choose_keys(found.midi, *_fit_tuning(found))
    return Notes(found.onset, found.offset, keys, _velocities(track, found.segments)), n_short


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
    found, _ = _find_notes(track, threshold, params.min_note_length)
    return _fit_tuning(found)[0]


def _find_notes(
    track: PitchTrack, threshold: float, min_note_length: float
) -> tuple[_FoundNotes, int]:
    """Return the notes of a minimum length, and how many are shorter but last a frame."""
    segments = join_octave_slips(track, find_segments(note_costs(track, threshold)))
    segments = split_at_attacks(track, segments, threshold)
    onset = onset_times(track, segments, threshold) * HOP_SECONDS
    # A note ends at the latest where the next begins.
    offset = np.minimum(segments[:, 1] * HOP_SECONDS, np.append(onset[1:], np.inf))
    duration = offset - onset
    long = duration >= max(min_note_length, HOP_SECONDS) - 1e-9
    n_short = int(np.count_nonzero(~long & (duration >= HOP_SECONDS - 1e-9)))
    segments = segments[long]
    notes = _FoundNotes(segments, onset[long], offset[long], _median_pitches(track, segments))
    return notes, n_short


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


def _fit_tuning(found: _FoundNotes) -> tuple[float, float]:
    """Take the circular mean of the pitches modulo a semitone, long notes counting more.

    Returns
    -------
    cents : float [-50..50]
        Of the performer's grid above A4 = 440 Hz.
    concentration : float [0..1]
        1: all pitches lie on the grid; 0: anywhere.
    """
    if len(found.midi) == 0:
        return 0.0, 0.0
    weights = np.minimum(found.offset - found.onset, 0.5)
    mean = np.sum(weights * np.exp(2j * np.pi * found.midi)) / np.sum(weights)
    # Even random pitches have a mean of length 1 / sqrt(n): take that off.
    chance = np.sum(weights**2) / np.sum(weights) ** 2
    concentration = np.sqrt(max(0.0, (abs(mean) ** 2 - chance) / max(1.0 - chance, 1e-9)))
    return float(np.angle(mean) / (2 * np.pi) * 100.0), float(concentration)


def _choose_keys(midi: FloatArray, cents: float, concentration: float) -> Int64Array:
    """Round pitches to keys on the performer's own grid, as far as there is one.

    A performer who is steadily 40 cents flat is transcribed on steady keys. One whose notes lie
    anywhere has no grid, and each note takes the nearest key.
    """
    nearest = np.rint(midi)
    on_grid = np.rint(midi - cents / 100.0)
    trust = np.clip((concentration - LOOSE) / (TIGHT - LOOSE), 0.0, 1.0)
    keep = np.abs(midi - on_grid) <= 0.5 + GRID_HOLD_SEMITONES * trust
    return np.clip(np.where(keep, on_grid, nearest), 0, 127).astype(np.int64)


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
