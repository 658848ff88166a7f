"""Synthesize voices from images: oscillators and shaped noise.

The pitch is free: a note follows any curve of f0, at any sample rate, however long it is held.

References
----------
.. [1] Serra and Smith, "Spectral Modeling Synthesis", Computer Music Journal 14(4), 1990.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, FloatArray
from retimbre.errors import ParameterError
from retimbre.expression import RELEASE_SECONDS
from retimbre.harmonic.blend import Layers, blend
from retimbre.harmonic.image import (
    HOLD_SECONDS,
    N_BINS,
    N_CHANNELS,
    N_FRAMES,
    NOTE_SECONDS,
    SAMPLE_RATE,
)
from retimbre.harmonic.noise import NoiseStream
from retimbre.harmonic.partials import PartialBank, block_length
from retimbre.harmonic.voice import Piece, Voice, VoiceNote
from retimbre.runtime import count_cores, single_threaded_blas
from retimbre.units import midi_to_hz

FADE_IN_SECONDS = 0.004
"""The onset of a note rises over this time: no click, and no softer attack."""

SOFT_SECONDS = 0.060
"""A soft beginning rises over this time."""

PIECES_AHEAD = 4
"""So many pieces per thread are made before they are asked for."""


class VoiceSound:
    """The sound of a voice, made piece by piece.

    Parameters
    ----------
    voice : Voice
    """

    def __init__(self, voice: Voice) -> None:
        rng = np.random.default_rng(voice.seed)
        self._voice = voice
        self._partials = PartialBank(voice.sr, rng)
        self._noise = NoiseStream(voice.sr, rng)

    def make(self, piece: Piece, images: Mapping[int, Layers]) -> Float32Array:
        """Make the next piece.

        Parameters
        ----------
        piece : Piece
            The one that follows the piece before.
        images : mapping of int to sequence of np.ndarray [shape=(128, 96, 4)]
            Those that the piece needs: of each the one at the note's velocity and, as the last,
            the softer one.

        Returns
        -------
        y : np.ndarray of float32 [shape=(piece.stop - piece.start,)]
        """
        voice, n_samples = self._voice, piece.stop - piece.start
        block = block_length(voice.sr)
        n_blocks = -(-n_samples // block)
        points = (piece.start + block * np.arange(n_blocks + 1)) / voice.sr
        laid = blend(voice, images, points, self._noise.frequencies)
        y = self._partials.sum(
            laid.times,
            laid.frames,
            laid.static,
            points,
            voice.f0_at(points),
            own_vibrato=1.0 - voice.pitch_expression,
        )
        y += self._noise.make(laid.times, laid.noise, piece.start, len(y))
        _amplify(y, laid.gain_db)
        self._fade(y, piece.start)
        return np.asarray(y[:n_samples])

    def _fade(self, y: Float32Array, start: int) -> None:
        """Fade the ends of the voice in place: quarters of a squared sine."""
        voice = self._voice
        seconds = SOFT_SECONDS if voice.notes[0].start == "soft" else FADE_IN_SECONDS
        n_in = min(round(seconds * voice.sr), round(voice.notes[-1].offset * voice.sr))
        if start < n_in:
            rise = _rising(n_in)[start:]
            y[: len(rise)] *= rise[: len(y)]
        n_out = round(voice.release * voice.sr)
        first = voice.n_samples - n_out - start
        if n_out > 0 and first < len(y):
            fall = _falling(n_out)[max(-first, 0) :]
            y[max(first, 0) : max(first, 0) + len(fall)] *= fall[: len(y) - max(first, 0)]


@lru_cache(maxsize=8)
def _rising(n: int) -> Float32Array:
    """Return the first quarter of a squared sine."""
    return np.asarray(np.sin(0.5 * np.pi * np.arange(n) / max(n, 1)) ** 2, np.float32)


@lru_cache(maxsize=8)
def _falling(n: int) -> Float32Array:
    """Return the second quarter of a squared sine, down to 0."""
    return np.asarray(np.cos(0.5 * np.pi * np.arange(1, n + 1) / n) ** 2, np.float32)


def _amplify(y: Float32Array, gain_db: FloatArray) -> None:
    """Apply a gain that is given at the ends of blocks, in place."""
    if not gain_db.any():
        return
    gain = 10.0 ** (gain_db.astype(np.float32) / 20.0)
    blocks = y.reshape(len(gain_db) - 1, -1)
    ramp = np.arange(blocks.shape[1], dtype=np.float32) / blocks.shape[1]
    blocks *= gain[:-1, None] + np.diff(gain)[:, None] * ramp


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
    note = VoiceNote(0.0, duration, curve, float(curve[0]), level_db if expression > 0.0 else None)
    voice = Voice((note,), release, sr, expression, expression, seed)
    sound = VoiceSound(voice)
    return np.concatenate([sound.make(piece, {0: [image]}) for piece in voice.pieces()])


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


class Sound(NamedTuple):
    """A stretch of sound that has its place.

    Attributes
    ----------
    start : int [samples from the beginning of the clip]
    y : np.ndarray of float32 [shape=(n_samples,)]
    """

    start: int
    y: Float32Array


class Task(NamedTuple):
    """A piece that is to be made.

    Attributes
    ----------
    voice : int
        Its number; the pieces of a voice follow one another.
    piece : Piece
    images : mapping of int to sequence of np.ndarray
        See `VoiceSound.make`.
    """

    voice: int
    piece: Piece
    images: Mapping[int, Layers]


def synthesize_voices(
    voices: Sequence[Voice], tasks: Iterable[Task], *, threads: int | None = None
) -> Iterator[Float32Array]:
    """Play voices one after another, several at a time.

    Parameters
    ----------
    voices : sequence of Voice
    tasks : iterable of Task
        The pieces of all voices in their order; an iterator is read a few pieces ahead, by the
        caller's thread.
    threads : int, optional
        As many as the machine has processors. The samples do not depend on it.

    Yields
    ------
    y : np.ndarray of float32
        One per piece. Only a few are made ahead, so an hour of sound takes no more memory than
        some seconds.
    """
    threads = threads or count_cores()
    pending: deque[Future[Float32Array]] = deque()
    voice, sound, previous = -1, None, None

    def make(sound: VoiceSound, task: Task, previous: Future[Float32Array] | None) -> Float32Array:
        if previous is not None:
            # Submitted earlier, so it runs or is done: nobody waits for one who waits.
            previous.result()
        return sound.make(task.piece, task.images)

    pool = ThreadPoolExecutor(threads, thread_name_prefix="synthesis")
    with single_threaded_blas, pool:
        try:
            for task in tasks:
                if sound is None or task.voice != voice:
                    voice, sound, previous = task.voice, VoiceSound(voices[task.voice]), None
                previous = pool.submit(make, sound, task, previous)
                pending.append(previous)
                if len(pending) >= PIECES_AHEAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
