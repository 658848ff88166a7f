"""What it costs to play unseen instruments without a network: a measure of how hard they are."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sound_metrics import level_error
from sound_notes import NoteSet, RealNotes
from sound_table import Row

FloatArray = npt.NDArray[np.floating[Any]]


def copy_errors(real: RealNotes, sources: NoteSet, targets: NoteSet) -> FloatArray:
    """Return the errors of the source's own levels at the target's pitch [shape=(n,), dB]."""
    copies, references = real.levels(sources), real.levels(targets)
    return np.array(
        [
            level_error(copy, reference, int(pitch))
            for copy, reference, pitch in zip(copies, references, targets.pitches, strict=True)
        ]
    )


def nearest_errors(
    real: RealNotes, sources: NoteSet, targets: NoteSet
) -> tuple[FloatArray, FloatArray]:
    """Play the targets with the best of the trained instruments, and nothing between them.

    Returns
    -------
    by_ear, by_answer : np.ndarray [shape=(n,), dB]
        Errors of the instrument that is most like the source at its pitch, and of the one that is
        most like the target itself, which nobody knows who has only heard the source.
    """
    by_ear, by_answer = np.full((2, len(targets)), np.nan)
    for i in range(len(targets)):
        source, target = sources.at(np.array([i])), targets.at(np.array([i]))
        rows = real.shared_notes(real.trained, int(source.pitches[0]), int(target.pitches[0]))
        if len(rows):
            heard = _errors_to(real, rows[:, 0], source)
            wanted = _errors_to(real, rows[:, 1], target)
            by_ear[i], by_answer[i] = wanted[np.nanargmin(heard)], np.nanmin(wanted)
    return by_ear, by_answer


def _errors_to(real: RealNotes, rows: npt.NDArray[np.integer[Any]], note: NoteSet) -> FloatArray:
    reference, pitch = real.levels(note)[0], int(note.pitches[0])
    return np.array([level_error(level, reference, pitch) for level in real.levels_at(rows)])


def baseline_rows(real: RealNotes, *, n: int, seed: int) -> list[Row]:
    """Measure what unseen instruments cost those who do without the networks."""
    sources, targets = real.draw_pairs(real.held_out, n, np.random.default_rng([seed, 1]))
    by_ear, by_answer = nearest_errors(real, sources, targets)
    what = "level error, unseen instruments, cross-pitch"
    return [
        Row(
            f"{what}, without a network: {name}",
            f"{np.nanmean(errors):.2f} dB",
            "",
            f"{len(errors)} notes",
        )
        for name, errors in (
            ("the heard note's own levels at the other pitch", copy_errors(real, sources, targets)),
            ("the trained instrument most like the heard note", by_ear),
            ("the trained instrument most like the wanted note itself", by_answer),
        )
    ]
