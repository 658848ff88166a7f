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

LISTENED_SECONDS = (0.1, 0.7)
N_COMPARED = 8
TONE, LOWER_OCTAVE_DB = 4.0, -35.0
"""What stands out of its surroundings by such a factor is a tone; together with others as loud, re
the partials of the label, it makes a note an octave lower possible, and the ear is asked."""

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
    NO_LABEL = "without a pitch in their name, as flute_60.wav has it"
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


def has_lower_octave(y: FloatArray, f0: float) -> bool:
    """Tell whether there are tones between the partials of `f0`, as those of an octave lower.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        At 44.1 kHz, from the onset.
    f0 : float [Hz]
    """
    first, last = (round(seconds * harmonic.SAMPLE_RATE) for seconds in LISTENED_SECONDS)
    part = y[first:last] if len(y) > last else y
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    bins = f0 * len(part) / harmonic.SAMPLE_RATE

    def peaks(partials: FloatArray) -> tuple[FloatArray, FloatArray]:
        near = [spectrum[int(0.97 * k * bins) : int(1.03 * k * bins) + 2] for k in partials]
        around = [spectrum[int((k - 0.3) * bins) : int((k + 0.3) * bins) + 2] for k in partials]
        heard = [(a.max(), np.median(b)) for a, b in zip(near, around, strict=True) if len(a)]
        return tuple(np.array(heard or [(0.0, 1.0)]).T)

    order = np.arange(1, N_COMPARED + 1)
    whole, _ = peaks(order.astype(np.float64))
    half, beside = peaks(order - 0.5)
    tones = half[half > TONE * beside]
    share = np.square(tones).sum() / max(np.square(whole).sum(), 1e-20)
    return bool(len(tones) > 1 and 10.0 * np.log10(max(share, 1e-20)) > LOWER_OCTAVE_DB)


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
    elif ear is not None and has_lower_octave(y, f0) and ear(y, pitch) is Reason.OCTAVE:
        return Reason.OCTAVE
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
