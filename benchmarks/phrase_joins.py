"""Single notes joined to a melody, as players join them, and the truth about what was made.

Every note is read from its take at the speed that gives its pitch curve, so that pitches are
exact. Notes begin in one of these ways:

- "own": with the attack that was recorded;
- "quick": with the recorded attack from 6 dB below its steady level, within 6 ms;
- "rise": from nothing, in a given time, without the recorded attack;
- "tied": cross-faded and in phase with the note before, while the pitch glides;
- "dip": the same pitch goes on in phase, while the level falls and rises again;
- "blow": as "dip", but back within 12 ms, with an accent of 2.5 dB and the end of a recorded
  attack.

Truth
-----
- The onset of a note with a beginning of its own ("own", "quick", "rise") is where its own level
  (5 ms, without any noise) first comes within 20 dB of the loudest of its first 300 ms; the middle
  of the glide for "tied"; the lowest point for "dip" and "blow".
- The offset is where its own level last falls to 20 dB under its sustained level (the median), or
  the next note's onset where that comes first.
- The pitch is the target, without vibrato and scoop; it follows the drift at the note's middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from phrase_takes import SR, FloatArray, Player, Take, first_within, level_db, read_at

JOINED = ("tied", "dip", "blow")
ARTICULATION = {
    "own": "struck",
    "quick": "struck",
    "rise": "soft",
    "tied": "tied",
    "dip": "soft",
    "blow": "struck",
}
LEAD_SECONDS = 0.03
"""What is kept of a recording before its onset."""

Curve = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Event:
    """A note to be played.

    Attributes
    ----------
    onset, offset : float [seconds]
    key : float [MIDI]
    start : {"own", "quick", "rise", "tied", "dip", "blow"}
    seconds : float
        Length of the rise, of the glide, or of the dip.
    power : float
        A rise is linear in the amplitude's root of this order: a larger one begins more slowly.
    dip_db : float [dB]
        How far the level falls before "dip" and "blow".
    gain_db : float [dB]
    release : float [seconds]
        In which the end falls by 60 dB, from a third of it before `offset` on.
    scoop : (float, float)
        Semitones below the key at the beginning, and seconds until the key is reached.
    vibrato, tremolo : (float, float)
        Half extent [cents], rate [Hz]; from loudest to softest [dB], rate [Hz].
    manner : str
        What tables call it.
    """

    onset: float
    offset: float
    key: float
    start: str = "own"
    seconds: float = 0.04
    power: float = 1.0
    dip_db: float = float("nan")
    gain_db: float = 0.0
    release: float = 0.06
    scoop: tuple[float, float] = (0.0, 0.05)
    vibrato: tuple[float, float] = (0.0, 5.0)
    tremolo: tuple[float, float] = (0.0, 5.0)
    manner: str = ""


@dataclass(frozen=True)
class Ways:
    """How curves are shaped: the sets differ in it.

    Attributes
    ----------
    bend : float
        Power of the glides' and dips' slopes: 1 is a half cosine, less is steeper at the middle.
    """

    bend: float = 1.0

    def slope(self, place: FloatArray) -> FloatArray:
        """Return a way from 0 to 1, flat at both ends, for places from 0 to 1."""
        x = 2.0 * np.clip(place, 0.0, 1.0) - 1.0
        return np.asarray(0.5 + 0.5 * np.sin(0.5 * np.pi * np.sign(x) * np.abs(x) ** self.bend))


@dataclass(frozen=True, eq=False)
class Played:
    """A melody and its truth; see the module for what they mean.

    Attributes
    ----------
    y : np.ndarray [shape=(n_samples,)]
        Notes alone; about 1 RMS where one sounds.
    intervals : np.ndarray [shape=(n_notes, 2), seconds]
    midi : np.ndarray [shape=(n_notes,), MIDI]
    """

    y: FloatArray
    intervals: FloatArray
    midi: FloatArray


def play(
    events: list[Event], player: Player, ways: Ways, drift: Curve, rng: np.random.Generator
) -> Played:
    """Play notes and measure their truth; `drift` gives semitones for seconds."""
    y = np.zeros(round((events[-1].offset + 2.0) * SR))
    intervals = np.array([(e.onset, e.offset) for e in events])
    for i, event in enumerate(events):
        following = events[i + 1] if i + 1 < len(events) else None
        begin, end = _reach(event, following)
        t = np.arange(round(begin * SR), min(round(end * SR), len(y))) / SR
        before = events[i - 1] if i and event.start in JOINED else None
        curve = _pitch(event, before, following, t, ways) + drift(t)
        place = slice(round(begin * SR), round(begin * SR) + len(t))
        take = player.take(event.key)
        sound = _read(event, take, curve, t, y[place], rng)
        sound *= _gain(event, following, t, ways)
        y[place] += sound
        intervals[i] = _measured(event, following, sound, begin, player.sustained)
    intervals[:-1, 1] = np.minimum(intervals[:-1, 1], intervals[1:, 0])
    middle = intervals.mean(axis=1)
    midi = np.array([e.key for e in events]) + drift(middle)
    return Played(y[: round((intervals[-1, 1] + 0.6) * SR)], intervals, midi)


def _join_seconds(event: Event) -> float:
    """Return how long the cross-fade into a note is."""
    return event.seconds if event.start == "tied" else 0.012


def _is_joined(event: Event | None) -> bool:
    return event is not None and event.start in JOINED


def _reach(event: Event, following: Event | None) -> tuple[float, float]:
    """Return from when to when a note is read [seconds]."""
    leads = {"own": LEAD_SECONDS, "quick": 0.0, "rise": 0.0}
    begin = event.onset - leads.get(event.start, _join_seconds(event) / 2)
    if following is not None and _is_joined(following):
        return begin, following.onset + _join_seconds(following) / 2
    return begin, event.offset + event.release * 2 / 3


def _pitch(
    event: Event, before: Event | None, following: Event | None, t: FloatArray, ways: Ways
) -> FloatArray:
    """Return the pitch of a note's samples, without the drift [MIDI]."""
    curve = np.full(len(t), event.key)
    for low, high in ((before, event), (event, following)):
        if low is None or high is None or high.start != "tied":
            continue
        way = ways.slope((t - high.onset) / high.seconds + 0.5)
        curve += (high.key - low.key) * (way if high is not event else way - 1.0)
    depth, seconds = event.scoop
    curve -= depth * (1.0 - ways.slope((t - event.onset) / seconds))
    extent, rate = event.vibrato
    age = t - event.onset
    wave = np.sin(2.0 * np.pi * rate * age) * np.clip(age / 0.2, 0.0, 1.0)
    return np.asarray(curve + extent / 100.0 * wave)


