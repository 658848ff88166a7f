"""What the networks do with one batch, at one resolution."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from retimbre.images.harmonic import FEATURE_FILL, N_FRAMES, feature_mask
from retimbre.train import losses
from retimbre.train.networks import Networks
from retimbre.train.schedule import RESOLUTIONS

Tensor = Any
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""Features, one-hot pitch and velocity of a note, and of another note of the same instrument."""

MADE_STATS = (
    "level_error",
    "deviation_error",
    "noise_error",
    "texture_error",
    "adversarial",
    "pitch_fake",
    "instrument",
)
JUDGED_STATS = ("discriminator", "pitch_real", "real_accuracy", "fake_accuracy")
N_DRAWS = 8
R1_EVERY = 8


class Made(NamedTuple):
    """What generator and encoder made of a batch; `stats` are named by `MADE_STATS`."""

    loss: Tensor
    fakes: Tensor
    stats: list[Tensor]


class Judged(NamedTuple):
    """What the discriminator thought of a batch; `stats` are named by `JUDGED_STATS`."""

    loss: Tensor
    stats: list[Tensor]


class StagePasses:
    """The forward passes at one resolution.

    Parameters
    ----------
    networks : Networks
    stage : int
    fading : bool
        Whether the resolution is blended with the one below.
    """

    def __init__(self, networks: Networks, stage: int, fading: bool) -> None:
        self.config = networks.config
        self.stage = stage
        self.generator = networks.generator(stage, fading)
        self.discriminator = networks.discriminator(stage, fading)
        self.encoder = networks.encoder(stage, fading)
        low, high = self.config.pitch_range
        self.masks = tf.constant(feature_mask(np.arange(low, high + 1)).astype(np.float32))
        self.fill = tf.constant(FEATURE_FILL)

    def make(self, batch: Batch, alpha: Tensor, seed: Tensor) -> Made:
        """Encode one note, play another of the same instrument, and what lies between.

        Half of the notes that the discriminator gets were never heard: slerps and blends.
        """
        x1, hot1, v1, x2, hot2, v2 = batch
        size, quarter = self.config.batch_size, self.config.batch_size // 4
        direction = self.encoder([x1, hot1, alpha], training=True)
        other = self.encoder([x2, hot2, alpha], training=True)
        z = self._latents(direction, seed)
        share = tf.random.stateless_uniform((quarter, 1), _draw(seed, 3))
        between = losses.slerp_rows(z[:quarter], z[quarter : 2 * quarter], share)
        blends = losses.blend_rows(z, tf.random.stateless_normal((quarter, size), _draw(seed, 4)))
        hots = tf.concat([hot2, hot2[:quarter], hot1[:quarter]], 0)
        velocities = tf.concat([v2, v2[:quarter], v1[:quarter]], 0)
        notes = self._play(tf.concat([z, between, blends], 0), hots, velocities, alpha)
        mask = tf.matmul(hot2, self.masks)[:, None, :]
        errors = losses.reconstruction(notes[:size], x2, mask)
        fakes = notes[-size:]
        seen = self._perturb(fakes, _draw(seed, 5))
        logits, pitches = self.discriminator([seen, alpha], training=True)
        adversarial = losses.generator_loss(logits)
        pitch = losses.pitch_loss(hots[-size:], pitches)
        instrument = losses.instrument_loss(direction, other)
        loss = losses.total_loss(errors, adversarial, pitch, instrument, self.config)
        return Made(loss, fakes, [*errors, adversarial, pitch, instrument])

    def judge(
        self, batch: Batch, fakes: Tensor, alpha: Tensor, seed: Tensor, with_r1: Tensor
    ) -> Judged:
        """Show the discriminator real and made notes."""
        config = self.config
        x2, hot2 = batch[3:5]
        real = self._perturb(x2, _draw(seed, 6))
        real_logits, pitches = self.discriminator([real, alpha], training=True)
        seen = self._perturb(fakes, _draw(seed, 7))
        fake_logits, _ = self.discriminator([seen, alpha], training=True)
        loss = losses.discriminator_loss(real_logits, fake_logits)
        pitch = losses.pitch_loss(hot2, pitches)
        # Lazy regularisation (Karras et al. 2020): every 8th step, 8 times as strong.
        weight = 0.5 * R1_EVERY * config.r1_weight * RESOLUTIONS[self.stage] / N_FRAMES
        some = real[: config.batch_size // 2]
        penalty = tf.cond(
            with_r1,
            lambda: weight * losses.r1_penalty(self.discriminator, some, alpha),
            lambda: tf.constant(0.0),
        )
        accuracies = [
            tf.reduce_mean(tf.cast(real_logits > 0, tf.float32)),
            tf.reduce_mean(tf.cast(fake_logits < 0, tf.float32)),
        ]
        return Judged(loss + pitch + penalty, [loss, pitch, *accuracies])

    def _latents(self, direction: Tensor, seed: Tensor) -> Tensor:
        size, low = self.config.batch_size, self.config.min_signal
        signal = tf.random.stateless_uniform((size, 1), _draw(seed, 1), low, 1.0)
        noise = tf.random.stateless_normal((size, self.config.latent_dim), _draw(seed, 2))
        return losses.mix_latent(direction, signal, noise)

    def _play(self, z: Tensor, one_hot: Tensor, velocity: Tensor, alpha: Tensor) -> Tensor:
        mask = tf.matmul(one_hot, self.masks)[:, None, :]
        features = self.generator([z, one_hot, velocity, alpha], training=True)
        return features * mask + self.fill * (1 - mask)

    def _perturb(self, x: Tensor, seed: Tensor) -> Tensor:
        """Add a little noise, so that what tells real from made is more than the last bit."""
        noise = tf.random.stateless_normal(tf.shape(x), seed)
        return x + self.config.instance_noise * noise


def _draw(seed: Tensor, use: int) -> Tensor:
    """Return the seed of one of the independent draws of a step."""
    return seed + tf.constant([0, use], tf.int32)
