"""Segment pitch tracks with whichever retimbre is found first.

    PYTHONPATH=TREE python benchmarks/phrase_segment.py TRACKS.npz NOTES.npz

`TRACKS.npz` holds the arrays of a PitchTrack under ``<name>_<number>``; `NOTES.npz` takes onsets,
offsets, and the pitches that sound.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import retimbre.notes as notes_package
from retimbre.notes import note_curves
from retimbre.settings.params import NoteParams
from retimbre.types import PitchTrack
from retimbre.units import midi_to_hz

TRACK = ("times", "f0", "confidence", "level_db", "onset_strength")


@dataclass(frozen=True, eq=False)
class Found:
    """Notes that a system found.

    Attributes
    ----------
    intervals : np.ndarray [shape=(n_notes, 2), seconds]
    pitch_hz : np.ndarray [shape=(n_notes,), Hz]
    articulation : np.ndarray of str [shape=(n_notes,)] or [shape=(0,)]
        Empty where the system does not tell.
    """

    intervals: npt.NDArray[np.float64]
    pitch_hz: npt.NDArray[np.float64]
    articulation: npt.NDArray[np.str_]


def find_notes(track: PitchTrack) -> Found:
    """Return the notes of a track with the default settings, at the pitch that sounds."""
    articulation: tuple[str, ...] = ()
    if hasattr(notes_package, "segment"):
        params = NoteParams()
        found = notes_package.segment(track, params.confidence, params.min_note_length)
        notes, articulation = found.notes, found.articulation
    else:  # an earlier tree
        notes = notes_package.segment_notes(track)
    cents = np.array([np.median(curve.cents) for curve in note_curves(track, notes)])
    pitch_hz = np.asarray(midi_to_hz(notes.pitch + cents / 100.0), np.float64)
    told = np.array(articulation, dtype=np.str_)
    return Found(np.asarray(notes.intervals, np.float64), pitch_hz, told)


def find_notes_of_tree(tracks: list[PitchTrack], tree: Path) -> list[Found]:
    """Return the notes that another tree's retimbre finds in tracks."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "tracks.npz", Path(folder) / "notes.npz"
        arrays = {f"{n}_{i}": getattr(t, n) for i, t in enumerate(tracks) for n in TRACK}
        np.savez(given, **arrays)
        command = [sys.executable, str(Path(__file__).resolve()), str(given), str(made)]
        env = os.environ | {"PYTHONPATH": str(tree.resolve())}
        subprocess.run(command, env=env, check=True)
        with np.load(made) as found:
            return [
                Found(found[f"intervals_{i}"], found[f"pitch_hz_{i}"], found[f"articulation_{i}"])
                for i in range(len(tracks))
            ]


def main() -> None:
    """Read tracks, write notes."""
    made: dict[str, npt.NDArray[np.generic]] = {}
    with np.load(sys.argv[1]) as given:
        n = sum(name.startswith("times_") for name in given)
        for i in range(n):
            found = find_notes(PitchTrack(*(given[f"{name}_{i}"] for name in TRACK)))
            made |= {f"{name}_{i}": value for name, value in vars(found).items()}
    np.savez(sys.argv[2], **made)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
