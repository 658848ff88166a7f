"""The networks of a trainer as functions of arrays: at one moment, or stretched to full length."""

from typing import Any

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.harmonic.image import N_FEATURES, N_FRAMES
from retimbre.train.networks.prior import unit_rows
from retimbre.train.run.trainer import Trainer
from retimbre.train.schedule import RESOLUTIONS, Moment


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
        return unit_rows(found)


class WholePlayer:
    """Plays and encodes notes of 128 frames, at whatever resolution the networks have reached.

    Parameters
    ----------
    trainer : Trainer
        Of the harmonic representation.
    stage : int
        Below the last, each frame stands for several.
    """

    def __init__(self, trainer: Trainer, stage: int = len(RESOLUTIONS) - 1) -> None:
        self._player = Player(trainer, Moment(stage, alpha=1.0, learning_rate=0.0))
        self._n_alike = N_FRAMES // RESOLUTIONS[stage]
        self._radius = np.float32(trainer.config.latent_dim**0.5)

    def generate(self, z: FloatArray, pitches: IntArray, velocities: FloatArray) -> FloatArray:
        """Play notes; see `Player.generate` [shape=(n, 128, 288)]."""
        images = self._player.generate(z, np.asarray(pitches), velocities)
        return np.repeat(images, self._n_alike, axis=1)

    def encode(self, features: FloatArray, pitches: IntArray) -> FloatArray:
        """Return the z of notes [shape=(n, latent_dim), rms 1]."""
        short = features.reshape(len(features), -1, self._n_alike, N_FEATURES).mean(axis=2)
        return self._player.encode(short, np.asarray(pitches)) * self._radius
