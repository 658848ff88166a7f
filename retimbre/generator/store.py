"""Note images, made once each and kept only while needed.

How hard a note is struck changes its timbre and not only its level. A note has the image of its
own velocity and that of a softer one; while the performer plays below the note's own level, the
softer takes over, as far as the law of velocities says: half the velocity is 12 dB down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.harmonic.image import FRAME_TIMES, HOLD_SECONDS
from retimbre.harmonic.layout import ATTACK_SECONDS, HOLD_END, instrument_level
from retimbre.harmonic.touch import follow_level

MakeImages = Callable[[FloatArray, IntArray, IntArray], "NoteImages"]
"""Make the images of notes from z (n, latent_dim), pitches and velocities (n,)."""

DEFAULT_VELOCITY = 100
"""Of a note of which nothing is said."""

VELOCITY_STEP = 8
"""Notes whose velocities round to the same multiple share their image."""

SOFTEST = 20
"""No softer image is made to fade towards."""


@dataclass(frozen=True, eq=False)
class NoteImages:
    """Images of notes; notes of one latent, pitch and velocity share theirs.

    Attributes
    ----------
    images : np.ndarray of float32 [shape=(n_unique, 128, 96, 4)]
        See `retimbre.harmonic.image`.
    index : np.ndarray of int64 [shape=(n_notes,)]
        Which image each note has.
    """

    images: FloatArray
    index: IntArray


def distinct(z: FloatArray, pitches: IntArray, velocities: IntArray) -> tuple[IntArray, IntArray]:
    """Find the notes that share an image.

    Parameters
    ----------
    z : np.ndarray of float32 [shape=(n, latent_dim)]
    pitches, velocities : np.ndarray of int [shape=(n,)]

    Returns
    -------
    first : np.ndarray of int [shape=(n_unique,)]
        The first note of each distinct (z, pitch, velocity).
    index : np.ndarray of int [shape=(n,)]
        Which of those each note is.
    """
    numbers = np.stack([pitches, velocities], axis=1).astype(np.float32)
    keys = np.concatenate([z, numbers], axis=1)
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, index.reshape(-1)


def note_seed(seed: int, note_id: int) -> int:
    """Return the seed of a note's noise: whatever happens to other notes, it stays.

    Neighbouring seeds share no note's noise, as their sum with the id would make them.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(note_id,))
    return int(sequence.generate_state(1, np.uint64)[0])


class ImageStore:
    """The images of a long row of notes, made a chunk at a time.

    An image is kept as long as a later note needs it, so that a melody on one instrument has
    each key generated once and a melody on many instruments does not fill the memory.

    Parameters
    ----------
    make : callable
        Makes images; see `MakeImages`.
    z : np.ndarray of float32 [shape=(n_notes, latent_dim)]
    pitches : np.ndarray of int [shape=(n_notes,), MIDI]
    velocities : np.ndarray of int [shape=(n_notes, n_layers), 1..127]
        A note has one image or more, of these velocities.
    """

    def __init__(
        self, make: MakeImages, z: FloatArray, pitches: IntArray, velocities: IntArray
    ) -> None:
        self._make = make
        self._n_layers = velocities.shape[1]
        self._z, self._pitches = z, pitches
        self._velocities = velocities.reshape(-1)
        rows = np.repeat(np.arange(len(z)), self._n_layers)
        self._first, self._index = distinct(z[rows], pitches[rows], self._velocities)
        self._last = np.zeros(len(self._first), np.int64)
        self._last[self._index] = np.arange(len(self._index))
        self._held: dict[int, FloatArray] = {}

    def images_of(self, start: int, stop: int) -> tuple[FloatArray, IntArray]:
        """Return the images of the notes ``start <= note < stop``; chunks come in order.

        Parameters
        ----------
        start, stop : int

        Returns
        -------
        images : np.ndarray of float32 [shape=(n_unique, 128, 96, 4)]
        index : np.ndarray of int [shape=(stop - start, n_layers)]
            Which image each note has, for each of its velocities.
        """
        start, stop = start * self._n_layers, stop * self._n_layers
        wanted, index = np.unique(self._index[start:stop], return_inverse=True)
        new = [int(i) for i in wanted if int(i) not in self._held]
        rows = self._first[new]
        notes = rows // self._n_layers
        made = self._make(self._z[notes], self._pitches[notes], self._velocities[rows])
        self._held.update((i, made.images[j]) for i, j in zip(new, made.index, strict=True))
        images = np.stack([self._held[int(i)] for i in wanted])
        self._held = {i: image for i, image in self._held.items() if self._last[i] >= stop}
        return images, index.reshape(-1, self._n_layers)


