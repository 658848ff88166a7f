"""From the sound of a note to what is trained on, in either representation."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray
from retimbre.harmonic import image as harmonic
from retimbre.train.data.measure import Ear, Reason, analyze_note
from retimbre.train.networks.representation import find_representation

Features = npt.NDArray[np.float16]

DECIBELS = 10.0 / np.log(10.0)
SILENT_DB = -60.0
"""Levels are compared down to here."""

MEL_STEP = 8


class Measure(NamedTuple):
    """A kind of image that notes are kept as.

    Attributes
    ----------
    shape : tuple of int
        Of a note.
    take : callable
        (samples at 44.1 kHz from the onset, MIDI pitch, seconds or None, ear or None) -> float16
        features of `shape`, or a Reason; the last two as `measure.analyze_note` has them.
    """

    shape: tuple[int, ...]
    take: Callable[[FloatArray, int, float | None, Ear | None], Features | Reason]


def take_harmonic(
    y: FloatArray, pitch: int, seconds: float | None = None, ear: Ear | None = None
) -> Features | Reason:
    """Measure the partials of a note; see `retimbre.harmonic.image`."""
    image = analyze_note(y, pitch, seconds, ear)
    if isinstance(image, Reason):
        return image
    return harmonic.image_to_features(image).astype(np.float16)


def take_mel(
    y: FloatArray, pitch: int, seconds: float | None = None, ear: Ear | None = None
) -> Features | Reason:
    """Take GANSynth's specgram of the first 4 s; see `retimbre.gansynth.specgram`.

    Notes are left out for the same reasons as in the other kind. They are not tuned, and their
    peak is 1.
    """
    import soxr

    from retimbre.gansynth import specgram

    found = analyze_note(y, pitch, seconds, ear)
    if isinstance(found, Reason):
        return found
    wave = np.zeros(specgram.N_SAMPLES, np.float32)
    heard = soxr.resample(y, harmonic.SAMPLE_RATE, specgram.SAMPLE_RATE)[: len(wave)]
    wave[: len(heard)] = heard / np.abs(heard).max()
    specgrams = specgram.waves_to_specgrams(wave[None])
    return np.asarray(specgram.normalize(specgrams)[0], np.float16)


MEASURES = {
    "harmonic": Measure((harmonic.N_FRAMES, harmonic.N_FEATURES), take_harmonic),
    "mel": Measure((128, 1024, 2), take_mel),
}
"""By the name of the representation that is trained."""


def find_measure(representation: str) -> Measure:
    """Return a kind of image by its name.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    return MEASURES[find_representation(representation).name]


def thin_levels(features: npt.NDArray[np.floating], frames: slice) -> FloatArray:
    """Return the levels of some frames of notes, to be compared with those of others.

    Parameters
    ----------
    features : np.ndarray [shape=(n, 128, 288) or (n, 128, 1024, 2)]
    frames : slice

    Returns
    -------
    levels : np.ndarray of float32 [shape=(n, m), dB >= -60]
        Re the loudest frame, or of the second kind re the loudest point.
    """
    if features.ndim == 3:
        thin = np.asarray(features[:, frames, : harmonic.N_BINS], np.float32)
        level = (thin - 1.0) * 45.0
    else:
        from retimbre.gansynth.specgram import denormalize

        thin = np.asarray(features[:, frames, ::MEL_STEP], np.float32)
        level = DECIBELS * denormalize(thin)[..., 0]
        level = level - level.max(axis=(1, 2), keepdims=True)
    return np.asarray(np.maximum(level.reshape(len(features), -1), SILENT_DB))


def mean_distances(
    notes: Iterable[tuple[IntArray, FloatArray]], n: int, min_shared: int
) -> FloatArray:
    """Return how much the levels of every two of some instruments differ.

    Parameters
    ----------
    notes : iterable of (np.ndarray of int [shape=(m,)], np.ndarray [shape=(m, k), dB])
        For every pitch and velocity, which instruments play it, and its levels at each; see
        `thin_levels`.
    n : int
        How many instruments there are.
    min_shared : int
        The fewest notes in common that tell.

    Returns
    -------
    distance : np.ndarray [shape=(n, n), dB]
        Mean difference over audible bins of the notes that both have; infinite where they share
        too few.
    """
    total, count = np.zeros((n, n)), np.zeros((n, n))
    for members, level in notes:
        for i, own in zip(members, level, strict=True):
            audible = np.maximum(level, own) > SILENT_DB
            difference = np.abs(level - own).sum(axis=1)
            total[i, members] += difference / np.maximum(audible.sum(axis=1), 1)
            count[i, members] += 1
    return np.where(count >= min_shared, total / np.maximum(count, 1), np.inf)
