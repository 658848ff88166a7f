"""How notes begin, and which of them sound as one."""

from collections.abc import Sequence

import numpy as np

from retimbre._typing import IntArray
from retimbre.types import Notes

TIED_SECONDS = 0.060
"""A tied note begins so far from the end of the note before it at most."""


def find_slurs(
    notes: Notes, articulation: Sequence[str], manner: str = "performer"
) -> tuple[tuple[str, ...], IntArray]:
    """Find how each note begins, and which one it goes on from.

    Parameters
    ----------
    notes : Notes
    articulation : sequence of str
        One of `retimbre.types.ARTICULATIONS` per note.
    manner : {"performer", "always", "never"}
        Notes begin as `articulation` says; all that follow another are tied; or all are struck.

    Returns
    -------
    starts : tuple of str
        "struck", "soft" or "tied". A note that no other leads to is not tied.
    before : np.ndarray of int64 [shape=(n_notes,)]
        The note that a tied one goes on from, -1 for the others. Every note leads to one at most.
    """
    before = np.full(len(notes), -1, np.int64)
    if manner == "never":
        return ("struck",) * len(notes), before
    starts = ["soft" if name == "tied" else name for name in articulation]
    taken: set[int] = set()
    # Notes that can lead to another, latest first: those that began not long before it.
    ends = notes.offset
    for k in range(len(notes)):
        if manner == "performer" and articulation[k] != "tied":
            continue
        near = [j for j in _ending_near(ends, notes.onset, k) if j not in taken]
        near = [j for j in near if notes.pitch[j] != notes.pitch[k] or articulation[k] == "tied"]
        if near:
            before[k] = min(near, key=lambda j: (abs(ends[j] - notes.onset[k]), _leap(notes, j, k)))
            taken.add(int(before[k]))
            starts[k] = "tied"
    return tuple(starts), before


def _leap(notes: Notes, first: int, second: int) -> int:
    return abs(int(notes.pitch[second]) - int(notes.pitch[first]))


def _ending_near(ends: "np.ndarray", onsets: "np.ndarray", k: int) -> list[int]:
    """Return the earlier notes that end where a note begins."""
    near = np.flatnonzero((np.abs(ends - onsets[k]) <= TIED_SECONDS) & (onsets < onsets[k]))
    return [int(j) for j in near]


def voices_of(before: IntArray) -> list[list[int]]:
    """Return which notes sound as one.

    Parameters
    ----------
    before : np.ndarray of int [shape=(n_notes,)]
        As `find_slurs` gives it.

    Returns
    -------
    voices : list of list of int
        Notes in their order; voices in the order of their first notes.
    """
    voice_of: dict[int, list[int]] = {}
    voices: list[list[int]] = []
    for k, previous in enumerate(before.tolist()):
        if previous < 0:
            voices.append([])
            voice_of[k] = voices[-1]
        else:
            voice_of[k] = voice_of[previous]
        voice_of[k].append(k)
    return voices
