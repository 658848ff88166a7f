"""Phrases made from partials, of which f0, onsets, articulation and level are known.

    from playing_phrases import PHRASES
    phrase = PHRASES["slides"]()

A phrase is a row of tones. Its sound is one sum of partials whose phase goes on through tied
tones; a strike puts a short burst of noise and a fast rise there, a soft beginning a slow rise.

Truth
-----
- The onset of a tied tone is the middle of the slide that leads to it; that of another tone is
  where its level begins to rise.
- f0 is that of the first partial, slides and vibrato included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

SR = 44100
HOP_SECONDS = 0.010
HIGHEST_HZ = 12000.0
ROOM_DB = -75.0
"""Level of the noise in which the phrase sounds, re its loudest tone."""

FLOOR_DB = -100.0
STRIKE_SECONDS = 0.004
FALL_SECONDS = 0.012
"""How fast a tone ends where the next one is struck at once."""

RELEASE_SECONDS = 0.06

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tone:
    """A tone of a phrase.

    Attributes
    ----------
    onset, offset : float [seconds]
    key : float [MIDI]
    start : {"struck", "soft", "tied"}
    slide : float [seconds]
        Length of the slide into a tied tone.
    rise : float [seconds]
        Length of a soft beginning.
    burst_db : float [dB]
        Level of a strike's noise re the tone.
    decay : float [dB per second]
    gain_db : float [dB <= 0]
    vibrato : float [cents]
        Half extent, at 5.5 Hz.
    """

    onset: float
    offset: float
    key: float
    start: str = "struck"
    slide: float = 0.06
    rise: float = 0.15
    burst_db: float = -6.0
    decay: float = 0.0
    gain_db: float = -6.0
    vibrato: float = 0.0


@dataclass(frozen=True, eq=False)
class Phrase:
    """A phrase and what is true of it.

    Attributes
    ----------
    y : np.ndarray of float32 [shape=(n_samples,)]
    tones : tuple of Tone
    f0 : np.ndarray [shape=(n_frames,), Hz]
        Every 10 ms from 0 on; NaN where nothing sounds.
    """

    y: npt.NDArray[np.float32]
    tones: tuple[Tone, ...]
    f0: FloatArray


def make_phrase(tones: list[Tone], seed: int = 0) -> Phrase:
    """Make the sound of some tones, in their order."""
    rng = np.random.default_rng(seed)
    t = np.arange(round((tones[-1].offset + 0.4) * SR)) / SR
    midi = _pitch(tones, t)
    gain_db = _gain_db(tones, t)
    f0 = 440.0 * 2.0 ** ((midi - 69.0) / 12.0)
    y = _partials(f0) * 10.0 ** (gain_db / 20.0)
    for tone in tones:
        if tone.start == "struck":
            _add_burst(y, tone, rng)
    y += 10.0 ** (ROOM_DB / 20.0) * rng.standard_normal(len(t))
    frames = np.arange(0, len(t), round(HOP_SECONDS * SR))
    sounding = gain_db[frames] > -60.0
    return Phrase(
        (0.1 * y).astype(np.float32), tuple(tones), np.where(sounding, f0[frames], np.nan)
    )


def _pitch(tones: list[Tone], t: FloatArray) -> FloatArray:
    """Return the pitch of each sample; before the first tone that of the first [MIDI]."""
    midi = np.full(len(t), tones[0].key)
    for before, tone in pairwise(tones):
        slide = tone.slide if tone.start == "tied" else 1e-6
        way = np.clip((t - tone.onset) / slide + 0.5, 0.0, 1.0)
        midi += (tone.key - before.key) * (0.5 - 0.5 * np.cos(np.pi * way))
    for tone in tones:
        age, rest = t - tone.onset, tone.offset - t
        depth = np.clip(np.minimum(age, rest) / 0.15, 0.0, 1.0)
        midi += tone.vibrato / 100.0 * depth * np.sin(2.0 * np.pi * 5.5 * age)
    return midi


def _gain_db(tones: list[Tone], t: FloatArray) -> FloatArray:
    """Return the level of the partials of each sample [dB]."""
    gain = np.full(len(t), FLOOR_DB)
    for i, tone in enumerate(tones):
        following = tones[i + 1] if i + 1 < len(tones) else None
        touches = following is not None and following.onset - tone.offset < 1e-6
        is_tied_on = touches and following is not None and following.start == "tied"
        end = tone.offset if touches else tone.offset + RELEASE_SECONDS
        own = (t >= tone.onset) & (t < end)
        age, rest = t[own] - tone.onset, tone.offset - t[own]
        level = tone.gain_db - tone.decay * age
        if tone.start == "tied":
            # What the tones differ by is gone through during the slide.
            before = tones[i - 1]
            last = before.gain_db - before.decay * (before.offset - before.onset)
            level += (last - tone.gain_db) * (1.0 - np.clip(age / tone.slide, 0.0, 1.0))
        else:
            seconds = STRIKE_SECONDS if tone.start == "struck" else tone.rise
            level += 20.0 * np.log10(np.clip(age / seconds, 1e-4, 1.0))
        if not is_tied_on:
            seconds = FALL_SECONDS if touches else RELEASE_SECONDS
            late = np.clip(1.0 - rest / seconds, 0.0, None) if touches else np.maximum(-rest, 0.0)
            level -= late * (25.0 if touches else 50.0 / seconds)
        gain[own] = np.maximum(level, FLOOR_DB)
    return gain


def _partials(f0: FloatArray) -> FloatArray:
    """Return a sum of partials of rms about 1, with the resonances of a voice."""
    angle = 2.0 * np.pi * np.cumsum(f0) / SR
    y = np.zeros(len(f0))
    total = np.zeros(len(f0))
    for k in range(1, int(HIGHEST_HZ / f0.min()) + 1):
        hz = k * f0
        level = k**-1.1 * (1.0 + 2.0 * np.exp(-(((hz - 650.0) / 250.0) ** 2)))
        level *= 1.0 + 1.5 * np.exp(-(((hz - 2900.0) / 600.0) ** 2))
        level *= np.clip((HIGHEST_HZ - hz) / 1000.0, 0.0, 1.0)
        y += level * np.sin(k * angle + 0.7 * k * k)
        total += level**2 / 2.0
    return np.asarray(y / np.sqrt(total))


def _add_burst(y: FloatArray, tone: Tone, rng: np.random.Generator) -> None:
    """Add a strike's noise, of 15 ms, mostly above 3 kHz."""
    noise = np.diff(rng.standard_normal(round(0.06 * SR) + 1)) / np.sqrt(2.0)
    age = np.arange(len(noise)) / SR
    noise *= np.clip(age / 0.001, 0.0, 1.0) * np.exp(-age / 0.015)
    first = round(tone.onset * SR)
    part = y[first : first + len(noise)]
    part += 10.0 ** ((tone.gain_db + tone.burst_db) / 20.0) * noise[: len(part)]


