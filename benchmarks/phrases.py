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
import phrase_tunes as tunes
from phrase_joins import ARTICULATION, Event, Ways, play
from phrase_rooms import ROOMS, Room
from phrase_takes import SR, FloatArray, Player, players

WAYS = {"dev": Ways(1.0), "test": Ways(0.75)}


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

    compose: Callable[[tunes.Tune], list[Event]]
    room: str = ""
    amounts: tuple[float, ...] = (0.0,)
    n: int = 5


KINDS = {
    "detached": Kind(tunes.detached),
    "retongued": Kind(tunes.retongued),
    "legato": Kind(tunes.legato, n=6),
    "repeats": Kind(tunes.repeats, n=8),
    "breathed": Kind(tunes.breathed, n=6),
    "steady": Kind(tunes.steady, n=6),
    "swells": Kind(tunes.swells, n=6),
    "staccato": Kind(tunes.staccato),
    "runs": Kind(tunes.runs),
    "accents": Kind(tunes.accents),
    "scoops": Kind(tunes.scoops),
    "drift": Kind(tunes.mixed, "drift", (0.8, -0.8, 0.5, -0.6, 0.7)),
    "plucked": Kind(tunes.plucked, n=6),
    "breath": Kind(tunes.breathing, "breath", (10.0, 13.0, 16.0, 20.0, 25.0)),
    "noise at 30 dB": Kind(tunes.mixed, "noise", (30.0,)),
    "noise at 20 dB": Kind(tunes.mixed, "noise", (20.0,)),
    "noise at 10 dB": Kind(tunes.mixed, "noise", (10.0,)),
    "hum": Kind(tunes.mixed, "hum", (25.0, 28.0, 32.0, 36.0, 40.0)),
    "reverb": Kind(tunes.mixed, "reverb", (-12.0, -8.0, -6.0, -10.0, -4.0)),
    "phone": Kind(tunes.mixed, "phone"),
    "webm": Kind(tunes.mixed, "webm"),
}
"""Amounts are semitones of drift, dB that noise, hum and breath lie under the notes, and dB of a
room relative to the direct sound."""


def make_phrases(
    which: str,
    root: Path,
    kinds: tuple[str, ...] = (),
    numbers: range | None = None,
    other_rooms: Callable[[str, int], Kind] | None = None,
) -> Iterator[Phrase]:
    """Make the set "dev" or "test", one phrase at a time.

    Parameters
    ----------
    which : {"dev", "test"}
    root : Path
        Folder of recorded notes.
    kinds : tuple of str, optional
        All of `KINDS` by default.
    numbers : range, optional
        Of the phrases of each kind; the set has the first `Kind.n`. Others are other phrases.
    other_rooms : callable, optional
        Returns how a phrase is made, given the name of its kind and its number.
    """
    groups = {sustained: players(which, root, sustained) for sustained in (True, False)}
    for group, kind in KINDS.items():
        if kinds and group not in kinds:
            continue
        pool = groups[kind.compose is not tunes.plucked]
        for i in numbers or range(kind.n):
            made = other_rooms(group, i) if other_rooms else kind
            player = _chosen(pool, which, group, i)
            yield make_phrase(f"{group}-{i}", group, player, which, i, made)


def _chosen(pool: list[Player], which: str, group: str, i: int) -> Player:
    """Return the instrument of a phrase; in the test set every other one is held out."""
    order = _rng(which, group, "instruments").permutation(len(pool))
    shuffled = [pool[k] for k in order]
    if which == "test":
        chosen = [player for player in shuffled if player.held_out == (i % 2 == 0)]
        return chosen[i // 2 % len(chosen)]
    return shuffled[i % len(pool)]


def _rng(*names: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(map(str, names)).encode()))


def make_phrase(
    name: str, group: str, player: Player, which: str, i: int, kind: Kind | None = None
) -> Phrase:
    """Compose, play and record one phrase; `i` is its number in its kind, by default its group."""
    kind, rng = kind or KINDS[group], _rng(which, name)
    events = kind.compose(tunes.Tune(player, which, rng))
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


def make_ghosts(which: str, draw: int = 0) -> Iterator[Phrase]:
    """Make the clips without a note of the set "dev" or "test", 20 s each.

    The set has those of draw 0; others are other clips.
    """
    rng = _rng(which, "ghosts", *([draw] if draw else []))
    for i, (kind, y) in enumerate(rooms.ghost_sounds(which, rng)):
        clip = np.clip(y, -1.0, 1.0).astype(np.float32)
        yield Phrase(f"{kind}-{i}", kind, clip, SR, np.zeros((0, 2)), np.zeros(0))
