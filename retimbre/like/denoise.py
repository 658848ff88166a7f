"""Remove a recording's steady noise from a note."""

import numpy as np

from retimbre._typing import BoolArray, FloatArray

FRAME_LENGTH = 2048
HOP_LENGTH = 512

LEAST_FRAMES = 8
"""So many quiet frames tell what the room sounds like; fewer do not."""

QUIETER_HALF = 0.5
"""Of the quiet frames only this part is believed: echoes ring on in the others."""

OVER = 4.0
"""The noise of one frame exceeds the mean; what is taken away is this times the mean power."""

LOWEST_GAIN = 0.05

_WINDOW = np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(FRAME_LENGTH) / FRAME_LENGTH))


def room_spectrum(y: FloatArray, sounding: BoolArray) -> FloatArray | None:
    """Measure the noise of a room.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
    sounding : np.ndarray of bool [shape=(n,)]
        Where something is played.

    Returns
    -------
    power : np.ndarray [shape=(1025,)] or None
        Mean power of the room in each bin of a frame of 2048 samples; None where there are not
        enough frames without a sound.
    """
    if len(y) < FRAME_LENGTH:
        return None
    starts = np.arange(0, len(y) - FRAME_LENGTH + 1, HOP_LENGTH)
    played = np.concatenate([[0], np.cumsum(sounding)])
    quiet = starts[played[starts + FRAME_LENGTH] == played[starts]]
    if len(quiet) < LEAST_FRAMES:
        return None
    frames = y[quiet[:, None] + np.arange(FRAME_LENGTH)] * _WINDOW
    power = np.abs(np.fft.rfft(frames)) ** 2
    order = np.argsort(power.sum(axis=1))
    kept = order[: max(LEAST_FRAMES // 2, round(QUIETER_HALF * len(order)))]
    return np.asarray(power[kept].mean(axis=0))


def subtract_room(y: FloatArray, power: FloatArray) -> FloatArray:
    """Take the noise of a room out of a note, by spectral subtraction [1]_.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
    power : np.ndarray [shape=(1025,)]
        As `room_spectrum` measures it.

    Returns
    -------
    quieter : np.ndarray of float32 [shape=(n,)]
        What is far above the room stays as it is; what is not is up to 26 dB quieter.

    References
    ----------
    .. [1] Boll, "Suppression of Acoustic Noise in Speech Using Spectral Subtraction", IEEE Trans.
       ASSP 27(2), 1979.
    """
    n_frames = -(-len(y) // HOP_LENGTH) + FRAME_LENGTH // HOP_LENGTH
    padded = np.zeros((n_frames - 1) * HOP_LENGTH + FRAME_LENGTH, np.float64)
    lead = FRAME_LENGTH - HOP_LENGTH
    padded[lead : lead + len(y)] = y
    index = np.arange(n_frames)[:, None] * HOP_LENGTH + np.arange(FRAME_LENGTH)
    spectrum = np.fft.rfft(padded[index] * _WINDOW)
    measured = np.abs(spectrum) ** 2
    left = 1.0 - OVER * power / np.maximum(measured, 1e-30)
    gain = np.sqrt(np.maximum(left, LOWEST_GAIN**2))
    frames = np.fft.irfft(gain * spectrum, FRAME_LENGTH) * _WINDOW
    quieter = np.zeros_like(padded)
    for frame, start in zip(frames, index[:, 0], strict=True):
        quieter[start : start + FRAME_LENGTH] += frame
    # The squared windows of four overlapping frames add up to 2.
    return np.asarray(0.5 * quieter[lead : lead + len(y)], dtype=np.float32)
