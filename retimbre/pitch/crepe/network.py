"""The CREPE network, exact to rounding at a tenth of the work.

Six blocks of convolution, ReLU, batch normalisation and max-pooling, then a dense layer of 360
sigmoids, one for each 20 cents of pitch [1]_. The convolutions are restructured
(`retimbre.pitch.crepe.first_layer`, `retimbre.pitch.crepe.blocks`); the batch normalisation, an
affine map, is absorbed into the weights of the layer behind it.

References
----------
.. [1] J. W. Kim, J. Salamon, P. Li, J. P. Bello, "CREPE: A Convolutional Representation for Pitch
   Estimation", ICASSP 2018.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from retimbre._typing import BoolArray, Float32Array
from retimbre.errors import ParameterError
from retimbre.pitch.crepe.blocks import TAPS_BEFORE, make_block
from retimbre.pitch.crepe.decoding import N_BINS
from retimbre.pitch.crepe.first_layer import (
    FRAME_LENGTH,
    HOP_LENGTH,
    N_POOLED,
    make_first_layer,
    measure_frames,
    normalize_frames,
)
from retimbre.pitch.crepe.threads import Workspace, open_workspace
from retimbre.pitch.crepe.weights import ConvWeights, CrepeWeights, load_weights
from retimbre.pitch.frames import excerpt

SAMPLE_RATE = 16000

_BLOCK_FRAMES = 128


class CrepeNetwork:
    """The network with prepared weights; holds no state of a recording.

    Parameters
    ----------
    weights : CrepeWeights
    """

    def __init__(self, weights: CrepeWeights) -> None:
        first, *others = weights.convs
        self._first = make_first_layer(first.kernel[:, 0], first.bias, first.scale < 0)
        self._blocks = []
        previous, n = first, N_POOLED
        with open_workspace() as workspace:
            for conv in others:
                kernel, bias = _absorb(previous, conv, n)
                self._blocks.append(make_block(kernel, bias, conv.scale < 0, workspace))
                previous, n = conv, n // 2
            scale, shift = (np.tile(a, n) for a in (previous.scale, previous.shift))
            self._dense_kernel = weights.dense_kernel * scale[:, None]
            self._dense_bias = weights.dense_bias + shift @ weights.dense_kernel

    def activation(self, frames: npt.ArrayLike) -> Float32Array:
        """Return the activations of separate frames.

        Parameters
        ----------
        frames : array_like [shape=(n_frames, 1024), linear]
            Frames of audio at 16 kHz, as recorded: they are normalised here.

        Returns
        -------
        activation : np.ndarray of float32 [shape=(n_frames, 360), 0..1]
            How much each bin of 20 cents looks like the pitch.

        Raises
        ------
        ParameterError
            If the frames have another length.
        """
        frames = np.asarray(frames, dtype=np.float32)
        if frames.ndim != 2 or frames.shape[1] != FRAME_LENGTH:
            raise ParameterError(
                f"CREPE needs frames of shape (n, {FRAME_LENGTH}), given {frames.shape}."
            )
        activation = np.empty((len(frames), N_BINS), np.float32)
        with open_workspace() as workspace:
            for start in range(0, len(frames), _BLOCK_FRAMES):
                block = slice(start, start + _BLOCK_FRAMES)
                x = self._of_frames(frames[block], workspace)
                activation[block] = self._finish(x, workspace)
        return activation

    def activations_of(
        self, signal: Float32Array, wanted: BoolArray
    ) -> Iterator[tuple[int, Float32Array]]:
        """Yield the activations of a signal's overlapping frames, block by block.

        Parameters
        ----------
        signal : np.ndarray of float32 [shape=(n_samples,), linear]
            Audio at 16 kHz; frame f is centred on sample ``160 f``, zeros lie beyond the ends.
        wanted : np.ndarray of bool [shape=(n_frames,)]
            Frames to look at.

        Yields
        ------
        start : int
            Index of the block's first frame; blocks follow each other without gaps.
        activation : np.ndarray of float32 [shape=(n_block_frames, 360), 0..1]
            As `activation` returns; unwanted frames may be zeros.
        """
        with open_workspace() as workspace:
            for start in range(0, len(wanted), _BLOCK_FRAMES):
                block = wanted[start : start + _BLOCK_FRAMES]
                activation = np.zeros((len(block), N_BINS), np.float32)
                found = np.flatnonzero(block)
                if len(found):
                    first, last = int(found[0]), int(found[-1]) + 1
                    n_samples = HOP_LENGTH * (last - first - 1) + FRAME_LENGTH
                    centre = HOP_LENGTH * (start + first)
                    heard = excerpt(signal, centre - FRAME_LENGTH // 2, n_samples)
                    x = self._of_signal(heard, workspace)
                    activation[first:last] = self._finish(x, workspace)
                yield start, activation

    def _of_frames(self, frames: Float32Array, workspace: Workspace) -> Float32Array:
        x = workspace.array("frames", (N_POOLED, len(frames), len(self._first.bias)))
        self._first.of_frames(normalize_frames(frames), x, workspace)
        return x

    def _of_signal(self, excerpt: Float32Array, workspace: Workspace) -> Float32Array:
        # A constant offset changes nothing, and without it fewer frames stand far from zero.
        centred = excerpt - excerpt.mean(dtype=np.float64).astype(np.float32)
        statistics = measure_frames(centred)
        x = workspace.array("signal", (N_POOLED, len(statistics.mean), len(self._first.bias)))
        self._first.of_signal(centred, statistics, x, workspace)
        offset = np.flatnonzero(statistics.is_offset)
        if len(offset):
            frames = np.lib.stride_tricks.sliding_window_view(excerpt, FRAME_LENGTH)
            x[:, offset] = self._of_frames(frames[HOP_LENGTH * offset], workspace)
        return x

    def _finish(self, x: Float32Array, workspace: Workspace) -> Float32Array:
        """Take the first layer's result through the others."""
        for block in self._blocks:
            x = block.apply(x, workspace)
        features = x.transpose(1, 0, 2).reshape(x.shape[1], -1)
        logits = features @ self._dense_kernel + self._dense_bias
        # Below -80 the sigmoid is 0 in float32 anyway, and exp would overflow.
        return np.asarray(1.0 / (1.0 + np.exp(-np.maximum(logits, -80.0))), dtype=np.float32)


