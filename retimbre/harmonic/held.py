"""A note image held for a time of any length.

An image shows a note that is held for 3 s and released. A note of another length follows it up
to its end and then jumps to the image's release, taken relative to the moment of release, so
that every partial goes on from the level it has reached. A longer note holds the image: what
changes slowly (a decay, a swell) is stretched over the note, what changes fast (beats, vibrato,
breath) keeps its speed and runs forth and back.

Every moment of a note is computed on its own, so that a note of an hour is made piece by piece.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from retimbre._typing import FloatArray
from retimbre.expression import HOLD_END, STRETCHED_SECONDS, UNSTRETCHED_SECONDS
from retimbre.harmonic.image import FRAME_TIMES, HOLD_SECONDS, LEVEL_FLOOR_DB, N_SINGLE
from retimbre.harmonic.layout import instrument_level
from retimbre.harmonic.reading import read_rows

KNOT_STEP = 0.040
"""Step of the knots beyond the attack frames, that of the image's later frames, in seconds."""

_LOOP_POINTS = 61
_RELEASE_FRAMES = FRAME_TIMES >= HOLD_SECONDS - 1e-9
RELEASE_TIMES = FRAME_TIMES[_RELEASE_FRAMES] - HOLD_SECONDS
"""Frames of the image's release [seconds after the release]."""

# A bin's own release counts in full from here up, and not at all from 20 dB below:
# what is near the floor when the note is released tells nothing of how it fades.
_RELEASE_TRUST_DB = LEVEL_FLOOR_DB + 30.0


class Frames(NamedTuple):
    """The bins of a note at some moments.

    Attributes
    ----------
    level, noise : np.ndarray [shape=(n, 96), dB]
    deviation : np.ndarray [shape=(n, 48), units of f0]
    texture : np.ndarray [shape=(n, 48), dB]
    """

    level: FloatArray
    noise: FloatArray
    deviation: FloatArray
    texture: FloatArray


def note_knots(duration: float) -> FloatArray:
    """Return the moments at which a note is laid out before its release.

    Parameters
    ----------
    duration : float [seconds, > 0]

    Returns
    -------
    times : np.ndarray [shape=(n_knots,), seconds from the onset]
        From 0 to `duration`: the frames of the image, and every 40 ms beyond them.
    """
    frames = FRAME_TIMES[np.less(FRAME_TIMES, min(duration, HOLD_SECONDS) - 1e-3)]
    last = float(frames[-1]) if len(frames) else 0.0
    n_steps = max(1, round((duration - last) / KNOT_STEP))
    later = last + (duration - last) * np.arange(1, n_steps + 1) / n_steps
    return np.concatenate([frames if len(frames) else np.zeros(1), later])


def release_knots(release: float) -> FloatArray:
    """Return the moments at which a release is laid out [seconds after the offset, > 0]."""
    return np.append(RELEASE_TIMES[1:][RELEASE_TIMES[1:] < release - 1e-3], release)


