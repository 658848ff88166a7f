"""Synthesize notes from images: oscillators and shaped noise.

The pitch is free: a note follows any curve of f0, at any sample rate, however long it is held.

References
----------
.. [1] Serra and Smith, "Spectral Modeling Synthesis", Computer Music Journal 14(4), 1990.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, FloatArray, IntArray
from retimbre.errors import ParameterError
from retimbre.expression import RELEASE_SECONDS, follow_level, hold_level
from retimbre.harmonic.image import (
    HOLD_SECONDS,
    N_BINS,
    N_CHANNELS,
    N_FRAMES,
    NOTE_SECONDS,
    SAMPLE_RATE,
)
from retimbre.harmonic.layout import (
    Timeline,
    instrument_level,
    lay_out,
    quiet_onset,
    static_deviation,
)
from retimbre.harmonic.noise import shape_noise
from retimbre.harmonic.partials import block_length, sum_partials
from retimbre.runtime import count_cores, single_threaded_blas
from retimbre.units import midi_to_hz

FADE_IN_SECONDS = 0.004
"""The onset of a note rises over this time: no click, and no softer attack."""

NOTES_AHEAD = 4
"""So many notes a thread are made before they are asked for."""


@single_threaded_blas
def synthesize_note(
    image: FloatArray,
    f0: npt.ArrayLike,
    *,
    duration: float,
    sr: float = SAMPLE_RATE,
    release: float = RELEASE_SECONDS,
    level_db: FloatArray | None = None,
    expression: float = 1.0,
    seed: int = 0,
) -> Float32Array:
    """Play a note image.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
        See `retimbre.harmonic.image`.
    f0 : float or np.ndarray [shape=(n_curve,), Hz]
        One frequency, or a curve every 10 ms from the onset, held after its end.
    duration : float [seconds, > 0]
        From onset to release; shorter or longer than the image's 3 s.
    sr : float [Hz]
        Of the result. Partials that reach Nyquist fade out.
    release : float [seconds, > 0]
        After the release the note fades to nothing over this time.
    level_db : np.ndarray [shape=(n_curve,), dB], optional
        A performer's level every 10 ms from the onset, to be followed.
    expression : float [0..1]
        How much the performer's curves stand in place of the image's own: 1 takes away the
        image's own vibrato and follows `level_db`, 0 keeps the one and ignores the other.
        The note is in tune with `f0` at any value.
    seed : int [>= 0]
        Draws the phases and the noise; same seed, same samples.

    Returns
    -------
    y : np.ndarray of float32 [shape=(round(duration * sr) + round(release * sr),)]
        Starts and ends at 0. A partial of 0 dB has amplitude 1.

    Raises
    ------
    ParameterError
        If the shape, a number or a length is not as above, or not finite.
    """
    curve = np.atleast_1d(np.asarray(f0, dtype=np.float64))
    _check(image, curve, duration, release, sr, expression)
    rng = np.random.default_rng(seed)
    n_samples = round(duration * sr) + round(release * sr)
    hold_db = hold_level(expression)
    mean_f0 = float(np.exp(np.mean(np.log(curve))))
    timeline = lay_out(quiet_onset(image, mean_f0), duration, release, hold_db=hold_db)
    block = block_length(sr)
    points = np.arange(-(-n_samples // block) + 1) * (block / sr)
    y = sum_partials(timeline, static_deviation(image), curve, points, expression, sr, rng)
    y += shape_noise(timeline.times, timeline.noise, f0=mean_f0, n_samples=len(y), sr=sr, rng=rng)
    if level_db is not None and expression > 0.0:
        _follow(y, timeline, level_db, points, expression, duration)
    y = np.asarray(y[:n_samples])
    _fade(y, round(FADE_IN_SECONDS * sr), round(release * sr))
    return y


@single_threaded_blas
def synthesize_plain(image: FloatArray, pitch: float, *, sr: float = SAMPLE_RATE) -> Float32Array:
    """Play an image as it was analysed: held for 3 s, released for 1 s.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    pitch : float [MIDI]
    sr : float [Hz]

    Returns
    -------
    y : np.ndarray of float32 [shape=(4 * sr,), -1..1]
        The peak is 1; silence stays silence.
    """
    y = synthesize_note(
        image,
        midi_to_hz(pitch),
        duration=HOLD_SECONDS,
        release=NOTE_SECONDS - HOLD_SECONDS,
        sr=sr,
        expression=0.0,
    )
    peak = float(np.abs(y).max())
    return y / np.float32(peak) if peak > 0.0 else y


def _check(
    image: FloatArray,
    curve: FloatArray,
    duration: float,
    release: float,
    sr: float,
    expression: float,
) -> None:
    if image.shape != (N_FRAMES, N_BINS, N_CHANNELS) or not np.isfinite(image).all():
        raise ParameterError(
            f"A note image needs finite values of shape {(N_FRAMES, N_BINS, N_CHANNELS)}, "
            f"given shape {image.shape}."
        )
    if curve.ndim != 1 or len(curve) == 0 or not np.all(np.isfinite(curve) & (curve > 0.0)):
        raise ParameterError("A note needs an f0 of one or more finite frequencies above 0 Hz.")
    for name, value in (("duration", duration), ("release", release), ("sr", sr)):
        if not (np.isfinite(value) and value > 0.0):
            raise ParameterError(f"A note needs a {name} above 0, given {value}.")
    if not 0.0 <= expression <= 1.0:
        raise ParameterError(f"Expression must be between 0 and 1, given {expression}.")


def _follow(
    y: Float32Array,
    timeline: Timeline,
    level_db: FloatArray,
    points: FloatArray,
    expression: float,
    duration: float,
) -> None:
    """Take the wave to the performer's level, in place; the release goes on from its end."""
    own_db = np.interp(points, timeline.times, instrument_level(timeline.level))
    held = points < duration
    gain_db = np.empty(len(points))
    gain_db[held] = follow_level(level_db, own_db[held], points[held], amount=expression)
    gain_db[~held] = gain_db[held][-1]
    gain = 10.0 ** (gain_db.astype(np.float32) / 20.0)
    blocks = y.reshape(len(points) - 1, -1)
    ramp = np.arange(blocks.shape[1], dtype=np.float32) / blocks.shape[1]
    blocks *= gain[:-1, None] + np.diff(gain)[:, None] * ramp


