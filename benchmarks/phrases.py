"""Melodies put together from real single notes, so that every onset and pitch is known.

`make_phrases("dev", root)` is what the segmentation is tuned on, `make_phrases("test", root)` what
is reported. They differ in instruments, tunes, joins and rooms. `root` holds recorded notes as
``train/<instrument>/<instrument>_<MIDI>_<velocity>.ogg`` and ``held_out/``. How notes are joined,
and what their true onset, offset and pitch are, is said in `phrase_joins`.

`make_ghosts` makes clips without a note, in which everything that is found is wrong.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import phrase_rooms as rooms
from phrase_joins import ARTICULATION, Event, Ways, play
from phrase_rooms import ROOMS, Room
from phrase_takes import SR, FloatArray, Player, players

SECONDS = 7.5
FIRST = 0.35
DIPS_DB = (3.0, 6.0, 9.0, 12.0, 18.0)
WAYS = {"dev": Ways(1.0), "test": Ways(0.75)}
POWERS = {"dev": (1.0, 2.5), "test": (1.3, 3.0)}
"""Of the swells' rises."""


@dataclass(frozen=True, eq=False)
class Phrase:
    """A recording and the notes in it.

    Attributes
    ----------
    name, group : str
        The group is the phrase's kind.
    y : np.ndarray [shape=(n_samples,), float32]
    sr : int [Hz]
    intervals : np.ndarray [shape=(n_notes, 2), seconds]
    pitch_hz : np.ndarray [shape=(n_notes,), Hz]
    articulation : tuple of str
        "struck", "soft" or "tied" per note.
    dip_db : np.ndarray [shape=(n_notes,), dB]
        How far the level falls before a repeated note; NaN for others.
    manner : tuple of str
        What the tables call a note: how a steady tone is modulated.
    instrument : str
    """

    name: str
    group: str
    y: npt.NDArray[np.float32]
    sr: int
    intervals: FloatArray
    pitch_hz: FloatArray
    articulation: tuple[str, ...] = ()
    dip_db: FloatArray = field(default_factory=lambda: np.zeros(0))
    manner: tuple[str, ...] = ()
    instrument: str = ""


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
            key = float(np.clip(key + way * step, tune.keys[0], tune.keys[-1]))
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


@dataclass(frozen=True)
class Kind:
    """How the phrases of a kind are made.

    Attributes
    ----------
    compose : callable
    room : str
        What is done to the sound.
    amounts : tuple of float
        Of what is done, one a phrase.
    n : int
        Number of phrases.
    """

    compose: Callable[[Tune], list[Event]]
    room: str = ""
    amounts: tuple[float, ...] = (0.0,)
    n: int = 5


KINDS = {
    "detached": Kind(detached),
    "legato": Kind(legato, n=6),
    "repeats": Kind(repeats, n=8),
    "steady": Kind(steady, n=6),
    "swells": Kind(swells, n=6),
    "staccato": Kind(staccato),
    "runs": Kind(runs),
    "accents": Kind(accents),
    "scoops": Kind(scoops),
    "drift": Kind(mixed, "drift", (0.8, -0.8, 0.5, -0.6, 0.7)),
    "plucked": Kind(plucked, n=6),
    "breath": Kind(breathing, "breath", (10.0, 13.0, 16.0, 20.0, 25.0)),
    "noise at 30 dB": Kind(mixed, "noise", (30.0,)),
    "noise at 20 dB": Kind(mixed, "noise", (20.0,)),
    "noise at 10 dB": Kind(mixed, "noise", (10.0,)),
    "hum": Kind(mixed, "hum", (25.0, 28.0, 32.0, 36.0, 40.0)),
    "reverb": Kind(mixed, "reverb", (-12.0, -8.0, -6.0, -10.0, -4.0)),
    "phone": Kind(mixed, "phone"),
    "webm": Kind(mixed, "webm"),
}
"""Amounts are semitones of drift, dB that noise, hum and breath lie under the notes, and dB of a
room relative to the direct sound."""


