"""A singer whose notes are known exactly: harmonics through moving formants, with consonants.

The SoundFonts have choirs but nobody who sings words, slides into a note or drifts out of tune.
This synthesiser has what makes real singing hard to transcribe:

- notes off the equal-tempered grid by a normal deviation, and a slow drift;
- legato transitions that take 60 to 140 ms, overshoot, and come a little before or after the
  vowel; scoops into a phrase's first note; a pitch that wanders within a note;
- vibrato that sets in late, jitter in every period;
- vowels that change within a note, with a small dip in level;
- syllables that begin with nothing (melisma), a nasal, a voiced stop, an unvoiced stop or a
  fricative; breath noise in the rests; a quiet room.

A note's true onset is where its vowel begins; between two notes of one vowel it is the middle of
the transition. Its true pitch is the median of what was sung, as an annotator would write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SR = 44100
CONTROL_SR = 1000
"""Curves of pitch, level and formants are drawn at this rate and interpolated."""

VOWELS = {
    # first five formants of a tenor [Hz], after the tables of Csound's manual
    "a": (650, 1080, 2650, 2900, 3250),
    "e": (400, 1700, 2600, 3200, 3580),
    "i": (290, 1870, 2800, 3250, 3540),
    "o": (400, 800, 2600, 2800, 3000),
    "u": (350, 600, 2700, 2900, 3300),
}
FORMANT_DB = (0.0, -8.0, -16.0, -18.0, -26.0)
BANDWIDTH_HZ = (70.0, 90.0, 120.0, 140.0, 160.0)


@dataclass(frozen=True)
class Consonant:
    """How a syllable begins.

    Attributes
    ----------
    seconds : (float, float)
        Shortest and longest.
    voice_db : float
        Level of the voice during it.
    noise_db : float
        Level of the hiss during it.
    burst_db : float
        Level of the 12 ms of noise at its end.
    bright : bool
        The noise is above 4 kHz rather than around 2 kHz.
    """

    seconds: tuple[float, float]
    voice_db: float
    noise_db: float = -90.0
    burst_db: float = -90.0
    bright: bool = False


CONSONANTS = {
    "none": Consonant((0.0, 0.0), 0.0),
    "nasal": Consonant((0.05, 0.10), -9.0),
    "glide": Consonant((0.05, 0.09), -4.0),
    "voiced stop": Consonant((0.04, 0.08), -26.0, burst_db=-28.0),
    "stop": Consonant((0.05, 0.11), -90.0, burst_db=-20.0, bright=True),
    "fricative": Consonant((0.08, 0.16), -90.0, noise_db=-26.0, bright=True),
    "voiced fricative": Consonant((0.06, 0.10), -14.0, noise_db=-34.0, bright=True),
}


@dataclass(frozen=True)
class Voice:
    """One singer.

    Attributes
    ----------
    intonation_cents : float
        Standard deviation of a note's tuning.
    drift_cents : float
        Slow wandering of the whole voice.
    wander_cents : float
        Standard deviation of the wandering within a note, at 1 to 4 Hz.
    lag_seconds : float
        Standard deviation of the time between a vowel's beginning and its pitch's.
    diphthongs : float [0..1]
        How many long notes change their vowel on the way.
    vibrato_cents, vibrato_hz : float
        Half extent and rate; 0 cents for a straight voice.
    legato : float [0..1]
        How many syllables begin with no consonant.
    scale : float
        Size of the vocal tract: formants are multiplied by it.
    breath_db : float
        Level of the noise in the voice.
    tuning_cents : float
        The singer's A4 above 440 Hz.
    falls : float [0..1]
        How many notes before a rest fall by 1 to 5 semitones while they end.
    """

    intonation_cents: float = 18.0
    drift_cents: float = 8.0
    wander_cents: float = 15.0
    lag_seconds: float = 0.015
    diphthongs: float = 0.25
    vibrato_cents: float = 40.0
    vibrato_hz: float = 5.5
    legato: float = 0.3
    scale: float = 1.0
    breath_db: float = -38.0
    tuning_cents: float = 0.0
    falls: float = 0.0


VOICED = ("nasal", "glide", "voiced fricative")
"""Consonants on which the pitch is heard already."""


class Sung(NamedTuple):
    """What was sung.

    Attributes
    ----------
    y : np.ndarray [shape=(n_samples,), linear]
    midi : np.ndarray [shape=(n_notes,), MIDI]
        The median pitch of each note.
    begun : np.ndarray [shape=(n_notes,), seconds]
        Where the voice begins: with the vowel, or a voiced consonant before it.
    """

    y: FloatArray
    midi: FloatArray
    begun: FloatArray


def sing(
    onset: FloatArray,
    offset: FloatArray,
    pitch: FloatArray,
    voice: Voice,
    rng: np.random.Generator,
) -> Sung:
    """Sing notes.

    Parameters
    ----------
    onset, offset : np.ndarray [shape=(n_notes,), seconds]
        Ascending; a note whose offset is the next one's onset is sung on one breath.
    pitch : np.ndarray [shape=(n_notes,), MIDI]
    voice : Voice
    rng : np.random.Generator

    Returns
    -------
    sung : Sung
    """
    n = round((offset[-1] + 0.4) * CONTROL_SR)
    kinds = _choose_consonants(onset, offset, voice, rng)
    midi = _pitch_curve(onset, offset, pitch, voice, rng, n)
    levels, hiss, bursts = _level_curves(onset, offset, kinds, rng, n)
    changes = _vowel_changes(onset, offset, voice, rng)
    for time in changes[len(onset) :]:
        levels *= 1 - 0.3 * np.exp(-0.5 * ((np.arange(n) / CONTROL_SR - time) / 0.02) ** 2)
    formants = _formant_curves(np.sort(changes), voice, rng, n)
    y = _voiced(midi, levels, formants, voice, rng) + _noises(hiss, bursts, rng)
    y += 10 ** (-62 / 20) * rng.standard_normal(len(y))
    frames = [
        slice(round(a * CONTROL_SR), round(b * CONTROL_SR))
        for a, b in zip(onset, offset, strict=True)
    ]
    lead = np.array([seconds if name in VOICED else 0.0 for name, seconds in kinds])
    return Sung(y, np.array([np.median(midi[s]) for s in frames]), onset - lead)


def _choose_consonants(
    onset: FloatArray, offset: FloatArray, voice: Voice, rng: np.random.Generator
) -> list[tuple[str, float]]:
    """Return each note's consonant and its length in seconds."""
    names = [name for name in CONSONANTS if name != "none"]
    weights = np.array([0.28, 0.12, 0.2, 0.18, 0.12, 0.1])
    chosen: list[tuple[str, float]] = []
    for i in range(len(onset)):
        name = "none" if rng.random() < voice.legato else str(rng.choice(names, p=weights))
        low, high = CONSONANTS[name].seconds
        room = offset[i - 1] - onset[i - 1] if i and onset[i] - offset[i - 1] < 0.02 else 0.5
        chosen.append((name, min(float(rng.uniform(low, high)), 0.45 * room)))
    return chosen


