"""From the sound of a note to the image that is trained on, or to why it cannot be used."""

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from retimbre._typing import FloatArray
from retimbre.harmonic import image as harmonic
from retimbre.harmonic.hold import hold_image, loop_image
from retimbre.harmonic.measurement import measure_image
from retimbre.harmonic.octave import odd_share
from retimbre.harmonic.texture import separate_texture
from retimbre.runtime import single_threaded_blas
from retimbre.units import midi_to_hz

SILENT_PEAK = 1e-3
MAX_DETUNE_CENTS = 40.0
TUNED_CENTS = 1.0
MAX_BETWEEN_DB = -12.0
MIN_ODD_SHARE = 0.12

MISTAKEN_CENTS = 25.0
"""Where partials and ear differ by more, the partials measured belong to something else."""

END_SECONDS = 0.1
"""Noise is averaged over neighbouring frames, and the click of a note's end is in it so early."""


class Reason(StrEnum):
    """Why a note is left out of a dataset."""

    SILENT = "silent"
    SHORT = "shorter than 0.3 s"
    PITCH = "not at their pitch"
    OCTAVE = "an octave or more from their pitch"
    UNREADABLE = "unreadable"
    NO_LABEL = "without a pitch in their name"
    NO_ENTRY = "without instrument_str, pitch or velocity in examples.json"
    VELOCITY = "with a velocity outside 1-127"
    OUTSIDE = "outside the pitches"


def is_pitched_as_labelled(image: FloatArray) -> bool:
    """Tell whether a note sounds at its nominal pitch.

    Presets that stack fifths or sub-octaves put tones between the partials; presets that sound
    an octave up leave the odd partials empty. Both would teach the model to play wrong notes.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    """
    held = image[8:96]
    between = np.median(held[:, :4, 2], axis=0).max()
    return bool(between <= MAX_BETWEEN_DB and odd_share(image) >= MIN_ODD_SHARE)


Ear = Callable[[FloatArray, int], float | Reason]
"""Hears how far a note lies from a MIDI pitch, in cents, or that it is not at it."""


@single_threaded_blas
def analyze_note(
    y: FloatArray, pitch: int, seconds: float | None = None, ear: Ear | None = None
) -> FloatArray | Reason:
    """Measure a note and tune it, or say why it cannot be used.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        At 44.1 kHz, from the onset.
    pitch : int [MIDI]
    seconds : float [> 0], optional
        When the note ends, where it is not held for 3 s and then released: its image is then
        completed as if it were.
    ear : callable, optional
        Asked where the partials leave the pitch in doubt, as those of many a low, hoarse or
        beating note do; without it such a note is left out.

    Returns
    -------
    image : np.ndarray of float32 [shape=(128, 96, 4)], or Reason
        The flutter of the note is in its texture.
    """
    if np.abs(y).max(initial=0.0) < SILENT_PEAK:
        return Reason.SILENT
    f0 = float(midi_to_hz(pitch))
    image = measure_image(y, f0)
    cents = harmonic.detune_cents(image)
    is_near = abs(cents) <= MAX_DETUNE_CENTS
    is_sure = is_near and (ear is None or is_pitched_as_labelled(_looped(image, seconds)))
    if not is_sure:
        heard = Reason.PITCH if ear is None else ear(y, pitch)
        if isinstance(heard, Reason):
            return heard
        cents = heard if abs(cents - heard) > MISTAKEN_CENTS else cents
    if abs(cents) > TUNED_CENTS:
        image = _tuned(y, f0, cents)
    image = separate_texture(_looped(image, seconds))
    if seconds is not None:
        image = hold_image(image, calm_seconds(seconds))
    return image if ear or is_pitched_as_labelled(image) else Reason.PITCH


def calm_seconds(seconds: float) -> float:
    """Return up to when a note that ends at `seconds` is undisturbed by its end."""
    return max(seconds - END_SECONDS, 0.5 * seconds)


def _looped(image: FloatArray, seconds: float | None) -> FloatArray:
    return image if seconds is None else loop_image(image, calm_seconds(seconds))


def _tuned(y: FloatArray, f0: float, cents: float) -> FloatArray:
    """Measure a note that is so far above `f0` [Hz] as if it were at it."""
    import soxr

    # Played back slower by the ratio, the note is in tune and its partials lie on the grid.
    rate = harmonic.SAMPLE_RATE
    return measure_image(soxr.resample(y, rate, rate * 2.0 ** (cents / 1200.0)), f0)
