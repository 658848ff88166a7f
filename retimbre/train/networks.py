"""The progressive generator, discriminator and encoder, in Keras.

All three work on feature sequences of shape (batch, frames, 288), 1-D convolutions over time;
they share their layers between the resolutions, so growing adds layers and loses nothing.
"""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from retimbre.images.harmonic import N_FEATURES
from retimbre.train.config import TrainConfig
from retimbre.train.schedule import RESOLUTIONS

Tensor = Any

LEAK = 0.2
PITCH_GAIN = 4.0
VELOCITY_GAIN = 8.0
VELOCITY_CENTRE = 0.63
HIDDEN = 384


@keras.saving.register_keras_serializable(package="retimbre")
class PixelNorm(keras.layers.Layer):  # type: ignore[misc]
    """Divide by the root mean square over the channels (Karras et al. 2018, section 4.2)."""

    def call(self, x: Tensor) -> Tensor:
        """Normalise `x` of shape (..., channels) in float32."""
        wide = tf.cast(x, tf.float32)
        power = tf.reduce_mean(tf.square(wide), -1, keepdims=True)
        return tf.cast(wide * tf.math.rsqrt(power + 1e-8), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape


@keras.saving.register_keras_serializable(package="retimbre")
class MinibatchDeviation(keras.layers.Layer):  # type: ignore[misc]
    """Append the batch's mean standard deviation as a channel (Karras et al. 2018, section 3)."""

    def call(self, x: Tensor) -> Tensor:
        """Map (batch, frames, channels) to (batch, frames, channels + 1)."""
        wide = tf.cast(x, tf.float32)
        variance = tf.math.reduce_variance(wide, 0)
        spread = tf.reduce_mean(tf.sqrt(variance + 1e-8))
        return tf.concat([x, tf.cast(tf.zeros_like(wide[..., :1]) + spread, x.dtype)], -1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape with one more channel."""
        return (*input_shape[:-1], input_shape[-1] + 1)


@keras.saving.register_keras_serializable(package="retimbre")
class Fade(keras.layers.Layer):  # type: ignore[misc]
    """Blend the new resolution in: ``alpha * new + (1 - alpha) * old``."""

    def call(self, new: Tensor, old: Tensor, alpha: Tensor) -> Tensor:
        """Blend two tensors of one shape; `alpha` has shape (1,)."""
        weight = tf.cast(tf.reshape(alpha, []), new.dtype)
        return weight * new + (1 - weight) * tf.cast(old, new.dtype)

    def compute_output_shape(self, new_shape: Any, old_shape: Any, alpha_shape: Any) -> Any:
        """Return the new resolution's shape."""
        return new_shape


def _conv(channels: int, width: int, name: str, **options: Any) -> Any:
    options.setdefault("kernel_initializer", "he_normal")
    return keras.layers.Conv1D(channels, width, padding="same", name=name, **options)


def _dense(units: int, name: str, **options: Any) -> Any:
    options.setdefault("kernel_initializer", "he_normal")
    return keras.layers.Dense(units, name=name, **options)


def _leaky(x: Tensor) -> Tensor:
    return keras.ops.leaky_relu(x, LEAK)


class Networks:
    """The layers of all resolutions and the models built from them.

    Parameters
    ----------
    config : TrainConfig
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        if config.mixed_precision:
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
        else:
            keras.mixed_precision.set_global_policy("float32")
        small = keras.initializers.RandomNormal(0.0, 0.03)
        channels = config.channels
        self.g_map = [_dense(HIDDEN, f"g_map{i}") for i in range(2)]
        self.g_start = _dense(RESOLUTIONS[0] * channels[0], "g_start")
        self.g_conv: list[tuple[Any, Any]] = []
        self.g_scale: list[Any] = []
        self.g_out: list[Any] = []
        self.d_in: list[Any] = []
        self.e_in: list[Any] = []
        self.d_conv: list[tuple[Any, Any]] = []
        self.e_conv: list[tuple[Any, Any]] = []
        for i, width in enumerate(channels):
            below = channels[max(i - 1, 0)]
            self.g_conv.append((_conv(width, 3, f"g_conv{i}a"), _conv(width, 3, f"g_conv{i}b")))
            self.g_scale.append(_dense(width, f"g_scale{i}", kernel_initializer=small))
            out = _conv(N_FEATURES, 1, f"g_out{i}", kernel_initializer=small, dtype="float32")
            self.g_out.append(out)
            self.d_in.append(_conv(width, 1, f"d_in{i}"))
            self.e_in.append(_conv(width, 1, f"e_in{i}"))
            self.d_conv.append((_conv(width, 3, f"d_conv{i}a"), _conv(below, 3, f"d_conv{i}b")))
            self.e_conv.append((_conv(width, 3, f"e_conv{i}a"), _conv(below, 3, f"e_conv{i}b")))
        self.d_last = _conv(channels[0], 3, "d_last")
        self.d_dense = _dense(HIDDEN, "d_dense")
        self.d_real = _dense(1, "d_real", dtype="float32")
        self.d_pitch = _dense(config.n_pitches, "d_pitch", dtype="float32")
        self.e_dense = _dense(512, "e_dense")
        self.e_out = _dense(config.latent_dim, "e_out", dtype="float32")
        self._build_all()

    def _build_all(self) -> None:
        """Create every variable now, so that one optimiser knows them from the start."""
        models = [
            (self.generator(s, f), self.discriminator(s, f), self.encoder(s, f))
            for s in range(len(RESOLUTIONS))
            for f in ((False, True) if s else (False,))
        ]
        self.generator_variables = _unique([m[0] for m in models])
        self.discriminator_variables = _unique([m[1] for m in models])
        self.encoder_variables = _unique([m[2] for m in models])

    def generator(self, stage: int, fading: bool) -> Any:
        """Build (z, one-hot pitch, velocity, alpha) -> features (batch, frames, 288) of a stage.

        Velocities have shape (batch, 1), MIDI / 127.
        """
        z = keras.Input((self.config.latent_dim,))
        pitch = keras.Input((self.config.n_pitches,))
        velocity = keras.Input((1,))
        alpha = keras.Input(batch_shape=(1,))
        strength = (velocity - VELOCITY_CENTRE) * VELOCITY_GAIN
        parts = [z, pitch * PITCH_GAIN, strength]
        condition = PixelNorm()(keras.ops.concatenate(parts, -1))
        for layer in self.g_map:
            condition = _leaky(layer(condition))
        x = self.g_start(condition)
        x = keras.ops.reshape(x, (-1, RESOLUTIONS[0], self.config.channels[0]))
        below = x
        for i in range(stage + 1):
            if i:
                below = x
                x = keras.layers.UpSampling1D(2)(x)
            x = self._generator_block(x, condition, i)
        features = self.g_out[stage](x)
        if stage and fading:
            coarse = keras.layers.UpSampling1D(2)(self.g_out[stage - 1](below))
            features = Fade(dtype="float32")(features, coarse, alpha)
        return keras.Model([z, pitch, velocity, alpha], features)

    def _generator_block(self, x: Tensor, condition: Tensor, i: int) -> Tensor:
        first, second = self.g_conv[i]
        scale = keras.ops.expand_dims(self.g_scale[i](condition), 1)
        h = PixelNorm()(_leaky(first(x))) * (1 + scale)
        h = PixelNorm()(_leaky(second(h)))
        if i and self.config.channels[i] == self.config.channels[i - 1]:
            h = (h + x) * 0.7071
        return h

    def _trunk(
        self, x: Tensor, alpha: Tensor, stage: int, fading: bool, inputs: list[Any], convs: Any
    ) -> Tensor:
        """Run features down to 8 frames: what discriminator and encoder have in common."""
        pool = keras.layers.AveragePooling1D(2)
        h = _leaky(inputs[stage](x))
        for i in range(stage, 0, -1):
            first, second = convs[i]
            skip = h
            h = pool(_leaky(second(_leaky(first(h)))))
            if self.config.channels[i] == self.config.channels[i - 1]:
                h = (h + pool(skip)) * 0.7071
            if i == stage and fading:
                h = Fade()(h, _leaky(inputs[i - 1](pool(x))), alpha)
        return h

    def discriminator(self, stage: int, fading: bool) -> Any:
        """Build (features, alpha) -> (real/fake logit (batch, 1), pitch logits) of a stage."""
        x = keras.Input((RESOLUTIONS[stage], N_FEATURES))
        alpha = keras.Input(batch_shape=(1,))
        h = self._trunk(x, alpha, stage, fading, self.d_in, self.d_conv)
        h = _leaky(self.d_last(MinibatchDeviation()(h)))
        h = _leaky(self.d_dense(keras.layers.Flatten()(h)))
        return keras.Model([x, alpha], [self.d_real(h), self.d_pitch(h)])

    def encoder(self, stage: int, fading: bool) -> Any:
        """Build (features, one-hot pitch, alpha) -> direction of z (batch, latent_dim)."""
        x = keras.Input((RESOLUTIONS[stage], N_FEATURES))
        pitch = keras.Input((self.config.n_pitches,))
        alpha = keras.Input(batch_shape=(1,))
        h = self._trunk(x, alpha, stage, fading, self.e_in, self.e_conv)
        h = keras.ops.concatenate([keras.layers.Flatten()(h), pitch], -1)
        return keras.Model([x, pitch, alpha], self.e_out(_leaky(self.e_dense(h))))


def _unique(models: list[Any]) -> list[Any]:
    """Return the trainable variables of several models, each once, in order."""
    found: dict[int, Any] = {}
    for model in models:
        for variable in model.trainable_variables:
            found.setdefault(id(variable), variable)
    return list(found.values())
