"""Lay a note image out over a note of any length.

An image shows a note that is held for 3 s and released. A note of another length follows it up
to its end and then jumps to the image's release, taken relative to the moment of release, so
that every partial goes on from the level it has reached. A longer note holds the image: what
changes slowly (a decay, a swell) is stretched over the note, what changes fast (beats, vibrato,
breath) keeps its speed and runs forth and back.
"""

from dataclasses import dataclass

import numpy as np

from retimbre._typing import FloatArray
from retimbre.expression import HOLD_END, STRETCHED_SECONDS, UNSTRETCHED_SECONDS
from retimbre.harmonic.image import (
    ATTACK_STEP,
    BIN_PARTIALS,
    FRAME_TIMES,
    GROUP_EDGES,
    HOLD_SECONDS,
    LEVEL_FLOOR_DB,
    MIN_WINDOW,
    N_SINGLE,
    NOISE_FRAMES,
    SAMPLE_RATE,
    WINDOW_PERIODS,
)
from retimbre.harmonic.reading import read_rows

KNOT_STEP = 0.040
"""Step of the knots beyond the attack frames, that of the image's later frames, in seconds."""

_LOOP_POINTS = 61
_RELEASE_FRAMES = FRAME_TIMES >= HOLD_SECONDS - 1e-9
_RELEASE_TIMES = FRAME_TIMES[_RELEASE_FRAMES] - HOLD_SECONDS

# A bin's own release counts in full from here up, and not at all from 20 dB below:
# what is near the floor when the note is released tells nothing of how it fades.
_RELEASE_TRUST_DB = LEVEL_FLOOR_DB + 30.0


def _partials_in_bins() -> FloatArray:
    counts = np.ones(len(BIN_PARTIALS))
    counts[N_SINGLE:] = np.maximum(np.diff(np.ceil(GROUP_EDGES)), 1.0)
    return counts


BIN_COUNTS = _partials_in_bins()
"""How many partials each bin stands for [shape=(96,)]."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The bins of a note at knots in time.

    Attributes
    ----------
    times : np.ndarray [shape=(n_knots,), seconds from the onset]
        Strictly ascending, from 0 to the end of the release; at least two.
    level, noise : np.ndarray [shape=(n_knots, 96), dB]
    deviation : np.ndarray [shape=(n_knots, 48), units of f0]
    texture : np.ndarray [shape=(n_knots, 48), dB]
    """

    times: FloatArray
    level: FloatArray
    noise: FloatArray
    deviation: FloatArray
    texture: FloatArray


def instrument_level(image: FloatArray) -> FloatArray:
    """Return the level of all partials together.

    Parameters
    ----------
    image : np.ndarray [shape=(n_frames, 96, 4)]
        A note image, or only its level channel [shape=(n_frames, 96), dB].

    Returns
    -------
    level_db : np.ndarray [shape=(n_frames,), dB]
        0 at the loudest frame of an analysed note; -90 or a little more in silence.
    """
    level = image[..., 0] if image.ndim == 3 else image
    # What lies on the floor is silence, and 480 partials of it still are.
    floor = 10.0 ** (LEVEL_FLOOR_DB / 10.0)
    power = np.exp(level.astype(np.float32) * np.float32(np.log(10.0) / 10.0)) - np.float32(floor)
    total = np.maximum(power, 0.0) @ BIN_COUNTS
    return np.asarray(10.0 * np.log10(total + floor))


def common_deviation(image: FloatArray) -> FloatArray:
    """Return how far the whole note lies above its f0 at each frame.

    The mean over partials 1..10 of their deviation per partial number, weighted by power:
    vibrato and detuning move them all alike. Towards silence it goes to 0.

    Parameters
    ----------
    image : np.ndarray [shape=(n_frames, 96, 4)]

    Returns
    -------
    deviation : np.ndarray [shape=(n_frames,), units of f0]
    """
    return weigh_deviation(image[..., 0], image[..., :N_SINGLE, 1])


def weigh_deviation(level: FloatArray, deviation: FloatArray, *, rest: float = 0.0) -> FloatArray:
    """Return the common deviation of levels and deviations (see `common_deviation`).

    Parameters
    ----------
    level : np.ndarray [shape=(n_frames, 96), dB]
    deviation : np.ndarray [shape=(n_frames, 48), units of f0]
    rest : float [units of f0]
        Where it goes towards silence.

    Returns
    -------
    deviation : np.ndarray [shape=(n_frames,), units of f0]
    """
    power = 10.0 ** (level[:, :10].astype(np.float64) / 10.0)
    relative = deviation[:, :10] / BIN_PARTIALS[:10]
    # The phases of frames below -70 dB are noise; the constant draws them to `rest`.
    quiet = 1e-7
    return np.asarray(
        (np.sum(power * relative, axis=1) + quiet * rest) / (np.sum(power, axis=1) + quiet)
    )


def static_deviation(image: FloatArray) -> float:
    """Return how far the note lies above its f0 as a whole, in units of f0.

    The median over time of `common_deviation`, from 0.1 s (from the onset where the note is
    over by then) to the release, over frames within 50 dB of the loudest; 0 in silence.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]

    Returns
    -------
    deviation : float [units of f0]
    """
    level = instrument_level(image)
    loud = (level > max(level.max() - 50.0, LEVEL_FLOOR_DB + 10.0)) & ~_RELEASE_FRAMES
    held = loud & (FRAME_TIMES >= 0.1)
    chosen = held if np.count_nonzero(held) >= 4 else loud
    return float(np.median(common_deviation(image)[chosen])) if chosen.any() else 0.0


