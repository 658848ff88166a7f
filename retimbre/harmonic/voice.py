"""Notes that sound as one: which of them, where their images stand, and their pitch.

A voice is a note, or a row of notes of which each goes on out of the one before it (a slur). Its
oscillators run through. At a join every partial glides to its place in the next note's image, and
what two images give at one moment is weighed: the weights of all images add up to one.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.harmonic.held import note_knots, release_knots
from retimbre.harmonic.partials import block_length
from retimbre.types import HOP_SECONDS

GLIDE_SECONDS = 0.050
"""A join lasts so long, half of it before the onset; less between short notes."""

GLIDE_STEP = 0.005
"""Step of the knots in a join, in seconds."""

PIECE_SECONDS = 6.0
"""Sounds are made in pieces of about this length."""


@dataclass(frozen=True, eq=False)
class VoiceNote:
    """A note of a voice.

    Attributes
    ----------
    onset : float [seconds from the beginning of the voice]
    duration : float [seconds, > 0]
    f0 : np.ndarray [shape=(n_curve,), Hz]
        Every 10 ms from the onset, held after its end.
    key_hz : float [Hz]
        The note without expression.
    level_db : np.ndarray [shape=(n_curve,), dB] or None
        The performer's level every 10 ms from the onset.
    start : {"struck", "soft", "tied"}
    loudness_db : float [dB re full scale] or None
        What the note is brought to; None leaves it as it is.
    moments : np.ndarray [shape=(n_images,), seconds from the onset]
        Where the note's images stand, ascending from 0.
    softer_db : float [dB]
        How far under the note's own level its softer images stand alone; 0 if it has none.
    """

    onset: float
    duration: float
    f0: FloatArray
    key_hz: float
    level_db: FloatArray | None = None
    start: str = "struck"
    loudness_db: float | None = None
    moments: FloatArray = (0.0,)  # type: ignore[assignment]
    softer_db: float = 0.0

    @property
    def offset(self) -> float:
        """Its end before any release [seconds from the beginning of the voice]."""
        return self.onset + self.duration

    @cached_property
    def mean_f0(self) -> float:
        """The mean of `f0` on a scale of pitch [Hz]."""
        return float(np.exp(np.mean(np.log(self.f0))))


class Piece(NamedTuple):
    """A part of a voice that is made at once.

    Attributes
    ----------
    start, stop : int [samples from the beginning of the voice]
    images : np.ndarray of int [shape=(n,)]
        Which of the voice's images it needs, ascending.
    """

    start: int
    stop: int
    images: IntArray


@dataclass(frozen=True, eq=False)
class Voice:
    """Notes that sound as one.

    Attributes
    ----------
    notes : tuple of VoiceNote
        One or more, by onset; all but the first are tied.
    release : float [seconds]
        Of the last note.
    sr : int or float [Hz]
    pitch_expression, loudness_expression : float [0..1]
        How much the performer's curves stand in place of the images' own.
    seed : int
        Draws the phases and the noise.
    """

    notes: tuple[VoiceNote, ...]
    release: float
    sr: float
    pitch_expression: float = 1.0
    loudness_expression: float = 1.0
    seed: int = 0

    @property
    def n_samples(self) -> int:
        """Length of the sound."""
        return round(self.notes[-1].offset * self.sr) + round(self.release * self.sr)

    @cached_property
    def glides(self) -> FloatArray:
        """Half the length of the join before each note [shape=(n_notes,), seconds]; 0 first."""
        lengths = np.array([note.duration for note in self.notes])
        shorter = np.minimum(lengths[1:], lengths[:-1])
        return np.append(0.0, np.minimum(0.5 * GLIDE_SECONDS, 0.4 * shorter))

    @cached_property
    def image_note(self) -> IntArray:
        """Which note each image of the voice is of [shape=(n_images,)]."""
        return np.repeat(np.arange(len(self.notes)), [len(note.moments) for note in self.notes])

    @cached_property
    def image_time(self) -> FloatArray:
        """Where each image stands [shape=(n_images,), seconds from the beginning]."""
        return np.concatenate([note.onset + np.asarray(note.moments) for note in self.notes])

    @cached_property
    def first_image(self) -> IntArray:
        """The first image of each note [shape=(n_notes,)]."""
        return np.cumsum([0] + [len(note.moments) for note in self.notes])[:-1]

    def pieces(self) -> list[Piece]:
        """Cut the sound into pieces."""
        size = block_length(self.sr) * 64
        length = max(1, round(PIECE_SECONDS * self.sr / size)) * size
        n_pieces = max(1, round(self.n_samples / length))
        edges = [*range(0, n_pieces * length, length), self.n_samples]
        bounds = [(a, b) for a, b in itertools.pairwise(edges) if b > a]
        return [Piece(a, b, self._images_between(a / self.sr, b / self.sr)) for a, b in bounds]

    def notes_between(self, start: float, stop: float) -> range:
        """Return which notes sound between two moments, joins included."""
        if len(self.notes) == 1:
            return range(1)
        begins = np.array([note.onset for note in self.notes]) - self.glides
        ends = np.array([note.offset for note in self.notes]) + np.append(self.glides[1:], np.inf)
        heard = np.flatnonzero((begins <= stop) & (ends >= start))
        return range(int(heard[0]), int(heard[-1]) + 1)

    def _images_between(self, start: float, stop: float) -> IntArray:
        """Return the images that count between two moments; a note's first always does."""
        found = []
        for k in self.notes_between(start - MARGIN_SECONDS, stop + MARGIN_SECONDS):
            note = self.notes[k]
            moments = note.onset + np.asarray(note.moments)
            last = int(np.searchsorted(moments, stop + MARGIN_SECONDS, side="left"))
            first = int(np.searchsorted(moments, start - MARGIN_SECONDS, side="right")) - 1
            wanted = range(max(first, 0), min(last + 1, len(moments)))
            found.append(self.first_image[k] + np.union1d([0], wanted))
        return np.concatenate(found).astype(np.int64)

    def knots(self, start: float, stop: float) -> FloatArray:
        """Return the moments between two others at which the voice is laid out.

        They reach a little over both ends, as far as the sound does.
        """
        found = []
        for k in self.notes_between(start - MARGIN_SECONDS, stop + MARGIN_SECONDS):
            note = self.notes[k]
            found.append(note.onset + note_knots(note.duration))
            if k:
                n_steps = max(2, int(np.ceil(2.0 * self.glides[k] / GLIDE_STEP)))
                found.append(note.onset + self.glides[k] * np.linspace(-1.0, 1.0, n_steps + 1))
        if k == len(self.notes) - 1:
            found.append(note.offset + release_knots(self.release))
        times = np.unique(np.concatenate(found))
        # Two moments that rounding alone sets apart are one.
        times = times[np.append(True, np.diff(times) > 1e-6)]
        first = max(int(np.searchsorted(times, start - MARGIN_SECONDS)) - 1, 0)
        last = int(np.searchsorted(times, stop + MARGIN_SECONDS)) + 1
        return np.asarray(times[first:last])

    def note_weights(self, k: int, times: FloatArray) -> FloatArray:
        """Return how much a note counts at moments [shape=(n,), 0..1]."""
        weight: FloatArray = np.ones(len(times))
        if k:
            weight = _rise(times - self.notes[k].onset, self.glides[k])
        if k + 1 < len(self.notes):
            weight = np.minimum(
                weight, 1.0 - _rise(times - self.notes[k + 1].onset, self.glides[k + 1])
            )
        return weight

    def f0_at(self, points: FloatArray) -> FloatArray:
        """Return the pitch at moments [shape=(n,), Hz]; straight in pitch between the curves."""
        pitch = np.empty(len(points))
        heard = self.notes_between(float(points[0]), float(points[-1]))
        for k in heard:
            note = self.notes[k]
            inside = _between(points, -np.inf if k == heard[0] else note.onset, np.inf)
            pitch[inside] = _curve_at(note, points[inside])
        for k in heard:
            if k:
                self._join_pitch(pitch, points, k)
        return np.asarray(np.exp(pitch))

    def _join_pitch(self, pitch: FloatArray, points: FloatArray, k: int) -> None:
        """Take away the step of pitch at a join, in place: half of it from either side."""
        onset, half = self.notes[k].onset, self.glides[k]
        near = _between(points, onset - half, onset + half)
        at = np.array([onset])
        step = float(_curve_at(self.notes[k], at)[0] - _curve_at(self.notes[k - 1], at)[0])
        since = (points[near] - onset) / half
        pitch[near] += 0.5 * step * np.where(since < 0.0, 1.0 + since, since - 1.0)


MARGIN_SECONDS = 0.02
"""Pieces are laid out so far over their ends, so that what is read between knots is there."""


def _curve_at(note: VoiceNote, points: FloatArray) -> FloatArray:
    """Return the logarithm of a note's own curve of f0 at moments of the voice."""
    frames = (points - note.onset) / HOP_SECONDS
    return np.asarray(np.interp(frames, np.arange(len(note.f0)), np.log(note.f0)))


def _between(points: FloatArray, start: float, stop: float) -> slice:
    return slice(*np.searchsorted(points, [start, stop]))


def _rise(since: FloatArray, half: float) -> FloatArray:
    """Rise from 0 to 1 around 0, as a quarter of a squared sine."""
    return np.asarray(np.sin(0.25 * np.pi * np.clip(since / half + 1.0, 0.0, 2.0)) ** 2)
