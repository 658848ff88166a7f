"""What the evidence of notes is learned from: pitch tracks of clips whose notes are known.

Only development material: phrases of recorded notes (`phrases.py`) and rendered melodies
(`melodies.py`) that no table scores, clips without a note, and tracks drawn by hand, which have a
pitch and a level and nothing else.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import phrase_tunes as tunes
from melodies import FONTS, SR, Melody, add_room, compose, make_melody
from notes import Recording, cached_track
from phrases import KINDS, Kind, make_ghosts, make_phrases
from singing import Voice, sing
from styles import SETS, Style

from retimbre.notes.evidence import features_of
from retimbre.settings.params import PitchParams
from retimbre.types import HOP_SECONDS, PitchTrack
from retimbre.units import midi_to_hz

FIRST_NUMBER = 100
"""The tables score the phrases of smaller numbers."""

N_DRAWN = 250

N_SONGS = 240

N_GHOSTS = 8


ONLY = "only"
"""What the names of their examples begin with."""


class Learned(NamedTuple):
    """A kind that no table scores; its phrases have numbers of their own."""

    kind: Kind
    number: int


LEARNED_ONLY = (
    Learned(Kind(tunes.parted), 5000),
    Learned(Kind(tunes.turns), 6000),
    Learned(Kind(tunes.glides), 7000),
    Learned(Kind(tunes.snatches), 8000),
    Learned(Kind(tunes.trills), 9000),
)

TWICE = ("repeats", "breathed", "steady", "runs")
"""Kinds that the network learns last: it gets as many phrases of them again."""

TARGETS = ("onset", "struck", "tied", "voiced")

EDGE_WEIGHT = 0.3
"""Of frames within 20 ms of a note's end: where exactly it ends is a matter of taste."""


@dataclass(frozen=True, eq=False)
class Example:
    """A clip to learn from.

    Attributes
    ----------
    name : str
    x : np.ndarray of float32 [shape=(n_frames, N_FEATURES)]
    y, weight : np.ndarray of float32 [shape=(n_frames, 4), 0..1]
        What is wanted of each of `TARGETS`, and how much it counts.
    """

    name: str
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]


def make_examples(root: Path, cache: Path, n_phrases: int, n_melodies: int) -> Iterator[Example]:
    """Make what is learned from.

    Parameters
    ----------
    root : Path
        Folder of recorded notes.
    cache : Path
        Keeps pitch tracks between runs.
    n_phrases : int
        Per kind, of `TWICE` twice as many; every third is tracked by the small CREPE network.
    n_melodies : int
        Per style.
    """
    numbers = range(FIRST_NUMBER, FIRST_NUMBER + 2 * n_phrases)
    for i, kind in itertools.product(numbers, KINDS):
        if i >= FIRST_NUMBER + n_phrases and kind not in TWICE:
            continue
        for phrase in make_phrases("dev", root, (kind,), range(i, i + 1), _other_rooms):
            track = cached_track(phrase, _params(i), cache)
            yield _example(phrase, track, phrase.articulation)
    for i, made in itertools.product(numbers, LEARNED_ONLY):
        number = (range(i + made.number, i + made.number + 1), partial(_as_kind, made.kind))
        for phrase in make_phrases("dev", root, ("breathed",), *number):
            track = cached_track(phrase, _params(i), cache)
            example = _example(phrase, track, phrase.articulation)
            yield replace(example, name=f"{ONLY} {example.name}")
    for k in range(N_SONGS):
        song = _more_songs(k)
        yield _example(song, cached_track(song, _params(k), cache))
    for k in range(n_melodies):
        for melody in _more_melodies(k):
            yield _example(melody, cached_track(melody, _params(k), cache))
    for k in range(1, 1 + N_GHOSTS):
        for clip in make_ghosts("dev", k):
            yield _example(clip, cached_track(clip, _params(k), cache))
    for k in range(N_DRAWN):
        yield _drawn_example(np.random.default_rng([k, 7]))


def _as_kind(kind: Kind, *_: object) -> Kind:
    return kind


def _other_rooms(kind: str, i: int) -> Kind:
    """Put every other phrase of a plain kind into a room, behind a telephone, or under noise."""
    made = KINDS[kind]
    rng = np.random.default_rng(zlib.crc32(f"{kind} {i}".encode()))
    if made.room == "hum":
        return replace(made, amounts=(float(rng.uniform(14.0, 40.0)),))
    if made.room or i % 2 == 0:
        return made
    room = str(rng.choice(["noise", "reverb", "phone", "webm", "hum"]))
    low, high = {"noise": (12.0, 30.0), "reverb": (-14.0, -4.0), "hum": (22.0, 40.0)}.get(
        room, (0.0, 0.0)
    )
    return replace(made, room=room, amounts=(float(rng.uniform(low, high)),))


