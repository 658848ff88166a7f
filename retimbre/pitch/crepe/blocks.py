"""Convolution blocks as products in the frequency domain.

As written, a 'same' convolution of 64 taps costs 64 products of matrices at each position. In the
frequency domain it costs one complex product at each frequency, which is three real ones.

Derivation
----------
Let ``y[t] = sum_d k[d] x[t + d]``, x zero outside 0..n-1. Lay the positions on a circle of N, with
a change of sign at each turn: its frequencies are ``w_f = 2 pi (f + 1/2) / N``, f < N / 2 suffice
for real x, and all of those are alike, none is real. A tap d reaches a wrong position only if
``t + d`` and a position of x differ by N, which for 0 <= t < n cannot be if N >= n + max |d|.

Count positions from the middle, (n - 1) / 2. The cosines are then even about it and the sines odd,
so that the cosines need only the sums ``x[t] + x[n-1-t]`` and the sines only the differences.

A complex product (a + ib)(c + id) is made of ``p = ac, q = bd, r = (a + b)(c + d)``: its real part
is p - q, its imaginary part r - p - q. The inverse transform takes p, q and r as they are.
"""

from dataclasses import dataclass

import numpy as np

from retimbre._typing import BoolArray, Float32Array, Float64Array, FloatArray
from retimbre.pitch.crepe.threads import Workspace

TAPS_BEFORE = 31
"""'same' padding of 64 taps in Keras: 31 positions in front, 32 behind."""

# Columns of a matrix that one task works on: enough to hide the cost of a task.
_TASK_COLUMNS = 4096


