"""Time of the synthesis: notes from images, and an hour of them mixed.

Run it as ``python benchmarks/synthesis.py``; it needs neither a model nor recordings. The notes
are as many as in GANSynth's own test, with the lengths of fast and slow playing.
"""

import resource
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from results import write_section

from retimbre.expression import RELEASE_SECONDS
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    FRAME_TIMES,
    HOLD_SECONDS,
    N_SINGLE,
    SAMPLE_RATE,
    bin_mask,
)
from retimbre.harmonic.synthesis import Task, synthesize_note, synthesize_voices
from retimbre.harmonic.voice import Voice, VoiceNote
from retimbre.mixing import combine_notes
from retimbre.types import Notes
from retimbre.units import midi_to_hz

N_NOTES = 1764
PITCHES = np.arange(36, 85)
SHORTEST, LONGEST = 0.085, 1.0
MEAN_SECONDS = (LONGEST - SHORTEST) / np.log(LONGEST / SHORTEST)
FIRST_NOTE = """
import time
start = time.perf_counter()
import numpy as np
began = time.perf_counter()
from retimbre.harmonic.synthesis import synthesize_note
image = np.full((128, 96, 4), -90.0, np.float32)
image[:, 0, 0] = 0.0
synthesize_note(image, 440.0, duration=0.1)
print(time.perf_counter() - began)
"""


def make_image(pitch: int, rng: np.random.Generator) -> np.ndarray:
    """Draw an instrument: a bright or dark spectrum, a decay, a vibrato, breath, texture."""
    slope, decay = rng.uniform(15.0, 40.0), rng.uniform(0.0, 20.0)
    level = -slope * np.log10(BIN_PARTIALS) - decay * FRAME_TIMES[:, None]
    level = level + rng.normal(0.0, 4.0, len(BIN_PARTIALS))
    level -= 200.0 * np.maximum(FRAME_TIMES - HOLD_SECONDS, 0.0)[:, None]
    image = np.zeros((len(FRAME_TIMES), len(BIN_PARTIALS), 4), np.float32)
    image[..., 0] = np.where(bin_mask(pitch), np.clip(level, -90.0, 0.0), -90.0)
    vibrato = 0.003 * np.sin(2.0 * np.pi * 5.0 * FRAME_TIMES)
    image[:, :N_SINGLE, 1] = vibrato[:, None] * BIN_PARTIALS[:N_SINGLE]
    image[..., 2] = np.maximum(image[..., 0] - 20.0, -110.0)
    image[:, :N_SINGLE, 3] = rng.uniform(0.0, 5.0, N_SINGLE)
    return image


def make_notes(n_notes: int, rng: np.random.Generator) -> Notes:
    """Draw notes of 0.085 to 1 s on MIDI 36..84, one after another."""
    duration = np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST), n_notes))
    onset = np.concatenate([[0.0], np.cumsum(duration)[:-1]])
    return Notes(
        onset,
        onset + duration,
        rng.integers(PITCHES[0], PITCHES[-1] + 1, n_notes),
        np.full(n_notes, 100),
    )


