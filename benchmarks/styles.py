"""How the benchmark's melodies are played: the development set and the held-out test set."""

from __future__ import annotations

from dataclasses import dataclass

from singing import Voice


@dataclass(frozen=True)
class Style:
    """How a melody is played.

    Attributes
    ----------
    program : int
        General MIDI program from 0; -1 is the singer of `singing.py`.
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