def _row(
    keys: list[float], seconds: float, starts: str, *, gap: float = 0.0, **given: float
) -> list[Tone]:
    """Return tones of one length; `starts` has a letter per tone: k, s or t."""
    names = {"k": "struck", "s": "soft", "t": "tied"}
    tones, time = [], 0.3
    for key, letter in zip(keys, starts, strict=True):
        time += 0.0 if letter == "t" else gap if tones else 0.0
        tones.append(Tone(time, time + seconds, key, names[letter], **given))
        time += seconds
    return tones


def _slides() -> Phrase:
    keys = [57.2, 59.1, 60.8, 57.3, 62.2, 60.9, 59.0, 57.1]
    tones = _row(keys, 0.55, "sttttttt", slide=0.1)
    return make_phrase([replace(tone, vibrato=25.0) for tone in tones], 1)


def _legato() -> Phrase:
    keys = [64.0, 66.1, 68.0, 69.1, 71.0, 69.0, 68.1, 64.0, 62.0, 64.1, 57.0, 64.0]
    return make_phrase(_row(keys, 0.3, "ktttkttttttt", slide=0.035), 2)


def _attacked() -> Phrase:
    keys = [60.0, 62.0, 64.1, 64.1, 67.0, 65.0, 62.1, 60.0, 60.0, 67.1]
    return make_phrase(_row(keys, 0.4, "kkkkkkkkkk", burst_db=-3.0), 3)


