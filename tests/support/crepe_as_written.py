"""CREPE as its paper draws it, in float64 NumPy: slow, plain, and independent of the package.

Each block: convolution with 'same' padding, ReLU, batch normalisation, max-pooling of pairs.
Shapes are (n_frames, n_positions, n_channels).
"""

import numpy as np


def normalize(frames):
    """Zero mean, unit deviation; silence stays zero."""
    frames = np.asarray(frames, dtype=np.float64)
    frames = frames - frames.mean(axis=1, keepdims=True)
    return frames / np.maximum(frames.std(axis=1, keepdims=True), 1e-8)


def convolve_same(x, kernel, stride):
    """``y[:, t] = sum_j x[:, stride * t + j - pad] @ kernel[j]``, as Keras pads it."""
    n_taps, c_in, c_out = kernel.shape
    n_out = -(-x.shape[1] // stride)
    padding = max((n_out - 1) * stride + n_taps - x.shape[1], 0)
    x = np.pad(x, ((0, 0), (padding // 2, padding - padding // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, n_taps, axis=1)[:, ::stride]
    rows = windows.transpose(0, 1, 3, 2).reshape(-1, n_taps * c_in)
    return (rows @ kernel.reshape(-1, c_out).astype(np.float64)).reshape(len(x), n_out, c_out)


def activation(frames, weights):
    """Activations [shape=(n_frames, 360)] of raw frames [shape=(n_frames, 1024)]."""
    x = normalize(frames)[:, :, None]
    for index, conv in enumerate(weights.convs):
        x = convolve_same(x, conv.kernel, stride=4 if index == 0 else 1) + conv.bias
        x = np.maximum(x, 0.0) * conv.scale + conv.shift
        x = np.maximum(x[:, ::2], x[:, 1::2])
    logits = x.reshape(len(x), -1) @ weights.dense_kernel.astype(np.float64) + weights.dense_bias
    return 1.0 / (1.0 + np.exp(-logits))