def _more_songs(k: int) -> Recording:
    """Let a singer sing whom no other song has.

    Who writes down what is sung puts the onset anywhere from a voiced consonant on to its vowel;
    here it lies in the middle.
    """
    rng = np.random.default_rng([k, 11])
    low = int(rng.integers(42, 62))
    voice = Voice(
        intonation_cents=rng.uniform(10, 35),
        drift_cents=rng.uniform(4, 20),
        wander_cents=rng.uniform(8, 30),
        lag_seconds=rng.uniform(0.005, 0.03),
        diphthongs=rng.uniform(0.0, 0.5),
        vibrato_cents=float(rng.choice([0.0, rng.uniform(10, 100)])),
        vibrato_hz=rng.uniform(4.5, 7.0),
        legato=rng.uniform(0.0, 0.8),
        scale=rng.uniform(0.9, 1.25),
        breath_db=rng.uniform(-45, -22),
        tuning_cents=rng.uniform(-50, 50),
        falls=rng.uniform(0.0, 0.5),
    )
    style = Style(
        -1,
        low,
        low + int(rng.integers(8, 20)),
        steps=tuple(rng.uniform(0.12, 1.0, 5).tolist()),
        gap=float(rng.choice([0.0, 0.0, 0.05])),
        rest=rng.uniform(0.05, 0.3),
        repeat=rng.uniform(0.0, 0.5),
        noise_db=float(rng.uniform(-75, -35)),
        reverb=float(rng.choice([0.0, 0.0, rng.uniform(0.1, 0.6)])),
        voice=voice,
    )
    onset, offset, key = compose(style, rng)
    sung = sing(onset, offset, key, voice, rng)
    y = add_room(sung.y, style, rng).astype(np.float32)
    intervals = np.stack([0.5 * (sung.begun + onset), offset], axis=1)
    intervals[:-1, 1] = np.minimum(intervals[:-1, 1], intervals[1:, 0])
    return Melody(f"song-{k}", "sung", y, SR, intervals, midi_to_hz(sung.midi))


def _params(i: int) -> PitchParams:
    return PitchParams(capacity="tiny" if i % 3 == 2 else "full")


def _more_melodies(k: int) -> Iterator[Recording]:
    """Render the development set's melodies with other tunes."""
    font = next(path for path in FONTS["dev"] if path.exists())
    for group, styles in SETS["dev"].items():
        for i, style in enumerate(styles):
            rng = np.random.default_rng(zlib.crc32(f"more {k} {group} {i}".encode()))
            yield make_melody(f"{group}-{i}-{k}", group, style, font, rng)


def _example(clip: Recording, track: PitchTrack, articulation: tuple[str, ...] = ()) -> Example:
    y, weight = targets_of(len(track), clip.intervals, articulation)
    return Example(clip.name, features_of(track), y, weight)


