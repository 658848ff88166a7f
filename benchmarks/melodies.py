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
from dataclasses import dataclass
from pathlib import Path

import fluidsynth
import numpy as np
import numpy.typing as npt

from benchmarks.singing import Voice, sing

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


@dataclass(frozen=True)
class Style:
    """How a melody is played.

    Attributes
    ----------
    program : int
        General MIDI program from 0; -1 is the singer of `benchmarks.singing`.
    low, high : int [MIDI]
        Range of the melody.
    steps : tuple of float [seconds]
        Lengths that notes are drawn from.
    gap : float [seconds]
        Silence between the notes of a phrase; 0 is legato.
    rest : float [0..1]
        How often a rest follows a note.
    repeat : float [0..1]
        How often a note repeats the one before.
    leap : float [0..1]
        How often a note leaps by an octave.
    vibrato : (float, float, float)
        Half extent in cents, rate in Hz, delay in seconds.
    slide : float [seconds]
        Length of the slide from note to note, on one attack; 0 attacks every note.
    scoop : float [cents]
        Every attack begins so far below its note.
    detune : float [cents]
    noise_db : float [dB re full scale]
        White noise added; below -90 none.
    reverb : float [0..1]
    ring : bool
        Notes sound on under the next ones, as on a piano or a harp.
    voice : Voice or None
        The singer, where `program` is -1.
    """

    program: int
    low: int
    high: int
    steps: tuple[float, ...] = (0.2, 0.3, 0.4, 0.6, 0.8)
    gap: float = 0.0
    rest: float = 0.12
    repeat: float = 0.1
    leap: float = 0.0
    vibrato: tuple[float, float, float] = (0.0, 5.0, 0.0)
    slide: float = 0.0
    scoop: float = 0.0
    detune: float = 0.0
    noise_db: float = -120.0
    reverb: float = 0.0
    ring: bool = False
    voice: Voice | None = None


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
    """

    name: str
    group: str
    y: npt.NDArray[np.float32]
    sr: int
    intervals: FloatArray
    pitch_hz: FloatArray


SHORT = (0.12, 0.15, 0.2, 0.25)
LONG = (0.5, 0.7, 0.9, 1.2)

DEV: dict[str, tuple[Style, ...]] = {
    "plucked": (
        Style(0, 55, 79, gap=0.02, ring=True),
        Style(24, 45, 69, repeat=0.25, ring=True),
        Style(46, 55, 79, ring=True),
        Style(45, 50, 74, gap=0.05, repeat=0.3, ring=True),
    ),
    "winds": (
        Style(73, 65, 89, gap=0.03),
        Style(71, 55, 79),
        Style(65, 54, 76, gap=0.05, repeat=0.2),
        Style(56, 58, 78, gap=0.04, repeat=0.2),
        Style(78, 72, 91, gap=0.06),
    ),
    "bowed": (
        Style(40, 58, 84),
        Style(42, 38, 62, gap=0.02),
        Style(41, 50, 74, repeat=0.2, gap=0.03),
        Style(110, 57, 79),
    ),
    "choir": (
        Style(52, 50, 72, gap=0.05),
        Style(53, 55, 76, gap=0.03, repeat=0.2),
        Style(54, 48, 72),
        Style(85, 52, 74, gap=0.04),
    ),
    "synth": (
        Style(80, 52, 79, gap=0.01, repeat=0.2),
        Style(81, 48, 76),
        Style(82, 60, 84, gap=0.04),
        Style(22, 60, 79, repeat=0.2, gap=0.02),
    ),
    "vibrato": (
        Style(73, 65, 86, steps=LONG, vibrato=(35, 5.2, 0.2)),
        Style(40, 57, 81, steps=LONG, vibrato=(60, 6.1, 0.1), gap=0.02),
        Style(52, 52, 72, steps=LONG, vibrato=(100, 5.5, 0.25), gap=0.04),
        Style(66, 50, 70, vibrato=(80, 4.3, 0.0), steps=LONG),
        Style(80, 55, 76, vibrato=(50, 6.8, 0.15)),
    ),
    "slides": (
        Style(40, 57, 79, slide=0.08),
        Style(78, 70, 88, slide=0.12, vibrato=(30, 5.5, 0.2), steps=LONG),
        Style(57, 46, 66, slide=0.06, repeat=0.15, gap=0.03),
        Style(53, 55, 74, scoop=200, gap=0.04),
        Style(81, 50, 72, slide=0.15, steps=LONG),
    ),
    "detuned": (
        Style(52, 50, 70, detune=-45, gap=0.03),
        Style(73, 64, 86, detune=45),
        Style(40, 57, 79, detune=-38, vibrato=(30, 5.5, 0.15)),
        Style(71, 53, 76, detune=32, gap=0.03, repeat=0.2),
    ),
    "fast": (
        Style(73, 67, 88, steps=SHORT, repeat=0.15, rest=0.05),
        Style(0, 57, 81, steps=SHORT, repeat=0.3, leap=0.1, rest=0.05, ring=True),
        Style(56, 58, 77, steps=SHORT, repeat=0.4, gap=0.02, rest=0.05),
        Style(71, 52, 79, steps=SHORT, leap=0.25, rest=0.05),
        Style(24, 48, 72, steps=SHORT, repeat=0.4, rest=0.05, ring=True),
    ),
    "noisy": (
        Style(65, 54, 76, gap=0.04, noise_db=-40, reverb=0.4),
        Style(53, 55, 74, gap=0.04, noise_db=-45, reverb=0.6),
        Style(0, 55, 79, noise_db=-42, reverb=0.5, ring=True),
        Style(73, 65, 86, noise_db=-35, gap=0.02),
    ),
    "sung": (
        Style(-1, 46, 64, voice=Voice()),
        Style(-1, 57, 76, voice=Voice(scale=1.17, vibrato_cents=60, tuning_cents=-30)),
        Style(-1, 45, 62, voice=Voice(vibrato_cents=0, intonation_cents=25, legato=0.15)),
        Style(-1, 55, 74, steps=LONG, voice=Voice(scale=1.15, vibrato_cents=80, legato=0.6)),
        Style(-1, 60, 79, repeat=0.3, voice=Voice(scale=1.2, legato=0.1, tuning_cents=20)),
        Style(-1, 48, 67, repeat=0.25, voice=Voice(breath_db=-28, vibrato_cents=20), reverb=0.4),
    ),
}

TEST: dict[str, tuple[Style, ...]] = {
    "plucked": (
        Style(4, 52, 76, gap=0.02, repeat=0.2, ring=True),
        Style(25, 45, 69, ring=True),
        Style(12, 55, 79, repeat=0.2, ring=True),
        Style(106, 55, 74, gap=0.03, repeat=0.2, ring=True),
    ),
    "winds": (
        Style(68, 60, 82, gap=0.03, repeat=0.15),
        Style(66, 48, 70, gap=0.02),
        Style(74, 72, 91, gap=0.05, repeat=0.2),
        Style(60, 48, 70, gap=0.03),
        Style(79, 67, 86),
    ),
    "bowed": (
        Style(42, 40, 64),
        Style(40, 60, 86, gap=0.03, repeat=0.2),
        Style(43, 36, 55, gap=0.03),
        Style(41, 52, 76),
    ),
    "choir": (
        Style(52, 52, 74, gap=0.04, repeat=0.15),
        Style(53, 50, 72),
        Style(54, 50, 72, gap=0.05),
        Style(85, 52, 74, gap=0.05),
    ),
    "synth": (
        Style(82, 57, 81, repeat=0.2, gap=0.02),
        Style(80, 50, 76),
        Style(87, 45, 69, gap=0.03),
        Style(20, 53, 77, gap=0.02),
    ),
    "vibrato": (
        Style(68, 60, 80, steps=LONG, vibrato=(45, 5.6, 0.15)),
        Style(42, 40, 62, steps=LONG, vibrato=(70, 5.0, 0.1)),
        Style(53, 55, 74, steps=LONG, vibrato=(95, 5.8, 0.2), gap=0.04),
        Style(65, 54, 74, vibrato=(60, 4.6, 0.1), steps=LONG, gap=0.02),
        Style(81, 52, 74, vibrato=(40, 6.5, 0.2)),
    ),
    "slides": (
        Style(42, 43, 65, slide=0.10),
        Style(79, 68, 86, slide=0.14, vibrato=(35, 5.2, 0.25), steps=LONG),
        Style(65, 54, 74, slide=0.07, repeat=0.15, gap=0.03),
        Style(52, 52, 72, scoop=150, gap=0.04),
        Style(80, 52, 74, slide=0.12),
    ),
    "detuned": (
        Style(53, 52, 72, detune=-42, gap=0.03),
        Style(74, 67, 86, detune=43),
        Style(42, 45, 67, detune=36, vibrato=(35, 5.2, 0.15)),
        Style(60, 48, 70, detune=-30, gap=0.03, repeat=0.2),
    ),
    "fast": (
        Style(74, 70, 88, steps=SHORT, repeat=0.2, rest=0.05),
        Style(11, 57, 81, steps=SHORT, repeat=0.3, leap=0.1, rest=0.05, ring=True),
        Style(60, 50, 70, steps=SHORT, repeat=0.3, gap=0.02, rest=0.05),
        Style(68, 60, 82, steps=SHORT, leap=0.25, rest=0.05),
        Style(106, 52, 74, steps=SHORT, repeat=0.4, rest=0.05, ring=True),
    ),
    "noisy": (
        Style(68, 58, 78, gap=0.04, noise_db=-42, reverb=0.5),
        Style(52, 52, 72, gap=0.04, noise_db=-45, reverb=0.5),
        Style(4, 55, 76, noise_db=-40, reverb=0.4, ring=True),
        Style(56, 58, 77, noise_db=-38, gap=0.03),
    ),
    "sung": (
        Style(-1, 47, 66, voice=Voice(vibrato_cents=30, tuning_cents=15)),
        Style(-1, 58, 77, voice=Voice(scale=1.18, vibrato_cents=50, intonation_cents=22)),
        Style(-1, 44, 61, voice=Voice(scale=0.95, vibrato_cents=10, legato=0.2, tuning_cents=-25)),
        Style(-1, 56, 75, steps=LONG, voice=Voice(scale=1.15, vibrato_cents=75, legato=0.5)),
        Style(-1, 60, 78, repeat=0.3, voice=Voice(scale=1.22, legato=0.1, breath_db=-30)),
        Style(-1, 50, 69, repeat=0.2, voice=Voice(intonation_cents=28, drift_cents=12), reverb=0.4),
    ),
}

SETS = {"dev": DEV, "test": TEST}


def make_melodies(which: str) -> Iterator[Melody]:
    """Render the set "dev" or "test", one melody at a time."""
    for group, styles in SETS[which].items():
        for i, style in enumerate(styles):
            rng = np.random.default_rng(zlib.crc32(f"{which} {group} {i}".encode()))
            yield make_melody(f"{group}-{i}", group, style, _font(which), rng)


def make_melody(
    name: str, group: str, style: Style, font: Path, rng: np.random.Generator
) -> Melody:
    """Compose and render one melody."""
    onset, offset, key = compose(style, rng)
    if style.program < 0:
        y, sung = sing(onset, offset, key, style.voice or Voice(), rng)
        truth = sung
    else:
        y = render(onset, offset, key, style, font, rng)
        truth = key + style.detune / 100.0
    y = add_room(y, style, rng)
    intervals = np.stack([onset, offset], axis=1)
    return Melody(name, group, y.astype(np.float32), SR, intervals, 440 * 2 ** ((truth - 69) / 12))


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
) -> FloatArray:
    """Play the notes one attack at a time; unless they ring, a note ends where the next begins."""
    synth, font_id = _open_synth(font)
    synth.program_select(0, font_id, 0, style.program)
    for controller, value in ((101, 0), (100, 0), (6, BEND_RANGE), (38, 0)):
        synth.cc(0, controller, value)  # registered parameter 0: the wheel's range
    y = np.zeros(round((offset[-1] + TAIL_SECONDS) * SR) + SR)
    for first, last in _group_attacks(onset, offset, key, style, rng):
        following = onset[last + 1] if last + 1 < len(onset) else np.inf
        bend = bend_curve(onset, offset, key, first, last, style)
        sound = _play(synth, int(key[first]), int(rng.integers(70, 115)), bend)
        if not style.ring:
            sound = _fade(sound, following - onset[first])
        start = round(onset[first] * SR)
        y[start : start + len(sound)] += sound
    return y[: round((offset[-1] + 0.5) * SR)]


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
    return np.concatenate(chunks).reshape(-1, 2).mean(axis=1) / 32768.0


def _fade(sound: FloatArray, seconds: float) -> FloatArray:
    """End a note within 40 ms after the next one's attack, as on an instrument of one voice."""
    if seconds == np.inf:
        return sound
    age = np.arange(len(sound)) / SR - seconds
    return sound * np.clip(1.0 - age / 0.04, 0.0, 1.0)


@functools.cache
def _open_synth(font: Path) -> tuple[fluidsynth.Synth, int]:
    """Load a SoundFont once: unpacking a .sf3 takes seconds."""
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
