"""From the sound of a note to the image that is trained on, or to why it cannot be used."""

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

END_SECONDS = 0.1
"""Noise is averaged over neighbouring frames, and the click of a note's end is in it so early."""


class Reason(StrEnum):
    """Why a note is left out of a dataset."""

    SILENT = "silent"
    SHORT = "shorter than 0.3 s"
    PITCH = "not at their pitch"
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


@single_threaded_blas
def analyze_note(y: FloatArray, pitch: int, seconds: float | None = None) -> FloatArray | Reason:
    """Measure a note and tune it, or say why it cannot be used.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        At 44.1 kHz, from the onset.
    pitch : int [MIDI]
    seconds : float [> 0], optional
        When the note ends, where it is not held for 3 s and then released: its image is then
        completed as if it were.

    Returns
    -------
    image : np.ndarray of float32 [shape=(128, 96, 4)], or Reason
        The flutter of the note is in its texture.
    """
    import soxr

    if np.abs(y).max(initial=0.0) < SILENT_PEAK:
        return Reason.SILENT
    f0 = float(midi_to_hz(pitch))
    image = measure_image(y, f0)
    cents = harmonic.detune_cents(image)
    if abs(cents) > MAX_DETUNE_CENTS:
        return Reason.PITCH
    if abs(cents) > TUNED_CENTS:
        # Played back slower by the ratio, the note is in tune and its partials lie on the grid.
        ratio = 2.0 ** (cents / 1200.0)
        rate = harmonic.SAMPLE_RATE
        image = measure_image(soxr.resample(y, rate, rate * ratio), f0)
    if seconds is None:
        image = separate_texture(image)
    else:
        calm = max(seconds - END_SECONDS, 0.5 * seconds)
        image = hold_image(separate_texture(loop_image(image, calm)), calm)
    return image if is_pitched_as_labelled(image) else Reason.PITCH
