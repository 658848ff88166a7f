"""Mix notes into one recording: envelopes, loudness and velocity."""

import logging
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, FloatArray
from retimbre.errors import ParameterError
from retimbre.expression import ENVELOPE_ATTACK, RELEASE_SECONDS
from retimbre.metering.integrated import block_power, factor_to
from retimbre.metering.note import measure_loudness
from retimbre.metering.true_peak import true_peak
from retimbre.runtime import single_threaded_blas
from retimbre.settings.params import DEFAULT_LOUDNESS, RenderParams
from retimbre.types import Melody, Notes
from retimbre.units import db_to_amplitude

logger = logging.getLogger("retimbre")

CUT_FADE_SECONDS = 0.005
"""What still sounds at the end of the recording fades over this time."""

SILENCE_DB = -100.0
"""What is less loud stays as it is: it cannot be brought to any level."""


class Gain(NamedTuple):
    """What a clip is multiplied by.

    Attributes
    ----------
    factor : np.float32
    limited_db : float [dB, >= 0]
        So much less than the loudness asks for, because of the peak.
    """

    factor: np.float32
    limited_db: float


def get_envelope(
    n_samples: int,
    *,
    sr: float,
    attack: float = ENVELOPE_ATTACK,
    release: float = RELEASE_SECONDS,
) -> npt.NDArray[np.float32]:
    """Return GANSynth's envelope of a note.

    Ones with a linear attack inside the note and a linear release after it. A note shorter
    than its attack is released from the level it has reached.

    Parameters
    ----------
    n_samples : int [>= 0]
        Length of the note.
    sr : float [Hz]
    attack, release : float [seconds, >= 0]

    Returns
    -------
    envelope : np.ndarray of float32 [shape=(n_samples + round(release * sr),), 0..1]

    Raises
    ------
    ParameterError
        If a length is negative.

    References
    ----------
    .. [1] `get_envelope` of magenta/models/gansynth/lib/generate_util.py.

    Examples
    --------
    >>> get_envelope(4, sr=1, attack=2, release=2)
    array([0. , 0.5, 1. , 1. , 1. , 0.5], dtype=float32)
    """
    if n_samples < 0 or attack < 0.0 or release < 0.0:
        raise ParameterError(
            "An envelope needs lengths that are not negative, "
            f"given {n_samples} samples, attack {attack} s and release {release} s."
        )
    n_attack, n_release = round(attack * sr), round(release * sr)
    rise = np.arange(n_samples + 1) / n_attack if n_attack else np.ones(n_samples + 1)
    rise = np.minimum(rise, 1.0)
    fall = rise[-1] * (1.0 - np.arange(n_release) / max(n_release, 1))
    return np.concatenate([rise[:-1], fall]).astype(np.float32)


def velocity_gain_db(velocity: npt.ArrayLike) -> FloatArray:
    """Convert MIDI velocity to level: ``40 log10(velocity / 127)``.

    The square law that General MIDI recommends [1]_: half the velocity is 12 dB down.

    Parameters
    ----------
    velocity : array_like [1..127]

    Returns
    -------
    gain_db : np.ndarray [same shape, dB <= 0]

    References
    ----------
    .. [1] MIDI Manufacturers Association, "DLS Level 1", 1.14.4 (concave transform).
    """
    return np.asarray(40.0 * np.log10(np.asarray(velocity, dtype=np.float64) / 127.0))


