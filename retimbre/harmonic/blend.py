"""Blend the images of a voice to what sounds at each moment."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from retimbre._typing import Float32Array, FloatArray
from retimbre.expression import hold_level
from retimbre.harmonic.held import Frames, HeldNote
from retimbre.harmonic.image import N_BINS, N_SINGLE
from retimbre.harmonic.layout import instrument_level, quiet_onset, static_deviation
from retimbre.harmonic.leveling import (
    NoteLevel,
    loudness_of_frames,
    sustained_share,
    tied_entry,
)
from retimbre.harmonic.noise import noise_levels
from retimbre.harmonic.voice import Voice

Layers = Sequence[FloatArray]
"""A note's image at its own velocity and, as the last, the softer one [shape=(128, 96, 4)]."""


class Blend(NamedTuple):
    """What sounds at the knots of a piece.

    Attributes
    ----------
    times : np.ndarray [shape=(n_knots,), seconds from the beginning of the voice]
    frames : Frames
    static : np.ndarray [shape=(n_knots,), units of f0]
        How far the images lie above their f0 as a whole.
    noise : np.ndarray of float32 [shape=(n_knots, n_frequencies), dB]
    gain_db : np.ndarray [shape=(n_points,), dB]
        At the points that were asked for.
    """

    times: FloatArray
    frames: Frames
    static: FloatArray
    noise: Float32Array
    gain_db: FloatArray


class _Part(NamedTuple):
    """One note of a piece."""

    frames: Frames
    static: FloatArray
    noise: Float32Array
    gain_db: FloatArray


def blend(
    voice: Voice,
    images: Mapping[int, Layers],
    points: FloatArray,
    frequencies: FloatArray,
) -> Blend:
    """Lay out a piece of a voice.

    Parameters
    ----------
    voice : Voice
    images : mapping of int to sequence of np.ndarray
        By their number in the voice, those that the piece needs.
    points : np.ndarray [shape=(n_points,), seconds from the beginning of the voice]
        Where the gain is wanted; the first and the last are the ends of the piece.
    frequencies : np.ndarray [shape=(n_frequencies,), Hz]
        Where the noise is wanted.

    Returns
    -------
    blend : Blend
    """
    start, stop = float(points[0]), float(points[-1])
    times = voice.knots(start, stop)
    parts = []
    for k in voice.notes_between(start, stop):
        weight, over = voice.note_weights(k, times), voice.note_weights(k, points)
        near, there = _support(weight), _support(over)
        if near.stop > near.start:
            part = _lay_out(voice, k, images, times[near], points[there], frequencies)
            parts.append((part, near, weight, there, over))
    if len(parts) == 1 and parts[0][1] == slice(0, len(times)):
        part = parts[0][0]
        return Blend(times, part.frames, part.static, part.noise, part.gain_db)
    return _add_up(times, len(points), parts)


def _support(weight: FloatArray) -> slice:
    """Return the stretch in which a note counts."""
    counts = np.flatnonzero(weight > 0.0)
    return slice(int(counts[0]), int(counts[-1]) + 1) if len(counts) else slice(0, 0)


def _add_up(
    times: FloatArray,
    n_points: int,
    parts: list[tuple[_Part, slice, FloatArray, slice, FloatArray]],
) -> Blend:
    """Weigh the notes of a piece: amplitudes and powers of what sounds, dB of the gain."""
    n = len(times)
    tone, noise = np.zeros((n, N_BINS)), np.zeros((n, parts[0][0].noise.shape[1]), np.float32)
    deviation, texture = np.zeros((n, N_SINGLE)), np.zeros((n, N_SINGLE))
    static, gain = np.zeros(n), np.zeros(n_points)
    for part, near, weight, there, over in parts:
        w = weight[near, None]
        tone[near] += w * 10.0 ** (part.frames.level / 20.0)
        noise[near] += w.astype(np.float32) * np.exp(part.noise * np.float32(np.log(10.0) / 10.0))
        deviation[near] += w * part.frames.deviation
        texture[near] += w * part.frames.texture
        static[near] += weight[near] * part.static
        gain[there] += over[there] * part.gain_db
    level = 20.0 * np.log10(np.maximum(tone, 1e-9))
    noise_db = np.asarray(10.0 * np.log10(np.maximum(noise, 1e-30)), np.float32)
    empty = np.zeros((n, 0))
    return Blend(times, Frames(level, empty, deviation, texture), static, noise_db, gain)


