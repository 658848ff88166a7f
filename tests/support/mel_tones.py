"""Tones of closed form for notes from mel specgrams, and how they are measured."""

import numpy as np

from retimbre.gansynth.specgram import N_SAMPLES, SAMPLE_RATE

F0 = 523.25
CENT_TOLERANCE = 1.0
"""Asked for are 5."""

LEVEL_TOLERANCE_DB = 0.5
"""Asked for are 1 to 2."""

FOLLOW_TOLERANCE_DB = 0.5
STEP_TOLERANCE = 1.15
"""The largest step from sample to sample, re that of the plain note."""

T = np.arange(N_SAMPLES) / SAMPLE_RATE
CURVE_TIMES = np.arange(1000) * 0.010


def harmonic(f0=F0, n_partials=8, decay=0.0):
    """A note as recorded: held for 3 s, then released."""
    y = sum(np.sin(2.0 * np.pi * k * f0 * T + k * k) / k for k in range(1, n_partials + 1))
    released = np.where(T > 3.0, np.exp(-10.0 * (T - 3.0)), 1.0)
    return 0.2 * y * np.exp(-decay * T) * np.minimum(T / 0.005, 1.0) * released


def vibrato(cents=50.0, rate=6.0):
    return 2.0 ** (cents / 1200.0 * np.sin(2.0 * np.pi * rate * CURVE_TIMES))


def slide(semitones=2.0):
    return 2.0 ** (np.interp(CURVE_TIMES, [0.5, 1.5], [0.0, semitones]) / 12.0)


def measure_f0(y, low=0.8 * F0, high=1.3 * F0):
    """The frequency of the partial between two, sample by sample."""
    spectrum = np.fft.fft(np.asarray(y, np.float64))
    frequency = np.fft.fftfreq(len(y), 1.0 / SAMPLE_RATE)
    analytic = np.fft.ifft(spectrum * ((frequency > low) & (frequency < high)))
    return np.diff(np.unwrap(np.angle(analytic))) * SAMPLE_RATE / (2.0 * np.pi)


def cents_off(y, ratio, start, end):
    """How far the note is from its curve, at worst."""
    samples = np.arange(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
    wanted = F0 * np.interp((samples + 0.5) / SAMPLE_RATE, CURVE_TIMES, ratio)
    return np.abs(1200.0 * np.log2(measure_f0(y)[samples] / wanted)).max()


def level_db(y, start, end, width=0.030):
    """Levels over 30 ms, every 5 ms between two times."""
    n = round(width * SAMPLE_RATE)
    power = np.convolve(np.asarray(y, np.float64) ** 2, np.ones(n) / n, mode="same")
    return 10.0 * np.log10(power[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE) : 80])


def largest_step(y):
    return np.abs(np.diff(y)).max()