def targets_of(
    n_frames: int, intervals: npt.NDArray[np.float64], articulation: tuple[str, ...]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return what is wanted of each frame, and how much it counts.

    Parameters
    ----------
    n_frames : int
    intervals : np.ndarray [shape=(n_notes, 2), seconds]
    articulation : tuple of str
        One per note; nothing is wanted of struck and tied without.

    Returns
    -------
    y, weight : np.ndarray of float32 [shape=(n_frames, 4)]
    """
    y, weight = np.zeros((n_frames, 4), np.float32), np.ones((n_frames, 4), np.float32)
    weight[:, 1:3] = 0.0
    frames = np.arange(n_frames)
    for k, (onset, offset) in enumerate(intervals / HOP_SECONDS):
        # A note between two frames begins at both, at the nearer one more.
        y[:, 0] = np.maximum(y[:, 0], np.clip(1.0 - np.abs(frames - onset), 0.0, 1.0))
        y[(frames >= onset) & (frames <= offset), 3] = 1.0
        for edge in (onset, offset):
            weight[np.abs(frames - edge) <= 2.0, 3] = EDGE_WEIGHT
        if articulation:
            near = np.abs(frames - onset) <= 3.0
            weight[near, 1:3] = 1.0
            y[near, 1] = articulation[k] == "struck"
            y[near, 2] = articulation[k] == "tied"
    return y, weight


@dataclass
class _Drawing:
    """A track that is being drawn, and its notes so far."""

    midi: npt.NDArray[np.float64]
    level: npt.NDArray[np.float64]
    strength: npt.NDArray[np.float64]
    intervals: list[tuple[float, float]] = field(default_factory=list)
    articulation: list[str] = field(default_factory=list)

    def add(
        self, first: int, last: int, pitch: float, start: str, rng: np.random.Generator
    ) -> None:
        """Draw a note: steady or with vibrato, with an attack, a slide or a dip before it."""
        n = last - first
        curve = np.full(n, pitch)
        if n > 40 and rng.random() < 0.4:
            extent, hz, phase = rng.uniform(0.15, 1.1), rng.uniform(4.0, 7.5), rng.uniform(0, 6.3)
            curve += extent * np.sin(2 * np.pi * hz * HOP_SECONDS * np.arange(n) + phase)
        before = self.midi[first - 1] if first else np.nan
        loud = self.level[first - 1] if start == "tied" else rng.uniform(-35.0, -5.0)
        self.level[first:last] = loud
        slide = min(int(rng.integers(0, 15)), n // 2)
        if start == "tied" and np.isfinite(before) and slide > 1:
            half = slide // 2
            way = 0.5 - 0.5 * np.cos(np.pi * (np.arange(slide) + 0.5) / slide)
            curve[: slide - half] = (before + (pitch - before) * way)[half:]
            self.midi[first - half : first] = (before + (pitch - before) * way)[:half]
        elif start == "struck":
            scoop = min(int(rng.integers(0, 9)), n // 3) if rng.random() < 0.2 else 0
            curve[:scoop] -= np.linspace(rng.uniform(0.5, 2.5), 0.0, scoop)
            self.strength[first] = rng.uniform(6.0, 25.0)
        if n > 30 and rng.random() < 0.2:
            glitch, at = int(rng.integers(1, 4)), int(rng.integers(10, n - 10))
            curve[at : at + glitch] += rng.choice([-12.0, 12.0, 19.0])
        if rng.random() < 0.1:
            slip = int(rng.integers(3, 10))
            curve[-slip:] += rng.choice([-12.0, 12.0]) * (n > 30)
        self.midi[first:last] = curve
        onset = float(first)
        if start == "struck" and n > 25 and first > 10 and rng.random() < 0.15:
            onset -= 0.5 * self._begin_softly(first, pitch, loud, rng)
        elif start == "tied" and rng.random() < 0.2:
            # A consonant before the pitch changes begins no note of its own.
            self.strength[max(first - int(rng.integers(2, 9)), 0)] = rng.uniform(5.0, 14.0)
        self.intervals.append((onset * HOP_SECONDS, last * HOP_SECONDS))
        self.articulation.append(start)

    def _begin_softly(self, first: int, pitch: float, loud: float, rng: np.random.Generator) -> int:
        """Put a voiced consonant before a note; return its length in frames."""
        lead = int(rng.integers(3, 9))
        if np.isfinite(self.midi[first - lead : first]).any():
            return 0
        self.midi[first - lead : first] = pitch
        self.level[first - lead : first] = loud - rng.uniform(5.0, 12.0)
        return lead


def _make_unsure(
    drawing: _Drawing, confidence: npt.NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Let the tracker be unsure for moments inside notes, and of consonants between them."""
    for (first, last), (following, _) in itertools.pairwise(
        [*drawing.intervals, (len(confidence) * HOP_SECONDS, 0.0)]
    ):
        a, b, c = (round(t / HOP_SECONDS) for t in (first, last, following))
        if b - a > 25 and rng.random() < 0.3:
            at = int(rng.integers(a + 6, b - 6))
            confidence[at : at + int(rng.integers(1, 4))] = rng.uniform(0.1, 0.5)
        if c - b > 3 and rng.random() < 0.4:
            drawing.midi[b:c] = 50.0 + 20.0 * rng.random(c - b)
            confidence[b:c] = rng.uniform(0.03, 0.25)
            drawing.level[b:c] = drawing.level[b - 1] - rng.uniform(5.0, 25.0)


def _drawn_example(rng: np.random.Generator) -> Example:
    """Draw a track of notes: a pitch, a level, and at times attacks."""
    n = 400
    drawing = _Drawing(np.full(n, np.nan), np.full(n, -70.0), rng.uniform(0.0, 2.5, n))
    frame, pitch, start = int(rng.integers(0, 30)), rng.uniform(45, 80), "struck"
    while frame < n - 40:
        same = start == "struck" and rng.random() < 0.3
        step = 0 if same else rng.choice([-1, 1]) * rng.choice([1, 2, 3, 4, 5, 7, 12])
        pitch = float(pitch + step if 40 <= pitch + step <= 86 else pitch - step)
        end = min(frame + int(rng.integers(6, 90)), n)
        drawing.add(frame, end, pitch, start, rng)
        frame, start = end, rng.choice(["tied", "struck", "struck"])
        if start == "struck":
            frame += int(rng.choice([0, 4, 10, 20, 40]))
    if rng.random() < 0.4:
        drawing.strength[:] = 0.0
    pitched = np.isfinite(drawing.midi)
    confidence = np.where(pitched, rng.uniform(0.6, 0.98) + rng.normal(0.0, 0.02, n), 0.0)
    _make_unsure(drawing, confidence, rng)
    f0 = midi_to_hz(drawing.midi + rng.normal(0.0, rng.choice([0.0, 0.05]), n))
    level = drawing.level + rng.normal(0.0, rng.choice([0.0, 0.5]), n)
    times = np.arange(n) * HOP_SECONDS
    track = PitchTrack(times, f0, np.clip(confidence, 0.0, 1.0), level, drawing.strength)
    y, weight = targets_of(n, np.array(drawing.intervals), tuple(drawing.articulation))
    return Example("drawn", features_of(track), y, weight)
