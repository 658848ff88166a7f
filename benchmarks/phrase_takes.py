"""Single notes of real instruments, made ready to be put together to melodies.

A take is read at 44.1 kHz; its pitch is measured, since a player is seldom on the key that the
file is named for. Takes of sustained instruments get a steady part as long as it is needed: from
where the level has settled, slow changes of level are taken out and the part is repeated, each
time in phase. The attack before it stays as it was played.

The two sets share no instrument: `train/` is halved by a hash of the names, so that the vowels of
one singer stay together; all of `held_out/` belongs to the test set.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from real_notes import sounding_f0

import retimbre

FloatArray = npt.NDArray[np.float64]

SR = 44100
LONGEST_SECONDS = 5.0
"""What a sustained take can be read for."""

SLOWEST_MS = 150
"""Of an attack that takes longer, the first part is left out."""

REACH_SEMITONES = 2
"""A take serves keys so far from its own."""

STEADY_SEMITONES = 0.3
"""The pitch of a take must not wander further, or its truth would not be one number."""

LOW_KEY, HIGH_KEY = 36, 90
"""Keys that pitch trackers are made for."""

SUSTAINED = re.compile(
    r"flute|clarinet|sax|oboe|bassoon|horn|trumpet|trombone|tuba$|harmonica|shehnai|bottles|arco"
    r"|viola$|violin|cello$|double_bass$|contrabass|voice|squidpipes|organ"
)
PLUCKED = re.compile(r"piano|guitar|harp|pizz|nylon|banjo|zither|sitar|kalimba|marimba|vibraphone")
UNFIT = re.compile(r"tremolo|cyborg|voices|section")
"""Several players beat against each other: their level has dips of its own."""


@dataclass(frozen=True, eq=False)
class Take:
    """A recorded note.

    Attributes
    ----------
    y : np.ndarray [shape=(n_samples,)]
        At 44.1 kHz. A sustained note's steady part has an RMS of 1; a plucked one's loudest
        5 ms of the first 300 ms.
    midi : float [MIDI]
        The pitch that sounds.
    onset, up, steady : int [samples]
        Where the note begins, at most 150 ms before it is `up`: within 6 dB of its steady level;
        and where the steady part begins.
    """

    y: FloatArray
    midi: float
    onset: int
    up: int
    steady: int


def level_db(y: FloatArray) -> FloatArray:
    """Return the RMS level of 5 ms around every millisecond [shape=(n_samples // 44 + 1,), dB]."""
    half = round(0.0025 * SR)
    power = np.concatenate([[0.0], np.cumsum(np.square(y))])
    middle = np.arange(0, len(y), SR / 1000.0).astype(int)
    first, last = np.maximum(middle - half, 0), np.minimum(middle + half, len(y))
    return np.asarray(10.0 * np.log10((power[last] - power[first]) / (2 * half) + 1e-12))


def first_within(level: FloatArray, db: float = 20.0) -> int:
    """Return the first millisecond that is within `db` of the loudest of a note's first 300."""
    begun = int(np.argmax(level > level.max() - 40.0))
    return int(np.argmax(level > level[begun : begun + 300].max() - db))


def read_at(y: FloatArray, places: FloatArray) -> FloatArray:
    """Return the samples between samples, by a windowed sinc of 16 taps [shape of `places`]."""
    base = np.floor(places).astype(int)
    taps = np.arange(-7, 9)
    distance = (places - base)[:, None] - taps
    weights = np.sinc(distance) * np.cos(np.pi * np.clip(distance / 18.0, -0.5, 0.5)) ** 2
    at = base[:, None] + taps
    inside = (at >= 0) & (at < len(y))
    return np.asarray((weights * np.where(inside, y[np.clip(at, 0, len(y) - 1)], 0.0)).sum(axis=1))


@functools.lru_cache(maxsize=256)
def read_take(path: Path, key: int, sustained: bool) -> Take:
    """Read the note of a key, and find its pitch and its parts."""
    y, sr = retimbre.load(path)
    y = np.asarray(retimbre.resample(y if y.ndim == 1 else y.mean(axis=0), sr, SR), np.float64)
    y = _without_rumble(y, key)
    level = level_db(y)
    if not sustained:
        onset = first_within(level)
        loudest = level[onset : onset + 300].max()
        start = onset * SR // 1000
        return Take(y / 10.0 ** (loudest / 20.0), _midi(y[start:], key), start, start, len(y))
    onset, up, first, last = (ms * SR // 1000 for ms in _parts(level))
    even = _even(y, first, last)
    return Take(_repeat(even, first), _midi(even[first:], key), onset, up, first)


def _without_rumble(y: FloatArray, key: int) -> FloatArray:
    """Take out what lies well below the pitch: steps and bows before the note begins."""
    lowest = 0.6 * 440.0 * 2.0 ** ((key - 69.0) / 12.0)
    f = np.fft.rfftfreq(len(y), 1.0 / SR)
    return np.asarray(np.fft.irfft(np.fft.rfft(y) / (1.0 + (lowest / (f + 1.0)) ** 12), len(y)))


def _midi(y: FloatArray, key: int) -> float:
    """Return the pitch that sounds near a key [MIDI]."""
    return float(69.0 + 12.0 * np.log2(sounding_f0(y, key) / 440.0))


@functools.lru_cache(maxsize=1024)
def wanders(path: Path, key: int) -> bool:
    """Return whether the pitch of a sustained note moves by more than `STEADY_SEMITONES`."""
    take = read_take(path, key, True)
    heard = [_midi(take.y[take.steady + k * SR // 4 :], key) for k in range(4)]
    return max(heard) - min(heard) > STEADY_SEMITONES


def _parts(level: FloatArray) -> tuple[int, int, int, int]:
    """Return where a note begins, is up, has settled, and begins to end [milliseconds]."""
    power = np.convolve(10.0 ** (level / 10.0), np.ones(50) / 50.0, mode="same")
    smooth = 10.0 * np.log10(power + 1e-12)
    held = float(np.median(smooth[smooth > smooth.max() - 12.0]))
    up = int(np.argmax(level > held - 6.0))
    before = level[max(up - SLOWEST_MS, 0) : up + 1]
    onset = up - len(before) + 1 + int(np.argmax(before > held - 20.0))
    settled = up + int(np.argmax(smooth[up:] > held - 3.0))
    first = max(settled, onset + 120)
    last = int(np.flatnonzero(smooth > held - 6.0)[-1]) - 25
    return onset, up, first, max(last, first + 150)


def _even(y: FloatArray, first: int, last: int) -> FloatArray:
    """Take slow changes of level out of the steady part, and leave out what follows it."""
    n = round(0.2 * SR)
    part = np.square(y[first:last])
    padded = np.pad(part, n // 2, mode="reflect" if len(part) > n else "edge")
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    power = (sums[n:] - sums[:-n])[: len(part)] / n
    gain = 1.0 / np.sqrt(power + 1e-9 * power.max() + 1e-20)
    return np.concatenate([y[:first] * gain[0], y[first : first + len(gain)] * gain])


def _repeat(y: FloatArray, first: int) -> FloatArray:
    """Append the steady part to a note, in phase, until it is long enough."""
    overlap = round(0.06 * SR)
    rise = np.linspace(0.0, 1.0, overlap)
    part = y[first:]
    while len(y) < LONGEST_SECONDS * SR:
        tail = y[-overlap:]
        search = part[: min(overlap + round(0.04 * SR), len(part) * 2 // 3)]
        likeness = np.correlate(search, tail, mode="valid")
        start = int(np.argmax(likeness))
        following = part[start:].copy()
        following[:overlap] = following[:overlap] * rise + tail * (1.0 - rise)
        y = np.concatenate([y[:-overlap], following])
    return y


class Player:
    """An instrument of which each key near a recorded one can be played."""

    def __init__(self, folder: Path, sustained: bool) -> None:
        self.name = folder.name
        self.held_out = folder.parent.name == "held_out"
        self.sustained = sustained
        labels: dict[int, list[tuple[int, Path]]] = defaultdict(list)
        for path in sorted(folder.iterdir()):
            label = re.fullmatch(r".+_(\d+)_(\d+)", path.stem)
            if label:
                labels[int(label[2])].append((int(label[1]), path))
        self.files = dict(sorted(max(labels.values(), key=len)))

    def keys(self) -> list[int]:
        """Return the keys that can be played [MIDI]."""
        reach = range(-REACH_SEMITONES, REACH_SEMITONES + 1)
        keys = {key + k for key in self.files for k in reach}
        return sorted(key for key in keys if LOW_KEY <= key <= HIGH_KEY)

    def take(self, key: float) -> Take:
        """Return the nearest recorded note, if it can be helped one that keeps its pitch."""
        by_distance = sorted(self.files, key=lambda label: abs(label - key))
        near = [label for label in by_distance if abs(label - key) <= REACH_SEMITONES + 0.5]
        for label in near if self.sustained else []:
            if not wanders(self.files[label], label):
                return read_take(self.files[label], label, True)
        return read_take(self.files[by_distance[0]], by_distance[0], self.sustained)


def players(which: str, root: Path, sustained: bool) -> list[Player]:
    """Return the instruments of the set "dev" or "test", sustained or plucked ones."""
    folders = [f for f in sorted((root / "train").iterdir()) if _half(f.name) == which]
    if which == "test":
        folders = sorted((root / "held_out").iterdir()) + folders
    found = []
    for folder in folders:
        is_sustained = bool(SUSTAINED.search(folder.name)) and "pizz" not in folder.name
        fits = is_sustained if sustained else bool(PLUCKED.search(folder.name))
        if fits and not UNFIT.search(folder.name) and (sustained or not is_sustained):
            found.append(Player(folder, sustained))
    return [player for player in found if len(player.keys()) >= 15]


def _half(name: str) -> str:
    family = "_".join(name.split("_")[:2]).rstrip("s")
    return "dev" if zlib.crc32(family.encode()) % 2 else "test"
