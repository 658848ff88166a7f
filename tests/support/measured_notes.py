"""What is measured of a note that was played: tones, partials, levels."""

import numpy as np

SR = 44100
F0 = 441.0


def analytic(y):
    """The signal without its negative frequencies."""
    spectrum = np.fft.fft(np.asarray(y, np.float64))
    spectrum[len(y) // 2 :] = 0.0
    return np.fft.ifft(2.0 * spectrum)


def measure_tone(y, sr=SR):
    """Frequency and amplitude of the only tone of `y`."""
    z = analytic(y * np.hanning(len(y)))[len(y) // 4 : -len(y) // 4]
    frequency = np.angle(np.sum(z[1:] * np.conj(z[:-1]))) / (2 * np.pi) * sr
    amplitude = np.abs(analytic(y))[len(y) // 4 : -len(y) // 4].mean()
    return frequency, amplitude


def measure_partial(y, frequency, sr=SR):
    """Amplitude of the tone at a frequency, through a Hann window."""
    window = np.hanning(len(y))
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(y)) / sr)
    return 2.0 * np.abs(np.sum(y * window * turn)) / window.sum()


def envelope_db(y, sr=SR, width=0.02):
    """RMS level over 20 ms."""
    n = round(width * sr)
    power = np.convolve(np.asarray(y, np.float64) ** 2, np.ones(n) / n, mode="same")
    return 10.0 * np.log10(power + 1e-20)


def held(y, start=0.2, end=0.9, sr=SR):
    return y[round(start * sr) : round(end * sr)]
