"""Note images, made once each and kept only while needed."""

from collections.abc import Iterable
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
    """The images of a long row of notes, of which a chunk at a time is played.

    An image is kept until the last note that needs it, so that a melody on one instrument has
    each key generated once and a melody on many instruments does not fill the memory. For each
    chunk, in order: `missing`, `add`, `take`.

    Parameters
    ----------
    index : np.ndarray of int [shape=(n_notes, n_layers)]
        Which images each note needs, numbered from 0; see `distinct`.
    """

    def __init__(self, index: IntArray) -> None:
        self._index = index
        self._last = np.zeros(index.max(initial=-1) + 1, np.int64)
        np.maximum.at(self._last, index, np.arange(len(index))[:, None])
        self._held: dict[int, FloatArray] = {}

    def missing(self, part: slice) -> IntArray:
        """Return the images that a chunk of notes needs and that are not held, ascending."""
        needed = np.unique(self._index[part])
        return np.array([i for i in needed if int(i) not in self._held], np.int64)

    def add(self, ids: IntArray, images: Iterable[FloatArray]) -> None:
        """Hold a copy of each of some images."""
        for i, image in zip(ids, images, strict=True):
            # A view would keep the whole batch in memory.
            self._held[int(i)] = np.array(image)

    def take(self, part: slice) -> list[list[FloatArray]]:
        """Return the images of each note of a chunk; let go what no later note needs."""
        images = [[self._held[int(i)] for i in layers] for layers in self._index[part]]
        self._held = {i: image for i, image in self._held.items() if self._last[i] >= part.stop}
        return images