@single_threaded_blas
def combine_notes(
    waves: npt.NDArray[np.floating] | Iterable[FloatArray],
    notes: Notes,
    *,
    sr: float,
    duration: float | None = None,
    peak_db: float = -1.0,
    release: float = RELEASE_SECONDS,
) -> npt.NDArray[np.float32]:
    """Mix notes into one recording.

    Every note is brought to one loudness, then to its velocity, and added at its onset, rounded
    to the nearest sample. The sum is scaled to the peak.

    Parameters
    ----------
    waves : np.ndarray [shape=(n_notes, n_wave)] or iterable of np.ndarray [shape=(any,)]
        One a note, in their order. The rows of an array are whole notes as
        `generate_samples_from_z` makes them, and get GANSynth's envelope; other waves are taken
        as they are, with their own ends, one at a time.
    notes : Notes
    sr : float [Hz]
    duration : float [seconds], optional
        Length of the result; what sounds longer fades there. By default, until the last
        release of `release` seconds has ended.
    peak_db : float [dB re full scale, <= 0]
        Peak of the result; silence stays silence.
    release : float [seconds]

    Returns
    -------
    y : np.ndarray of float32 [shape=(n_samples,)]

    Raises
    ------
    ParameterError
        If there is not one wave a note.
    """
    if duration is None:
        duration = float(np.max(notes.offset, initial=-release)) + release
    if isinstance(waves, np.ndarray):
        waves = _envelop(waves, notes, sr, release)
    y = mix_notes(waves, notes, sr=sr, n_samples=round(duration * sr))
    return np.multiply(y, peak_gain(y, peak_db), out=y)


@single_threaded_blas
def mix_notes(
    waves: Iterable[FloatArray],
    notes: Notes,
    *,
    sr: float,
    n_samples: int,
    start: int = 0,
    stop: int | None = None,
) -> Float32Array:
    """Add up notes, each brought to one loudness and then to its velocity.

    Parameters
    ----------
    waves : iterable of np.ndarray [shape=(any,)]
        One per note, in their order, with their own ends.
    notes : Notes
    sr : float [Hz]
    n_samples : int
        Length of the whole recording; what sounds longer fades there.
    start, stop : int [samples]
        The part of it that is wanted, by default the whole. A sample has the same value in every
        part that holds it, if all notes are given that sound in the part.

    Returns
    -------
    y : np.ndarray of float32 [shape=(stop - start,)]

    Raises
    ------
    ParameterError
        If there is not one wave per note.
    """
    stop = n_samples if stop is None else stop
    y = np.zeros(max(0, stop - start), np.float32)
    gains_db = velocity_gain_db(notes.velocity)
    starts = np.rint(notes.onset * sr).astype(np.int64)
    n_added = 0
    is_cut = False
    for wave in waves:
        if n_added == len(notes):
            raise ParameterError(f"There are more waves than the {len(notes)} notes.")
        place = int(starts[n_added]) - start
        is_heard = _add(y, wave, place, n_samples - start, float(gains_db[n_added]), sr)
        is_cut |= is_heard and place + len(wave) > n_samples - start
        n_added += 1
    if n_added < len(notes):
        raise ParameterError(f"There are {n_added} waves for {len(notes)} notes.")
    if is_cut:
        _fade_out(y, n_samples - start, sr, n_samples)
    return y


@single_threaded_blas
def mix_sounds(
    sounds: Iterable[tuple[int, FloatArray]],
    *,
    sr: float,
    n_samples: int,
    start: int = 0,
    stop: int | None = None,
) -> Float32Array:
    """Add up sounds that have their places.

    Parameters
    ----------
    sounds : iterable of (int, np.ndarray [shape=(any,)])
        Where each begins [samples], and its samples.
    sr : float [Hz]
    n_samples : int
        Length of the whole recording; what sounds longer fades there.
    start, stop : int [samples]
        The part of it that is wanted, by default the whole.

    Returns
    -------
    y : np.ndarray of float32 [shape=(stop - start,)]
    """
    stop = n_samples if stop is None else stop
    y = np.zeros(max(0, stop - start), np.float32)
    is_cut = False
    for place, wave in sounds:
        first = max(0, place - start)
        last = max(first, min(place - start + len(wave), len(y)))
        y[first:last] += wave[first - (place - start) : last - (place - start)]
        is_cut |= place + len(wave) > n_samples
    if is_cut:
        _fade_out(y, n_samples - start, sr, n_samples)
    return y


def _fade_out(y: Float32Array, end: int, sr: float, n_samples: int) -> None:
    """Fade what reaches the end of the recording, which lies at a place of `y`."""
    n_fade = min(round(CUT_FADE_SECONDS * sr), n_samples)
    _fade(y, end - n_fade, np.linspace(1.0, 0.0, n_fade, dtype=np.float32))


