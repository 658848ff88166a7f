"""Melodies whose notes are known exactly, rendered through FluidSynth, with two disjoint sets.

`make_melodies("dev")` is what the segmentation was tuned on: FluidR3_GM. `make_melodies("test")`
is what is reported: other seeds, other instruments and the other SoundFont (MuseScore_General).
Both need libfluidsynth and the two SoundFonts of Debian's packages fluid-soundfont-gm and
musescore-general-soundfont-lossless (or its .sf3 twin).

The true pitch of a note is what sounds: key, plus the melody's detuning, without the vibrato.
The true onset is the note's attack; in a slide without a new attack, the middle of the slide.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from singing import Voice, sing
from styles import SETS, Style

if TYPE_CHECKING:
    import fluidsynth

FloatArray = npt.NDArray[np.float64]

SR = 44100
SECONDS = 9.0
TAIL_SECONDS = 1.0
STEP_SECONDS = 0.004
BEND_RANGE = 12
"""Semitones of the pitch wheel, each way."""

FONTS = {
    "dev": (Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),),
    "test": (
        Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
        Path("/usr/share/sounds/sf3/MuseScore_General.sf3"),
    ),
}


@dataclass(frozen=True, eq=False)
class Melody:
    """A recording and the notes in it.

    Attributes
    ----------
    name, group : str
    y : np.ndarray [shape=(n_samples,), float32]
    sr : int [Hz]
    intervals : np.ndarray [shape=(n_notes, 2), seconds]
    pitch_hz : np.ndarray [shape=(n_notes,), Hz]
    articulation : tuple of str
        "struck" or "tied" per note, by whether the instrument attacked it; empty for singers and
        recordings.
    """

    name: str
    group: str
    y: npt.NDArray[np.float32]
    sr: int
    intervals: FloatArray
    pitch_hz: FloatArray
    articulation: tuple[str, ...] = ()


def make_melodies(which: str) -> Iterator[Melody]:
    """Render the set "dev" or "test", one melody at a time."""
    for group, styles in SETS[which].items():
        for i, style in enumerate(styles):
            rng = np.random.default_rng(zlib.crc32(f"{which} {group} {i}".encode()))
            yield make_melody(f"{group}-{i}", group, style, _font(which), rng)


def make_slurred(which: str) -> Iterator[Melody]:
    """Render the set's instruments with other tunes, about half of whose notes are slid to."""
    for group, styles in SETS[which].items():
        for i, style in enumerate(styles):
            if style.program >= 0:
                rng = np.random.default_rng(zlib.crc32(f"{which} slurred {group} {i}".encode()))
                slid = replace(style, slide=style.slide or 0.1, gap=min(style.gap, 0.02))
                yield make_melody(f"{group}-{i}-slurred", group, slid, _font(which), rng)


def make_melody(
    name: str, group: str, style: Style, font: Path, rng: np.random.Generator
) -> Melody:
    """Compose and render one melody."""
    onset, offset, key = compose(style, rng)
    articulation: tuple[str, ...] = ()
    if style.program < 0:
        sung = sing(onset, offset, key, style.voice or Voice(), rng)
        y, truth = sung.y, sung.midi
    else:
        y, articulation = render(onset, offset, key, style, font, rng)
        truth = key + style.detune / 100.0
    y = add_room(y, style, rng).astype(np.float32)
    intervals = np.stack([onset, offset], axis=1)
    pitch_hz = 440 * 2 ** ((truth - 69) / 12)
    return Melody(name, group, y, SR, intervals, pitch_hz, articulation)


