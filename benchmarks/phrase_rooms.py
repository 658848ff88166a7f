"""What recordings have beside the notes: noise, hum, breath, rooms, telephones and codecs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from phrase_takes import SR, FloatArray

import retimbre

GHOST_SECONDS = 20.0


@dataclass(frozen=True)
class Room:
    """How a set's recordings are made.

    Attributes
    ----------
    tilt : float
        Power of the noise's fall with frequency: 1 is pink.
    mains_hz : float [Hz]
    breath_hz : (float, float) [Hz]
        Band of the breath noise.
    reverb : (float, float) [seconds]
        Shortest and longest time in which a room falls by 60 dB.
    predelay : float [seconds]
    bit_rates : tuple of int [bits a second]
    """

    tilt: float
    mains_hz: float
    breath_hz: tuple[float, float]
    reverb: tuple[float, float]
    predelay: float
    bit_rates: tuple[int, ...]


ROOMS = {
    "dev": Room(1.0, 50.0, (600.0, 6000.0), (0.4, 1.5), 0.004, (12000, 16000, 24000)),
    "test": Room(1.1, 60.0, (400.0, 8000.0), (0.5, 1.4), 0.011, (10000, 14000, 20000)),
}


def noise(n: int, tilt: float, rng: np.random.Generator) -> FloatArray:
    """Return noise whose power falls by a power of the frequency [shape=(n,), RMS 1]."""
    return _shaped(n, lambda f: np.where(f > 25.0, np.maximum(f, 25.0) ** (-0.5 * tilt), 0.0), rng)


def breath(n: int, band: tuple[float, float], rng: np.random.Generator) -> FloatArray:
    """Return a burst of breath that swells and falls [shape=(n,), RMS about 1 at its loudest]."""
    low, high = band
    hiss = _shaped(n, lambda f: 1.0 / (1.0 + (low / (f + 1.0)) ** 4) / (1.0 + (f / high) ** 4), rng)
    return np.asarray(hiss * np.hanning(n) ** 0.7)


def _shaped(n: int, shape: object, rng: np.random.Generator) -> FloatArray:
    spectrum = np.fft.rfft(rng.standard_normal(n)) * shape(np.fft.rfftfreq(n, 1.0 / SR))  # type: ignore[operator]
    y = np.fft.irfft(spectrum, n)
    return np.asarray(y / np.sqrt(np.square(y).mean()))


def hum(n: int, mains_hz: float, rng: np.random.Generator) -> FloatArray:
    """Return the hum of the mains, odd harmonics stronger [shape=(n,), RMS 1]."""
    t = np.arange(n) / SR
    hz = mains_hz * (1.0 + rng.uniform(-0.002, 0.002))
    y = np.zeros(n)
    for k in range(1, 11):
        strength = rng.uniform(0.5, 1.0) / k * (1.0 if k % 2 else 0.5)
        y += strength * np.sin(2.0 * np.pi * (k * hz * t + rng.random()))
    return np.asarray(y / np.sqrt(np.square(y).mean()))


def reverberate(
    y: FloatArray, seconds: float, wet_db: float, predelay: float, rng: np.random.Generator
) -> FloatArray:
    """Add a room that falls by 60 dB in some seconds, at a level relative to the direct sound."""
    n = round(seconds * SR)
    t = np.arange(n) / SR
    dark = _shaped(n, lambda f: 1.0 / (1.0 + (f / 4000.0) ** 2), rng)
    tail = dark * np.exp(-6.9 * t / seconds) * (t > predelay)
    tail *= 10.0 ** (wet_db / 20.0) / np.sqrt(np.square(tail).sum())
    size = 1 << (len(y) + n).bit_length()
    wet = np.fft.irfft(np.fft.rfft(y, size) * np.fft.rfft(tail, size), size)[: len(y)]
    return np.asarray(y + wet)


def telephone(y: FloatArray) -> FloatArray:
    """Return what a telephone leaves: 300 to 3400 Hz, 8 kHz, eight bits by the mu law."""
    spectrum = np.fft.rfft(y)
    f = np.fft.rfftfreq(len(y), 1.0 / SR)
    low, high = (1.0 / (1.0 + (300.0 / (f + 1.0)) ** 8), 1.0 / (1.0 + (f / 3400.0) ** 16))
    narrow = np.fft.irfft(spectrum * np.sqrt(low * high), len(y))
    x = np.asarray(retimbre.resample(narrow, SR, 8000), dtype=np.float64)
    x *= 0.5 / np.abs(x).max()
    steps = np.rint(127.0 * np.sign(x) * np.log1p(255.0 * np.abs(x)) / np.log(256.0)) / 127.0
    return np.asarray(np.sign(steps) * (256.0 ** np.abs(steps) - 1.0) / 255.0)


def through_webm(y: FloatArray, bit_rate: int) -> FloatArray:
    """Return a sound after Opus in WebM, at 44.1 kHz and where it was in time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.webm"
        _write_webm(path, y, bit_rate)
        decoded, sr = retimbre.load(path)
    decoded = decoded if decoded.ndim == 1 else decoded.mean(axis=0)
    x = np.asarray(retimbre.resample(decoded, sr, SR), dtype=np.float64)
    size = 1 << (len(x) + len(y)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(x, size) * np.conj(np.fft.rfft(y, size)), size)
    lag = int(np.argmax(np.concatenate([likeness[-2000:], likeness[:2000]]))) - 2000
    x = x[lag:] if lag >= 0 else np.pad(x, (-lag, 0))
    return np.pad(x, (0, max(0, len(y) - len(x))))[: len(y)]


