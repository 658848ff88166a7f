"""Tunes for the phrases: which notes are played when, and how each of them begins.

A composer takes a `Tune`, which walks over a scale, and returns the notes of a phrase.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from phrase_joins import Event
from phrase_takes import Player

SECONDS = 7.5
FIRST = 0.35
DIPS_DB = (3.0, 6.0, 9.0, 12.0, 18.0)
POWERS = {"dev": (1.0, 1.6), "test": (1.2, 1.8)}
"""Of the swells' rises."""


class Tune:
    """A walk over a scale in an instrument's range, and the time that has passed in it."""

    def __init__(self, player: Player, which: str, rng: np.random.Generator) -> None:
        keys = player.keys()
        middle = float(np.clip(rng.normal(64.0, 7.0), keys[0] + 7, keys[-1] - 7))
        steps = (0, 2, 4, 5, 7, 9, 11) if rng.random() < 0.5 else (0, 2, 3, 5, 7, 8, 10)
        tonic = int(rng.integers(12))
        near = [key for key in keys if abs(key - middle) <= 9]
        self.keys = near
        self.scale = [key for key in near if (key - tonic) % 12 in steps]
        self.place = len(self.scale) // 2
        self.time = FIRST
        self.rng = rng
        self.powers = POWERS[which]

    def next(self, leap: float = 0.25, largest: int = 99) -> float:
        """Return another key of the scale, at most some semitones away [MIDI]."""
        key = self.scale[self.place]
        steps = (-4, -3, 3, 4) if self.rng.random() < leap else (-2, -1, 1, 2)
        near = [
            self.place + step
            for step in steps
            if 0 <= self.place + step < len(self.scale)
            and abs(self.scale[self.place + step] - key) <= largest
        ]
        others = [k for k, other in enumerate(self.scale) if 0 < abs(other - key) <= largest]
        self.place = int(self.rng.choice(near or others or [self.place]))
        return float(self.scale[self.place])

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.rng.uniform(low, high))

    def power(self) -> float:
        """Draw how slowly a swell begins."""
        return self.between(*self.powers)

    def chance(self, p: float) -> bool:
        """Draw a yes or no."""
        return bool(self.rng.random() < p)

    @property
    def goes_on(self) -> bool:
        """Whether another note fits."""
        return self.time < SECONDS - 0.7

    def add(self, events: list[Event], event: Event, seconds: float, gap: float = 0.0) -> None:
        """Put a note at the time that has come, and let time pass."""
        level = event.gain_db + self.between(-1.5, 1.5)
        end = self.time + seconds
        events.append(replace(event, onset=self.time, offset=end, gain_db=level))
        self.time = end + gap


def _note(key: float, start: str = "own", **given: object) -> Event:
    return Event(0.0, 0.0, key, start, **given)  # type: ignore[arg-type]


def detached(tune: Tune) -> list[Event]:
    """Compose notes with attacks of their own and gaps of 40 to 200 ms."""
    events: list[Event] = []
    while tune.goes_on:
        tune.add(events, _note(tune.next()), tune.between(0.18, 0.7), tune.between(0.04, 0.2))
    return events


def retongued(tune: Tune) -> list[Event]:
    """Compose notes with attacks of their own after gaps of 5 to 40 ms, half of them repeated."""
    events: list[Event] = []
    key = tune.next()
    while tune.goes_on:
        key = key if tune.chance(0.5) else tune.next()
        start = "own" if tune.chance(0.5) else "quick"
        event = _note(key, start, release=tune.between(0.02, 0.06))
        tune.add(events, event, tune.between(0.12, 0.5), tune.between(0.005, 0.04))
    return events


def legato(tune: Tune) -> list[Event]:
    """Compose groups of notes on one breath, with glides of 20 to 80 ms."""
    events: list[Event] = []
    while tune.goes_on:
        for k in range(int(tune.rng.integers(3, 7))):
            start = "tied" if k else "own"
            event = _note(tune.next(), start, seconds=tune.between(0.02, 0.08))
            tune.add(events, event, tune.between(0.16, 0.6))
        tune.time += tune.between(0.1, 0.3)
    return events


def repeats(tune: Tune) -> list[Event]:
    """Compose one pitch again and again, softly or with an accent, after dips of 3 to 18 dB."""
    events: list[Event] = []
    dips = list(DIPS_DB)
    while tune.goes_on:
        key, hard = tune.next(), tune.chance(0.5)
        tune.rng.shuffle(dips)
        tune.add(events, _note(key), tune.between(0.2, 0.45))
        level = events[-1].gain_db
        for dip in dips:
            start, seconds = "blow" if hard else "dip", tune.between(0.02, 0.06)
            event = _note(key, start, dip_db=dip, seconds=seconds)
            tune.add(events, event, tune.between(0.18, 0.42))
            events[-1] = replace(events[-1], gain_db=level)
        tune.time += tune.between(0.1, 0.25)
    return events