def _pitch_curve(
    onset: FloatArray,
    offset: FloatArray,
    pitch: FloatArray,
    voice: Voice,
    rng: np.random.Generator,
    n: int,
) -> FloatArray:
    """Return what is sung in MIDI at the control rate."""
    target = np.empty(n)
    vibrato = np.zeros(n)
    deviation = rng.normal(0.0, voice.intonation_cents, len(pitch)) + voice.tuning_cents
    goals = pitch + deviation / 100.0
    edges = _pitch_edges(onset, offset, voice, rng, n)
    for i, goal in enumerate(goals):
        target[edges[i] : edges[i + 1]] = goal
        first = i == 0 or onset[i] - offset[i - 1] > 0.05
        if first and rng.random() < 0.5:
            scoop = rng.uniform(0.5, 2.0)
            start = round(onset[i] * CONTROL_SR)
            target[max(start - 60, edges[i]) : start + round(rng.uniform(10, 60))] -= scoop
        vibrato[edges[i] : edges[i + 1]] = _delayed_vibrato(
            edges[i + 1] - edges[i], offset[i] - onset[i], voice, rng
        )
    if voice.falls > 0.0:
        _let_fall(target, onset, offset, voice.falls, rng)
    smooth = _second_order(target, rng.uniform(5.0, 9.0), damping=rng.uniform(0.65, 0.9))
    drift = np.cumsum(rng.standard_normal(n)) / np.sqrt(CONTROL_SR) * voice.drift_cents / 100
    jitter = np.convolve(rng.standard_normal(n + 19), np.ones(20) / 20, "valid") * 0.12
    bumps = np.hanning(300) / np.sqrt(np.square(np.hanning(300)).sum())
    wander = np.convolve(rng.standard_normal(n + 299), bumps, "valid") * voice.wander_cents / 100
    return smooth + vibrato + drift - drift.mean() + jitter + wander