class HeldNote:
    """A note image held for some seconds, then released.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
        A note image.
    duration : float [seconds, > 0]
        Time from onset to release; any length.
    hold_db : float [dB re the loudest frame]
        A note that outlasts this level of its image stretches what comes before: a plucked
        string is then held instead of dying. The floor (-90) lets it die.
    """

    def __init__(
        self, image: FloatArray, duration: float, *, hold_db: float = LEVEL_FLOOR_DB
    ) -> None:
        self.image = image
        self.duration = duration
        self._end = _hold_end(self.own_level, hold_db)

    @cached_property
    def own_level(self) -> FloatArray:
        """The level of each frame of the image [shape=(128,), dB]."""
        return instrument_level(self.image)

    def at(self, times: FloatArray) -> Frames:
        """Return what sounds at some moments of the note.

        Parameters
        ----------
        times : np.ndarray [shape=(n,), seconds from the onset, ascending]
            Past the image's own release (1 s) it stays as it is there.
        """
        held = np.minimum(times, self.duration)
        level = self._hold(self.image[..., 0], held, self._end)
        # A knock or a pluck dies at its own speed also where the tone after it is held.
        noise = self._hold(self.image[..., 2], held, HOLD_END)
        after = times - self.duration
        if len(times) and after[-1] > 0.0:
            released = after > 0.0
            level_fall, noise_fall = _release(self.image, self.own_level, after[released])
            level[released] += level_fall
            noise[released] += noise_fall
        source = _looped(held, *self._span(self._end))
        deviation = _sample(self.image[..., :N_SINGLE, 1], source)
        texture = _sample(self.image[..., :N_SINGLE, 3], source)
        return Frames(level, noise, deviation, texture)

    def read(self, values: FloatArray, times: FloatArray) -> FloatArray:
        """Return what was measured of the image's frames at moments of the note.

        Parameters
        ----------
        values : np.ndarray [shape=(128,)]
            Such as the level of all partials together.
        times : np.ndarray [shape=(n,), seconds from the onset]

        Returns
        -------
        values : np.ndarray [shape=(n,)]
        """
        return self._hold(values[:, None], np.minimum(times, self.duration), self._end)[:, 0]

    def _hold(self, channel: FloatArray, times: FloatArray, end: float) -> FloatArray:
        """Return a channel at moments of a note that uses the image up to `end`."""
        start, end = self._span(end)
        source = _looped(times, start, end)
        values = _sample(channel, source)
        if start == self.duration or not len(times) or times[-1] < start:
            return values
        stretched = start + (times - start) * (end - start) / (self.duration - start)
        # Up to `start` both are the same time, and nothing is changed.
        stretched = np.where(times < start, times, stretched)
        values = values + _slow_change(channel, source, stretched, start, end)
        # Slow and fast do not part cleanly at a sudden step; no bin gets louder than it was.
        return np.asarray(np.minimum(values, channel.max(axis=0)))

    def _span(self, end: float) -> tuple[float, float]:
        """Return from where to where the image is looped; the note's end twice if it is not."""
        duration = self.duration
        if duration <= (HOLD_SECONDS if end == HOLD_END else end):
            return duration, duration
        return min(UNSTRETCHED_SECONDS, 0.5 * end), end


def _hold_end(level: FloatArray, hold_db: float) -> float:
    """Return the time up to which a held note uses an image of this level [shape=(128,), dB]."""
    lasting = np.flatnonzero((level >= level.max() + hold_db) & (FRAME_TIMES <= HOLD_END))
    last = FRAME_TIMES[lasting[-1]] if len(lasting) else 0.0
    return float(max(last, 0.08)) if last < HOLD_END - KNOT_STEP else HOLD_END


def _looped(t: FloatArray, start: float, end: float) -> FloatArray:
    """Return the times of the image that are used: forth and back from `start` to `end`."""
    if end <= start:
        return np.minimum(t, end)
    period = end - start
    back_and_forth = period - np.abs(period - np.mod(t - start, 2.0 * period))
    return np.where(t < start, t, start + back_and_forth)


def _sample(channel: FloatArray, times: FloatArray) -> FloatArray:
    """Interpolate a channel [shape=(128, bins)] linearly at `times`."""
    return read_rows(channel, np.interp(times, FRAME_TIMES, np.arange(len(FRAME_TIMES))))


def _slow_change(
    channel: FloatArray, source: FloatArray, stretched: FloatArray, start: float, end: float
) -> FloatArray:
    """Return what turns the slow part of the looped channel into that of the stretched one."""
    grid = np.linspace(start, end, _LOOP_POINTS)
    values = _sample(channel, grid)
    points = STRETCHED_SECONDS * (_LOOP_POINTS - 1) / (end - start)
    width = int(np.clip(points, 3, _LOOP_POINTS // 4))
    half = width // 2
    padded = np.pad(values.astype(np.float64), ((half + 1, half), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=0)
    slow = (sums[2 * half + 1 :] - sums[: -(2 * half + 1)]) / (2 * half + 1)
    step = (end - start) / (_LOOP_POINTS - 1)

    def at(times: FloatArray) -> FloatArray:
        return read_rows(slow, np.clip((times - start) / step, 0.0, _LOOP_POINTS - 1))

    return at(stretched) - at(source)


def _release(
    image: FloatArray, own_level: FloatArray, after: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return how far each bin's level and noise fall `after` the release, in dB (<= 0)."""
    at_release = np.array([HOLD_SECONDS])
    total = own_level[_RELEASE_FRAMES]
    own_total = np.minimum(np.interp(after, RELEASE_TIMES, total - total[0]), 0.0)[:, None]
    falls = []
    for channel in (image[..., 0], image[..., 2]):
        reached = _sample(channel, at_release)
        own = np.minimum(_sample(channel, HOLD_SECONDS + after) - reached, 0.0)
        trust = np.clip((reached - _RELEASE_TRUST_DB + 20.0) / 20.0, 0.0, 1.0)
        falls.append(trust * own + (1.0 - trust) * own_total)
    return falls[0], falls[1]
