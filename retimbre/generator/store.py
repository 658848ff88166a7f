"""Note images, made once each and kept only while needed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray


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


def distinct(z: FloatArray, *numbers: npt.NDArray[np.number]) -> tuple[IntArray, IntArray]:
    """Find the notes that share an image.

    Parameters
    ----------
    z : np.ndarray of float32 [shape=(n, latent_dim)]
    *numbers : np.ndarray [shape=(n,)]
        What else an image depends on: pitches, velocities, places.

    Returns
    -------
    first : np.ndarray of int [shape=(n_unique,)]
        The first note of each image.
    index : np.ndarray of int [shape=(n,)]
        Which of the images each note has.
    """
    keys = np.concatenate([z, np.stack(numbers, axis=1).astype(np.float32)], axis=1)
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, index.reshape(-1)


class ImageStore:
    """The images of a long row of sounds, of which some at a time are made.

    An image is kept until the last sound that needs it, so that a melody on one instrument has
    each key generated once and a melody on many instruments does not fill the memory. For each
    part of the row, in order: `missing`, `add`, `take`.

    Parameters
    ----------
    needed : sequence of np.ndarray of int [shape=(n_images, n_layers)]
        Which images each sound needs, numbered from 0; see `distinct`.
    """

    def __init__(self, needed: Sequence[IntArray]) -> None:
        self._needed = needed
        self._last: dict[int, int] = {}
        for sound, images in enumerate(needed):
            self._last.update(dict.fromkeys(images.reshape(-1).tolist(), sound))
        self._held: dict[int, FloatArray] = {}

    def missing(self, part: slice) -> IntArray:
        """Return the images that a part of the row needs and that are not held, ascending."""
        wanted = {i for images in self._needed[part] for i in images.reshape(-1).tolist()}
        return np.array(sorted(wanted - self._held.keys()), np.int64)

    def add(self, ids: IntArray, images: Iterable[FloatArray]) -> None:
        """Hold a copy of each of some images."""
        for i, image in zip(ids, images, strict=True):
            # A view would keep the whole batch in memory.
            self._held[int(i)] = np.array(image)

    def take(self, part: slice) -> list[list[list[FloatArray]]]:
        """Return the layers of each image of each sound; let go what no later one needs."""
        taken = [
            [[self._held[i] for i in layers] for layers in images.tolist()]
            for images in self._needed[part]
        ]
        self._held = {i: image for i, image in self._held.items() if self._last[i] >= part.stop}
        return taken
