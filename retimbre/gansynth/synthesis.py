"""Synthesize notes from mel specgrams, plain or following a performance.

A plain note has the samples that GANSynth gives it. A curve of pitch changes how fast the note's
sound is read: partials stay together and the curve is followed from sample to sample. (Added to
the image's instantaneous frequency instead, a vibrato of 50 cents is lost: frames come every 32 ms
and keep what they hold in its bins, and so nothing can move by more than half a turn a frame,
16 Hz. A tone of 523 Hz is off by 35 cents and more, rms, in all its partials, as if there were no
vibrato, and they dip by 7 to 13 dB.)
Where the image ends before the note, its phases go on from their frequencies
(`retimbre.gansynth.hold`).
"""

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, Float64Array, FloatArray
from retimbre.errors import ParameterError
from retimbre.expression import ENVELOPE_ATTACK, RELEASE_SECONDS, follow_level, hold_level
from retimbre.gansynth.hold import MIN_FRAMES, find_hold_end, hold_frames, last_held_frame
from retimbre.gansynth.specgram import (
    HOLD_SECONDS,
    HOP,
    N_BINS,
    N_FFT,
    N_SAMPLES,
    ONSET_FRAME,
    PAD,
    SAMPLE_RATE,
    check_specgram_shape,
    frames_for,
    overlap_add,
    samples_in,
    to_polar,
)
from retimbre.harmonic.reading import Reader
from retimbre.types import HOP_SECONDS

_UNBENT = 1e-6
_CONTROL_STEP = 80
_LEVEL_SECONDS = 0.060
_OVERSAMPLING = 2
_READER = Reader()
_NYQUIST_FADE = 24


def synthesize_specgram(
    specgram: FloatArray,
    *,
    duration: float,
    release: float = RELEASE_SECONDS,
    ratio: npt.ArrayLike = 1.0,
    level_db: npt.ArrayLike | None = None,
    expression: float = 1.0,
) -> Float32Array:
    """Play a note from a mel specgram.

    Parameters
    ----------
    specgram : np.ndarray [shape=(frames, 1024, 2)]
        Not normalised, the first 6 to 128 frames; `frames_for_note` tells how many a note wants.
        A note that is longer than its frames is held.
    duration : float [seconds, > 0]
        From onset to release; any length.
    release : float [seconds, > 0]
        After the release the note fades to nothing over this time.
    ratio : float or np.ndarray [shape=(n_curve,), > 0]
        f0 over that of the specgram: one number, or a curve every 10 ms from the onset, held
        after its end. Decays run faster by this ratio, as the speed of any sampler's note.
    level_db : np.ndarray [shape=(n_curve,), dB], optional
        A performer's level every 10 ms from the onset, to be followed. A note that dies before
        its end is then stretched instead.
    expression : float [0..1]
        How closely `level_db` is followed. 0 ignores both curves; a ratio that is one number
        counts at any value.

    Returns
    -------
    y : np.ndarray of float32 [shape=(round(duration * 16000) + round(release * 16000),)]
        At 16 kHz with GANSynth's envelope: an attack of 10 ms inside, a linear release after.
        Without curves and within 4 s the product of that and GANSynth's own samples.

    Raises
    ------
    ParameterError
        If the shape, a number or a length is not as above, or not finite.
    """
    ratios = _as_ratios(ratio)
    level = None if level_db is None else _as_curve(level_db)
    _check(specgram, ratios, level, duration, release, expression)
    if expression == 0.0:
        level = None
        ratios = ratios if len(ratios) == 1 else np.ones(1)
    n_note, n_release = round(duration * SAMPLE_RATE), round(release * SAMPLE_RATE)
    is_bent = bool(np.any(ratios != 1.0))
    speed, position, n_read = _read_head(ratios, n_note + n_release)
    hold_db = None if level is None else hold_level(expression)
    # What comes after the note must not tell how it is held.
    specgram = specgram[: _frames_in(n_read)]
    if n_read <= samples_in(len(specgram)) and not is_bent and level is None:
        magnitude, phase = to_polar(specgram)
    else:
        magnitude, phase = _lay_out(specgram, position[n_note], n_read, hold_db)
    if is_bent:
        kept = magnitude * _under_nyquist(speed, position, len(magnitude))
        sound = overlap_add(kept, phase, oversampling=_OVERSAMPLING)
        y = _READER.read(sound, _OVERSAMPLING * (PAD + position[:-1]))
    else:
        y = overlap_add(magnitude, phase)[PAD : PAD + n_read]
    if level is not None:
        y = _follow(y, level, n_note, expression)
    return np.asarray(y * _envelope(n_note, n_release))


def frames_for_note(
    duration: float, release: float = RELEASE_SECONDS, ratio: npt.ArrayLike = 1.0
) -> int:
    """Return how many frames of its specgram a note wants.

    With fewer frames a note still sounds, held by those it has; more change nothing.

    Parameters
    ----------
    duration, release : float [seconds, > 0]
    ratio : float or np.ndarray [shape=(n_curve,), > 0]
        As in `synthesize_specgram`.

    Returns
    -------
    n_frames : int [6..128]
    """
    ratios = _as_ratios(ratio)
    n_samples = round(duration * SAMPLE_RATE) + round(release * SAMPLE_RATE)
    return _frames_in(_read_head(ratios, n_samples)[2])


def _as_curve(values: npt.ArrayLike) -> Float64Array:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))


def _as_ratios(ratio: npt.ArrayLike) -> Float64Array:
    """Return the curve of ratios; one that is 1 but for rounding becomes one number."""
    ratios = _as_curve(ratio)
    is_one = ratios.ndim == 1 and len(ratios) > 0 and np.all(np.abs(ratios - 1.0) < _UNBENT)
    return np.ones(1) if is_one else ratios