def _let_fall(
    target: FloatArray,
    onset: FloatArray,
    offset: FloatArray,
    falls: float,
    rng: np.random.Generator,
) -> None:
    """Lower the ends of notes before a rest."""
    for i in range(len(onset)):
        is_last = i + 1 == len(onset) or onset[i + 1] - offset[i] > 0.1
        if is_last and rng.random() < falls:
            end, ms = round(offset[i] * CONTROL_SR), round(rng.uniform(40.0, 120.0))
            target[max(end - ms, 0) : end + 100] -= rng.uniform(1.0, 5.0)


def _pitch_edges(
    onset: FloatArray, offset: FloatArray, voice: Voice, rng: np.random.Generator, n: int
) -> list[int]:
    """Return where each note's pitch begins: near its vowel, or in the rest before it."""
    edges = [0]
    for i in range(1, len(onset)):
        rest = onset[i] - offset[i - 1]
        time = onset[i] - 0.5 * rest if rest > 0.1 else onset[i]
        time += np.clip(rng.normal(0.0, voice.lag_seconds), -0.04, 0.04)
        edges.append(round(time * CONTROL_SR))
    return [*edges, n]


def _delayed_vibrato(n: int, seconds: float, voice: Voice, rng: np.random.Generator) -> FloatArray:
    t = np.arange(n) / CONTROL_SR
    delay = rng.uniform(0.1, 0.35)
    extent = voice.vibrato_cents / 100 * rng.uniform(0.6, 1.2) * (seconds > 0.35)
    rate = voice.vibrato_hz * rng.uniform(0.93, 1.07)
    return extent * np.clip((t - delay) / 0.2, 0, 1) * np.sin(2 * np.pi * rate * (t - delay))


def _second_order(target: FloatArray, hz: float, damping: float) -> FloatArray:
    """Follow `target` as a spring does, half a response ahead so that the middle is on time."""
    omega = 2 * np.pi * hz / CONTROL_SR
    lead = round(1.1 * damping / omega)
    ahead = np.concatenate([target[lead:], np.full(lead, target[-1])])
    out = np.empty_like(target)
    position, speed = float(ahead[0]), 0.0
    for i, goal in enumerate(ahead):
        speed += omega**2 * (goal - position) - 2 * damping * omega * speed
        position += speed
        out[i] = position
    return out


def _level_curves(
    onset: FloatArray,
    offset: FloatArray,
    kinds: list[tuple[str, float]],
    rng: np.random.Generator,
    n: int,
) -> tuple[FloatArray, FloatArray, list[tuple[float, float]]]:
    """Return the voice's level and the hiss's [dB, control rate] and bursts (time, dB)."""
    level = np.full(n, -90.0)
    hiss = np.full(n, -90.0)
    bursts: list[tuple[float, float]] = []
    for i, (name, seconds) in enumerate(kinds):
        consonant = CONSONANTS[name]
        start, vowel = (round(t * CONTROL_SR) for t in (onset[i] - seconds, onset[i]))
        end = round(offset[i] * CONTROL_SR)
        loud = rng.uniform(-8, 0)
        t = np.arange(end - vowel) / CONTROL_SR
        level[vowel:end] = loud - rng.uniform(0, 6) * t + rng.normal(0, 0.5)
        start = max(start, 0)
        level[start:vowel] = loud + consonant.voice_db
        hiss[start:vowel] = consonant.noise_db + loud
        if consonant.burst_db > -90:
            bursts.append((onset[i] - 0.012, consonant.burst_db + loud))
        if i and onset[i] - offset[i - 1] > 0.35 and rng.random() < 0.6:
            breath = slice(max(start - 260, 0), max(start - 60, 0))
            hiss[breath] = np.maximum(hiss[breath], -42.0)
    window = np.hanning(25) / np.hanning(25).sum()
    amplitude = np.convolve(10 ** (level / 20), window, "same")
    noise = np.convolve(10 ** (hiss / 20), window, "same")
    return amplitude, noise, bursts


