"""Corrections: what recordings of an instrument have beyond its latent.

A latent says what a trained generator can say. How the recorded notes differ from what the
generator makes of it is kept in the instrument, and added to its notes at other pitches. Which part
of a difference stays when the pitch moves was learned from recordings: resonances of a body stay
where they are in Hz, the habits of a reed or a bow stay with the number of the partial, and both
fade with the distance from the keys that were heard. So a correction is the mean of a Gaussian
process [1]_ over frequency, partial number and pitch, given the differences at the heard keys:
between keys it interpolates, and far from all of them it is zero.

References
----------
.. [1] Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, equation 2.25.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from retimbre._typing import BoolArray, Float32Array, Float64Array, FloatArray
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    FRAME_TIMES,
    LEVEL_FLOOR_DB,
    MIN_WINDOW,
    NOISE_FLOOR_DB,
    SAMPLE_RATE,
    WINDOW_PERIODS,
    bin_mask,
)
from retimbre.harmonic.layout import instrument_level
from retimbre.instrument import Correction
from retimbre.units import midi_to_hz

KNOT_SECONDS = np.array([0.0, 0.03, 0.1, 0.3, 1.0, 3.0])
"""A correction changes with time between these moments after the onset."""

MAX_DB = 15.0
"""No partial and no noise is raised or lowered by more."""

RESONANCE_DB, RESONANCE_OCTAVES, RESONANCE_SEMITONES = 4.5, 0.25, 4.0
"""How much of the differences lies in frequency, how near frequencies are alike, and from how near
keys it is heard. These and the next were found on 40 recorded instruments that no figure uses."""

PARTIAL_DB, PARTIAL_OCTAVES, PARTIAL_SEMITONES = 4.5, 0.01, 8.0
"""The same for the number of the partial."""

NOTE_DB = 1.5
"""What differs from note to note and stays with none."""

NOISE_MARGIN_DB = 6.0
"""A partial is heard so far above the noise around it."""

LEAST_SHARE = 0.1
"""Of the frames around a moment in which a partial is heard, for it to count."""

FAINT_DB, FADE_DB = 5.0, 15.0
"""What the generator makes so near to the floor is not raised, and less up to so much above."""

LOUDER_DB = 3.0
"""No note gets louder or softer by more."""

_CHANNELS, _FLOORS = (0, 2), (LEVEL_FLOOR_DB, NOISE_FLOOR_DB)
_OCTAVES = np.log2(BIN_PARTIALS)
_HATS = np.stack([np.interp(FRAME_TIMES, KNOT_SECONDS, row) for row in np.eye(len(KNOT_SECONDS))])


class Difference(NamedTuple):
    """A heard note, and what the generator makes of it at its key.

    Attributes
    ----------
    pitch : int [MIDI]
    seconds : float [seconds]
        How long it was heard before its release.
    heard, made : np.ndarray [shape=(128, 96, 4)]
        Note images.
    is_dry : bool
        Whether the noise in what was heard is that of the instrument alone. Where it may be the
        room's, no note is made noisier.
    """

    pitch: int
    seconds: float
    heard: FloatArray
    made: FloatArray
    is_dry: bool = True


def correction_at(correction: Correction, pitch: float) -> tuple[Float64Array, Float64Array]:
    """Return what is added to levels and noise at a pitch [each of shape=(128, 96), dB]."""
    points = _Points(correction.pitches, np.log2(correction.partials))
    wanted = _Points(np.full(len(_OCTAVES), float(pitch)), _OCTAVES)
    by_frequency, by_partial = _likeness(wanted, points)
    level = (by_frequency + by_partial) @ correction.levels @ _HATS
    noise = by_frequency @ correction.noises @ _HATS
    return np.clip(level.T, -MAX_DB, MAX_DB), np.clip(noise.T, -MAX_DB, MAX_DB)


class _Points(NamedTuple):
    """Where partials lie: MIDI pitch of the note, and octaves above its fundamental."""

    pitch: Float64Array
    octaves: Float64Array

    @property
    def frequency(self) -> Float64Array:
        """In octaves."""
        return np.asarray(self.pitch / 12.0 + self.octaves)


def fit_correction(notes: Sequence[Difference]) -> Correction | None:
    """Find what notes have in common beyond what the generator makes of them.

    Parameters
    ----------
    notes : sequence of Difference
        Of one latent.

    Returns
    -------
    correction : Correction or None
        None where nothing was heard.
    """
    if not notes:
        return None
    seen = [_observe(note) for note in notes]
    points = _Points(
        np.repeat(np.array([note.pitch for note in notes], np.float64), len(_OCTAVES)),
        np.tile(_OCTAVES, len(notes)),
    )
    levels, noises, is_level, is_noise = (
        np.concatenate([found[part] for found in seen], axis=1) for part in range(4)
    )
    by_frequency, by_partial = _likeness(points, points)
    found = [
        _weights(by_frequency + by_partial, levels, is_level),
        _weights(by_frequency, noises, is_noise),
    ]
    kept = np.any(found[0], axis=1) | np.any(found[1], axis=1)
    if not kept.any():
        return None
    return Correction(
        points.pitch[kept], np.exp2(points.octaves[kept]), found[0][kept], found[1][kept]
    )


def correct(image: FloatArray, correction: Correction, pitch: float) -> Float32Array:
    """Add a correction to an image; its loudest frame stays within 3 dB of what it was.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    correction : Correction
    pitch : float [MIDI]
        Of the image.

    Returns
    -------
    image : np.ndarray of float32 [shape=(128, 96, 4)]
    """
    out = np.array(image, np.float32)
    wanted = correction_at(correction, pitch)
    for channel, floor, added in zip(_CHANNELS, _FLOORS, wanted, strict=True):
        trust = np.clip((out[..., channel] - floor - FAINT_DB) / FADE_DB, 0.0, 1.0)
        out[..., channel] += np.where(added > 0.0, trust * added, added)
    louder = float(instrument_level(out).max() - instrument_level(image).max())
    louder -= float(np.clip(louder, -LOUDER_DB, LOUDER_DB))
    for channel, floor in zip(_CHANNELS, _FLOORS, strict=True):
        out[..., channel] = np.maximum(out[..., channel] - louder, floor)
    return out


def _observe(note: Difference) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray]:
    """Return differences of levels and noise around each moment, and where they were heard.

    Each has shape (6, 96). Where a partial drowns in noise it lies at that level at most, which
    tells something only if the generator makes it louder.
    """
    heard, made = (np.asarray(image, np.float64) for image in (note.heard, note.made))
    held = min(note.seconds, KNOT_SECONDS[-1]) >= FRAME_TIMES
    window = max(MIN_WINDOW, WINDOW_PERIODS * SAMPLE_RATE / float(midi_to_hz(note.pitch)))
    # Power of the noise in a window of Hann on the scale of amplitudes.
    drowned_db = heard[..., 2] + 10.0 * np.log10(6.0 / window) + NOISE_MARGIN_DB
    least = np.maximum(drowned_db, LEVEL_FLOOR_DB + FAINT_DB)
    level = np.maximum(heard[..., 0], least) - np.maximum(made[..., 0], least)
    is_level = (heard[..., 0] > least) | (made[..., 0] > least)
    noise = heard[..., 2] - made[..., 2]
    is_noise = heard[..., 2] > NOISE_FLOOR_DB + FAINT_DB
    there = bin_mask(note.pitch) & held[:, None]
    levels, is_level = _average(level, is_level & there, held)
    noises, is_noise = _average(noise, is_noise & there, held)
    if not note.is_dry:
        noises = np.minimum(noises, 0.0)
    return levels, noises, is_level, is_noise


def _average(
    values: FloatArray, is_heard: BoolArray, held: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """Average over the frames around each moment; after the note's end its last moment stays."""
    share = _HATS @ is_heard
    means = (_HATS @ (values * is_heard)) / np.maximum(share, 1e-9)
    enough = share >= LEAST_SHARE * _HATS.sum(axis=1, keepdims=True)
    last = int(np.flatnonzero(FRAME_TIMES[held][-1] >= KNOT_SECONDS)[-1])
    means[last + 1 :], enough[last + 1 :] = means[last], enough[last]
    return means, enough