def _soft() -> Phrase:
    keys = [55.1, 58.0, 60.0, 62.1, 60.0, 57.0]
    return make_phrase(_row(keys, 0.6, "ssssss", gap=0.15, rise=0.14), 4)


def _decays() -> Phrase:
    tones = _row([60.0, 64.0, 67.0, 72.0, 67.1, 64.0, 60.0], 0.6, "kkkkkkk", gap=0.05)
    rates = (12.0, 20.0, 30.0, 25.0, 15.0, 30.0, 12.0)
    return make_phrase([replace(t, decay=r) for t, r in zip(tones, rates, strict=True)], 5)


def _repeats() -> Phrase:
    return make_phrase(_row([62.0] * 6 + [65.0] * 6, 0.28, "k" * 12, burst_db=-5.0), 6)


def _staccato() -> Phrase:
    keys = [67.0, 69.0, 71.1, 72.0, 74.0, 72.0, 71.0, 67.1, 62.0, 67.0, 71.0, 74.0]
    return make_phrase(_row(keys, 0.11, "k" * 12, gap=0.13), 7)


def _trills() -> Phrase:
    trill = _row([67.0] + [69.0, 67.0] * 8 + [64.0], 0.13, "k" + "t" * 17, slide=0.025)
    last = trill[-1].onset
    slow = _row([62.0] + [63.0, 62.0] * 5, 0.16, "k" + "t" * 10, slide=0.03)
    moved = [replace(x, onset=x.onset + last + 0.2, offset=x.offset + last + 0.2) for x in slow]
    return make_phrase([*trill[:-1], replace(trill[-1], offset=last + 0.4), *moved], 8)


def _drone() -> Phrase:
    levels = (-6.0, -14.0, -8.0, -20.0, -6.0, -12.0)
    row = _row([52.0] * 6, 1.1, "sttttt", slide=0.8, rise=0.3)
    tones = [replace(x, gain_db=g) for x, g in zip(row, levels, strict=True)]
    made = make_phrase(tones, 9)
    whole = replace(tones[0], offset=tones[-1].offset)
    return replace(made, tones=(whole,))


def _mixed() -> Phrase:
    keys = [50.0, 53.1, 55.0, 57.0, 57.0, 60.0, 58.1, 57.0, 55.0, 50.1, 53.0]
    tones = _row(keys, 0.45, "kttkkttsttk", gap=0.04, slide=0.06, rise=0.1)
    levels = np.linspace(-16.0, -6.0, len(tones))
    return make_phrase([replace(x, gain_db=g) for x, g in zip(tones, levels, strict=True)], 10)


PHRASES: dict[str, Callable[[], Phrase]] = {
    "slides": _slides,
    "legato": _legato,
    "attacked": _attacked,
    "soft": _soft,
    "decays": _decays,
    "repeats": _repeats,
    "staccato": _staccato,
    "trills": _trills,
    "drone": _drone,
    "mixed": _mixed,
}


def held_notes() -> Phrase:
    """Return five struck notes of 0.9 s and one level, with rests between them."""
    return make_phrase(_row([55.0, 60.0, 64.0, 67.0, 72.0], 0.9, "k" * 5, gap=0.3), 11)


def tied_run() -> Phrase:
    """Return eight tied notes of 0.25 s and one level."""
    keys = [60.0, 62.0, 64.0, 65.0, 67.0, 69.0, 71.0, 72.0]
    return make_phrase(_row(keys, 0.25, "kttttttt", slide=0.04), 12)


def long_note(seconds: float) -> Phrase:
    """Return one struck note of one level and pitch."""
    return make_phrase([Tone(0.2, 0.2 + seconds, 60.0)], 13)
