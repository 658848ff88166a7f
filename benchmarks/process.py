"""Whole-process times of the main job, and the memory that an hour of audio takes.

    python benchmarks/process.py            # times: clips of 10 s and 3 min, 1,764 MIDI notes
    python benchmarks/process.py --hour     # one hour of audio (about half an hour of work)

Every figure is a fresh process with the embedded model on as many cores as this one may use.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pretty_midi
import soundfile
from results import write_section

from retimbre.runtime import count_cores

SR = 44100
N_NOTES = 1764
MIDI_SECONDS = 150.0
GANSYNTH_SECONDS = 458.7
RUNS = 3


def sing(path: Path, seconds: float) -> None:
    """Write a hummed tune: harmonic tones with vibrato, a scale up and down, rests."""
    with soundfile.SoundFile(path, "w", SR, 1, "PCM_16") as file:
        phase, written, step = 0.0, 0, 0
        scale = [0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2]
        while written < seconds * SR:
            n = int(min(0.5 * SR, seconds * SR - written))
            t = np.arange(n) / SR
            f0 = 220.0 * 2 ** ((scale[step % len(scale)] + 0.3 * np.sin(2 * np.pi * 5.5 * t)) / 12)
            angle = phase + 2 * np.pi * np.cumsum(f0) / SR
            tone = sum(np.sin(k * angle) / k**1.5 for k in range(1, 9))
            level = np.minimum(1.0, np.minimum(t / 0.03, (0.47 - t).clip(0) / 0.05))
            file.write((0.2 * tone * level).astype(np.float32))
            phase, written, step = angle[-1] % (2 * np.pi), written + n, step + 1


def write_midi(path: Path) -> None:
    """Write 1,764 notes in 150 s: four voices, as dense as GANSynth's own example."""
    rng = np.random.default_rng(0)
    score = pretty_midi.PrettyMIDI()
    for voice, low in enumerate((36, 48, 60, 67)):
        instrument = pretty_midi.Instrument(0)
        onsets = np.arange(N_NOTES // 4) * MIDI_SECONDS / (N_NOTES // 4)
        for onset in onsets:
            length = rng.choice([0.25, 0.3, 0.6, 0.9])
            pitch = int(low + rng.integers(0, 17))
            end = min(onset + length, MIDI_SECONDS)
            instrument.notes.append(pretty_midi.Note(60 + 10 * voice, pitch, onset, end))
        score.instruments.append(instrument)
    score.write(str(path))


def run(source: Path, folder: Path, *options: str, cache: Path | None = None) -> dict[str, float]:
    """Run the main job once in a process of its own; `cache` is its folder of compiled code."""
    command = [sys.executable, "-m", "retimbre", str(source), "--json", "--seed", "0"]
    command += ["-o", str(folder / "out.wav"), "--overwrite", *options]
    before = time.perf_counter()
    env = os.environ | ({} if cache is None else {"NUMBA_CACHE_DIR": str(cache)})
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    output, _ = process.communicate()
    wall = time.perf_counter() - before
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return {"wall": wall} | json.loads(output)


def peak_of_children() -> float:
    """Return the largest resident size of any finished child, in MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024.0


def row(name: str, source: Path, folder: Path, target: str) -> str:
    """Time a job several times and return its row of the table."""
    runs = [run(source, folder) for _ in range(RUNS)]
    walls = sorted(r["wall"] for r in runs)
    middle = min(runs, key=lambda r: abs(r["wall"] - statistics.median(walls)))
    parts = middle["timings"]
    cells = [f"{parts[key]:.1f}" for key in ("decode", "pitch", "generate", "synthesize")]
    spread = f"{statistics.median(walls):.1f} ({walls[0]:.1f}-{walls[-1]:.1f})"
    return f"| {name} | {middle['notes']} | {' | '.join(cells)} | {spread} | {target} |"


def first_run(source: Path, folder: Path) -> str:
    """Time the first run after an installation, and the second; return a sentence."""
    first, second = [], []
    for k in range(RUNS):
        cache = folder / f"cache-{k}"
        first.append(run(source, folder, cache=cache)["wall"])
        second.append(run(source, folder, cache=cache)["wall"])
    return (
        f"The first run after an installation, whose cache of compiled code is empty, takes "
        f"{statistics.median(first):.1f} s on the 10 s recording, the second "
        f"{statistics.median(second):.1f} s (medians of {RUNS} pairs)."
    )


def times(folder: Path) -> None:
    """Write the table of whole-process times."""
    rows = []
    for name, seconds, target in (("10 s recording", 10.0, "<= 8"), ("3 min recording", 180.0, "")):
        source = folder / f"{seconds:.0f}.wav"
        sing(source, seconds)
        rows.append(row(name, source, folder, target))
    source = folder / "notes.mid"
    write_midi(source)
    rows.append(row("1,764 MIDI notes, 150 s", source, folder, "<= 45"))
    wall = float(rows[-1].split("|")[7].split("(")[0])
    lines = [
        f"{count_cores()} cores; seconds of a whole process, median (least-most) of "
        f"{RUNS} runs; full CREPE, embedded model. The parts are those of the median run.",
        "",
        "| job | notes | decode | pitch | generate | synthesize | whole process | target |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"GANSynth's own run of 1,764 notes took {GANSYNTH_SECONDS} s (on a laptop, as its user "
        f"recorded it): {GANSYNTH_SECONDS / wall:.0f} times as long as the last row.",
        "",
        first_run(folder / "10.wav", folder),
    ]
    write_section("Whole process", "\n".join(lines))


def hour(folder: Path) -> None:
    """Write what an hour of audio takes."""
    source = folder / "hour.wav"
    sing(source, 3600.0)
    result = run(source, folder)
    lines = [
        "One hour of audio, full CREPE, embedded model, one process.",
        "",
        "| notes | seconds of output | peak resident MiB | target |",
        "|---|---|---|---|",
        f"| {result['notes']} | {result['duration']:.0f} | {peak_of_children():.0f} | <= 2048 |",
    ]
    write_section("One hour", "\n".join(lines))


def main() -> None:
    """Run the benchmarks that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hour", action="store_true", help="only the hour of audio")
    with tempfile.TemporaryDirectory() as name:
        (hour if parser.parse_args().hour else times)(Path(name))


if __name__ == "__main__":
    main()