def _read(
    event: Event,
    take: Take,
    curve: FloatArray,
    t: FloatArray,
    sounding: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Read a take along a pitch curve, in phase with what is sounding where they are joined."""
    rate = 2.0 ** ((curve - take.midi) / 12.0)
    way = np.concatenate([[0.0], np.cumsum(rate[:-1])])
    if event.start == "own":
        at = min(round((event.onset - t[0]) * SR), len(way) - 1)
        return read_at(take.y, take.onset + way - way[at])
    if event.start in ("quick", "blow"):
        start = float(take.up)
    else:
        start = take.steady + rng.uniform(0.0, 0.3) * SR
    if event.start in JOINED:
        start += _phase(take, start, way[: round(_join_seconds(event) * SR)], sounding)
    return read_at(take.y, start + way)


def _phase(take: Take, start: float, way: FloatArray, sounding: FloatArray) -> float:
    """Return the samples within a period at which a take is most like what is sounding."""
    period = SR / (440.0 * 2.0 ** ((take.midi - 69.0) / 12.0))
    tried = np.linspace(0.0, period, 32, endpoint=False)
    wanted = sounding[: len(way)]
    likeness = [read_at(take.y, start + shift + way) @ wanted for shift in tried]
    return float(tried[int(np.argmax(likeness))])


def _gain(event: Event, following: Event | None, t: FloatArray, ways: Ways) -> FloatArray:
    """Return the gain of a note's samples."""
    age = t - event.onset
    db = event.gain_db + np.zeros(len(t))
    depth, rate = event.tremolo
    db -= depth * (0.5 - 0.5 * np.cos(2.0 * np.pi * rate * age)) * (age > 0)
    fade = np.ones(len(t))
    if event.start in JOINED:
        fade *= np.clip(age / _join_seconds(event) + 0.5, 0.0, 1.0)
    elif event.start == "rise":
        fade *= np.clip(age / event.seconds, 0.0, 1.0) ** event.power
    else:
        fade *= np.clip((t - t[0]) / 0.006, 0.0, 1.0)
    if event.start == "dip":
        db -= event.dip_db * (1.0 - ways.slope(np.abs(age) / (event.seconds / 2)))
    elif event.start == "blow":
        db -= event.dip_db * (1.0 - ways.slope(np.maximum(age, 0.0) / 0.012))
        db += 2.5 * ways.slope(age / 0.012) * np.exp(-np.maximum(age, 0.0) / 0.06)
    if following is not None and _is_joined(following):
        rest = following.onset - t
        fade *= np.clip(rest / _join_seconds(following) + 0.5, 0.0, 1.0)
        if following.start != "tied":
            near = ways.slope(np.abs(rest) / (following.seconds / 2))
            db -= following.dip_db * np.where(rest > 0, 1.0 - near, 1.0)
    else:
        db -= 60.0 * np.maximum((t - event.offset) / event.release + 1 / 3, 0.0)
    return np.asarray(fade * 10.0 ** (db / 20.0))


def _measured(
    event: Event, following: Event | None, sound: FloatArray, begin: float, sustained: bool
) -> tuple[float, float]:
    """Return a note's true onset and offset [seconds]."""
    level = level_db(sound)
    onset = event.onset
    if event.start not in JOINED:
        onset = begin + first_within(level) / 1000.0
    if following is not None and _is_joined(following):
        return onset, following.onset
    first = round((onset - begin) * 1000)
    last = round((event.offset - begin) * 1000) if sustained else first + 300
    held = float(np.median(level[first : max(last, first + 5)]))
    return onset, begin + (int(np.flatnonzero(level > held - 20.0)[-1]) + 1) / 1000.0
