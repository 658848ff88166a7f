"""Measure how notes are played, not only how they sound; beside an earlier tree.

    git worktree add /tmp/before REVISION
    python benchmarks/playing.py --before /tmp/before [FOLDER]   # default ../shared/data
    python benchmarks/playing.py --before /tmp/before --quick    # four inputs, printed only
    python benchmarks/playing.py --before /tmp/before --only joins strikes
    python benchmarks/playing.py --before /tmp/before --memory   # an hour, see playing_memory

Both trees play the same notes: those that this tree finds in ten recordings, and those of ten
phrases that are made from partials (`playing_phrases`), each with several seeds, on random
instruments and on named ones that sustain. `playing_figures` says what the figures are.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from before import run
from playing_inputs import DATA, QUICK, Input, of_phrase, read_inputs
from playing_measure import Measured, PitchOf, measure, struck_notes, track_pitch
from playing_memory import write_memory
from playing_phrases import held_notes, long_note, tied_run
from playing_table import MORPHS, table_of_figures, table_of_inputs
from process import write_midi
from results import write_section

from retimbre.runtime import count_cores

ROOT = Path(__file__).resolve().parents[1]
TITLE = "Playing, not only sounding: legato, decay, long notes, loudness"
FIGURES = ("joins", "strikes", "pitch", "decay", "loudness", "morph", "time")
SEEDS = (0, 1, 2)
MIDI_RUNS = 3
SUSTAINED = ("Flute", "Violin", "Oboe", "Trumpet", "Cello", "Clarinet")
STRUCK = (
    "Grand Piano", "Marimba", "Vibraphone", "Harp", "Nylon String Guitar", "Glockenspiel",
    "Dulcimer", "Kalimba",
)  # fmt: skip
RUN = ("Marimba", "Grand Piano")
MOST_ALONE = 12
"""So many struck notes of an input are also played alone."""

LONG_SECONDS = 20.0
REACHED_SECONDS = 18.0
"""When a long note has come to its second instrument."""

INTRODUCTION = """\
Both trees play the same notes in the same run: those of {recordings} recordings, as this tree finds
them, and of {phrases} phrases made from partials, of which f0, onsets, articulation and level are
known; {seeds} seeds, random instruments and named ones that sustain, expression 1. Written by
`python benchmarks/playing.py --before TREE`.

A burst is the level above 5 kHz in the 40 ms after an onset re the median of 20 ms in the notes
around (0.06 to 0.16 s away). A strike's is that of the note as it is performed, without its
neighbours, beside the same note played plainly (same z, pitch and velocity). A dip is how far the
level of 20 ms falls under a line from the note before to the one behind. Third differences are the
largest within 10 ms of a join re the median of such stretches inside the notes, geometric mean.
Near joins the partials' own frequencies are compared with the track of the input. For figure 7 both
are tracked by pYIN, random instruments, inside notes where the output is within 50 dB of its peak.
The correlation is of K-weighted levels of 20 ms inside notes, of inputs whose loudness spreads by
3 dB or more. Figure 8 is the mean difference of partials at the end of a note of 20 s and of the
same note by one instrument. The processor's seconds are medians of {runs} pairs.