def _vowel_changes(
    onset: FloatArray, offset: FloatArray, voice: Voice, rng: np.random.Generator
) -> FloatArray:
    """Return the onsets, then the times at which a vowel changes within a long note."""
    middles = onset + rng.uniform(0.35, 0.65, len(onset)) * (offset - onset)
    changing = (offset - onset > 0.35) & (rng.random(len(onset)) < voice.diphthongs)
    return np.concatenate([onset, middles[changing]])


def _formant_curves(
    onset: FloatArray, voice: Voice, rng: np.random.Generator, n: int
) -> FloatArray:
    """Return the formants' frequencies [shape=(n, 5), Hz]; vowels begin at `onset`."""
    names = list(VOWELS)
    curves = np.empty((n, 5))
    edges = [0, *(round(t * CONTROL_SR) for t in onset[1:]), n]
    vowel = VOWELS[str(rng.choice(names))]
    for i in range(len(onset)):
        if rng.random() < 0.7:
            vowel = VOWELS[str(rng.choice(names))]
        curves[edges[i] : edges[i + 1]] = np.array(vowel) * voice.scale
    window = np.hanning(61) / np.hanning(61).sum()
    padded = np.pad(curves, ((30, 30), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], window, "valid") for k in range(5)], axis=1)


def _voiced(
    midi: FloatArray,
    amplitude: FloatArray,
    formants: FloatArray,
    voice: Voice,
    rng: np.random.Generator,
) -> FloatArray:
    """Sum the harmonics, each weighted by the glottis (-9 dB an octave) and the formants."""
    t_control = np.arange(len(midi)) / CONTROL_SR
    t = np.arange(round(len(midi) / CONTROL_SR * SR)) / SR
    f0 = 440 * 2 ** ((midi - 69) / 12)
    phase = 2 * np.pi * np.cumsum(np.interp(t, t_control, f0)) / SR
    shimmer = 1 + 0.03 * np.interp(t, t_control, rng.standard_normal(len(midi)))
    y = np.zeros(len(t))
    for k in range(1, int(8000 / np.median(f0)) + 1):
        gain = _vocal_tract(k * f0, formants) * k**-1.5
        y += np.interp(t, t_control, amplitude * gain) * np.sin(k * phase + k)
    noise = 10 ** (voice.breath_db / 20) * rng.standard_normal(len(t))
    y /= np.abs(y).max()
    return 0.5 * shimmer * (y + noise * np.interp(t, t_control, amplitude))


def _vocal_tract(freq: FloatArray, formants: FloatArray) -> FloatArray:
    gain = np.zeros(len(freq))
    for k in range(5):
        width = BANDWIDTH_HZ[k]
        resonance = 1 / np.sqrt(1 + ((freq - formants[:, k]) / width) ** 2)
        gain += 10 ** (FORMANT_DB[k] / 20) * resonance
    return gain


def _noises(
    hiss: FloatArray, bursts: list[tuple[float, float]], rng: np.random.Generator
) -> FloatArray:
    n = round(len(hiss) / CONTROL_SR * SR)
    t = np.arange(n) / SR
    white = rng.standard_normal(n + 1)
    bright = np.diff(white) / np.sqrt(2)
    level = np.interp(t, np.arange(len(hiss)) / CONTROL_SR, hiss)
    for time, db in bursts:
        inside = (t >= time) & (t < time + 0.012)
        level[inside] += 10 ** (db / 20)
    return level * bright