def image_velocities(velocities: IntArray, *, with_softer: bool) -> IntArray:
    """Return the velocities at which the images of notes are made.

    Parameters
    ----------
    velocities : np.ndarray of int [shape=(n,), 1..127]
    with_softer : bool
        Whether the notes have level curves to follow.

    Returns
    -------
    layers : np.ndarray of int64 [shape=(n, 1) or (n, 2), 1..127]
        In steps of 8: the note's own and, at its side, half of it, 20 at least.

    Examples
    --------
    >>> image_velocities(np.array([100, 30, 3, 127]), with_softer=True).tolist()
    [[96, 48], [32, 20], [8, 8], [127, 64]]
    """
    own = np.clip(VELOCITY_STEP * np.rint(np.asarray(velocities) / VELOCITY_STEP), 8, 127)
    softer = np.minimum(np.maximum(np.rint(own / 2), SOFTEST), own)
    layers = [own, softer] if with_softer else [own]
    return np.stack(layers, axis=1).astype(np.int64)


class SoftenedImages(Sequence[FloatArray]):
    """The images of notes, each softened along its level curve when it is asked for.

    Parameters
    ----------
    images : np.ndarray of float32 [shape=(n_unique, 128, 96, 4)]
    index : np.ndarray of int [shape=(n_notes, 2)]
        Of each note, the image at its own velocity and the softer one.
    velocities : np.ndarray of int [shape=(n_notes, 2)]
        Of those images.
    durations : np.ndarray [shape=(n_notes,), seconds]
    level_curves : sequence of np.ndarray or None [dB]
        One a note, every 10 ms.
    expression : float [0..1]
        How much the curves are followed.
    """

    def __init__(
        self,
        images: FloatArray,
        index: IntArray,
        velocities: IntArray,
        durations: FloatArray,
        level_curves: Sequence[FloatArray | None],
        *,
        expression: float,
    ) -> None:
        self._images, self._index, self._velocities = images, index, velocities
        self._durations, self._level_curves = durations, level_curves
        self._expression = expression

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, note: int) -> FloatArray:  # type: ignore[override]
        own, softer = self._index[note, 0], self._index[note, -1]
        curve = self._level_curves[note]
        if curve is None or own == softer:
            return np.asarray(self._images[own])
        span_db = 40.0 * np.log10(self._velocities[note, 0] / self._velocities[note, 1])
        return soften(
            self._images[own],
            self._images[softer],
            curve,
            span_db=float(span_db),
            duration=float(self._durations[note]),
            amount=self._expression,
        )


def soften(
    image: FloatArray,
    softer: FloatArray,
    level_db: FloatArray,
    *,
    span_db: float,
    duration: float,
    amount: float = 1.0,
) -> FloatArray:
    """Let a softer image take over where a note is turned down.

    Parameters
    ----------
    image, softer : np.ndarray [shape=(128, 96, 4)]
        The note at its own velocity and at a lower one, each with its loudest frame at 0 dB.
    level_db : np.ndarray [shape=(n_curve,), dB]
        The performer's level every 10 ms from the onset.
    span_db : float [dB, > 0]
        How far apart the two velocities lie: so far below the note's own level the softer
        image stands alone.
    duration : float [seconds, > 0]
        Of the note.
    amount : float [0..1]
        How much the curve is followed.

    Returns
    -------
    blended : np.ndarray of float32 [shape=(128, 96, 4)]

    Notes
    -----
    What counts is how far the performer's level lies under the level that the instrument has at
    that moment by itself: a string that dies away grows dull on its own. The first 40 ms keep the
    instrument's attack, as they do in level. A note longer than the image is stretched over it,
    as its slow changes are when it is played.
    """
    heard = np.flatnonzero(max(min(duration, HOLD_SECONDS), 1e-9) > FRAME_TIMES)
    own_db = instrument_level(image)[heard]
    gain_db = follow_level(level_db, own_db, _note_times(duration)[heard], amount=amount)
    # What is not heard before the release goes on from there.
    gain_db = np.pad(gain_db, (0, len(FRAME_TIMES) - len(heard)), mode="edge")
    share = np.clip(-gain_db / span_db, 0.0, 1.0).astype(np.float32)[:, None, None]
    return np.asarray(image + share * (softer - image))


def _note_times(duration: float) -> FloatArray:
    """Return the time in a note at which each held frame of its image is heard."""
    if duration <= HOLD_SECONDS:
        return FRAME_TIMES
    stretch = (duration - ATTACK_SECONDS) / (HOLD_END - ATTACK_SECONDS)
    stretched = np.minimum(ATTACK_SECONDS + (FRAME_TIMES - ATTACK_SECONDS) * stretch, duration)
    return np.where(FRAME_TIMES < ATTACK_SECONDS, FRAME_TIMES, stretched)
