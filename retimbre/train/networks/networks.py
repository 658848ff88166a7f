"""The progressive generator, discriminator and encoder, in Keras, for every representation.

All three share their layers between the resolutions, so growing adds layers and loses nothing.
In the harmonic representation they are 1-D convolutions over time; in the mel representation
they are GANSynth's own networks [1]_, which have no encoder.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019, appendix A.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import keras

from retimbre.harmonic.frequencies import N_FREQUENCIES
from retimbre.train.config import TrainConfig
from retimbre.train.networks.frequency_layers import FromFrequencies, OntoFrequencies
from retimbre.train.networks.layers import Fade, LayerMaker, MinibatchDeviation, leaky
from retimbre.train.networks.representation import (
    RESIDUAL_GAIN,
    VELOCITY_CENTRE,
    VELOCITY_GAIN,
    find_representation,
)

Tensor = Any

ENCODER_HIDDEN = 512
OUTPUT_SPREAD = 0.03
"""Standard deviation of the first weights of outputs and modulations."""


class Networks:
    """The layers of all resolutions and the models built from them.

    Parameters
    ----------
    config : TrainConfig

    Attributes
    ----------
    representation : Representation
    layers : dict of keras.Layer
        Those with weights, by name.
    generator, discriminator, encoder : callable
        (stage, whether it fades) -> the model, built when it is first asked for.
    generator_variables, discriminator_variables, encoder_variables : list of keras.Variable
        All of them from the start, whatever the stage. A checkpoint holds them in this order.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.representation = find_representation(config.representation)
        dtype = "mixed_bfloat16" if config.mixed_precision else "float32"
        rank = self.representation.rank
        self.make = LayerMaker(rank, is_equalised=config.equalised, dtype=dtype)
        self.layers = self.make.layers
        self._make_generator_layers()
        self._make_discriminator_layers()
        if self.representation.has_encoder:
            self._make_encoder_layers()
        self.generator = cache(self._build_generator)
        self.discriminator = cache(self._build_discriminator)
        self.encoder = cache(self._build_encoder)
        # Now, so that one optimiser knows them from the start. A model that fades has the variables
        # of its stage and of the one below, no others.
        whole = [(stage, False) for stage in range(self.representation.n_stages)]
        self.generator_variables = _unique(self.generator(*where) for where in whole)
        self.discriminator_variables = _unique(self.discriminator(*where) for where in whole)
        encoded = whole if self.representation.has_encoder else []
        self.encoder_variables = _unique(self.encoder(*where) for where in encoded)

    # ---- layers ------------------------------------------------------------------------------

    def _make_generator_layers(self) -> None:
        make, kind, channels = self.make, self.representation, self.config.channels
        small = keras.initializers.RandomNormal(0.0, OUTPUT_SPREAD)
        for i in range(kind.n_maps):
            make.dense(kind.hidden, f"g_map{i}")
        if kind.rank == 1:
            make.dense(kind.shapes[0][0] * channels[0], "g_start", slope=1.0)
        for i, width in enumerate(channels):
            make.conv(width, 3, f"g_conv{i}a")
            if i == 0 and kind.rank == 2:
                make.spread(width, kind.shapes[0], "g_conv0a")
            make.conv(width, 3, f"g_conv{i}b")
            if kind.is_modulated:
                make.dense(width, f"g_scale{i}", kernel_initializer=small, slope=1.0)
            options = {"kernel_initializer": small, "slope": 1.0, "dtype": "float32"}
            make.conv(kind.n_values, 1, f"g_out{i}", **options)
            if kind.has_frequencies:
                make.conv(2 * N_FREQUENCIES, 1, f"g_curve{i}", **options)
        if kind.has_frequencies:
            self.from_frequencies = FromFrequencies(self.config.pitch_range)

    def _make_discriminator_layers(self) -> None:
        make, kind, config = self.make, self.representation, self.config
        self._make_trunk("d")
        make.conv(config.channels[0], 3, "d_last")
        make.dense(kind.hidden, "d_dense")
        head: dict[str, Any] = {"slope": 1.0, "dtype": "float32"}
        make.dense(1, "d_real", **head)
        if not kind.has_equalised_pitch:
            make = LayerMaker(kind.rank, is_equalised=False, dtype="float32")
        self.layers["d_pitch"] = make.dense(config.n_pitches, "d_pitch", **head)

    def _make_encoder_layers(self) -> None:
        self._make_trunk("e")
        self.onto_frequencies = OntoFrequencies(self.config.pitch_range)
        self.make.dense(ENCODER_HIDDEN, "e_dense")
        self.make.dense(self.config.latent_dim, "e_out", slope=1.0, dtype="float32")

    def _make_trunk(self, prefix: str) -> None:
        channels = self.config.channels
        for i, width in enumerate(channels):
            self.make.conv(width, 1, f"{prefix}_in{i}")
            self.make.conv(width, 3, f"{prefix}_conv{i}a")
            self.make.conv(channels[max(i - 1, 0)], 3, f"{prefix}_conv{i}b")

    # ---- models ------------------------------------------------------------------------------

    def _build_generator(self, stage: int, fading: bool) -> Any:
        """Return the model (z, one-hot pitch, velocity, alpha) -> images of a stage.

        Velocities have shape (batch, 1), MIDI / 127; a representation without velocity ignores
        them. Images have shape (batch, 8..128, 288) or (batch, 2..128, 16..1024, 2).
        """
        make = self.make
        z = keras.Input((self.config.latent_dim,))
        pitch = keras.Input((self.config.n_pitches,))
        velocity = keras.Input((1,))
        alpha = keras.Input(batch_shape=(1,))
        condition = self._condition(z, pitch, velocity)
        x = below = self._start(condition)
        for i in range(stage + 1):
            if i:
                below = x
                x = make.double(x)
            x = self._generator_block(x, condition, i)
        image = self._image(x, pitch, stage)
        if stage and fading:
            coarse = make.double(self._image(below, pitch, stage - 1), dtype="float32")
            image = Fade(dtype="float32")(image, coarse, alpha)
        return keras.Model([z, pitch, velocity, alpha], image)

    def _condition(self, z: Tensor, pitch: Tensor, velocity: Tensor) -> Tensor:
        kind = self.representation
        parts = [z, pitch * kind.pitch_gain]
        if kind.has_velocity:
            parts.append((velocity - VELOCITY_CENTRE) * VELOCITY_GAIN)
        condition = self.make.norm(keras.ops.concatenate(parts, -1))
        for i in range(kind.n_maps):
            condition = leaky(self.layers[f"g_map{i}"](condition))
        return condition

    def _start(self, condition: Tensor) -> Tensor:
        """Return what the first block is given: a coarse image, or one point that it spreads."""
        if self.representation.rank == 2:
            return keras.ops.reshape(condition, (-1, 1, 1, condition.shape[-1]))
        shape = (-1, *self.representation.shapes[0], self.config.channels[0])
        return keras.ops.reshape(self.layers["g_start"](condition), shape)

    def _generator_block(self, x: Tensor, condition: Tensor, i: int) -> Tensor:
        layers, norm = self.layers, self.make.norm
        h = norm(leaky(layers[f"g_conv{i}a"](x)))
        if self.representation.is_modulated:
            scale = layers[f"g_scale{i}"](condition)
            for _ in range(self.representation.rank):
                scale = keras.ops.expand_dims(scale, 1)
            h = h * (1 + scale)
        h = norm(leaky(layers[f"g_conv{i}b"](h)))
        return (h + x) * RESIDUAL_GAIN if self._has_skip(i) else h

    def _image(self, x: Tensor, pitch: Tensor, stage: int) -> Tensor:
        image = self.layers[f"g_out{stage}"](x)
        if self.representation.has_frequencies:
            image = image + self.from_frequencies(self.layers[f"g_curve{stage}"](x), pitch)
        return keras.ops.tanh(image) if self.representation.is_bounded else image

    def _has_skip(self, i: int) -> bool:
        """Whether a block adds to what it is given."""
        channels = self.config.channels
        return bool(self.representation.is_modulated and i and channels[i] == channels[i - 1])

    def _trunk(self, prefix: str, x: Tensor, alpha: Tensor, stage: int, fading: bool) -> Tensor:
        """Run images down to the first stage: what discriminator and encoder have in common."""
        make, layers = self.make, self.layers
        h = leaky(layers[f"{prefix}_in{stage}"](x))
        for i in range(stage, 0, -1):
            skip = h
            h = leaky(layers[f"{prefix}_conv{i}a"](h))
            h = make.halve(leaky(layers[f"{prefix}_conv{i}b"](h)))
            if self._has_skip(i):
                h = (h + make.halve(skip)) * RESIDUAL_GAIN
            if i == stage and fading:
                old = leaky(layers[f"{prefix}_in{i - 1}"](make.halve(x, dtype="float32")))
                h = Fade(dtype=make.dtype)(h, old, alpha)
        return h

    def _build_discriminator(self, stage: int, fading: bool) -> Any:
        """Return the model (images, alpha) -> (real/fake logit (batch, 1), pitch logits)."""
        dtype, layers = self.make.dtype, self.layers
        x = keras.Input((*self.representation.shapes[stage], self.representation.n_values))
        alpha = keras.Input(batch_shape=(1,))
        h = self._trunk("d", x, alpha, stage, fading)
        spread = MinibatchDeviation(epsilon=self.representation.deviation_epsilon, dtype=dtype)
        h = leaky(layers["d_last"](spread(h)))
        h = leaky(layers["d_dense"](keras.layers.Flatten(dtype=dtype)(h)))
        return keras.Model([x, alpha], [layers["d_real"](h), layers["d_pitch"](h)])

    def _build_encoder(self, stage: int, fading: bool) -> Any:
        """Return the model (images, one-hot pitch, alpha) -> direction of z."""
        x = keras.Input((*self.representation.shapes[stage], self.representation.n_values))
        pitch = keras.Input((self.config.n_pitches,))
        alpha = keras.Input(batch_shape=(1,))
        seen = self.onto_frequencies(x, pitch)
        h = self._trunk("e", seen, alpha, stage, fading)
        flat = keras.layers.Flatten(dtype=self.make.dtype)(h)
        h = keras.ops.concatenate([flat, pitch], -1)
        h = leaky(self.layers["e_dense"](h))
        return keras.Model([x, pitch, alpha], self.layers["e_out"](h))


def _unique(models: Iterable[Any]) -> list[Any]:
    """Return the trainable variables of several models, each once, in order."""
    return list({id(v): v for model in models for v in model.trainable_variables}.values())
