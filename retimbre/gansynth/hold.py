"""Hold mel specgrams longer than their 4 s by looping them.

As in harmonic images, what changes slowly is stretched over the held note, and what
changes fast keeps its speed and runs forth and back. Whichever way the frames run, each partial
turns on by its own instantaneous frequency, and the bins around it turn with it [1]_.

References
----------
.. [1] Laroche and Dolson, "Improved phase vocoder time-scale modification of audio", IEEE
   Transactions on Speech and Audio Processing 7(3), 1999: "identity phase locking".
"""

import numpy as np

from retimbre._typing import Float32Array, Float64Array, Int64Array
from retimbre.expression import HOLD_END, STRETCHED_SECONDS, UNSTRETCHED_SECONDS
from retimbre.gansynth.specgram import HOP, ONSET_FRAME, SAMPLE_RATE
from retimbre.harmonic.reading import read_rows

MIN_FRAMES = ONSET_FRAME + 2
"""Fewer frames cannot be held."""

_FRAME_RATE = SAMPLE_RATE / HOP
_LAST_HELD = ONSET_FRAME + int(HOLD_END * _FRAME_RATE)
_ATTACK_FRAMES = int(UNSTRETCHED_SECONDS * _FRAME_RATE)
_SLOW_FRAMES = round(STRETCHED_SECONDS * _FRAME_RATE)


def last_held_frame(n_frames: int) -> int:
    """Return the last of the first `n_frames` that can be held: at 2.9 s, or before."""
    return min(_LAST_HELD, n_frames - 1)


def find_hold_end(magnitude: Float32Array, hold_db: float) -> int:
    """Return the last frame that a held note uses.

    Parameters
    ----------
    magnitude : np.ndarray [shape=(frames, 1024)]
        At least `MIN_FRAMES`.
    hold_db : float [dB re the loudest frame]
        Frames after the last one of this level are not used: a plucked string is then held
        instead of dying.

    Returns
    -------
    end : int
        `last_held_frame` at most.
    """
    heard = magnitude[: last_held_frame(len(magnitude)) + 1]
    # The bins' floor is at -30 dB.
    level = 10.0 * np.log10(np.einsum("tk,tk->t", heard, heard, dtype=np.float64))
    lasting = np.flatnonzero(level >= level.max() + hold_db)
    return max(int(lasting[-1]), MIN_FRAMES - 1)


def hold_frames(
    magnitude: Float32Array, phase: Float64Array, *, end: int, release: float, n_frames: int
) -> tuple[Float32Array, Float64Array]:
    """Hold a note.

    Parameters
    ----------
    magnitude, phase : np.ndarray [shape=(frames, 1024)]
        See `retimbre.gansynth.specgram.to_polar`; the phase in half turns.
    end : int
        The last frame to be used; see `find_hold_end`.
    release : float [frames]
        Which frame of the held note its release falls into. Slow changes of the frames up to
        `end` are stretched up to there, and stop.
    n_frames : int
        How many frames to return.

    Returns
    -------
    magnitude, phase : np.ndarray [shape=(n_frames, 1024)]
        The attack as it was; no bin is louder than it ever was before.
    """
    start = min(ONSET_FRAME + _ATTACK_FRAMES, (ONSET_FRAME + end) // 2)
    frames = np.arange(n_frames)
    source = _run_forth_and_back(frames, start, end)
    pace = min(1.0, (end - start) / max(release - start, 1.0))
    stretched = np.where(frames < start, frames, start + (frames - start) * pace)
    held = _stretch(magnitude, source, np.minimum(stretched, end), start, end)
    return held, _go_on(phase, _nearest_peaks(magnitude[: end + 1]), source)


def _run_forth_and_back(frames: Int64Array, start: int, end: int) -> Int64Array:
    period = end - start
    looped = end - np.abs(period - np.mod(frames - start, 2 * period))
    return np.where(frames < start, frames, looped)


def _stretch(
    magnitude: Float32Array, source: Int64Array, stretched: Float64Array, start: int, end: int
) -> Float32Array:
    """Return the magnitudes of the source frames with the slow part of the stretched ones."""
    used = np.log(magnitude[: end + 1])
    slow = _smooth(used[start:])

    now, then = (np.maximum(position - start, 0.0) for position in (stretched, source))
    change = read_rows(slow, now) - read_rows(slow, then)
    # Slow and fast do not part cleanly at a sudden step; no bin gets louder than it was.
    return np.asarray(np.exp(np.minimum(used[source] + change, used.max(axis=0))))


def _smooth(values: Float32Array) -> Float32Array:
    """Average over what counts as slow, along the first axis; the ends are repeated."""
    half = max(1, min(_SLOW_FRAMES, len(values) // 4) // 2)
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    total = np.zeros_like(values)
    for shift in range(2 * half + 1):
        total += padded[shift : shift + len(values)]
    return np.asarray(total / np.float32(2 * half + 1))


def _nearest_peaks(magnitude: Float32Array) -> Int64Array:
    """Return the bin of the nearest peak for each bin [shape=(frames, 1024)].

    A frame without any peak has one in its first bin.
    """
    n_bins = magnitude.shape[1]
    is_peak = np.zeros(magnitude.shape, bool)
    inner = magnitude[:, 1:-1]
    is_peak[:, 1:-1] = (inner > magnitude[:, :-2]) & (inner >= magnitude[:, 2:])
    bins = np.arange(n_bins)
    below = np.maximum.accumulate(np.where(is_peak, bins, -n_bins), axis=1)
    above = np.minimum.accumulate(np.where(is_peak, bins, 2 * n_bins)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(bins - below <= above - bins, below, above)
    return np.where((nearest < 0) | (nearest >= n_bins), 0, nearest)


def _go_on(phase: Float64Array, carriers: Int64Array, source: Int64Array) -> Float64Array:
    """Let the phases go on through the source frames, whichever way these run.

    The steps between the frames are those of a hop, so that only their fraction of a turn
    counts and nothing needs to be unwrapped.
    """
    out = phase[source]
    first = int(np.argmax(source != np.arange(len(source)))) or len(source)
    for frame in range(first, len(source)):
        here, before = source[frame], source[frame - 1]
        carrier = carriers[here]
        later = max(here, before)
        step = phase[later, carrier] - phase[later - 1, carrier]
        turned = out[frame - 1, carrier] + step - phase[here, carrier]
        out[frame] += turned
    return out