def breathed(tune: Tune) -> list[Event]:
    """Compose repeats begun again by the breath alone: dips of 6 to 20 dB, 60 to 160 ms wide."""
    return _repeated(tune, (6.0, 20.0), (0.06, 0.16), (0.25, 0.5))


def parted(tune: Tune) -> list[Event]:
    """Compose repeats that all but end before they begin again: dips of 20 to 45 dB."""
    return _repeated(tune, (20.0, 45.0), (0.06, 0.25), (0.3, 0.6))


def _repeated(
    tune: Tune,
    dips_db: tuple[float, float],
    widths: tuple[float, float],
    lengths: tuple[float, float],
) -> list[Event]:
    """Compose one pitch again and again after dips, between these limits [dB, seconds]."""
    events: list[Event] = []
    while tune.goes_on:
        key = tune.next()
        tune.add(events, _note(key), tune.between(0.25, 0.5))
        level = events[-1].gain_db
        for _ in range(int(tune.rng.integers(2, 6))):
            wide = tune.between(*widths)
            event = _note(key, "dip", dip_db=tune.between(*dips_db), seconds=wide)
            tune.add(events, event, tune.between(*lengths))
            events[-1] = replace(events[-1], gain_db=level)
        tune.time += tune.between(0.1, 0.25)
    return events


def turns(tune: Tune) -> list[Event]:
    """Compose single turns between longer notes: a step away and back in 70 to 130 ms a note."""
    events: list[Event] = []
    while tune.goes_on:
        key, way = tune.next(), 1.0 if tune.chance(0.5) else -1.0
        step = way * float(tune.rng.integers(1, 3))
        if not tune.keys[0] <= key + step <= tune.keys[-1]:
            step = -step
        tune.add(events, _note(key), tune.between(0.08, 0.4))
        for turned, seconds in ((key + step, (0.07, 0.13)), (key, (0.08, 0.5))):
            event = _note(turned, "tied", seconds=tune.between(0.012, 0.045))
            tune.add(events, event, tune.between(*seconds))
        tune.time += 0.0 if tune.chance(0.5) else tune.between(0.1, 0.25)
    return events


def glides(tune: Tune) -> list[Event]:
    """Compose long notes with slow slides of 0.12 to 0.5 s between them, at times wide ones."""
    events: list[Event] = []
    while tune.goes_on:
        seconds = tune.between(0.12, 0.5) if events else 0.02
        event = _note(tune.next(0.6), "tied" if events else "own", seconds=seconds)
        tune.add(events, event, seconds + tune.between(0.3, 0.7))
    return events


def snatches(tune: Tune) -> list[Event]:
    """Compose two to seven notes of 50 to 90 ms and a rest, slurred or tongued."""
    events: list[Event] = []
    while tune.goes_on:
        start, seconds = "tied" if tune.chance(0.5) else "quick", tune.between(0.05, 0.09)
        for k in range(int(tune.rng.integers(2, 8))):
            event = _note(tune.next(0.3), start if k else "quick", seconds=tune.between(0.01, 0.02))
            tune.add(events, event, seconds, 0.0 if start == "tied" else 0.008)
        tune.time += tune.between(0.08, 0.3)
    return events


def trills(tune: Tune) -> list[Event]:
    """Compose alternations of a semitone or two, 80 to 140 ms a note, out of a longer note."""
    events: list[Event] = []
    while tune.goes_on:
        key, step = tune.next(), float(tune.rng.choice([1.0, 1.0, 2.0]))
        step = step if key + step <= tune.keys[-1] else -step
        seconds = tune.between(0.08, 0.14)
        tune.add(events, _note(key), tune.between(0.1, 0.5))
        for k in range(int(tune.rng.integers(4, 12))):
            slide = tune.between(0.012, min(0.05, 0.4 * seconds))
            other = key if k % 2 else key + step
            tune.add(events, _note(other, "tied", seconds=slide), seconds)
        tune.time += tune.between(0.1, 0.3)
    return events


def steady(tune: Tune) -> list[Event]:
    """Compose long tones, plain, with tremolo, with a vibrato of level, with a vibrato of pitch."""
    events: list[Event] = []
    kinds = ["plain", "tremolo", "level vibrato", "pitch vibrato"]
    tune.rng.shuffle(kinds)
    for manner in [*kinds, kinds[0]]:
        event = _note(tune.next(), manner=manner)
        if manner == "tremolo":
            event = replace(event, tremolo=(tune.between(3.0, 6.0), tune.between(2.5, 7.0)))
        elif manner == "level vibrato":
            swing, rate = tune.between(2.0, 4.5), tune.between(5.0, 6.0)
            event = replace(event, tremolo=(swing, rate), vibrato=(tune.between(5, 15), rate))
        elif manner == "pitch vibrato":
            event = replace(event, vibrato=(tune.between(30.0, 60.0), tune.between(4.8, 6.2)))
        tune.add(events, event, tune.between(1.2, 1.9), tune.between(0.15, 0.3))
    return events