"""


def main() -> None:
    """Measure, print the tables and write them to the results."""
    arguments = _parse_arguments()
    before = arguments.before.resolve()
    if not (before / "retimbre").is_dir():
        sys.exit(f"{before} contains no retimbre; give a checkout of an earlier tree.")
    if arguments.memory:
        write_memory({"before": before, "now": ROOT}, arguments.data, arguments.cache)
        return
    only = set(arguments.only or FIGURES)
    if arguments.quick and not arguments.only:
        only.discard("time")
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    inputs, jobs = [], []
    if only - {"time"}:
        names = QUICK if arguments.quick else ()
        inputs = read_inputs(arguments.data, arguments.cache, names)
        jobs = make_jobs(inputs, seeds, only)
    measured = compare(inputs, jobs, {"before": before, "now": ROOT}, "pitch" in only)
    text = write_tables(inputs, measured, seeds, only, before)
    print(text)
    if not arguments.quick and not arguments.only:
        write_section(TITLE, text)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=DATA, help="folder of recordings")
    parser.add_argument("--before", type=Path, required=True, help="a checkout of an earlier tree")
    parser.add_argument("--cache", type=Path, help="folder that keeps pitch tracks between runs")
    parser.add_argument("--quick", action="store_true", help="four inputs, one seed, printed only")
    parser.add_argument("--only", nargs="+", choices=FIGURES, help="some figures, printed only")
    parser.add_argument("--memory", action="store_true", help="only the memory that an hour takes")
    return parser.parse_args()


def make_jobs(inputs: list[Input], seeds: tuple[int, ...], only: set[str]) -> list[dict[str, Any]]:
    """Return what both trees play: a name, a kind, an input, options, and notes played alone."""
    jobs = []
    if only & {"joins", "strikes", "pitch", "loudness"}:
        for i, given in enumerate(inputs):
            alone = struck_notes(given) if "strikes" in only else []
            alone = alone[:: max(1, -(-len(alone) // MOST_ALONE))]
            for seed in seeds:
                named = SUSTAINED[(i + seed) % len(SUSTAINED)]
                for options in ({"seed": seed}, {"seed": seed, "instruments": named}):
                    jobs.append(_job("phrase", given.name, options, alone))
    if "decay" in only:
        for seed in seeds:
            for name in STRUCK:
                options = {"seed": seed, "instruments": name}
                jobs.append(_job("held", "held notes", options, list(range(5))))
            jobs += [_job("run", "tied run", {"seed": seed, "instruments": name}) for name in RUN]
    if "morph" in only:
        pairs = [f"{first}@0,{second}@{REACHED_SECONDS:g}" for first, second in MORPHS]
        single = {name for pair in MORPHS for name in pair}
        for names in [*pairs, *sorted(single)]:
            jobs.append(_job("long", "long note", {"seed": 0, "instruments": names}))
    return [job | {"name": f"job {i}"} for i, job in enumerate(jobs)]


def _job(
    kind: str, name: str, options: dict[str, Any], own: list[int] | None = None
) -> dict[str, Any]:
    return {"kind": kind, "input": name, "options": options, "own": own or []}


def compare(
    inputs: list[Input], jobs: list[dict[str, Any]], trees: dict[str, Path], with_pitch: bool
) -> dict[str, list[Measured]]:
    """Play all jobs with both trees at once, and measure what they played."""
    made = {
        "held notes": held_notes(),
        "tied run": tied_run(),
        "long note": long_note(LONG_SECONDS),
    }
    wanted = {job["input"] for job in jobs}
    others = [of_phrase(name, phrase) for name, phrase in made.items() if name in wanted]
    given = {one.name: one for one in [*inputs, *others] if one.name in wanted}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_jobs(root, given, jobs)
        workers = [start_worker(root, name, tree) for name, tree in trees.items()]
        for worker in workers:
            if worker.wait():
                sys.exit(f"{worker.args} ended with {worker.returncode}.")
        return measure_all(root, given, jobs, list(trees), with_pitch)


def write_jobs(root: Path, given: dict[str, Input], jobs: list[dict[str, Any]]) -> None:
    """Write what `playing_worker` reads."""
    (root / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    for name, one in given.items():
        track, notes = one.track, one.notes
        arrays: dict[str, Any] = {
            key: getattr(track, key)
            for key in ("times", "f0", "confidence", "level_db", "onset_strength")
        }
        arrays |= {key: getattr(notes, key) for key in ("onset", "offset", "pitch", "velocity")}
        arrays |= {
            "articulation": np.array(one.articulation, np.str_),
            "strength": one.strength,
            "duration": one.duration,
        }
        np.savez(root / f"{name}.npz", **arrays)


def start_worker(root: Path, name: str, tree: Path) -> subprocess.Popen[bytes]:
    """Start playing all jobs with a tree; what it makes goes to a folder of that name."""
    (root / name).mkdir()
    script = Path(__file__).with_name("playing_worker.py")
    command = [sys.executable, str(script), str(root), str(root / name)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(tree)})


def measure_all(
    root: Path,
    given: dict[str, Input],
    jobs: list[dict[str, Any]],
    trees: list[str],
    with_pitch: bool,
) -> dict[str, list[Measured]]:
    """Measure what both trees made, on all cores."""
    with ProcessPoolExecutor(count_cores(), mp_context=get_context("spawn")) as pool:
        played = {job["input"] for job in jobs if job["kind"] == "phrase"}
        tracks: dict[str, PitchOf] = {}
        if with_pitch:
            named = [given[name] for name in played]
            found = pool.map(track_pitch, named, [x.y for x in named], [x.sr for x in named])
            tracks = dict(zip([x.name for x in named], found, strict=True))
        futures = {
            tree: [
                pool.submit(measure, job, given[job["input"]], root / tree / f"{job['name']}.npz",
                    None if "instruments" in job["options"] else tracks.get(job["input"]))
                for job in jobs
            ]
            for tree in trees
        }  # fmt: skip
        return {tree: [one.result() for one in several] for tree, several in futures.items()}


def write_tables(
    inputs: list[Input],
    measured: dict[str, list[Measured]],
    seeds: tuple[int, ...],
    only: set[str],
    before: Path,
) -> str:
    """Return the section of the results."""
    n_known = sum(one.is_known for one in inputs)
    lines = table_of_figures(measured["before"], measured["now"], only)
    if "time" in only:
        lines.append(time_row(before))
    counts = {"recordings": len(inputs) - n_known, "phrases": n_known, "seeds": len(seeds)}
    counts["runs"] = MIDI_RUNS
    parts = [
        INTRODUCTION.format(**counts),
        "\n".join(["| figure | before | now | target |", "|---|---|---|---|", *lines]),
    ]
    if inputs and only & {"joins", "strikes", "pitch", "loudness"}:
        parts += [
            "By input, before / now:",
            "\n".join(table_of_inputs(measured["before"], measured["now"])),
        ]
    return "\n\n".join(part.strip() for part in parts)


def time_row(before: Path) -> str:
    """Play 1,764 MIDI notes with both trees in turns; return a row of processor seconds."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "notes.mid"
        write_midi(source)
        out = ["-o", str(Path(folder) / "out.wav"), "--overwrite"]
        pairs = [
            [run(tree, str(source), *out) for tree in (before, ROOT)] for _ in range(MIDI_RUNS)
        ]
    seconds = [statistics.median(side) for side in zip(*pairs, strict=True)]
    ratio = statistics.median(now / old for old, now in pairs)
    return (
        f"| 9. 1,764 MIDI notes, processor seconds (over the tree before) | {seconds[0]:.1f} | "
        f"{seconds[1]:.1f} ({ratio:.2f}) | <= 1.0 (aim 0.65) |"
    )


if __name__ == "__main__":
    main()
