"""The layers of the networks that Keras does not bring, and a maker of those that it does."""

import math
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from retimbre.train.networks.representation import LEAK

Tensor = Any


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


class MinibatchDeviation(keras.layers.Layer):  # type: ignore[misc]
    """Append the batch's mean standard deviation as a channel (Karras et al. 2018, section 3).

    Parameters
    ----------
    epsilon : float
        Under the root, whose gradient would else be infinite at 0.
    """

    def __init__(self, *, epsilon: float = 1e-8, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def call(self, x: Tensor) -> Tensor:
        """Map (batch, ..., channels) to (batch, ..., channels + 1)."""
        wide = tf.cast(x, tf.float32)
        variance = tf.math.reduce_variance(wide, 0)
        spread = tf.reduce_mean(tf.sqrt(variance + self.epsilon))
        return tf.concat([x, tf.cast(tf.zeros_like(wide[..., :1]) + spread, x.dtype)], -1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape with one more channel."""
        return (*input_shape[:-1], input_shape[-1] + 1)


class Fade(keras.layers.Layer):  # type: ignore[misc]
    """Blend the new resolution in: ``alpha * new + (1 - alpha) * old``."""

    def call(self, new: Tensor, old: Tensor, alpha: Tensor) -> Tensor:
        """Blend two tensors of one shape; `alpha` has shape (1,)."""
        return blend(new, tf.cast(old, new.dtype), alpha)

    def compute_output_shape(self, new_shape: Any, old_shape: Any, alpha_shape: Any) -> Any:
        """Return the new resolution's shape."""
        return new_shape


def blend(new: Tensor, old: Tensor, alpha: Tensor) -> Tensor:
    """Blend two tensors of one shape and type by the weights of their resolutions.

    Parameters
    ----------
    new, old : tensor
        What the newest resolution gives and the one below, brought to its size.
    alpha : tensor [shape=(1,), 0..1]
        See `retimbre.train.schedule.stage_at`.
    """
    share = tf.cast(tf.reshape(alpha, []), new.dtype)
    return share * new + (1.0 - share) * old


class _Equalised:
    """Keep kernels at unit variance and scale them as they are used (Karras et al. 2018, 4.1).

    The scale is ``sqrt(2 / ((1 + slope^2) n))`` for n inputs a unit; `slope` is that of the
    leaky rectifier to come, taken as 0 before one and 1 before none, as GANSynth has it.
    """

    def __init__(self, *args: Any, slope: float = 0.0, **options: Any) -> None:
        options["kernel_initializer"] = keras.initializers.RandomNormal(0.0, 1.0)
        super().__init__(*args, **options)
        self.slope = slope

    def gain(self, shape: Any, n_out: int) -> float:
        """Return the scale of a kernel that gives `n_out` channels."""
        return math.sqrt(2.0 * n_out / ((1.0 + self.slope**2) * math.prod(shape)))


class _ScaledKernel(_Equalised):
    """Let `kernel`, the one in use, be the scaled one."""

    @property
    def kernel(self) -> Tensor:
        """The scaled kernel [shape=(..., channels in, channels out)]."""
        return self._kernel * self.gain(self._kernel.shape, self._kernel.shape[-1])  # type: ignore[attr-defined]


class EqualisedConv1D(_ScaledKernel, keras.layers.Conv1D):  # type: ignore[misc]
    """A convolution over one axis."""


class EqualisedConv2D(_ScaledKernel, keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution over two axes."""


class EqualisedDense(_ScaledKernel, keras.layers.Dense):  # type: ignore[misc]
    """A dense layer."""


class EqualisedConv2DTranspose(_Equalised, keras.layers.Conv2DTranspose):  # type: ignore[misc]
    """A transposed convolution; its `kernel` is not scaled, but what it is given."""

    def call(self, x: Tensor) -> Tensor:
        """Spread (batch, 1, 1, channels) over the kernel's size."""
        return super().call(x * self.gain(self.kernel.shape, self.filters))


class LayerMaker:
    """Makes layers over one or two axes, all of one precision.

    Parameters
    ----------
    rank : int [1 or 2]
    is_equalised : bool
        Equalised learning rate; else kernels start at He's variance.
    dtype : str
        A Keras policy: "float32" or "mixed_bfloat16".

    Attributes
    ----------
    layers : dict of keras.Layer
        All that were made, by name; a later one takes the place of one of its name.
    """

    def __init__(self, rank: int, *, is_equalised: bool, dtype: str) -> None:
        self.rank = rank
        self.is_equalised = is_equalised
        self.dtype = dtype
        self.layers: dict[str, Any] = {}

    def conv(self, channels: int, width: int, name: str, **options: Any) -> Any:
        """Make a convolution of that width along every axis."""
        plain = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D}
        kinds = (plain[self.rank], {1: EqualisedConv1D, 2: EqualisedConv2D}[self.rank])
        size = (width,) * self.rank
        return self._make(kinds, name, channels, size, padding="same", **options)

    def dense(self, units: int, name: str, **options: Any) -> Any:
        """Make a dense layer."""
        return self._make((keras.layers.Dense, EqualisedDense), name, units, **options)

    def spread(self, channels: int, size: tuple[int, ...], name: str) -> Any:
        """Make the layer that lays one vector out over an image of two axes."""
        kinds = (keras.layers.Conv2DTranspose, EqualisedConv2DTranspose)
        return self._make(kinds, name, channels, size)

    def _make(self, kinds: tuple[Any, Any], name: str, *args: Any, **options: Any) -> Any:
        if self.is_equalised:
            options.pop("kernel_initializer", None)
        else:
            options = {"kernel_initializer": "he_normal", **options}
            options.pop("slope", None)
        options = {"dtype": self.dtype, **options}
        self.layers[name] = kinds[self.is_equalised](*args, name=name, **options)
        return self.layers[name]

    def double(self, x: Tensor, dtype: str | None = None) -> Tensor:
        """Repeat every value along every axis."""
        kind = {1: keras.layers.UpSampling1D, 2: keras.layers.UpSampling2D}[self.rank]
        return kind(2, dtype=dtype or self.dtype)(x)

    def halve(self, x: Tensor, dtype: str | None = None) -> Tensor:
        """Average neighbours along every axis."""
        kind = {1: keras.layers.AveragePooling1D, 2: keras.layers.AveragePooling2D}[self.rank]
        return kind(2, dtype=dtype or self.dtype)(x)

    def norm(self, x: Tensor) -> Tensor:
        """Apply pixel norm."""
        return PixelNorm(dtype=self.dtype)(x)


def leaky(x: Tensor) -> Tensor:
    """Apply the leaky rectifier."""
    return keras.ops.leaky_relu(x, LEAK)