def _check(
    specgram: FloatArray,
    ratios: Float64Array,
    level: Float64Array | None,
    duration: float,
    release: float,
    expression: float,
) -> None:
    check_specgram_shape(specgram.shape)
    if len(specgram) < MIN_FRAMES:
        raise ParameterError(
            f"A note needs a specgram of {MIN_FRAMES} frames or more, given {len(specgram)}."
        )
    for name, value in (("duration", duration), ("release", release)):
        if not (np.isfinite(value) and value > 0.0):
            raise ParameterError(f"A note needs a {name} above 0, given {value}.")
    if ratios.ndim != 1 or not len(ratios) or not np.all(np.isfinite(ratios) & (ratios > 0.0)):
        raise ParameterError("A note needs one or more finite ratios above 0.")
    if level is not None and not (level.ndim == 1 and len(level) and np.isfinite(level).all()):
        raise ParameterError("A level to follow needs one or more finite values.")
    if not 0.0 <= expression <= 1.0:
        raise ParameterError(f"Expression must be between 0 and 1, given {expression}.")


def _read_head(ratios: Float64Array, n_samples: int) -> tuple[Float64Array, Float64Array, int]:
    """Return the speed at which the specgram's sound is read, and where, for each sample.

    Both have one value more than there are samples; the position is in samples at speed 1. The
    third is how many samples of the sound are read.
    """
    if len(ratios) == 1:
        speed = np.full(n_samples + 1, ratios[0], np.float64)
        position = speed * np.arange(n_samples + 1)
    else:
        frames = np.arange(n_samples + 1) / (HOP_SECONDS * SAMPLE_RATE)
        speed = np.exp(np.interp(frames, np.arange(len(ratios)), np.log(ratios)))
        position = np.zeros(n_samples + 1)
        np.cumsum(0.5 * (speed[:-1] + speed[1:]), out=position[1:])
    around = _READER.n_taps // _OVERSAMPLING if np.any(ratios != 1.0) else 0
    return speed, position, int(np.ceil(position[-1])) + around


def _frames_in(n_read: int) -> int:
    return frames_for(min(n_read, N_SAMPLES))


def _lay_out(
    specgram: FloatArray, release: float, n_read: int, hold_db: float | None
) -> tuple[Float32Array, Float64Array]:
    """Return magnitudes and phases of as many frames as a note reads, held where need be.

    It is released where the position is `release`.
    """
    magnitude, phase = to_polar(specgram)
    n_frames = -(-(n_read + PAD) // HOP)
    release_frame = ONSET_FRAME + release / HOP
    last = last_held_frame(len(specgram))
    end = last if hold_db is None else find_hold_end(magnitude, hold_db)
    lasts = end >= min(last, int(release_frame)) and release <= HOLD_SECONDS * SAMPLE_RATE
    if lasts and n_read <= samples_in(len(specgram)):
        return magnitude[:n_frames], phase[:n_frames]
    return hold_frames(magnitude, phase, end=end, release=release_frame, n_frames=n_frames)


def _under_nyquist(speed: Float64Array, position: Float64Array, n_frames: int) -> Float32Array:
    """Return gains that fade out what is read beyond 8 kHz [shape=(n_frames, 1024)]."""
    step = HOP // 4
    knots = np.arange(n_frames * 4 + N_FFT // step) * step - PAD
    near = np.lib.stride_tricks.sliding_window_view(
        np.interp(knots, position, speed), N_FFT // step + 1
    )
    fastest = np.maximum(near[::4].max(axis=1)[:n_frames], 1.0)
    beyond = np.arange(1, N_BINS + 1) - N_BINS / fastest[:, None]
    return np.asarray(np.clip(1.0 - beyond / _NYQUIST_FADE, 0.0, 1.0), np.float32)


def _follow(
    y: Float32Array, level_db: Float64Array, n_note: int, expression: float
) -> Float32Array:
    """Take a note to the performer's level; its release goes on with the last gain."""
    n_samples = len(y)
    own_db = _measure(y)
    points = np.arange(len(own_db)) * _CONTROL_STEP
    held = points < max(n_note, 1)
    times = points[held] / SAMPLE_RATE
    gain_db = follow_level(level_db, own_db[held], times, amount=expression)
    gain = np.interp(np.arange(n_samples), points[held], 10.0 ** (gain_db / 20.0))
    return np.asarray(y * gain.astype(np.float32))


def _measure(y: Float32Array) -> Float64Array:
    """Return the level around every `_CONTROL_STEP` samples, in dB, through a Hann window."""
    n_around = round(_LEVEL_SECONDS * SAMPLE_RATE / _CONTROL_STEP)
    blocks = np.zeros((-(-len(y) // _CONTROL_STEP), _CONTROL_STEP))
    blocks.reshape(-1)[: len(y)] = np.square(y, dtype=np.float64)
    power = np.pad(blocks.mean(axis=1), n_around // 2, mode="edge")
    # Blocks lie between the points, so that an even number of them is centred on each.
    window = np.hanning(n_around + 2)[1:-1]
    around = np.convolve(power, window / window.sum(), mode="valid")[: len(blocks)]
    return np.asarray(10.0 * np.log10(around + 1e-12))


def _envelope(n_note: int, n_release: int) -> Float32Array:
    """Return GANSynth's envelope, as `retimbre.mixing.get_envelope` has it."""
    rise = np.minimum(np.arange(n_note + 1) / round(ENVELOPE_ATTACK * SAMPLE_RATE), 1.0)
    fall = rise[-1] * (1.0 - np.arange(n_release) / max(n_release, 1))
    return np.concatenate([rise[:-1], fall]).astype(np.float32)