@dataclass(frozen=True, eq=False)
class SpectralBlock:
    """Convolution, ReLU and max-pooling at n positions.

    Attributes
    ----------
    cosines, sines : np.ndarray [shape=(n_freqs, n / 2)]
        Transforms of the sums and of the differences about the middle, in the order of `_fold`.
    kernels : np.ndarray [shape=(2, n_freqs, c_in, c_out)]
        Real and imaginary part.
    inverse : np.ndarray [shape=(n, 3 * n_freqs)]
        From p, q and r to the positions.
    bias : np.ndarray [shape=(n, 1, c_out)]
    falling : np.ndarray of bool [shape=(c_out,)]
        See `pool`.
    """

    cosines: Float32Array
    sines: Float32Array
    kernels: Float32Array
    inverse: Float32Array
    bias: Float32Array
    falling: BoolArray

    def apply(self, x: Float32Array, workspace: Workspace) -> Float32Array:
        """Apply the block.

        Parameters
        ----------
        x : np.ndarray [shape=(n, n_frames, c_in)]
            Contiguous; overwritten.
        workspace : Workspace

        Returns
        -------
        y : np.ndarray [shape=(n / 2, n_frames, c_out)]
        """
        _fold(x, workspace)
        spectrum = self._transform(x, workspace)
        products = self._multiply(spectrum, workspace)
        return self._invert(products, workspace)

    def _transform(self, x: Float32Array, workspace: Workspace) -> Float32Array:
        """Return real and imaginary parts [shape=(2, n_freqs, n_frames, c_in)]."""
        n, n_frames, c_in = x.shape
        flat = x.reshape(n, n_frames * c_in)
        spectrum = workspace.array("spectrum", (2, len(self.cosines), n_frames * c_in))

        def transform(task: int) -> None:
            columns = slice(task * _TASK_COLUMNS, (task + 1) * _TASK_COLUMNS)
            np.matmul(self.cosines, flat[: n // 2, columns], out=spectrum[0, :, columns])
            np.matmul(self.sines, flat[n // 2 :, columns], out=spectrum[1, :, columns])

        workspace.run(transform, -(-flat.shape[1] // _TASK_COLUMNS))
        return spectrum.reshape(2, -1, n_frames, c_in)

    def _multiply(self, spectrum: Float32Array, workspace: Workspace) -> Float32Array:
        """Return p, q and r [shape=(3, n_freqs, n_frames, c_out)]."""
        _, n_freqs, n_frames, _ = spectrum.shape
        c_out = self.kernels.shape[-1]
        products = workspace.array("products", (3, n_freqs, n_frames, c_out))

        def multiply(freq: int) -> None:
            x_real, x_imag = spectrum[:, freq]
            k_real, k_imag = self.kernels[:, freq]
            x_sum = workspace.local_array("x_sum", x_real.shape)
            k_sum = workspace.local_array("k_sum", k_real.shape)
            np.matmul(x_real, k_real, out=products[0, freq])
            np.matmul(x_imag, k_imag, out=products[1, freq])
            np.add(x_real, x_imag, out=x_sum)
            np.add(k_real, k_imag, out=k_sum)
            np.matmul(x_sum, k_sum, out=products[2, freq])

        workspace.run(multiply, n_freqs)
        return products

    def _invert(self, products: Float32Array, workspace: Workspace) -> Float32Array:
        """Return the rectified maxima of pairs of positions [shape=(n / 2, n_frames, c_out)]."""
        _, _, n_frames, c_out = products.shape
        n = len(self.inverse)
        flat = products.reshape(-1, n_frames * c_out)
        y = np.empty((n // 2, n_frames, c_out), np.float32)
        task_frames = max(1, _TASK_COLUMNS // c_out)

        def invert(task: int) -> None:
            first = task * task_frames
            last = min(first + task_frames, n_frames)
            x = workspace.local_array("inverse", (n, last - first, c_out))
            np.matmul(self.inverse, flat[:, first * c_out : last * c_out], out=x.reshape(n, -1))
            x += self.bias
            pooled = y[:, first:last]
            pool(x[::2], x[1::2], self.falling, pooled)
            np.maximum(pooled, 0.0, out=pooled)

        workspace.run(invert, -(-n_frames // task_frames))
        return y


def make_block(
    kernel: Float32Array, bias: Float32Array, falling: BoolArray, workspace: Workspace
) -> SpectralBlock:
    """Transform a kernel, once for all frames to come.

    Parameters
    ----------
    kernel : np.ndarray of float32 [shape=(64, c_in, c_out)]
    bias : np.ndarray of float32 [shape=(n, c_out)]
        One row for each position; n is even.
    falling : np.ndarray of bool [shape=(c_out,)]
        See `pool`.
    workspace : Workspace
    """
    n = len(bias)
    taps = np.arange(len(kernel)) - TAPS_BEFORE
    reachable = np.abs(taps) < n
    taps, kernel = taps[reachable], kernel[reachable]
    size = n + int(np.abs(taps).max())
    size += size % 2
    omega = 2.0 * np.pi * (np.arange(size // 2)[:, None] + 0.5) / size
    angle = omega * (np.arange(n) - (n - 1) / 2.0)
    cos, sin = np.cos(angle), np.sin(angle)
    return SpectralBlock(
        cosines=_float32(cos[:, : n // 2]),
        sines=_float32(sin[:, n // 2 :]),
        kernels=_transform_kernel(kernel, omega * taps, workspace),
        inverse=_float32(np.concatenate([cos + sin, sin - cos, -sin]).T * (2.0 / size)),
        bias=_float32(bias)[:, None],
        falling=falling,
    )


def pool(first: Float32Array, second: Float32Array, falling: BoolArray, out: Float32Array) -> None:
    """Max-pool pairs of positions before ReLU and batch normalisation.

    In the network both come before max-pooling. Where the scale of the normalisation is positive,
    the maximum may as well be taken first. Where it is negative, the minimum must.

    Parameters
    ----------
    first, second : np.ndarray [shape=(..., n_channels)]
    falling : np.ndarray of bool [shape=(n_channels,)]
        Channels whose scale is negative.
    out : np.ndarray [shape=(..., n_channels)]
        Where to write; it may be one of the two.
    """
    smaller = np.minimum(first, second) if falling.any() else None
    np.maximum(first, second, out=out)
    if smaller is not None:
        np.copyto(out, smaller, where=falling)


def _fold(x: Float32Array, workspace: Workspace) -> None:
    """Replace x[t] by ``x[t] + x[n-1-t]`` and x[n-1-t] by ``x[t] - x[n-1-t]``, t < n / 2."""

    def fold(t: int) -> None:
        low, high = x[t], x[len(x) - 1 - t]
        difference = workspace.local_array("difference", low.shape)
        np.subtract(low, high, out=difference)
        low += high
        high[...] = difference

    workspace.run(fold, len(x) // 2)


def _transform_kernel(
    kernel: Float32Array, angle: Float64Array, workspace: Workspace
) -> Float32Array:
    """Return real and imaginary part at ``angle[freq, tap]`` [shape=(2, n_freqs, c_in, c_out)]."""
    _, c_in, c_out = kernel.shape
    matrix = _float32(np.concatenate([np.cos(angle), np.sin(angle)]))
    transformed = np.empty((len(matrix), c_in, c_out), np.float32)

    def transform(channel: int) -> None:
        transformed[:, channel] = matrix @ kernel[:, channel]

    workspace.run(transform, c_in)
    return transformed.reshape(2, -1, c_in, c_out)


def _float32(array: FloatArray) -> Float32Array:
    return np.ascontiguousarray(array, dtype=np.float32)
