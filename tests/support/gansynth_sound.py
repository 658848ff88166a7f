"""GANSynth's way from sounds to specgrams and back, written out plainly and in double precision."""

import numpy as np


def hertz(mel):
    return 700.0 * (np.exp(mel / 1127.0) - 1.0)


def reference_edges(widen):
    """The edges of the mel bands as overlapping views, so that a write to one shows in others."""
    edges = np.linspace(0.0, 1127.0 * np.log(1.0 + 8000.0 / 700.0), 1026)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    if not widen:
        lower, upper = lower.copy(), upper.copy()
    n_widened = 0
    for i in range(1024):
        if hertz(upper[i]) - hertz(lower[i]) < 1.5 * 8000.0 / 1024.0:
            n_widened += 1
            x = 0.75 * (8000.0 / 1024.0) / (hertz(centre[i]) + 700.0)
            width = 1127.0 * np.log(x + np.sqrt(1.0 + x * x))
            lower[i], upper[i] = centre[i] - width, centre[i] + width
    return hertz(lower), hertz(centre), hertz(upper), n_widened


def reference_matrices():
    lower, centre, upper, _ = reference_edges(widen=True)
    there = np.zeros((1024, 1024))
    for row in range(1, 1024):
        f = 8000.0 * row / 1023.0
        sides = (f - lower) / (centre - lower), (upper - f) / (upper - centre)
        there[row] = np.maximum(0.0, np.minimum(*sides))
    sums = np.sum(there @ there.T, axis=0)
    scale = np.array([1.0 / x if abs(x) > 1e-8 else x for x in sums])
    return there, there.T @ np.diag(scale)


THERE, BACK = reference_matrices()
HANN = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(2048) / 2048)


def turn_rate(phase):
    """Radians over time to half turns a frame, the first frame kept."""
    return np.diff(np.unwrap(phase, axis=0), axis=0, prepend=0.0) / np.pi


def reference_specgram(wave):
    padded = np.concatenate([np.zeros(3072), np.asarray(wave, np.float64)])
    frames = np.array([padded[512 * t : 512 * t + 2048] * HANN for t in range(128)])
    stft = np.fft.fft(frames)[:, 1:1025]
    level = np.log(np.abs(stft) + 1e-6)
    rate = turn_rate(np.angle(stft))
    mel_level = np.log(np.exp(2.0 * level) @ THERE + 1e-6)
    mel_rate = turn_rate(np.cumsum(rate * np.pi, axis=0) @ THERE)
    return np.stack([mel_level, mel_rate], axis=-1)


def reference_wave(specgram):
    specgram = specgram.astype(np.float64)
    level = 0.5 * np.log(np.exp(specgram[..., 0]) @ BACK + 1e-6)
    rate = turn_rate(np.cumsum(specgram[..., 1] * np.pi, axis=0) @ BACK)
    stft = np.zeros((len(specgram), 1025), complex)
    stft[:, 1:] = np.exp(level + 1j * np.cumsum(rate * np.pi, axis=0))
    y = np.zeros(512 * (len(specgram) - 1) + 2048)
    for t, frame in enumerate(np.fft.irfft(stft)):
        y[512 * t : 512 * t + 2048] += frame * HANN / 1.5
    return y[3072:]
