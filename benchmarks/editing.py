"""How long it takes until an edited note can be heard.

    python benchmarks/editing.py

A melody of 200 performed notes in phrases of eight is played once; then notes of it are edited, one
after another, and the phrase of each is played.
"""

import statistics
import time

import numpy as np
from results import write_section

from retimbre.notes.edits import edit_note
from retimbre.runtime import count_cores
from retimbre.session import Session
from retimbre.settings import Settings
from retimbre.types import Melody, NoteCurve, Notes

N_NOTES = 200
PHRASE_NOTES = 8
N_EDITS = 25


def perform() -> Melody:
    """Return 200 notes with vibrato, eight in a phrase and half a second of silence after it."""
    k = np.arange(N_NOTES)
    onset = 0.4 * k + 0.5 * (k // PHRASE_NOTES)
    notes = Notes(onset, onset + 0.38, 57 + (7 * k) % 17, 60 + (11 * k) % 50)
    t = np.arange(39) * 0.01
    curve = NoteCurve(25.0 * np.sin(2 * np.pi * 5.5 * t), -6.0 * t / t[-1])
    return Melody(notes, (curve,) * N_NOTES, source="200 notes", origin="200 notes")


def main() -> None:
    """Measure, and write the section of RESULTS.md."""
    session, melody = Session(Settings.from_options(seed=0)), perform()
    start = time.perf_counter()
    whole = session.play(melody)
    seconds_whole = time.perf_counter() - start
    spent, n_changed = [], 0
    for note_id in np.linspace(0, N_NOTES - 1, N_EDITS).astype(int).tolist():
        edited = edit_note(melody, note_id, pitch=int(melody.notes.pitch[note_id]) + 2)
        start = time.perf_counter()
        part = session.play(edited, *session.phrase_of(edited, note_id))
        spent.append(time.perf_counter() - start)
        full = session.play(edited)
        first = round(part.start * part.sr)
        last = first + len(part.y)
        outside = np.r_[full.y[:first] != whole.y[:first], full.y[last:] != whole.y[last:]]
        n_changed += int(np.count_nonzero(outside))
        assert np.array_equal(full.y[first:last], part.y)
    lines = [
        f"{N_NOTES} notes in phrases of {PHRASE_NOTES}, random instruments, embedded model, "
        f"{count_cores()} cores; a note is moved by two semitones and its phrase is played, "
        f"{N_EDITS} times. Written by `python benchmarks/editing.py`.",
        "",
        "| figure | measured | target |",
        "|---|---|---|",
        f"| seconds to play all of it, first time | {seconds_whole:.2f} | |",
        f"| seconds to play the phrase of an edited note, median (most) | "
        f"{statistics.median(spent):.3f} ({max(spent):.3f}) | <= 0.4 |",
        f"| samples outside the phrase that an edit changes, {N_EDITS} edits | {n_changed} | 0 |",
    ]
    write_section("Editing", "\n".join(lines))


if __name__ == "__main__":
    main()
