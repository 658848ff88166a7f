"""The networks of a trainer at one moment, as functions of arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.train.schedule import Moment
from retimbre.train.trainer import Trainer

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]


class Player:
    """Plays and encodes with the weights that a trainer has (see `Trainer.averaged`).

    Parameters
    ----------
    trainer : Trainer
    moment : Moment
        Its stage is the resolution of the images.
    """

    def __init__(self, trainer: Trainer, moment: Moment) -> None:
        networks, config = trainer.networks, trainer.config
        where = (moment.stage, moment.is_fading)
        self._kind = networks.representation
        self._generator = networks.generator(*where)
        self._encoder = networks.encoder(*where) if self._kind.has_encoder else None
        self._low, high = config.pitch_range
        self._one_hot = np.eye(config.n_pitches, dtype=np.float32)
        self._alpha = np.array([moment.alpha], np.float32)
        self._masks: Any = None
        if self._kind.mask is not None:
            self._masks = self._kind.mask(np.arange(self._low, high + 1))[:, None, :]

    def generate(self, z: FloatArray, pitches: IntArray, velocities: FloatArray) -> FloatArray:
        """Play notes.

        Parameters
        ----------
        z : np.ndarray [shape=(n, latent_dim)]
            Played as it is.
        pitches : np.ndarray of int [shape=(n,), MIDI]
        velocities : np.ndarray [shape=(n,), 0..1]

        Returns
        -------
        images : np.ndarray of float32 [shape=(n, frames, 288) or (n, frames, bins, 2)]
            Of the moment's resolution; what lies above Nyquist is silent.
        """
        index = pitches - self._low
        strength = np.asarray(velocities, np.float32)[:, None]
        inputs = [np.asarray(z, np.float32), self._one_hot[index], strength, self._alpha]
        images = np.asarray(self._generator(inputs))
        if self._masks is None:
            return images
        return np.where(self._masks[index], images, np.asarray(self._kind.fill))

    def encode(self, images: FloatArray, pitches: IntArray) -> FloatArray:
        """Return the directions of z of notes at the moment's resolution.

        Returns
        -------
        directions : np.ndarray of float32 [shape=(n, latent_dim)]
            Unit vectors.
        """
        assert self._encoder is not None, "GANSynth's networks have no encoder"
        one_hot = self._one_hot[pitches - self._low]
        found = np.asarray(self._encoder([images, one_hot, self._alpha]))
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))