def make_phrases(which: str, root: Path, kinds: tuple[str, ...] = ()) -> Iterator[Phrase]:
    """Make the set "dev" or "test", one phrase at a time.

    Parameters
    ----------
    which : {"dev", "test"}
    root : Path
        Folder of recorded notes.
    kinds : tuple of str, optional
        All of `KINDS` by default.
    """
    groups = {sustained: players(which, root, sustained) for sustained in (True, False)}
    for group, kind in KINDS.items():
        if kinds and group not in kinds:
            continue
        pool = groups[kind.compose is not plucked]
        order = _rng(which, group, "instruments").permutation(len(pool))
        for i in range(kind.n):
            player = pool[_choice(which, order, i)]
            yield make_phrase(f"{group}-{i}", group, player, which, i)


def _choice(which: str, order: npt.NDArray[np.int64], i: int) -> int:
    """Return the instrument of a phrase; in the test set every other one is held out."""
    if which == "test" and i % 2 == 0:
        order = order[order < HELD_OUT]
    return int(order[(i // 2 if which == "test" else i) % len(order)])


HELD_OUT = 4
"""So many instruments come first in the test set's list."""


def _rng(*names: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(map(str, names)).encode()))


def make_phrase(name: str, group: str, player: Player, which: str, i: int) -> Phrase:
    """Compose, play and record one phrase; `i` is its number in its kind."""
    kind, rng = KINDS[group], _rng(which, name)
    events = kind.compose(Tune(player, which, rng))
    detune = rng.uniform(-0.2, 0.2)
    events = [replace(event, key=event.key + detune) for event in events]
    amount = kind.amounts[i % len(kind.amounts)]
    extent = amount if kind.room == "drift" else 0.0
    length = events[-1].offset
    played = play(events, player, WAYS[which], lambda t: extent * (t / length - 0.5), rng)
    y, sr = record(played.y, played.intervals, kind.room, amount, ROOMS[which], rng)
    return Phrase(
        name,
        group,
        (0.5 * y / np.abs(y).max()).astype(np.float32),
        sr,
        played.intervals,
        440.0 * 2.0 ** ((played.midi - 69.0) / 12.0),
        tuple(ARTICULATION[event.start] for event in events),
        np.array([event.dip_db for event in events]),
        tuple(event.manner for event in events),
        player.name,
    )


def record(
    y: FloatArray,
    intervals: FloatArray,
    how: str,
    amount: float,
    room: Room,
    rng: np.random.Generator,
) -> tuple[FloatArray, int]:
    """Return what a microphone makes of notes, and its sampling rate; see `KINDS` for amounts."""
    inside = np.concatenate([y[round(a * SR) : round(b * SR)] for a, b in intervals])
    notes = np.sqrt(np.square(inside).mean())
    under = notes * 10.0 ** (-amount / 20.0)
    y = y + notes * 10.0 ** (-rng.uniform(42.0, 55.0) / 20.0) * rooms.noise(len(y), room.tilt, rng)
    if how == "noise":
        y = y + under * rooms.noise(len(y), room.tilt, rng)
    elif how == "hum":
        y = y + under * rooms.hum(len(y), room.mains_hz, rng)
    elif how == "breath":
        for end, start in zip(intervals[:-1, 1], intervals[1:, 0], strict=True):
            if start - end > 0.15:
                n = round(rng.uniform(0.6, 1.0) * (start - end) * SR)
                first = round(end * SR) + (round((start - end) * SR) - n) // 2
                y[first : first + n] += under * rooms.breath(n, room.breath_hz, rng)
    elif how == "reverb":
        y = rooms.reverberate(y, rng.uniform(*room.reverb), amount, room.predelay, rng)
    elif how == "phone":
        return rooms.telephone(y), 8000
    elif how == "webm":
        y = rooms.through_webm(0.5 * y / np.abs(y).max(), int(rng.choice(room.bit_rates)))
    return y, SR


def make_ghosts(which: str) -> Iterator[Phrase]:
    """Make the clips without a note of the set "dev" or "test", 20 s each."""
    rng = _rng(which, "ghosts")
    for i, (kind, y) in enumerate(rooms.ghost_sounds(which, rng)):
        clip = np.clip(y, -1.0, 1.0).astype(np.float32)
        yield Phrase(f"{kind}-{i}", kind, clip, SR, np.zeros((0, 2)), np.zeros(0))
