"""What the networks do with one batch, at one resolution."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from retimbre.train.networks import losses
from retimbre.train.networks.games import find_game
from retimbre.train.networks.layers import blend
from retimbre.train.networks.networks import Networks

Tensor = Any
NoteTensors = tuple[Tensor, Tensor, Tensor, Tensor]
"""Images, one-hot pitches, velocities (batch, 1) and how much each value counts, of some notes."""

TensorBatch = tuple[NoteTensors, ...]
"""Some notes; where there is an encoder also another note of the same instruments."""

ERRORS = ("level_error", "deviation_error", "noise_error", "texture_error")
"""What `losses.reconstruction` returns."""

N_DRAWS = 8


class Made(NamedTuple):
    """What generator and encoder made of a batch, with what is told of it by name."""

    loss: Tensor
    fakes: Tensor
    stats: dict[str, Tensor]


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
        self.networks = networks
        self.fading = fading
        kind = networks.representation
        self.generator = networks.generator(stage, fading)
        self.discriminator = networks.discriminator(stage, fading)
        self.game = find_game(self.config, kind.share(stage))
        low, high = self.config.pitch_range
        self.masks = None
        if kind.mask is not None:
            self.masks = tf.constant(kind.mask(np.arange(low, high + 1)).astype(np.float32))
            self.fill = tf.constant(kind.fill)

    def make(self, batch: TensorBatch, alpha: Tensor, seed: Tensor) -> Made:
        """Make notes, and let the discriminator tell how real they are."""
        raise NotImplementedError

    def judge(
        self, batch: TensorBatch, fakes: Tensor, alpha: Tensor, seed: Tensor, is_lazy_step: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Show the discriminator real and made notes; return its loss, and what is told of it."""

        def score(x: Tensor) -> Tensor:
            return self.discriminator([x, alpha], training=True)[0]

        images, one_hot, _, heard = batch[-1]
        images = self._cut(images, heard)
        if self.fading and self.networks.representation.blends_reals:
            images = self._fade_in(images, alpha)
        real = self._perturb(images, _draw(seed, 6))
        real_logits, pitches = self.discriminator([real, alpha], training=True)
        seen = self._perturb(fakes, _draw(seed, 7))
        fake_logits, _ = self.discriminator([seen, alpha], training=True)
        loss = self.game.discriminator_loss(real_logits, fake_logits)
        pitch = losses.pitch_loss(one_hot, pitches)
        draw = _draw(seed, 0)
        penalty = self.game.penalty(score, real, seen, seed=draw, is_lazy_step=is_lazy_step)
        stats = {"discriminator": loss, "pitch_real": pitch}
        # How often it is right; the scores of a critic have no threshold.
        if self.config.adversarial == "non_saturating":
            stats["real_accuracy"] = tf.reduce_mean(tf.cast(real_logits > 0, tf.float32))
            stats["fake_accuracy"] = tf.reduce_mean(tf.cast(fake_logits < 0, tf.float32))
        return loss + self.config.judge_pitch_weight * pitch + penalty, stats

    def _convince(self, fakes: Tensor, one_hot: Tensor, alpha: Tensor, seed: Tensor) -> Any:
        """Return the generator's adversarial loss and that of the pitch."""
        seen = self._perturb(fakes, _draw(seed, 5))
        logits, pitches = self.discriminator([seen, alpha], training=True)
        return self.game.generator_loss(logits), losses.pitch_loss(one_hot, pitches)

    def _play(self, z: Tensor, one_hot: Tensor, velocity: Tensor, alpha: Tensor) -> Tensor:
        images = self.generator([z, one_hot, velocity, alpha], training=True)
        if self.masks is None:
            return images
        mask = tf.matmul(one_hot, self.masks)[:, None, :]
        return images * mask + self.fill * (1 - mask)

    def _cut(self, images: Tensor, heard: Tensor) -> Tensor:
        """Silence what nobody knows of the real notes of a batch, in real and made ones alike.

        Else a cut would tell the discriminator that a note is real.
        """
        if self.masks is None:
            return images
        return tf.where(heard > 0.0, images, self.fill)

    def _fade_in(self, images: Tensor, alpha: Tensor) -> Tensor:
        """Give real images the detail that the faded-in resolution has by now."""
        make = self.networks.make
        coarse = make.double(make.halve(images, dtype="float32"), dtype="float32")
        return blend(images, coarse, alpha)

    def _perturb(self, x: Tensor, seed: Tensor) -> Tensor:
        """Add a little noise, so that what tells real from made is more than the last bit."""
        if self.config.instance_noise == 0.0:
            return x
        noise = tf.random.stateless_normal(tf.shape(x), seed)
        return x + self.config.instance_noise * noise