def swells(tune: Tune) -> list[Event]:
    """Compose notes that rise in 80 to 300 ms."""
    events: list[Event] = []
    while tune.goes_on:
        rise = tune.between(0.08, 0.3)
        event = _note(tune.next(), "rise", seconds=rise, power=tune.power(), release=0.1)
        tune.add(events, event, rise + tune.between(0.1, 0.5), tune.between(0.03, 0.2))
    return events


def staccato(tune: Tune) -> list[Event]:
    """Compose notes of 40 to 100 ms with gaps of 30 to 120 ms, in steps and leaps."""
    events: list[Event] = []
    while tune.goes_on:
        event = _note(tune.next(0.4), "quick", release=0.03)
        tune.add(events, event, tune.between(0.042, 0.098), tune.between(0.03, 0.12))
    return events


def runs(tune: Tune) -> list[Event]:
    """Compose fast scales of 50 to 90 ms a note, and alternations of a step at 90 to 120 ms."""
    events: list[Event] = []
    while tune.goes_on:
        alternates, way = tune.chance(0.4), 1 if tune.chance(0.5) else -1
        seconds = tune.between(0.09, 0.12) if alternates else tune.between(0.05, 0.09)
        fits = [k for k in tune.keys if k + 14 * way in tune.keys or alternates]
        key = float(tune.rng.choice(fits or tune.keys[3:-3]))
        step = float(tune.rng.integers(1, 3))
        for k in range(int(tune.rng.integers(5, 9))):
            slide = tune.between(0.012, 0.02)
            tune.add(events, _note(key, "tied" if k else "quick", seconds=slide), seconds)
            way = -way if alternates else way
            step = step if alternates else float(tune.rng.integers(1, 3))
            if not tune.keys[0] <= key + way * step <= tune.keys[-1]:
                way = -way
            key += way * step
        last = events[-1].key + (1.0 if events[-1].key < tune.keys[-1] else -1.0)
        tune.add(events, _note(last, "tied", seconds=0.015), tune.between(0.2, 0.4), 0.15)
    return events


def accents(tune: Tune) -> list[Event]:
    """Compose notes of which some are 6 to 9 dB louder and struck, the others soft."""
    events: list[Event] = []
    while tune.goes_on:
        if tune.chance(0.4):
            event = _note(tune.next(), "quick", gain_db=tune.between(6.0, 9.0))
        else:
            event = _note(tune.next(), "rise", seconds=tune.between(0.03, 0.08))
        tune.add(events, event, tune.between(0.15, 0.5), tune.between(0.02, 0.1))
    return events


def scoops(tune: Tune) -> list[Event]:
    """Compose notes that begin 1 to 2 semitones too low and are there after 30 to 80 ms."""
    events: list[Event] = []
    while tune.goes_on:
        scoop = (tune.between(1.0, 2.0), tune.between(0.03, 0.08))
        start = "quick" if tune.chance(0.5) else "rise"
        event = _note(tune.next(), start, seconds=0.03, scoop=scoop)
        tune.add(events, event, tune.between(0.2, 0.6), tune.between(0.03, 0.15))
    return events


def mixed(tune: Tune) -> list[Event]:
    """Compose detached, tied and soft notes in turn."""
    events: list[Event] = []
    while tune.goes_on:
        touching = bool(events) and abs(events[-1].offset - tune.time) < 1e-6
        start = str(tune.rng.choice(["own", "quick", "rise"]))
        seconds = tune.between(0.03, 0.12)
        if touching and tune.chance(0.7):
            start, seconds = "tied", tune.between(0.03, 0.07)
        gap = 0.0 if tune.chance(0.5) else tune.between(0.04, 0.25)
        event = _note(tune.next(), start, seconds=seconds)
        tune.add(events, event, tune.between(0.16, 0.6), gap)
    return events


def breathing(tune: Tune) -> list[Event]:
    """Compose short groups of notes with room to breathe between them."""
    events: list[Event] = []
    while tune.goes_on:
        for k in range(int(tune.rng.integers(1, 4))):
            event = _note(tune.next(), "tied" if k else "own", seconds=tune.between(0.03, 0.07))
            tune.add(events, event, tune.between(0.2, 0.6))
        tune.time += tune.between(0.3, 0.6)
    return events


def plucked(tune: Tune) -> list[Event]:
    """Compose for struck strings and bars; some phrases ring on under the next notes."""
    events: list[Event] = []
    release = tune.between(0.4, 0.9) if tune.chance(0.5) else 0.1
    while tune.goes_on:
        key = events[-1].key if events and tune.chance(0.15) else tune.next()
        ring = release / 3
        tune.add(events, _note(key, release=release), tune.between(0.15, 0.6) + ring, -ring)
    return events