def compose(style: Style, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Walk over a major or minor scale; return onsets, offsets [seconds] and keys [MIDI]."""
    intervals = (0, 2, 4, 5, 7, 9, 11) if rng.random() < 0.5 else (0, 2, 3, 5, 7, 8, 10)
    tonic = int(rng.integers(12))
    scale = [k for k in range(style.low, style.high + 1) if (k - tonic) % 12 in intervals]
    degree = int(rng.integers(len(scale) // 4, max(len(scale) * 3 // 4, 1 + len(scale) // 4)))
    tempo = rng.uniform(0.85, 1.15)
    rows = []
    time = 0.4
    while time < SECONDS - 0.6:
        seconds = float(rng.choice(style.steps)) * tempo
        rows.append((time, time + seconds - style.gap, float(scale[degree])))
        time += seconds
        if rng.random() < style.rest:
            time += float(rng.uniform(0.15, 0.5))
        degree = _next_degree(degree, len(scale), style, rng)
    onset, offset, key = (np.array(column) for column in zip(*rows, strict=True))
    return onset, offset, key


def _next_degree(degree: int, n: int, style: Style, rng: np.random.Generator) -> int:
    if rng.random() < style.repeat:
        return degree
    if rng.random() < style.leap:
        step = 7 if degree + 7 < n and (degree < 7 or rng.random() < 0.5) else -7
    else:
        step = int(rng.choice([-3, -2, -1, 1, 2, 3, 4], p=[0.1, 0.17, 0.27, 0.27, 0.1, 0.05, 0.04]))
    if not 0 <= degree + step < n:
        step = -step
    return int(np.clip(degree + step, 0, n - 1))


def render(
    onset: FloatArray,
    offset: FloatArray,
    key: FloatArray,
    style: Style,
    font: Path,
    rng: np.random.Generator,
) -> tuple[FloatArray, tuple[str, ...]]:
    """Play the notes one attack at a time; unless they ring, a note ends where the next begins.

    Returns
    -------
    y : np.ndarray [shape=(n_samples,)]
    articulation : tuple of str
        Whether each note was attacked ("struck") or reached by a slide ("tied").
    """
    synth, font_id = _open_synth(font)
    synth.program_select(0, font_id, 0, style.program)
    for controller, value in ((101, 0), (100, 0), (6, BEND_RANGE), (38, 0)):
        synth.cc(0, controller, value)  # registered parameter 0: the wheel's range
    y = np.zeros(round((offset[-1] + TAIL_SECONDS) * SR) + SR)
    names = ["struck"] * len(onset)
    for first, last in _group_attacks(onset, offset, key, style, rng):
        names[first + 1 : last + 1] = ["tied"] * (last - first)
        following = onset[last + 1] if last + 1 < len(onset) else np.inf
        bend = bend_curve(onset, offset, key, first, last, style)
        sound = _play(synth, int(key[first]), int(rng.integers(70, 115)), bend)
        if not style.ring:
            sound = _fade(sound, following - onset[first])
        start = round(onset[first] * SR)
        y[start : start + len(sound)] += sound
    return y[: round((offset[-1] + 0.5) * SR)], tuple(names)


def _group_attacks(
    onset: FloatArray, offset: FloatArray, key: FloatArray, style: Style, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Return the first and the last note of each attack: slides join notes."""
    groups: list[tuple[int, int]] = []
    for i in range(len(onset)):
        joined = (
            style.slide > 0
            and i > 0
            and onset[i] - offset[i - 1] <= style.gap + 1e-6
            and key[i] != key[i - 1]
            and abs(key[i] - key[groups[-1][0]]) <= BEND_RANGE - 2
            and rng.random() < 0.8
        )
        if joined:
            groups[-1] = (groups[-1][0], i)
        else:
            groups.append((i, i))
    return groups


def bend_curve(
    onset: FloatArray, offset: FloatArray, key: FloatArray, first: int, last: int, style: Style
) -> FloatArray:
    """Return the pitch over the first key every 4 ms of one attack [shape=(n,), semitones]."""
    t = onset[first] + np.arange(0.0, offset[last] - onset[first] + TAIL_SECONDS, STEP_SECONDS)
    curve = np.full(len(t), style.detune / 100.0)
    for i in range(first + 1, last + 1):
        place = np.clip((t - onset[i]) / style.slide + 0.5, 0.0, 1.0)
        curve += (key[i] - key[i - 1]) * (0.5 - 0.5 * np.cos(np.pi * place))
    extent, rate, delay = style.vibrato
    for i in range(first, last + 1):
        age = t - onset[i] - delay
        wave = np.sin(2 * np.pi * rate * age) * np.clip(age / 0.15, 0.0, 1.0)
        curve += np.where((t >= onset[i]) & (t < offset[i]), extent / 100.0 * wave, 0.0)
    return curve - style.scoop / 100.0 * np.clip(1.0 - (t - onset[first]) / 0.09, 0.0, 1.0)


def _play(synth: fluidsynth.Synth, key: int, velocity: int, bend: FloatArray) -> FloatArray:
    """Play one attack, moving the wheel every 4 ms; the last second of `bend` is its release."""
    n_held = len(bend) - round(TAIL_SECONDS / STEP_SECONDS)
    n_step = round(STEP_SECONDS * SR)
    chunks = []
    for step, value in enumerate(np.round(bend / BEND_RANGE * 8192)):
        synth.pitch_bend(0, int(np.clip(value, -8192, 8191)))
        if step == 0:
            synth.noteon(0, key, velocity)
        if step == n_held:
            synth.noteoff(0, key)
        chunks.append(synth.get_samples(n_step))
    synth.cc(0, 120, 0)  # all sound off
    synth.get_samples(SR // 10)
    return np.asarray(np.concatenate(chunks).reshape(-1, 2).mean(axis=1) / 32768.0)


def _fade(sound: FloatArray, seconds: float) -> FloatArray:
    """End a note within 40 ms after the next one's attack, as on an instrument of one voice."""
    if seconds == np.inf:
        return sound
    age = np.arange(len(sound)) / SR - seconds
    return sound * np.clip(1.0 - age / 0.04, 0.0, 1.0)


@functools.cache
def _open_synth(font: Path) -> tuple[fluidsynth.Synth, int]:
    """Load a SoundFont once: unpacking a .sf3 takes seconds."""
    # What only reads recordings needs no FluidSynth.
    import fluidsynth

    synth = fluidsynth.Synth(gain=0.4, samplerate=SR)
    synth.setting("synth.reverb.active", 0)
    synth.setting("synth.chorus.active", 0)
    return synth, synth.sfload(str(font))


def add_room(y: FloatArray, style: Style, rng: np.random.Generator) -> FloatArray:
    """Add the style's reverberation (1 s, decaying noise) and noise."""
    if style.reverb > 0:
        t = np.arange(SR) / SR
        tail = rng.standard_normal(SR) * np.exp(-6.9 * t / 0.8) * (t > 0.008)
        tail *= style.reverb / np.sqrt(np.square(tail).sum())
        n = 1 << (len(y) + len(tail)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(y, n) * np.fft.rfft(tail, n), n)[: len(y)]
        y = y + wet
    y = 0.5 * y / np.abs(y).max()
    if style.noise_db > -90:
        y = y + 10 ** (style.noise_db / 20) * rng.standard_normal(len(y))
    return y


def _font(which: str) -> Path:
    for path in FONTS[which]:
        if path.exists():
            return path
    raise FileNotFoundError(f"None of the SoundFonts {', '.join(map(str, FONTS[which]))} is here.")
