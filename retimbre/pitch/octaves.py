"""Correct octave errors of a pitch track from the waveform.

A network that has learnt what pitch sounds like may take a strong partial of a plucked string for
its pitch, or the octave below a fading voice. The waveform does not lie: it repeats after one
period and after each multiple of it, and not before. So each frame's normalised autocorrelation
is read at the period that was found, at its multiples and at its fractions.

Where the track is right the autocorrelation at the period is within a few per cent of the highest
at a multiple, and low at half the period. Both are far from what octave errors give, and frames
in between are left as they are.
"""

import itertools

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.errors import ParameterError
from retimbre.pitch.frames import frames_at

WINDOW_SECONDS = 0.048
"""Length of the waveform that is compared with itself: two periods at 42 Hz."""

LONGEST_SECONDS = 0.025
"""No longer period is looked at."""

SHORTEST_SAMPLES = 4.0

MULTIPLES = (2.0, 3.0, 4.0)
FRACTIONS = (1.0 / 3.0, 1.0 / 2.0)

CLEAR = 0.85
"""Autocorrelation from which on a period is beyond doubt."""

MUCH_LESS = 0.85
"""Of the best multiple's autocorrelation: a period with less than this part of it is wrong."""

AS_GOOD = 0.95
"""Of several periods with this part of the best, the shortest is the true one."""

STEADY_SEMITONES = 0.6
"""A larger step between frames begins a new stretch, which is corrected as a whole or not."""

MAJORITY = 0.5
"""A correction needs more than this part of a stretch's frames."""

_BLOCK_FRAMES = 1024


def correct_octaves(
    y: npt.ArrayLike, sr: float, f0: npt.ArrayLike, *, fmin: float = 40.0, fmax: float = 2100.0
) -> FloatArray:
    """Move frames that are off by an octave, a twelfth or two octaves to the waveform's period.

    Parameters
    ----------
    y : array_like [shape=(n_samples,), linear]
        Mono audio; 16 kHz is enough.
    sr : float [Hz, > 0]
    f0 : array_like [shape=(n_frames,), Hz]
        Pitch every 10 ms, the first frame centred on sample 0; NaN where there is none.
    fmin, fmax : float [Hz]
        No frame is moved out of this range.

    Returns
    -------
    f0 : np.ndarray [shape=(n_frames,), Hz]
        The same frames, some multiplied by 2 or 3 or divided by 2, 3 or 4; NaN stays NaN.

    Raises
    ------
    ParameterError
        If `y` or `f0` is not one-dimensional or `sr` is not positive.

    References
    ----------
    P. McLeod and G. Wyvill, "A smarter way to find pitch", ICMC 2005: the normalised square
    difference function, and the choice of the first high peak.
    """
    audio = np.asarray(y, dtype=np.float32)
    pitch = np.asarray(f0, dtype=np.float64)
    if audio.ndim != 1 or pitch.ndim != 1 or not sr > 0:
        raise ParameterError(
            "Correcting octaves needs mono audio, a rate > 0 Hz and one pitch per frame, given "
            f"shapes {audio.shape} and {pitch.shape} and {sr} Hz."
        )
    ratio: FloatArray = np.ones(len(pitch))
    frames = np.flatnonzero(np.isfinite(pitch))
    length, longest = round(WINDOW_SECONDS * sr), round(LONGEST_SECONDS * sr)
    for first in range(0, len(frames), _BLOCK_FRAMES):
        block = frames[first : first + _BLOCK_FRAMES]
        similarity = _self_similarity(frames_at(audio, sr, block, length), longest)
        ratio[block] = _period_ratios(similarity, sr / pitch[block])
    moved = pitch / _vote(ratio, pitch)
    allowed = (moved >= fmin) & (moved <= fmax)
    return np.where(allowed, moved, pitch)


def _self_similarity(windows: FloatArray, longest: int) -> FloatArray:
    """Return 2 sum x[j] x[j+l] / sum (x[j]^2 + x[j+l]^2) for lags l = 0..longest + 1.

    Shape (n_frames, longest + 2), -1..1; 1 where the window repeats itself after l samples.
    """
    n_frames, length = windows.shape
    centred = np.asarray(windows - windows.mean(axis=1, keepdims=True))
    n_fft = 1 << (length + longest).bit_length()
    spectrum = np.fft.rfft(centred, n_fft, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    product = np.fft.irfft(power, n_fft, axis=1)[:, : longest + 2]
    energy = np.zeros((n_frames, length + 1))
    np.cumsum(np.square(centred), axis=1, out=energy[:, 1:])
    lags = np.arange(longest + 2)
    total = energy[:, length - lags] + energy[:, -1:] - energy[:, lags]
    return np.asarray(2.0 * product / np.maximum(total, 1e-12))


def _period_ratios(similarity: FloatArray, period: FloatArray) -> FloatArray:
    """Return the true period over the given one: 1, 2, 3, 4, 1/2 or 1/3 [shape=(n_frames,)]."""
    at = {q: _read(similarity, q * period) for q in (1.0, *MULTIPLES, *FRACTIONS)}
    best = np.maximum.reduce([at[q] for q in MULTIPLES])
    ratio = np.ones(len(period))
    too_short = (best >= CLEAR) & (at[1.0] < MUCH_LESS * best)
    for q in reversed(MULTIPLES):
        ratio[too_short & (at[q] >= AS_GOOD * best)] = q
    for q in reversed(FRACTIONS):
        ratio[(at[1.0] >= CLEAR) & (at[q] >= AS_GOOD * at[1.0])] = q
    return ratio


def _read(similarity: FloatArray, lag: FloatArray) -> FloatArray:
    """Return the top of the parabola through the samples nearest to a lag; -1 out of range."""
    rows = np.arange(len(lag))
    inside = (lag >= SHORTEST_SAMPLES) & (lag <= similarity.shape[1] - 2)
    nearest = np.where(inside, np.rint(lag), 1).astype(np.int64)
    candidates = np.stack([similarity[rows, nearest + k] for k in (-1, 0, 1)])
    left, middle, right = candidates
    bend = left - 2.0 * middle + right
    is_top = (middle >= left) & (middle >= right) & (bend < 0.0)
    top = middle - np.square(left - right) / np.where(is_top, 8.0 * bend, 1.0)
    value = np.where(is_top, top, candidates.max(axis=0))
    return np.asarray(np.where(inside, value, -1.0))


def _vote(ratio: FloatArray, pitch: FloatArray) -> FloatArray:
    """Give each stretch of steady pitch the ratio that most of its frames agree on.

    An error lasts as long as the tracker's pitch stays where it is. Two notes that ring together
    look like an octave error, too, but only until the first has died away.
    """
    semitones = 12.0 * np.log2(pitch)
    edges = np.flatnonzero(~(np.abs(np.diff(semitones)) < STEADY_SEMITONES)) + 1
    voted = np.ones(len(ratio))
    for first, last in itertools.pairwise([0, *edges.tolist(), len(ratio)]):
        for q in (*MULTIPLES, *FRACTIONS):
            if np.count_nonzero(ratio[first:last] == q) > MAJORITY * (last - first):
                voted[first:last] = q
    return voted