def _write_webm(path: Path, y: FloatArray, bit_rate: int) -> None:
    import av

    samples = np.asarray(retimbre.resample(y, SR, 48000), dtype=np.float32)
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=48000, layout="mono")
        stream.bit_rate = bit_rate
        for start in range(0, len(samples), 960):
            part = np.ascontiguousarray(samples[None, start : start + 960])
            frame = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def clicks(n: int, beat: float, hz: float, rng: np.random.Generator) -> FloatArray:
    """Return a metronome: a short click a beat, every fourth one higher [shape=(n,), peak 1]."""
    y = np.zeros(n)
    t = np.arange(round(0.03 * SR)) / SR
    for k, start in enumerate(np.arange(round(0.3 * SR), n - len(t), round(beat * SR))):
        tone = np.sin(2.0 * np.pi * hz * (1.5 if k % 4 == 0 else 1.0) * t)
        click = tone * np.exp(-t / 0.006) + 0.3 * rng.standard_normal(len(t)) * np.exp(-t / 0.002)
        y[start : start + len(t)] += click
    return np.asarray(y / np.abs(y).max())


def breaths(n: int, band: tuple[float, float], rng: np.random.Generator) -> FloatArray:
    """Return somebody who breathes [shape=(n,)]."""
    y = 0.02 * noise(n, 1.0, rng)
    place = round(0.5 * SR)
    while place < n - 2 * SR:
        length = round(rng.uniform(0.25, 1.2) * SR)
        y[place : place + length] += rng.uniform(0.4, 1.0) * breath(length, band, rng)
        place += length + round(rng.uniform(0.3, 1.0) * SR)
    return y


def ghost_sounds(which: str, rng: np.random.Generator) -> list[tuple[str, FloatArray]]:
    """Return sounds of 20 s without a note: kind and samples."""
    room = ROOMS[which]
    n = round(GHOST_SECONDS * SR)
    found = []
    for k in range(2):
        loud = 10.0 ** (-rng.uniform(30.0, 50.0) / 20.0)
        floor = 10.0 ** (-70.0 / 20.0) * noise(n, room.tilt, rng)
        found += [
            ("room noise", loud * noise(n, room.tilt + 0.4 * k, rng)),
            ("mains hum", loud * hum(n, room.mains_hz, rng) + (0.1 * loud if k else 1.0) * floor),
            ("breath", 2.0 * loud * breaths(n, room.breath_hz, rng)),
            ("clicks", 0.3 * clicks(n, rng.uniform(0.4, 0.7), rng.uniform(800, 1600), rng) + floor),
        ]
    return found