def _lay_out(
    voice: Voice,
    k: int,
    images: Mapping[int, Layers],
    times: FloatArray,
    points: FloatArray,
    frequencies: FloatArray,
) -> _Part:
    """Lay out one note of a piece at some moments of the voice, its gain at others."""
    note, first = voice.notes[k], int(voice.first_image[k])
    given = {j: images[first + j] for j in range(len(note.moments)) if first + j in images}
    course = _Course(voice, k, given[0][0])
    leveled = NoteLevel(
        course.hold(given[0][0]),
        entry=course.entry,
        duration=note.duration,
        f0=note.mean_f0,
        level_db=note.level_db,
        amount=voice.loudness_expression,
        keeps_attack=note.start == "struck",
        loudness_db=note.loudness_db,
        sr=voice.sr,
    )
    since = times - note.onset
    frames, static = course.at(since, {j: layers[0] for j, layers in given.items()})
    is_followed = note.level_db is not None and voice.loudness_expression > 0.0
    if note.softer_db > 0.0 and is_followed:
        softer, _ = course.at(since, {j: layers[-1] for j, layers in given.items()})
        share = -leveled.follow(since, instrument_level(frames.level)) / note.softer_db
        frames = _mix(frames, softer, np.clip(share, 0.0, 1.0))
    own = instrument_level(frames.level) if is_followed else np.zeros(len(times))
    # The release goes on with the gain that the note ends with.
    held = np.minimum(points, note.offset)
    gain_db = leveled.gain(held - note.onset, np.interp(held, times, own))
    if len(note.moments) > 1 and note.loudness_db is not None:
        gain_db = gain_db + course.evened(held - note.onset, given, voice.sr)
    noise = noise_levels(frames.noise, frequencies, note.mean_f0)
    return _Part(frames, static, noise, gain_db)


class _Course:
    """How a note of a voice goes through its images.

    Parameters
    ----------
    voice : Voice
    k : int
        Which note.
    image : np.ndarray [shape=(128, 96, 4)]
        Its first.

    Attributes
    ----------
    entry : float [seconds]
        Where in its images the note begins.
    """

    def __init__(self, voice: Voice, k: int, image: FloatArray) -> None:
        note = self._note = voice.notes[k]
        own_level = instrument_level(image)
        self.entry = 0.0 if note.start == "struck" else tied_entry(own_level)
        # A note that goes on in the next is not released.
        goes_on = float(voice.glides[k + 1]) if k + 1 < len(voice.notes) else 0.0
        self._lasting = self.entry + note.duration + goes_on
        # What dies away is let die; what is sustained is held.
        followed = 0.0 if note.level_db is None else voice.loudness_expression
        share = sustained_share(own_level) if followed > 0.0 else 0.0
        self._hold_db = hold_level(followed * share)
        self._held: dict[int, HeldNote] = {}

    def hold(self, image: FloatArray) -> HeldNote:
        """Return an image held as long as the note; made once."""
        if id(image) not in self._held:
            quiet = quiet_onset(image, self._note.mean_f0)
            self._held[id(image)] = HeldNote(quiet, self._lasting, hold_db=self._hold_db)
        return self._held[id(image)]

    def at(self, since: FloatArray, images: Mapping[int, FloatArray]) -> tuple[Frames, FloatArray]:
        """Return what sounds at moments after the onset, and how far it is off as a whole.

        Parameters
        ----------
        since : np.ndarray [shape=(n,), seconds]
            Ascending.
        images : mapping of int to np.ndarray
            By their place among the note's moments.
        """
        if len(self._note.moments) == 1:
            held = self.hold(images[0])
            static = static_deviation(held.image, held.own_level)
            return held.at(self._in_image(since)), np.full(len(since), static)
        total, static_total = _no_frames(len(since)), np.zeros(len(since))
        for j, image in images.items():
            weight = self._weight(j, since)
            near = _support(weight)
            if near.stop == near.start:
                continue
            held = self.hold(image)
            static_total[near] += weight[near] * static_deviation(held.image, held.own_level)
            for whole, part in zip(total, held.at(self._in_image(since[near])), strict=True):
                whole[near] += weight[near, None] * part
        return total, static_total

    def evened(self, since: FloatArray, images: Mapping[int, Layers], sr: float) -> FloatArray:
        """Return the gain that keeps the loudness of the first image at moments [dB]."""
        found = np.zeros(len(since))
        loudness = {
            j: float(loudness_of_frames(layers[0], self._note.mean_f0, sr).max())
            for j, layers in images.items()
        }
        for j, own in loudness.items():
            found += self._weight(j, since) * (loudness[0] - own)
        return found

    def _in_image(self, since: FloatArray) -> FloatArray:
        """Return the moments of the image: what comes before the entry is an attack."""
        return np.maximum(since, 0.0) + self.entry

    def _weight(self, j: int, since: FloatArray) -> FloatArray:
        """Return how much an image counts: straight from its neighbour to its own moment."""
        moments = np.asarray(self._note.moments)
        peak = np.zeros(len(moments))
        peak[j] = 1.0
        return np.interp(since, moments, peak)


def _no_frames(n: int) -> Frames:
    return Frames(*(np.zeros((n, bins)) for bins in (N_BINS, N_BINS, N_SINGLE, N_SINGLE)))


def _mix(own: Frames, other: Frames, share: FloatArray) -> Frames:
    """Go from one set of frames to another, by a share of each moment."""
    part = share[:, None]
    return Frames(*(a + part * (b - a) for a, b in zip(own, other, strict=True)))
