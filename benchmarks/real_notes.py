"""Recorded notes of instruments, and how far what is played at their keys is from them."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import retimbre
from retimbre._typing import BoolArray, FloatArray
from retimbre.units import midi_to_hz

SR = 44100
MOMENTS = np.array([0.06, 0.12, 0.25, 0.5, 1.0, 1.8])
"""Seconds after the onset at which partials are compared."""

AUDIBLE_DB = 50.0
"""Partials so far below the loudest moment's power are not compared."""

HIGHEST_HZ = 12000.0
MOST_PARTIALS = 48
NOTES_PER_INSTRUMENT = 12

HOP_SECONDS, ATTACK_DB, ATTACK_SECONDS = 0.005, 6.0, 0.6
FALL_SECONDS = (0.12, 1.0)


@dataclass(frozen=True, eq=False)
class Take:
    """A recorded note: its label, its samples at 44.1 kHz, and its partials.

    Attributes
    ----------
    y : np.ndarray [shape=(n_samples,)]
    pitch : int [MIDI]
    levels : np.ndarray [shape=(6, n_partials), dB]
        See `track`.
    sounding : np.ndarray of bool [shape=(6,)]
        The moments at which it sounds.
    """

    y: FloatArray
    pitch: int
    levels: FloatArray
    sounding: BoolArray


def track(y: FloatArray, f0: float) -> FloatArray:
    """Return the levels of partials re the loudest moment's power [shape=(6, n_partials), dB]."""
    n = min(max(2048, 2 ** int(np.ceil(np.log2(5.0 * SR / f0)))), 8192)
    order = np.arange(1, int(min(MOST_PARTIALS, HIGHEST_HZ // f0)) + 1)
    edges = np.stack([order - 0.3, order + 0.3]) * f0 * 4 * n / SR
    window = np.hanning(n)
    padded = np.pad(y, (n // 2, n + 2 * SR))
    levels = []
    for start in (MOMENTS * SR).astype(int):
        spectrum = np.abs(np.fft.rfft(padded[start : start + n] * window, 4 * n))
        levels.append([spectrum[int(a) : int(b) + 1].max() for a, b in edges.T])
    db = 20.0 * np.log10(np.maximum(np.array(levels), 1e-6 * np.max(levels) + 1e-12))
    return np.asarray(db - 10.0 * np.log10((10.0 ** (db / 10.0)).sum(axis=1).max()))


def sounding_f0(y: FloatArray, pitch: int) -> float:
    """Return the f0 near a key [Hz] at which the partials of a note are strongest."""
    part = y[SR // 10 :][: SR // 3]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 17))
    spectrum += 1e-3 * spectrum.max()
    tried = float(midi_to_hz(pitch)) * 2.0 ** (np.arange(-60.0, 61.0, 2.0) / 1200.0)
    places = np.rint(np.outer(tried, np.arange(1, 9)) * (1 << 17) / SR).astype(int)
    evidence = np.log(spectrum[np.minimum(places, len(spectrum) - 1)]).sum(axis=1)
    return float(tried[int(np.argmax(evidence))])


def read_take(path: Path, pitch: int) -> Take:
    """Read a recorded note of a key."""
    y, sr = retimbre.load(path)
    y = retimbre.resample(y if y.ndim == 1 else y.mean(axis=0), sr, SR)
    levels = track(y, sounding_f0(y, pitch))
    sounding = (levels.max(axis=1) > levels.max() - AUDIBLE_DB) & (len(y) / SR > MOMENTS)
    return Take(y, pitch, levels, sounding)


def read_takes(folder: Path) -> list[Take]:
    """Return notes of one instrument and velocity, spread over its range."""
    labels = defaultdict(list)
    for path in sorted(folder.iterdir()):
        label = re.fullmatch(r".+_(\d+)_(\d+)", path.stem)
        if label:
            labels[int(label[2])].append((int(label[1]), path))
    notes = sorted(max(labels.values(), key=len))
    chosen = np.unique(np.rint(np.linspace(0, len(notes) - 1, NOTES_PER_INSTRUMENT)).astype(int))
    return [read_take(path, pitch) for pitch, path in (notes[i] for i in chosen)]


def level_error(wave: FloatArray, wanted: Take) -> float:
    """Return the mean difference of the partials that are audible in a recording [dB]."""
    made = track(wave, float(midi_to_hz(wanted.pitch)))
    n = min(made.shape[1], wanted.levels.shape[1])
    real = wanted.levels[:, :n]
    audible = (real > real.max() - AUDIBLE_DB) & wanted.sounding[:, None]
    return float(np.abs(made[:, :n] - real)[audible].mean())


def attack_seconds(y: FloatArray) -> float:
    """Return how long a note takes from its onset to 6 dB below its loudest moment."""
    level = _envelope(y)
    level = level[: round(ATTACK_SECONDS / HOP_SECONDS)]
    onset = int(np.argmax(level > level.max() - 40.0))
    return float((np.argmax(level > level.max() - ATTACK_DB) - onset) * HOP_SECONDS)


def fall_db(y: FloatArray) -> float:
    """Return by how much a note falls from 0.12 s to 1 s after its onset [dB]."""
    level = _envelope(y)
    onset = int(np.argmax(level > level.max() - 40.0))
    first, last = (
        level[onset + round(s / HOP_SECONDS) :][:10].mean() if len(level) > 210 else np.nan
        for s in FALL_SECONDS
    )
    return float(first - last)


def _envelope(y: FloatArray) -> FloatArray:
    """Return the level of every 5 ms [dB]."""
    hop = round(HOP_SECONDS * SR)
    blocks = np.asarray(y[: len(y) // hop * hop], np.float64).reshape(-1, hop)
    return np.asarray(10.0 * np.log10(np.square(blocks).mean(axis=1) + 1e-12))
