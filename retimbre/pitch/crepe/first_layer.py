"""CREPE's first convolution block, for separate and overlapping frames.

The block takes a frame of 1024 samples through 512 taps at 256 positions, 4 samples apart:
position p sees the samples ``4 p - 254 .. 4 p + 257`` of the frame, zeros where they lie outside.
With the other blocks turned into products of frequencies it is more than half of the work.

Frames that overlap see the same samples. A hop of 160 samples is 40 positions, so position p of
frame f has the same window as position p + 40 of frame f - 1: each window is taken through the
taps once, not 6.4 times. Two things differ from frame to frame.

- Where a window reaches over an end of the frame, the sum must stop. So windows are cut into
  pieces where frames begin or end; the pieces from a frame's beginning on, or up to its end, are
  summed.
- A frame is made zero-mean and of unit deviation. The convolution is linear:
  ``conv((x - mean) / deviation) = (conv(x) - mean * sum of the taps in the frame) / deviation``.
  Digits are lost if the mean exceeds the deviation by far: see `FrameStatistics.is_offset`.

Arrays are laid out position first, (n_positions, n_frames, n_channels): one position of many
frames is a contiguous matrix, and the next frame of the same window is the next row.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from retimbre._typing import BoolArray, Float32Array, Float64Array
from retimbre.pitch.crepe.blocks import pool
from retimbre.pitch.crepe.threads import Workspace

FRAME_LENGTH = 1024
HOP_LENGTH = 160

_STRIDE = 4
_TAPS = 512
_N_POSITIONS = FRAME_LENGTH // _STRIDE
N_POOLED = _N_POSITIONS // 2

# 'same' padding in Keras: 512 taps less one stride, halved.
_PADDING = (_TAPS - _STRIDE) // 2
_HOP_POSITIONS = HOP_LENGTH // _STRIDE
# A window is seen by frames that began 0 .. 6 hops before it.
_N_LAGS = -(-_N_POSITIONS // _HOP_POSITIONS)
# From the first sample of a hop's first window to behind the last sample of its last one.
_HOP_REACH = _STRIDE * (_HOP_POSITIONS - 1) + _TAPS

# Arrays that the sums over the parts of one window need: five pieces, two inner ends.
_MAX_SUMS = 7

# Frames share convolutions up to this mean, in deviations: it costs three bits of 24.
_LARGEST_MEAN = 8.0

# As in the original code: silent frames become zeros and not NaN.
_SMALLEST_DEVIATION = 1e-8

# Samples summed at once for the statistics; divides both the frame and the hop.
_CHUNK = 32


@dataclass(frozen=True, eq=False)
class FrameStatistics:
    """Mean and standard deviation of each frame.

    Attributes
    ----------
    mean, deviation : np.ndarray of float64 [shape=(n_frames,), linear]
        ``deviation`` is at least 1e-8.
    """

    mean: Float64Array
    deviation: Float64Array

    @property
    def is_offset(self) -> BoolArray:
        """Frames whose mean is too large to share convolutions [shape=(n_frames,)]."""
        return np.asarray(np.abs(self.mean) > _LARGEST_MEAN * self.deviation)


def measure_frames(x: Float32Array) -> FrameStatistics:
    """Return the statistics of the overlapping frames of a signal.

    Parameters
    ----------
    x : np.ndarray [shape=((n_frames - 1) * 160 + 1024,), linear]
        Frame f begins at sample 160 f.
    """
    chunks = x[: len(x) // _CHUNK * _CHUNK].reshape(-1, _CHUNK)
    mean = _frame_means(chunks.mean(axis=1, dtype=np.float64))
    power = _frame_means(np.square(chunks, dtype=np.float64).mean(axis=1))
    variance = np.maximum(power - np.square(mean), 0.0)
    return FrameStatistics(mean, np.maximum(np.sqrt(variance), _SMALLEST_DEVIATION))


def normalize_frames(frames: Float32Array) -> Float32Array:
    """Make each frame zero-mean and of unit deviation; silent ones become zeros.

    Parameters
    ----------
    frames : np.ndarray [shape=(n_frames, 1024), linear]

    Returns
    -------
    normalized : np.ndarray of float32 [same shape]
    """
    exact = frames.astype(np.float64)
    exact -= exact.mean(axis=1, keepdims=True)
    exact /= np.maximum(exact.std(axis=1, keepdims=True), _SMALLEST_DEVIATION)
    return exact.astype(np.float32)


def _frame_means(chunk_means: Float64Array) -> Float64Array:
    windows = np.lib.stride_tricks.sliding_window_view(chunk_means, FRAME_LENGTH // _CHUNK)
    return np.asarray(windows[:: HOP_LENGTH // _CHUNK].mean(axis=1))


@dataclass(frozen=True, eq=False)
class FirstLayer:
    """The block with its weights; what it returns is rectified and pooled.

    Attributes
    ----------
    kernel : np.ndarray of float32 [shape=(512, n_channels)]
    bias : np.ndarray of float32 [shape=(n_channels,)]
    kernel_sums : np.ndarray of float32 [shape=(256, n_channels)]
        Sum of the taps that lie within the frame, at each position.
    falling : np.ndarray of bool [shape=(n_channels,)]
        See `pool`.
    """

    kernel: Float32Array
    bias: Float32Array
    kernel_sums: Float32Array
    falling: BoolArray

    def of_frames(self, frames: Float32Array, out: Float32Array, workspace: Workspace) -> None:
        """Apply the block to separate frames.

        Parameters
        ----------
        frames : np.ndarray [shape=(n_frames, 1024)]
            Of zero mean and unit deviation.
        out : np.ndarray [shape=(128, n_frames, n_channels)]
            Where to write.
        workspace : Workspace
        """

        def convolve(position: int) -> Float32Array:
            start = _STRIDE * position - _PADDING
            first, last = max(start, 0), min(start + _TAPS, FRAME_LENGTH)
            product = frames[:, first:last] @ self.kernel[first - start : last - start]
            return np.asarray(product, dtype=np.float32)

        def apply(pair: int) -> None:
            target = out[pair]
            pool(convolve(2 * pair), convolve(2 * pair + 1), self.falling, target)
            target += self.bias
            np.maximum(target, 0.0, out=target)

        workspace.run(apply, N_POOLED)

    def of_signal(
        self, x: Float32Array, statistics: FrameStatistics, out: Float32Array, workspace: Workspace
    ) -> None:
        """Apply the block to the overlapping frames of a signal, each normalised by itself.

        Parameters
        ----------
        x : np.ndarray [shape=((n_frames - 1) * 160 + 1024,), linear]
            Frame f begins at sample 160 f.
        statistics : FrameStatistics
            Of these frames, from `measure_frames`.
        out : np.ndarray [shape=(128, n_frames, n_channels)]
            Where to write.
        workspace : Workspace
        """
        shared = _SharedWindows(self, _hops(x, len(statistics.mean)), statistics, workspace)
        workspace.run(lambda pair: shared.apply(pair, out), _HOP_POSITIONS // 2)


def make_first_layer(kernel: Float32Array, bias: Float32Array, falling: BoolArray) -> FirstLayer:
    """Prepare the block.

    Parameters
    ----------
    kernel : np.ndarray [shape=(512, n_channels)]
    bias : np.ndarray [shape=(n_channels,)]
    falling : np.ndarray of bool [shape=(n_channels,)]
        See `pool`.
    """
    sums = np.zeros((_TAPS + 1, kernel.shape[1]))
    np.cumsum(kernel, axis=0, dtype=np.float64, out=sums[1:])
    starts = _STRIDE * np.arange(_N_POSITIONS) - _PADDING
    inside = sums[np.minimum(_TAPS, FRAME_LENGTH - starts)] - sums[np.maximum(0, -starts)]
    return FirstLayer(np.ascontiguousarray(kernel), bias, inside.astype(np.float32), falling)


@dataclass(frozen=True)
class _Windows:
    """The windows at one place of every hop, cut where frames begin or end.

    Attributes
    ----------
    edges : tuple of int
        Where the pieces begin and end, in samples after the beginning of the hop's first window.
    start : int
        Where the window begins, in the same samples.
    parts : dict of int to (int, int)
        A frame that began `lag` hops before sees the pieces ``first .. last - 1`` of parts[lag].
    """

    edges: tuple[int, ...]
    start: int
    parts: dict[int, tuple[int, int]]

    @property
    def n_pieces(self) -> int:
        """How many pieces lie between the edges."""
        return len(self.edges) - 1

    @property
    def inner_ends(self) -> list[int]:
        """The values of `last` that stop before the window's end."""
        return sorted({last for _, last in self.parts.values() if last < self.n_pieces})