class EncodedPasses(StagePasses):
    """NoteTensors are encoded and played at another pitch; what lies between them is played too."""

    def __init__(self, networks: Networks, stage: int, fading: bool) -> None:
        super().__init__(networks, stage, fading)
        self.encoder = networks.encoder(stage, fading)

    def make(self, batch: TensorBatch, alpha: Tensor, seed: Tensor) -> Made:
        """Encode one note, play another of the same instrument, and what lies between.

        Half of the notes that the discriminator gets were never heard: slerps and blends.
        """
        (x1, hot1, v1, heard1), (x2, hot2, v2, heard2) = batch
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
        errors = losses.reconstruction(notes[:size], x2, mask * heard2)
        path: tuple[Tensor, ...] = ()
        if self.config.path_weight > 0.0:
            # Where a slerp leads to, played at the pitch where it begins.
            far = self._play(z[quarter : 2 * quarter], hot2[:quarter], v2[:quarter], alpha)
            mixed = losses.mix_notes(notes[:quarter], far, share)
            path = losses.reconstruction(notes[size : size + quarter], mixed, mask[:quarter])
        keys: tuple[Tensor, ...] = ()
        if self.config.key_weight > 0.0:
            keys = self._key_errors(notes[-quarter:], blends, hot1[:quarter], v1[:quarter], alpha)
        heard1, heard2 = (tf.broadcast_to(heard, tf.shape(x2)) for heard in (heard1, heard2))
        counts = tf.concat([heard2, heard2[:quarter], heard1[:quarter]], 0)
        fakes = self._cut(notes[-size:], counts[-size:])
        adversarial, pitch = self._convince(fakes, hots[-size:], alpha, seed)
        instrument = losses.instrument_loss(direction, other)
        loss = losses.total_loss(errors, path, keys, adversarial, pitch, instrument, self.config)
        stats = dict(zip(ERRORS, errors, strict=True))
        stats |= {"adversarial": adversarial, "pitch_fake": pitch, "instrument": instrument}
        if path:
            stats["path_error"] = tf.add_n(list(path))
        if keys:
            stats["key_error"] = tf.add_n(list(keys))
        return Made(loss, fakes, stats)

    def _key_errors(
        self, notes: Tensor, z: Tensor, one_hot: Tensor, velocity: Tensor, alpha: Tensor
    ) -> tuple[Tensor, ...]:
        """Return how far notes are from the mean of what is played on the keys beside them."""
        key, last = tf.argmax(one_hot, -1), self.config.n_pitches - 1
        below, above = (
            tf.one_hot(tf.clip_by_value(key + step, 0, last), last + 1) for step in (-1, 1)
        )
        beside = self._play(
            tf.concat([z, z], 0),
            tf.concat([below, above], 0),
            tf.concat([velocity, velocity], 0),
            alpha,
        )
        low, high = tf.split(beside, 2)
        mean = losses.mix_notes(low, high, tf.fill((len(z), 1), 0.5))
        # The first and the last key have one neighbour only.
        is_inside = tf.cast((key > 0) & (key < last), tf.float32)[:, None]
        mask = is_inside * tf.matmul(above, self.masks)
        return losses.reconstruction(notes, mean, mask[:, None, :])

    def _latents(self, direction: Tensor, seed: Tensor) -> Tensor:
        size, low = self.config.batch_size, self.config.min_signal
        signal = tf.random.stateless_uniform((size, 1), _draw(seed, 1), low, 1.0)
        noise = tf.random.stateless_normal((size, self.config.latent_dim), _draw(seed, 2))
        return losses.mix_latent(direction, signal, noise)


class RandomPasses(StagePasses):
    """Random z at the pitches of the batch: GANSynth's training, without an encoder."""

    def make(self, batch: TensorBatch, alpha: Tensor, seed: Tensor) -> Made:
        """Play random z."""
        _, one_hot, velocity, _ = batch[-1]
        shape = (self.config.batch_size, self.config.latent_dim)
        z = tf.random.stateless_normal(shape, _draw(seed, 2))
        fakes = self._play(z, one_hot, velocity, alpha)
        adversarial, pitch = self._convince(fakes, one_hot, alpha, seed)
        config = self.config
        loss = config.adversarial_weight * adversarial + config.pitch_weight * pitch
        return Made(loss, fakes, {"adversarial": adversarial, "pitch_fake": pitch})


def passes_for(networks: Networks, stage: int, fading: bool) -> StagePasses:
    """Return the passes that suit the representation."""
    kind = EncodedPasses if networks.representation.has_encoder else RandomPasses
    return kind(networks, stage, fading)


def _draw(seed: Tensor, use: int) -> Tensor:
    """Return the seed of one of the independent draws of a step."""
    return seed + tf.constant([0, use], tf.int32)