def _likeness(one: _Points, other: _Points) -> tuple[FloatArray, FloatArray]:
    """Return the covariance of differences at points, by frequency and by partial number."""

    def kernel(a: FloatArray, b: FloatArray, db: float, octaves: float, keys: float) -> FloatArray:
        apart = (a[:, None] - b) / octaves
        return np.asarray(db**2 * np.exp(-0.5 * np.square(apart) - distance / keys))

    distance = np.abs(one.pitch[:, None] - other.pitch)
    return (
        kernel(
            one.frequency, other.frequency, RESONANCE_DB, RESONANCE_OCTAVES, RESONANCE_SEMITONES
        ),
        kernel(one.octaves, other.octaves, PARTIAL_DB, PARTIAL_OCTAVES, PARTIAL_SEMITONES),
    )


def _weights(covariance: FloatArray, values: FloatArray, is_heard: BoolArray) -> FloatArray:
    """Return the weights of points for each moment [shape=(n_points, 6)], 0 where not heard."""
    weights = np.zeros(values.T.shape)
    for moment, (row, heard) in enumerate(zip(values, is_heard, strict=True)):
        own = covariance[np.ix_(heard, heard)]
        weights[heard, moment] = np.linalg.solve(own + NOTE_DB**2 * np.eye(len(own)), row[heard])
    return weights
