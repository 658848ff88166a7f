"""Hums of known pitch and level, and the track that a tracker without errors has of them."""

import itertools

import numpy as np

from retimbre.pitch.detail import measure_detail
from retimbre.pitch.loudness import band_rises, frame_level_db
from retimbre.types import PitchTrack

SR = 44100
HOP = 0.01


def hum(seconds, midi, level_db, *, noise_db=-65.0, seed=0):
    """Return a hum and its track.

    `midi` and `level_db` are pairs of times and values, straight between them.
    """
    t = np.arange(round(seconds * SR)) / SR
    f0 = 440.0 * 2.0 ** ((np.interp(t, *midi) - 69.0) / 12.0)
    turns = np.cumsum(f0) / SR
    level = np.interp(t, *level_db)
    tone = sum(k**-1.5 * np.sin(2.0 * np.pi * k * turns) for k in range(1, 20))
    noise = np.random.default_rng(seed).standard_normal(len(t))
    y = 0.2 * tone * 10.0 ** (level / 20.0) * (level > -80.0) + 10.0 ** (noise_db / 20.0) * noise
    return y.astype(np.float32), track_of(y, np.interp(np.arange(0, seconds, HOP), t, f0), level)


def track_of(y, f0, level_db):
    """Return the track of a sound whose f0 and level [per sample, dB] are known."""
    n = len(f0)
    own = np.interp(np.arange(n) * HOP, np.arange(len(y)) / SR, level_db)
    rises = band_rises(y, SR, n)
    level = frame_level_db(y, SR, n)
    confidence = np.clip((own + 55.0) / 40.0, 0.02, 0.95)
    detail = measure_detail(np.asarray(y, np.float32), SR, f0, rises)
    return PitchTrack(np.arange(n) * HOP, f0, confidence, level, rises[:, 0], detail)


def dips(times, db, wide, first=0.3, last=4.3):
    """Return a level of 0 dB with dips, as pairs of times and values."""
    at, value = [0.0, first - 0.02, first], [-90.0, -90.0, 0.0]
    for time in times:
        for part in np.linspace(-0.5, 0.5, 9):
            at.append(time + part * wide)
            value.append(-db * np.cos(np.pi * part) ** 2)
    return np.array([*at, last, last + 0.03]), np.array([*value, 0.0, -90.0])


def steps(keys, length, slide=0.012, first=0.3):
    """Return a pitch that goes from key to key, as pairs of times and values."""
    at, value = [0.0], [keys[0]]
    for k, (before, key) in enumerate(itertools.pairwise(keys), 1):
        time = first + k * length
        at += [time - slide / 2, time + slide / 2]
        value += [before, key]
    return np.array(at), np.array(value, float)