def peak_gain(y: Float32Array, peak_db: float) -> np.float32:
    """Return what brings the peak of a recording to a level; 1 for silence.

    Parameters
    ----------
    y : np.ndarray of float32 [shape=(n_samples,)]
    peak_db : float [dB re full scale]
    """
    # Two reductions: no second copy of an hour of sound.
    peak = max(float(y.max(initial=0.0)), -float(y.min(initial=0.0)))
    if not peak > 0.0:
        return np.float32(1.0)
    # Just below, so that rounding never reaches over the peak.
    return np.float32(db_to_amplitude(peak_db) / peak * (1.0 - 1e-6))


def find_gain(
    y: FloatArray, sr: int, melody: Melody, params: RenderParams, shared: Gain | None = None
) -> Gain:
    """Find the gain of a clip: what is asked for, or as near to it as the clip's peak allows.

    Parameters
    ----------
    y : np.ndarray [shape=(n_samples,)]
        The clip, at any scale.
    sr : int [Hz]
    melody : Melody
        What it plays. A recording's loudness may be what is asked for; where it has none, the
        default is, which is logged.
    params : RenderParams
        The loudness, and the ceiling of the true peak.
    shared : Gain, optional
        That of another clip, which is asked for instead. What it is short of counts here as well.

    Returns
    -------
    gain : Gain
        1 for silence, or the one that is shared.
    """
    # Just below, so that rounding never reaches over the ceiling.
    ceiling = float(db_to_amplitude(params.peak_db)) * (1.0 - 1e-6)
    peak = true_peak(y, sr=sr)
    if not peak > 0.0:
        return shared or Gain(np.float32(1.0), 0.0)
    if shared is not None:
        wanted, limited_db = float(shared.factor), shared.limited_db
    else:
        loudness, limited_db = _wanted_loudness(melody, params), 0.0
        wanted = math.inf if loudness is None else factor_to(block_power(y, sr=sr), loudness)
    highest = ceiling / peak
    if math.isfinite(wanted):
        limited_db += max(0.0, 20.0 * math.log10(wanted / highest))
    return Gain(np.float32(min(wanted, highest)), limited_db)


def _envelop(
    waves: npt.NDArray[np.floating], notes: Notes, sr: float, release: float
) -> Iterator[FloatArray]:
    if waves.ndim != 2 or len(waves) != len(notes):
        raise ParameterError(
            f"Waves of {len(notes)} notes need the shape ({len(notes)}, n_wave), "
            f"given {waves.shape}."
        )
    n_longest = max(0, waves.shape[1] - round(release * sr))
    lengths = np.minimum(np.rint(notes.duration * sr).astype(np.int64), n_longest)
    for wave, length in zip(waves, lengths, strict=True):
        envelope = get_envelope(int(length), sr=sr, release=release)
        yield wave[: len(envelope)] * envelope[: len(wave)]


def _add(
    y: Float32Array, wave: FloatArray, place: int, end: int, level_db: float, sr: float
) -> bool:
    """Add a note at a place of `y`, which may lie before it, and cut it at `end`.

    Returns whether it can be heard: silence cannot be brought to a level.
    """
    loudness = measure_loudness(wave, sr=sr)
    if loudness < SILENCE_DB:
        return False
    gain = np.float32(db_to_amplitude(level_db - loudness))
    first = max(0, place)
    last = max(first, min(place + len(wave), end, len(y)))
    y[first:last] += gain * wave[first - place : last - place]
    return True


def _wanted_loudness(melody: Melody, params: RenderParams) -> float | None:
    """Return the loudness that is asked for [LUFS]; None where the peak is."""
    if params.loudness == "input":
        if melody.loudness is not None:
            return melody.loudness
        name = melody.source or "The melody"
        logger.info("%s has no loudness of its own; played at %g LUFS.", name, DEFAULT_LOUDNESS)
        return DEFAULT_LOUDNESS
    return None if isinstance(params.loudness, str) else params.loudness


def _fade(y: Float32Array, place: int, ramp: Float32Array) -> None:
    """Multiply by a ramp that begins at a place of `y` and may reach beyond its ends."""
    first, last = max(0, place), min(len(y), place + len(ramp))
    if first < last:
        y[first:last] *= ramp[first - place : last - place]