def _fade(y: Float32Array, n_in: int, n_out: int) -> None:
    """Fade the ends in place: quarters of a squared sine."""
    n_in = min(n_in, len(y))
    y[:n_in] *= (np.sin(0.5 * np.pi * np.arange(n_in) / max(n_in, 1)) ** 2).astype(np.float32)
    if n_out > 0:
        fall = np.cos(0.5 * np.pi * np.arange(1, n_out + 1) / n_out) ** 2
        y[-n_out:] *= fall.astype(np.float32)


def synthesize_notes(
    images: Iterable[FloatArray],
    f0_curves: Sequence[npt.ArrayLike] | FloatArray,
    durations: Sequence[float] | FloatArray,
    *,
    sr: float = SAMPLE_RATE,
    releases: Sequence[float] | FloatArray | float = RELEASE_SECONDS,
    level_curves: Sequence[FloatArray | None] | None = None,
    expression: float = 1.0,
    seeds: Sequence[int] | IntArray,
    threads: int | None = None,
) -> Iterator[Float32Array]:
    """Play notes one after another, several at a time.

    Parameters
    ----------
    images : iterable of np.ndarray [shape=(128, 96, 4)]
        One per note, in their order; an iterator is read a few notes ahead, by the caller's
        thread.
    f0_curves : sequence of float or np.ndarray [Hz]
        As in `synthesize_note`, one a note.
    durations : sequence of float [shape=(n_notes,), seconds]
    sr : float [Hz]
    releases : float or sequence of float [shape=(n_notes,), seconds]
    level_curves : sequence of np.ndarray or None, optional
    expression : float [0..1]
    seeds : sequence of int [shape=(n_notes,)]
    threads : int, optional
        As many as the machine has processors. The samples do not depend on it.

    Yields
    ------
    y : np.ndarray of float32
        The waves in the order of the notes. Only a few are made ahead, so an hour of notes
        takes no more memory than some.

    Raises
    ------
    ParameterError
        If the sequences differ in length, or as `synthesize_note`.
    """
    n_notes = len(durations)
    tails = [float(releases)] * n_notes if np.ndim(releases) == 0 else list(releases)  # type: ignore[arg-type]
    levels = [None] * n_notes if level_curves is None else level_curves
    lengths = [len(s) for s in (f0_curves, durations, tails, levels, seeds)]
    lengths += [len(images)] if isinstance(images, Sized) else []
    if len(set(lengths)) > 1:
        raise ParameterError(f"Notes need one of everything each, given lengths {lengths}.")

    def play(note: int, image: FloatArray) -> Float32Array:
        return synthesize_note(
            image,
            f0_curves[note],
            duration=float(durations[note]),
            sr=sr,
            release=float(tails[note]),
            level_db=levels[note],
            expression=expression,
            seed=int(seeds[note]),
        )

    tasks = zip(range(n_notes), images, strict=True)
    return _in_order(play, tasks, threads or count_cores())


def _in_order(
    play: Callable[[int, FloatArray], Float32Array],
    tasks: Iterable[tuple[int, FloatArray]],
    threads: int,
) -> Iterator[Float32Array]:
    """Play the tasks in threads, a few ahead of the one that is asked for."""
    pending: deque[Future[Float32Array]] = deque()
    threaded = ThreadPoolExecutor(threads, thread_name_prefix="synthesis")
    with single_threaded_blas, threaded as pool:
        try:
            for task in tasks:
                pending.append(pool.submit(play, *task))
                if len(pending) >= NOTES_AHEAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