def play_plainly(image: np.ndarray, f0: float, seconds: float) -> np.ndarray:
    """Play the partials with NumPy's cosine, a wave each: what is written first."""
    n_samples = round(seconds * SAMPLE_RATE)
    times = np.arange(n_samples) / SAMPLE_RATE
    y = np.zeros(n_samples)
    for order in np.arange(1, min(480, int(0.48 * SAMPLE_RATE / f0)) + 1):
        column = int(np.interp(order, BIN_PARTIALS, np.arange(len(BIN_PARTIALS))))
        if image[:, column, 0].max() < -88.0:
            continue
        amplitude = np.interp(times, FRAME_TIMES, 10.0 ** (image[:, column, 0] / 20.0))
        deviation = image[:, column, 1] if order <= N_SINGLE else np.zeros(len(FRAME_TIMES))
        frequency = (order + np.interp(times, FRAME_TIMES, deviation)) * f0
        y += amplitude * np.cos(2.0 * np.pi * np.cumsum(frequency) / SAMPLE_RATE)
    return y


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that the work takes: on the clock and of the processors."""
    start, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - spent


def time_first_note() -> float:
    """Return the seconds of import and first note in a fresh process, compiled code cached."""
    run = [sys.executable, "-c", FIRST_NOTE]
    return min(
        float(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )


def play(images: Sequence[np.ndarray], notes: Notes, threads: int) -> Iterator[np.ndarray]:
    """Play notes on the image of their pitch, each a voice of its own."""
    rows = zip(notes.duration, notes.pitch, midi_to_hz(notes.pitch), strict=True)
    voices = [
        Voice((VoiceNote(0.0, seconds, np.array([f0]), f0),), RELEASE_SECONDS, SAMPLE_RATE, seed=i)
        for i, (seconds, _, f0) in enumerate(rows)
    ]
    tasks = (
        Task(i, piece, {0: [images[notes.pitch[i] - PITCHES[0]]]})
        for i, voice in enumerate(voices)
        for piece in voice.pieces()
    )
    return synthesize_voices(voices, tasks, threads=threads)


def time_notes(images: Sequence[np.ndarray], notes: Notes) -> str:
    """Time all notes with one and two threads, some of them the plain way."""
    some = np.arange(0, len(notes), 60)
    f0, seconds = midi_to_hz(notes.pitch), notes.duration + RELEASE_SECONDS
    plain = timed(
        lambda: [play_plainly(images[notes.pitch[i] - PITCHES[0]], f0[i], seconds[i]) for i in some]
    )[0] / len(some)
    rows = [
        f"| one NumPy cosine a partial, no noise ({len(some)} notes) | | {1e3 * plain:.1f} | | 1 |"
    ]
    smooth = [image * (np.arange(image.shape[-1]) < 3) for image in images]
    for threads, used, name in (
        (1, smooth, "1 thread, without texture"),
        (1, images, "1 thread"),
        (2, images, "2 threads"),
    ):
        clock, cpu = min(
            timed(lambda i=used, n=threads: deque(play(i, notes, n), 0)) for _ in range(2)
        )
        per_note = clock / len(notes)
        rows.append(
            f"| {name} | {clock:.2f} | {1e3 * per_note:.2f} "
            f"| {1e3 * cpu / len(notes):.2f} | {plain / per_note:.0f} |"
        )
    head = "| | all notes, s | a note, ms | a note, ms of processor | times as fast |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def time_hour(images: Sequence[np.ndarray], rng: np.random.Generator) -> str:
    """Play and mix an hour of notes."""
    notes = make_notes(round(3600.0 / MEAN_SECONDS), rng)
    clock, _ = timed(lambda: combine_notes(play(images, notes, 2), notes, sr=SAMPLE_RATE))
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{notes.offset[-1] / 60:.0f} minutes of music ({len(notes)} notes), played by two threads "
        f"and mixed: {clock:.1f} s, peak memory of the process {peak_mib:.0f} MiB."
    )


def main() -> None:
    """Measure, print and write the section "Synthesis"."""
    rng = np.random.default_rng(0)
    images = [make_image(pitch, rng) for pitch in PITCHES]
    notes = make_notes(N_NOTES, rng)
    first = time_first_note()
    synthesize_note(images[0], 440.0, duration=0.1)
    text = f"""\
{N_NOTES} notes of {SHORTEST} to {LONGEST} s (mean {notes.duration.mean():.2f} s, and
{RELEASE_SECONDS} s of release each) on MIDI {PITCHES[0]} to {PITCHES[-1]}; synthetic images of full
bandwidth with noise, vibrato and texture, {SAMPLE_RATE} Hz.

{time_notes(images, notes)}

Import and first note in a fresh process, compiled code cached: {first:.2f} s.

{time_hour(images, rng)}
"""
    print(text)
    write_section("Synthesis", text)


if __name__ == "__main__":
    main()