@lru_cache
def _cut_windows(place: int) -> _Windows:
    """Return one of the 40 windows of a hop."""
    start, end = _STRIDE * place, _STRIDE * place + _TAPS
    spans = {}
    for lag in range(_N_LAGS):
        if _HOP_POSITIONS * lag + place < _N_POSITIONS:
            frame_start = _PADDING - HOP_LENGTH * lag
            spans[lag] = max(start, frame_start), min(end, frame_start + FRAME_LENGTH)
    edges = sorted({edge for span in spans.values() for edge in span})
    parts = {lag: (edges.index(a), edges.index(b)) for lag, (a, b) in spans.items()}
    return _Windows(tuple(edges), start, parts)


def _hops(x: Float32Array, n_frames: int) -> Float32Array:
    """Return the samples of each hop's windows [shape=(n_frames + 6, 668)], zero beyond x."""
    n_hops = n_frames + _N_LAGS - 1
    padded = np.zeros(HOP_LENGTH * (n_hops - 1) + _HOP_REACH, np.float32)
    padded[_PADDING : _PADDING + len(x)] = x
    return np.lib.stride_tricks.sliding_window_view(padded, _HOP_REACH)[::HOP_LENGTH]


class _SharedWindows:
    """The block on one stretch of signal: windows convolved once, handed to all frames."""

    def __init__(
        self,
        layer: FirstLayer,
        hops: Float32Array,
        statistics: FrameStatistics,
        workspace: Workspace,
    ) -> None:
        self._layer = layer
        self._hops = hops
        self._workspace = workspace
        self._mean = statistics.mean.astype(np.float32)[:, None]
        self._gain = (1.0 / statistics.deviation).astype(np.float32)[:, None]
        # What mean and bias add to a window that lies wholly within the frame.
        whole_sum = layer.kernel_sums[_N_POSITIONS // 2]
        self._whole_offset = layer.bias - (self._mean * self._gain) * whole_sum

    def apply(self, pair: int, out: Float32Array) -> None:
        """Convolve the windows 2 pair and 2 pair + 1 of all hops and write what comes of them."""
        windows = [_cut_windows(place) for place in (2 * pair, 2 * pair + 1)]
        shape = (len(windows), _MAX_SUMS, len(self._hops), len(self._layer.bias))
        buffers = self._workspace.local_array("windows", shape)
        sums = [self._sums(w, b) for w, b in zip(windows, buffers, strict=True)]
        whole = [(0, w.n_pieces) for w in windows]
        pooled = self._workspace.local_array("pooled", shape[2:])
        pool(sums[0][whole[0]], sums[1][whole[1]], self._layer.falling, pooled)
        for lag in windows[0].parts:
            position = _HOP_POSITIONS * lag + 2 * pair
            target = out[position // 2]
            rows = slice(lag, lag + len(target))
            parts = [w.parts[lag] for w in windows]
            if parts == whole:
                np.multiply(pooled[rows], self._gain, out=target)
                target += self._whole_offset
            else:
                first, second = (s[part][rows] for s, part in zip(sums, parts, strict=True))
                self._combine(first, second, position, target)
            np.maximum(target, 0.0, out=target)

    def _sums(
        self, windows: _Windows, buffers: Float32Array
    ) -> dict[tuple[int, int], Float32Array]:
        """Return the sums over the parts of the windows, each [shape=(n_hops, n_channels)]."""
        pieces, spare = list(buffers[: windows.n_pieces]), buffers[windows.n_pieces :]
        for piece, first, last in zip(pieces, windows.edges, windows.edges[1:], strict=False):
            taps = self._layer.kernel[first - windows.start : last - windows.start]
            np.matmul(self._hops[:, first:last], taps, out=piece)
        sums = {}
        # From the window's beginning up to the ends of frames ...
        total, n_summed = pieces[0], 1
        for last, buffer in zip(windows.inner_ends, spare, strict=False):
            for piece in pieces[n_summed:last]:
                total = np.add(total, piece, out=buffer)
            sums[0, last], n_summed = total, last
        # ... and, in place, from the beginnings of frames up to the window's end.
        for index in reversed(range(windows.n_pieces - 1)):
            pieces[index] += pieces[index + 1]
        sums.update({(i, windows.n_pieces): piece for i, piece in enumerate(pieces)})
        return sums

    def _combine(
        self, first: Float32Array, second: Float32Array, position: int, out: Float32Array
    ) -> None:
        """Write the larger of two cut windows of each frame, normalised."""
        sums, other = self._layer.kernel_sums, self._workspace.local_array("other", out.shape)
        np.multiply(self._mean, sums[position], out=out)
        np.subtract(first, out, out=out)
        np.multiply(self._mean, sums[position + 1], out=other)
        np.subtract(second, other, out=other)
        pool(out, other, self._layer.falling, out)
        out *= self._gain
        out += self._layer.bias