def lay_out(
    image: FloatArray, duration: float, release: float, *, hold_db: float = LEVEL_FLOOR_DB
) -> Timeline:
    """Lay an image out over one note.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
        A note image.
    duration : float [seconds, > 0]
        Time from onset to release; any length.
    release : float [seconds, > 0]
        Length of the release; past the image's own (1 s) it stays as it is there.
    hold_db : float [dB re the loudest frame]
        A note that outlasts this level of its image stretches what comes before: a plucked
        string is then held instead of dying. The floor (-90) lets it die.

    Returns
    -------
    timeline : Timeline
    """
    times, level, noise, deviation, texture = _held(image, duration, hold_db)
    after = np.append(_RELEASE_TIMES[1:][_RELEASE_TIMES[1:] < release - 1e-3], release)
    level_fall, noise_fall = _release(image, after)

    def stay(values: FloatArray) -> FloatArray:
        return np.concatenate([values, np.repeat(values[-1:], len(after), axis=0)])

    return Timeline(
        times=np.concatenate([times, duration + after]),
        level=np.concatenate([level, level[-1] + level_fall]),
        noise=np.concatenate([noise, noise[-1] + noise_fall]),
        deviation=stay(deviation),
        texture=stay(texture),
    )


def _held(image: FloatArray, duration: float, hold_db: float) -> tuple[FloatArray, ...]:
    """Knot times, levels, noise, deviations and texture from the onset to the release."""
    end = _hold_end(image, hold_db)
    frames = FRAME_TIMES[np.less(FRAME_TIMES, min(duration, HOLD_SECONDS) - 1e-3)]
    last = float(frames[-1]) if len(frames) else 0.0
    n_steps = max(1, round((duration - last) / KNOT_STEP))
    later = last + (duration - last) * np.arange(1, n_steps + 1) / n_steps
    times = np.concatenate([frames if len(frames) else np.zeros(1), later])
    level = _hold(image[..., 0], times, end)
    # A knock or a pluck dies at its own speed also where the tone after it is held.
    noise = _hold(image[..., 2], times, HOLD_END)
    source = _looped(times, *_span(end, duration))
    deviation = _sample(image[..., :N_SINGLE, 1], source)
    texture = _sample(image[..., :N_SINGLE, 3], source)
    return times, level, noise, deviation, texture


def _hold(channel: FloatArray, times: FloatArray, end: float) -> FloatArray:
    """Return a channel at the knots of a note that uses the image up to `end`."""
    duration = times[-1]
    start, end = _span(end, duration)
    source = _looped(times, start, end)
    values = _sample(channel, source)
    if start == duration:
        return values
    stretched = start + (times - start) * (end - start) / (duration - start)
    # Up to `start` both are the same time, and nothing is changed.
    stretched = np.where(times < start, times, stretched)
    values = values + _slow_change(channel, source, stretched, start, end)
    # Slow and fast do not part cleanly at a sudden step; no bin gets louder than it was.
    return np.asarray(np.minimum(values, channel.max(axis=0)))


def _span(end: float, duration: float) -> tuple[float, float]:
    """Return from where to where the image is looped; the note's end twice where it is not."""
    if duration <= (HOLD_SECONDS if end == HOLD_END else end):
        return duration, duration
    return min(UNSTRETCHED_SECONDS, 0.5 * end), end


def _hold_end(image: FloatArray, hold_db: float) -> float:
    """Return the time up to which a held note uses the image."""
    level = instrument_level(image)
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


def quiet_onset(image: FloatArray, f0: float) -> FloatArray:
    """Take away the noise that the analysis hears in a sudden onset.

    A window that begins before the note sees it begin: a step, whose spectrum lies between the
    partials as noise does, and the analysis averages it into the next frames. Until both are
    over the noise stays under that of the first frame that they do not reach.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    f0 : float [Hz]
        Of the note that was analysed.

    Returns
    -------
    image : np.ndarray [shape=(128, 96, 4)]
        A copy.
    """
    half_window = max(0.5 * WINDOW_PERIODS / f0, 0.5 * MIN_WINDOW / SAMPLE_RATE)
    # Beyond so many frames the average's weights are under 3 %.
    averaged = 2.6 * NOISE_FRAMES * ATTACK_STEP
    first = min(int(np.searchsorted(FRAME_TIMES, half_window + averaged)), len(FRAME_TIMES) - 1)
    quiet = image.copy()
    np.minimum(quiet[:first, :, 2], quiet[first, :, 2], out=quiet[:first, :, 2])
    return quiet


def _release(image: FloatArray, after: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how far each bin's level and noise fall `after` the release, in dB (<= 0)."""
    at_release = np.array([HOLD_SECONDS])
    total = instrument_level(image)[_RELEASE_FRAMES]
    own_total = np.minimum(np.interp(after, _RELEASE_TIMES, total - total[0]), 0.0)[:, None]
    falls = []
    for channel in (image[..., 0], image[..., 2]):
        reached = _sample(channel, at_release)
        own = np.minimum(_sample(channel, HOLD_SECONDS + after) - reached, 0.0)
        trust = np.clip((reached - _RELEASE_TRUST_DB + 20.0) / 20.0, 0.0, 1.0)
        falls.append(trust * own + (1.0 - trust) * own_total)
    return falls[0], falls[1]
