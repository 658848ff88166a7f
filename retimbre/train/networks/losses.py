"""The losses, and how latents are made during training.

The encoder gives a direction u; during training ``z = s sqrt(d) u + sqrt(1 - s^2) e`` with Gaussian
e and a random share s of signal, so z has the length of a Gaussian vector at every s and the
generator is smooth around every instrument. What lies between the instruments is trained as well:
slerps between two, and blends of several, are shown to the discriminator.
"""

from typing import Any

import tensorflow as tf

from retimbre.harmonic.image import N_BINS, N_PLAIN_FEATURES, N_SINGLE
from retimbre.train.config import TrainConfig

Tensor = Any

BLEND_SHARPNESS = 3.0
TEXTURE_WEIGHT = 0.15
INSTRUMENT_TEMPERATURE = 0.1


def mix_latent(direction: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """Blend the encoder's direction with noise at constant expected length.

    Parameters
    ----------
    direction : tensor [shape=(batch, d)]
        Any length but zero.
    signal : tensor [shape=(batch, 1), 0..1]
    noise : tensor [shape=(batch, d), standard normal]

    Returns
    -------
    z : tensor [shape=(batch, d)]
        Of rms 1.
    """
    unit = tf.math.l2_normalize(direction, -1)
    scale = tf.sqrt(tf.cast(tf.shape(direction)[-1], tf.float32))
    return signal * scale * unit + tf.sqrt(1.0 - tf.square(signal)) * noise


def slerp_rows(z0: Tensor, z1: Tensor, t: Tensor) -> Tensor:
    """Interpolate rows on the sphere (Shoemake 1985); `t` has shape (batch, 1)."""
    cosine = tf.reduce_sum(tf.math.l2_normalize(z0, -1) * tf.math.l2_normalize(z1, -1), -1)
    omega = tf.acos(tf.clip_by_value(cosine, -0.9999, 0.9999))[:, None]
    return (tf.sin((1.0 - t) * omega) * z0 + tf.sin(t * omega) * z1) / tf.sin(omega)


def blend_rows(z: Tensor, draws: Tensor) -> Tensor:
    """Blend rows into new ones of the same length: mostly one to three of them each.

    Parameters
    ----------
    z : tensor [shape=(batch, d)]
    draws : tensor [shape=(n, batch), standard normal]

    Returns
    -------
    blends : tensor [shape=(n, d)]
        Of rms 1.
    """
    shares = tf.nn.softmax(BLEND_SHARPNESS * draws, -1)
    scale = tf.sqrt(tf.cast(tf.shape(z)[-1], tf.float32))
    return scale * tf.math.l2_normalize(tf.matmul(shares, z), -1)


def reconstruction(features: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
    """Return the L1 errors of levels, deviations, noise and texture.

    Partials count by how audible they are in the target.

    Parameters
    ----------
    features, target : tensor [shape=(batch, frames, 288)]
    mask : tensor [shape=(batch, 1, 288)]
        1 below Nyquist.
    """
    level_db = (target[..., :N_BINS] - 1.0) * 45.0
    audible = 0.1 + 0.9 * tf.sigmoid((level_db + 60.0) / 8.0)
    error = tf.abs(features - target) * mask
    of_singles = audible[..., :N_SINGLE]
    return (
        tf.reduce_mean(error[..., :N_BINS] * audible),
        tf.reduce_mean(error[..., N_BINS : N_BINS + N_SINGLE] * of_singles),
        0.5 * tf.reduce_mean(error[..., N_BINS + N_SINGLE : N_PLAIN_FEATURES]),
        TEXTURE_WEIGHT * tf.reduce_mean(error[..., N_PLAIN_FEATURES:] * of_singles),
    )


def mix_notes(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Return what a morph between two notes should be: all features on a straight line.

    Nothing asks a generator to change evenly along a slerp; it stays at one instrument for long
    and jumps to the other in the middle.

    Parameters
    ----------
    start, end : tensor [shape=(batch, frames, 288)]
        They are not trained by this.
    share : tensor [shape=(batch, 1), 0..1]
        0 is the start.
    """
    t = share[:, :, None]
    return (1.0 - t) * tf.stop_gradient(start) + t * tf.stop_gradient(end)


def instrument_loss(direction: Tensor, other: Tensor) -> Tensor:
    """Return how badly two notes of one instrument find each other in a batch (InfoNCE [1]_).

    It makes the code say which instrument plays, at whatever pitch, in all its directions;
    without it the encoder is content with a few (how fast the note decays, how bright it is).

    Parameters
    ----------
    direction, other : tensor [shape=(batch, d)]
        Of notes of the same instruments, row by row.

    References
    ----------
    .. [1] van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018.
    """
    unit, other_unit = tf.math.l2_normalize(direction, -1), tf.math.l2_normalize(other, -1)
    scores = tf.matmul(unit, other_unit, transpose_b=True) / INSTRUMENT_TEMPERATURE
    right = tf.eye(tf.shape(scores)[0])
    there = tf.nn.softmax_cross_entropy_with_logits(right, scores)
    back = tf.nn.softmax_cross_entropy_with_logits(right, tf.transpose(scores))
    return 0.5 * tf.reduce_mean(there + back)


def pitch_loss(one_hot: Tensor, logits: Tensor) -> Tensor:
    """Return the cross-entropy of the auxiliary pitch classifier (Odena et al. 2017)."""
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(one_hot, logits))


def total_loss(
    errors: tuple[Tensor, ...],
    path: tuple[Tensor, ...],
    keys: tuple[Tensor, ...],
    adversarial: Tensor,
    pitch: Tensor,
    instrument: Tensor,
    config: TrainConfig,
) -> Tensor:
    """Return the weighted loss of generator and encoder."""
    return (
        config.reconstruction_weight * tf.add_n(list(errors))
        + config.path_weight * sum(path)
        + config.key_weight * sum(keys)
        + config.adversarial_weight * adversarial
        + config.pitch_weight * pitch
        + config.instrument_weight * instrument
    )