@lru_cache(maxsize=2)
def load_network(capacity: str) -> CrepeNetwork:
    """Return CREPE with its original weights, read once a process.

    Parameters
    ----------
    capacity : {"full", "tiny"}

    Raises
    ------
    ParameterError
        If `capacity` is unknown.
    ModelNotFoundError, ModelFormatError
        If the weights are not installed or damaged.
    """
    return CrepeNetwork(load_weights(capacity))


def count_frames(n_samples: int) -> int:
    """Return the number of frames of `n_samples` samples at 16 kHz: ``1 + n_samples // 160``."""
    return 1 + n_samples // HOP_LENGTH


def _absorb(
    previous: ConvWeights, conv: ConvWeights, n_positions: int
) -> tuple[Float32Array, Float32Array]:
    """Return the kernel and bias of `conv` that do the batch normalisation of `previous` as well.

    The scale goes into the kernel. The shift adds the same to every position, except that the
    taps beyond the ends see padding instead: so the bias comes to depend on the position.

    Returns
    -------
    kernel : np.ndarray [shape=(64, c_in, c_out)]
    bias : np.ndarray [shape=(n_positions, c_out)]
    """
    kernel = conv.kernel * previous.scale[:, None]
    shift = previous.shift.astype(np.float64)
    n_taps = len(conv.kernel)
    sums = np.zeros((n_taps + 1, conv.kernel.shape[2]))
    np.cumsum([shift @ tap for tap in conv.kernel], axis=0, out=sums[1:])
    positions = np.arange(n_positions)
    first = np.maximum(TAPS_BEFORE - positions, 0)
    last = np.minimum(n_positions - positions + TAPS_BEFORE, n_taps)
    bias = conv.bias + sums[last] - sums[first]
    return kernel, bias.astype(np.float32)
