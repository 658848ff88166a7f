"""What generator and discriminator play for: two games, each with its gradient penalty.

"non_saturating" is the logistic game with lazy R1 [1]_ [2]_ [3]_, "wgan_gp" GANSynth's, the
Wasserstein distance with a penalty on interpolates [4]_ and a pull of real scores to 0 [5]_.

References
----------
.. [1] Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014.
.. [2] Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018.
.. [3] Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.
.. [4] Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017.
.. [5] Karras et al., "Progressive Growing of GANs", ICLR 2018, appendix A.1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from retimbre.train.config import TrainConfig
from retimbre.train.networks.representation import find_representation

Tensor = Any
Score = Callable[[Tensor], Tensor]
"""A discriminator's logits of images."""

R1_EVERY = 8
SLOPE_TARGET = 1.0
SLOPE_EPSILON = 1e-12
"""Under the root of a slope, whose gradient would else be infinite at 0."""


@dataclass
class NonSaturating:
    """The logistic game with R1 on half of the real notes of every 8th step.

    Parameters
    ----------
    r1_weight : float
        As if it were every step.
    """

    r1_weight: float

    def generator_loss(self, logits: Tensor) -> Tensor:
        """Return the mean of ``softplus(-logit)``."""
        return tf.reduce_mean(tf.nn.softplus(-logits))

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the means of ``softplus(-real)`` and ``softplus(fake)`` in all."""
        return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(
            tf.nn.softplus(fake_logits)
        )

    def penalty(
        self, score: Score, real: Tensor, fake: Tensor, *, seed: Tensor, is_lazy_step: Tensor
    ) -> Tensor:
        """Return half the squared gradient at real notes, 8 times as strong every 8th step."""
        weight = 0.5 * R1_EVERY * self.r1_weight
        some = real[: real.shape[0] // 2]
        return tf.cond(
            is_lazy_step,
            lambda: weight * tf.reduce_mean(squared_slopes(score, some)),
            lambda: tf.constant(0.0),
        )


@dataclass
class Wasserstein:
    """GANSynth's game.

    Parameters
    ----------
    penalty_weight : float
    drift_weight : float
        Of the mean squared score of real notes.
    slope_scales : float or tuple of float [shape=(n_values,)]
        What slopes are multiplied by, channel by channel, so that they are those at other images
        than the discriminator is shown; see `find_game`.
    """

    penalty_weight: float
    drift_weight: float
    slope_scales: float | tuple[float, ...] = 1.0

    def generator_loss(self, logits: Tensor) -> Tensor:
        """Return the mean of ``-logit``."""
        return -tf.reduce_mean(logits)

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the mean of ``fake - real`` and the drift of the real ones."""
        distance = tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)
        return distance + self.drift_weight * tf.reduce_mean(tf.square(real_logits))

    def penalty(
        self, score: Score, real: Tensor, fake: Tensor, *, seed: Tensor, is_lazy_step: Tensor
    ) -> Tensor:
        """Return the squared distance of slopes from 1 between real and made notes."""
        share = tf.random.stateless_uniform((real.shape[0], *(1 for _ in real.shape[1:])), seed)
        between = real + share * (fake - real)
        squares = squared_slopes(score, between, self.slope_scales)
        slopes = tf.sqrt(squares + SLOPE_EPSILON)
        return self.penalty_weight * tf.reduce_mean(tf.square(slopes / SLOPE_TARGET - 1.0))


Game = NonSaturating | Wasserstein
"""The losses of one game."""


def squared_slopes(score: Score, images: Tensor, scales: float | tuple[float, ...] = 1.0) -> Tensor:
    """Return the squared length of the score's gradient at each image, scaled [shape=(n,)]."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(score(images))
    gradient = tape.gradient(total, images)
    return tf.reduce_sum(tf.square(gradient * scales), list(range(1, len(images.shape))))


def find_game(config: TrainConfig, share: float) -> Game:
    """Return the game that a configuration names.

    GANSynth's discriminator is shown images of full size that are not normalised, at every
    stage. It normalises them itself (``a x + b`` in each channel) and averages the ``1 / share``
    points that become one point of the stage. The slope at such an image is ``a sqrt(share)`` times
    the slope at the image of the stage: each of its points has ``a share`` times the gradient of
    the point that it becomes, and there are ``1 / share`` of them.

    Parameters
    ----------
    config : TrainConfig
    share : float [0..1]
        Size of the image in that of the last stage: R1 grows with it.
    """
    if config.adversarial == "wgan_gp":
        scales = find_representation(config.representation).scales
        slopes = 1.0 if scales is None else tuple(a * math.sqrt(share) for a in scales)
        return Wasserstein(config.gradient_penalty_weight, config.drift_weight, slopes)
    return NonSaturating(config.r1_weight * share)
