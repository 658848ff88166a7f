"""The layers that know where in Hz the partials of a pitch lie (`retimbre.harmonic.frequencies`).

A generator that writes only bins has to learn anew for each of 88 pitches where a resonance falls.
With these it can write a curve over frequency, and the encoder reads one.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from retimbre.harmonic.frequencies import N_FREQUENCIES, bins_to_grid, grid_to_bins
from retimbre.harmonic.image import FEATURE_FILL, N_BINS, N_FEATURES, N_SINGLE

Tensor = Any


class _OfPitches(keras.layers.Layer):  # type: ignore[misc]
    """A layer with constants for every pitch of a range (MIDI, inclusive)."""

    def __init__(self, pitch_range: tuple[int, int], **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        low, high = pitch_range
        self._pitches = np.arange(low, high + 1)

    def _choose(self, table: Tensor, one_hot: Tensor) -> Tensor:
        """Return the rows of a table for the pitches of a batch."""
        flat = tf.reshape(table, (len(self._pitches), -1))
        return tf.reshape(tf.matmul(one_hot, flat), (-1, *table.shape[1:]))


class FromFrequencies(_OfPitches):
    """Curves of level and noise over frequency -> features, zero but for levels and noise."""

    def build(self, *shapes: Any) -> None:
        """Make the constants."""
        self._table = tf.constant(grid_to_bins(self._pitches))

    def call(self, curves: Tensor, one_hot: Tensor) -> Tensor:
        """Map (batch, frames, 160) to (batch, frames, 288)."""
        table = self._choose(self._table, one_hot)
        level = tf.matmul(curves[..., :N_FREQUENCIES], table)
        noise = tf.matmul(curves[..., N_FREQUENCIES:], table)
        nothing = tf.zeros_like(level[..., :N_SINGLE])
        return tf.concat([level, nothing, noise, nothing], -1)

    def compute_output_shape(self, curves_shape: Any, one_hot_shape: Any) -> Any:
        """Return the shape of features."""
        return (*curves_shape[:-1], N_FEATURES)


class OntoFrequencies(_OfPitches):
    """Append the levels over frequency to features; silence where no partial can be."""

    def build(self, *shapes: Any) -> None:
        """Make the constants."""
        table, is_sounding = bins_to_grid(self._pitches)
        self._table = tf.constant(table)
        self._fill = tf.constant(np.where(is_sounding, 0.0, FEATURE_FILL[0]).astype(np.float32))

    def call(self, features: Tensor, one_hot: Tensor) -> Tensor:
        """Map (batch, frames, 288) to (batch, frames, 368)."""
        levels = tf.matmul(features[..., :N_BINS], self._choose(self._table, one_hot))
        return tf.concat([features, levels + tf.matmul(one_hot, self._fill)[:, None, :]], -1)

    def compute_output_shape(self, features_shape: Any, one_hot_shape: Any) -> Any:
        """Return the shape with 80 more values a frame."""
        return (*features_shape[:-1], features_shape[-1] + N_FREQUENCIES)
