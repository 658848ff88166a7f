"""Play jobs with whichever retimbre is found first.

    PYTHONPATH=TREE python benchmarks/playing_worker.py JOBS FOLDER

`JOBS` holds ``jobs.json`` and the inputs that it names, as .npz; `FOLDER` takes one .npz per job:
``y`` and ``sr``, and for the notes that the job wants alone ``own_<note>``, plain, of the same z,
pitch and velocity, and ``performed_<note>``, with the performer's curves.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import retimbre
from retimbre.latent import get_z_notes
from retimbre.types import Melody, Notes, PitchTrack

TRACK = ("times", "f0", "confidence", "level_db", "onset_strength")
APART_SECONDS = 10.0
"""Notes that are played alone lie so far from each other, at least."""


def read_melody(path: Path) -> Melody:
    """Read an input: its notes, with the curves that this tree measures of its track."""
    with np.load(path) as given:
        track = PitchTrack(*(given[name] for name in TRACK))
        notes = Notes(*(given[name] for name in ("onset", "offset", "pitch", "velocity")))
        articulation = tuple(str(how) for how in given["articulation"])
        # An earlier tree reads each note by itself.
        knows = "articulation" in inspect.signature(retimbre.note_curves).parameters
        return Melody(
            notes,
            tuple(retimbre.note_curves(track, notes, *([articulation] if knows else []))),
            articulation=articulation,
            strength=given["strength"],
            source=path.stem,
            duration=float(given["duration"]),
        )


def play(melody: Melody, job: dict[str, Any]) -> dict[str, Any]:
    """Play a job; return the arrays that its file holds."""
    session = retimbre.Session(retimbre.Settings.from_options(**job["options"]))
    result = session.play(melody)
    made: dict[str, Any] = {"y": np.asarray(result.y, np.float32), "sr": result.sr}
    chosen = np.array(job.get("own", []), np.int64)
    if len(chosen):
        notes = melody.notes
        path = session.model.even_path(result.instruments, notes)
        apart = APART_SECONDS + float(notes.duration.max())
        onset = apart * np.arange(len(chosen))
        duration = np.maximum(notes.duration[chosen], 0.3)
        alone = Notes(onset, onset + duration, result.notes.pitch[chosen], notes.velocity[chosen])
        z = get_z_notes(notes.onset, path)[chosen]
        curves = [melody.curves[i] for i in chosen] if melody.curves is not None else None
        for label, given, expression in (("own", None, 0.0), ("performed", curves, 1.0)):
            waves = session.model.play(z, alone, given, expression=expression, seed=0, ids=chosen)
            made |= {f"{label}_{i}": np.array(y) for i, y in zip(chosen, waves, strict=True)}
    return made


def main() -> None:
    """Play all jobs."""
    given, folder = Path(sys.argv[1]), Path(sys.argv[2])
    melodies: dict[str, Melody] = {}
    for job in json.loads((given / "jobs.json").read_text(encoding="utf-8")):
        name = job["input"]
        if name not in melodies:
            melodies[name] = read_melody(given / f"{name}.npz")
        np.savez(folder / f"{job['name']}.npz", **play(melodies[name], job))


if __name__ == "__main__":
    main()
