"""What an hour takes of memory: `python benchmarks/playing.py --before TREE --memory`.

Three jobs, each in a process of its own: a MIDI file of one note of an hour through the command
line, an hour's drone and an hour of melody through `Session.play`. The drone's pitch track is made,
the melody's is that of the recordings again and again: analysis is no part of the figures.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pretty_midi
from playing_inputs import Input, read_inputs
from results import write_section

HOUR = 3600.0
TITLE = "Memory of an hour"
TARGET = "<= 1.2 GiB"
PLAY = """
import sys
from pathlib import Path
import retimbre
sys.path.insert(0, sys.argv[1])
from playing_worker import read_melody
session = retimbre.Session(retimbre.Settings.from_options(seed=0))
result = session.play(read_melody(Path(sys.argv[2])))
print(len(result.notes), "notes", len(result.y) / result.sr, "s", file=sys.stderr)
"""


def write_memory(trees: dict[str, Path], folder: Path, cache: Path | None) -> None:
    """Measure the peak of each job with each tree, and write the section of the results."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        rows = []
        for label, arguments in make_jobs(work, folder, cache).items():
            peaks = {tree: peak_gib(path, arguments, work) for tree, path in trees.items()}
            rows.append(f"| {label} | {peaks['before']:.2f} | {peaks['now']:.2f} | {TARGET} |")
            print(rows[-1])
    lines = [
        "Largest resident size of a process that plays an hour, GiB. The MIDI file goes through "
        "the command line; the pitch of the others is known, so that analysis is no part of it. "
        "Written by `python benchmarks/playing.py --before TREE --memory`.",
        "",
        "| an hour of | before | now | target |",
        "|---|---|---|---|",
        *rows,
    ]
    write_section(TITLE, "\n".join(lines))


def make_jobs(work: Path, folder: Path, cache: Path | None) -> dict[str, list[str]]:
    """Write the inputs; return the arguments of Python for each job."""
    write_long_midi(work / "hour.mid")
    write_drone(work / "drone.npz")
    write_melody(work / "melody.npz", read_inputs(folder, cache))
    out = ["-o", str(work / "out.wav"), "--overwrite", "--seed", "0", "-q"]
    here = str(Path(__file__).resolve().parent)
    return {
        "one MIDI note": ["-m", "retimbre", str(work / "hour.mid"), *out],
        "a drone": ["-c", PLAY, here, str(work / "drone.npz")],
        "melody": ["-c", PLAY, here, str(work / "melody.npz")],
    }


def write_long_midi(path: Path) -> None:
    """Write a MIDI file of one note of an hour."""
    score = pretty_midi.PrettyMIDI()
    instrument = pretty_midi.Instrument(0)
    instrument.notes.append(pretty_midi.Note(90, 57, 0.0, HOUR))
    score.instruments.append(instrument)
    score.write(str(path))


def write_drone(path: Path) -> None:
    """Write an hour of one note whose pitch and level move slowly."""
    times = 0.01 * np.arange(round(HOUR / 0.01) + 1)
    f0 = 220.0 * 2.0 ** (0.2 * np.sin(2 * np.pi * 0.13 * times) / 12.0)
    level = -20.0 + 4.0 * np.sin(2 * np.pi * 0.07 * times)
    np.savez(
        path,
        times=times, f0=f0, confidence=np.ones_like(times), level_db=level,
        onset_strength=np.zeros_like(times),
        onset=[0.0], offset=[HOUR], pitch=[57], velocity=[90],
        articulation=["struck"], strength=[1.0], duration=HOUR,
    )  # fmt: skip


def write_melody(path: Path, inputs: list[Input]) -> None:
    """Write the inputs one after the other, again and again, until an hour is full."""
    parts: dict[str, list[np.ndarray]] = {}
    start = 0.0
    while start < HOUR:
        for one in inputs:
            track, notes = one.track, one.notes
            columns = {
                "times": start + track.times,
                **{k: getattr(track, k) for k in ("f0", "confidence", "level_db")},
                "onset_strength": track.onset_strength,
                "onset": start + notes.onset,
                "offset": start + np.minimum(notes.offset, len(track) * 0.01),
                **{k: getattr(notes, k) for k in ("pitch", "velocity")},
                "articulation": np.array(one.articulation, np.str_),
                "strength": one.strength,
            }
            for key, values in columns.items():
                parts.setdefault(key, []).append(np.asarray(values))
            start += 0.01 * len(track)
    joined = {key: np.concatenate(values) for key, values in parts.items()}
    np.savez(path, duration=start, **joined)  # type: ignore[arg-type]


def peak_gib(tree: Path, arguments: list[str], work: Path) -> float:
    """Run Python on a tree; return the largest resident size that it reached."""
    environment = os.environ | {"PYTHONPATH": str(tree)}
    command = [sys.executable, *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    # Of this child alone; the largest of all children would hide the others.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"{tree}: {' '.join(arguments)[:80]} ended with {process.returncode}.")
    (work / "out.wav").unlink(missing_ok=True)
    return usage.ru_maxrss / 1024.0**2
