"""Which notes of a MIDI file are tied: they go on from the note before them, without an attack.

A voice is what one track plays on one channel. A note of it can be tied to the note that began
last before it, if that has another key and does not outlast it. It is tied

- with the legato footswitch on (control 68), if the other note sounds or has just ended and no
  third one sounds. A gap of up to 20 ms counts as none, as it does in recordings.
- with portamento on (control 65) likewise, but not if the overlap is long: pads have it on, too.
- without them, if the two overlap briefly and the voice is a single line: it has no chords, no
  three notes sound at once, and nine in ten of its overlaps are brief.

An overlap is brief up to 150 ms and up to half of the shorter note. Whoever plays a line legato
on keys makes such overlaps of some tens of milliseconds [1]_; chords, held basses and second
voices make longer ones. One key twice is struck anew, and so are the notes of a chord.

References
----------
.. [1] Repp, "Acoustics, perception, and production of legato articulation on a digital piano",
   Journal of the Acoustical Society of America 97 (1995).
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from retimbre._typing import Int64Array
from retimbre.io.midi_events import TICKS_PER_SECOND, Clock, FileNote

LONGEST_GAP_SECONDS = 0.020
"""With a switch on a note may begin so long after the end of the one that it is tied to."""

LONGEST_OVERLAP_SECONDS = 0.150
"""Longer overlaps are not those of a single line."""

MAX_LONG_OVERLAPS = 0.1
"""The share of overlaps in which a key may have been let go too late in a single line."""

_TOLERANCE = 1.0 / TICKS_PER_SECOND
"""Both ends of a gap or an overlap that is written are rounded to a tick [seconds]."""


class _Timed(NamedTuple):
    """A note of a voice with its times [seconds] and its place among all notes."""

    onset: float
    offset: float
    place: int
    note: FileNote


class _Open(NamedTuple):
    """A note of a voice that may still sound."""

    timed: _Timed
    end: float
    """Its end [seconds]; the beginning of the note that is tied to it, if there is one."""
    latest: float
    """The end of the last of those that began before it [seconds]."""


def find_ties(notes: Sequence[FileNote], clock: Clock) -> Int64Array:
    """Find which notes of a file are tied, and to which.

    Parameters
    ----------
    notes : sequence of FileNote
    clock : callable
        From ticks to seconds.

    Returns
    -------
    before : np.ndarray of int64 [shape=(n_notes,)]
        Index of the note that each is tied to; -1 where it is struck.
    """
    before = np.full(len(notes), -1, dtype=np.int64)
    onset = clock([note.onset for note in notes]).tolist()
    offset = clock([note.offset for note in notes]).tolist()
    voices: defaultdict[tuple[int, int], list[_Timed]] = defaultdict(list)
    for index, note in enumerate(notes):
        voices[note.track, note.channel].append(_Timed(onset[index], offset[index], index, note))
    for voice in voices.values():
        voice.sort()
        for index, earlier in _ties_of(voice):
            before[index] = earlier
    return before


def _ties_of(voice: Sequence[_Timed]) -> list[tuple[int, int]]:
    """Return the tied notes of a voice that is sorted by onset, each with what it is tied to."""
    ties: list[tuple[int, int]] = []
    is_line = _is_line(voice)
    # In order of onset. One that has ended lies hidden under later ones until those have ended.
    open_notes: list[_Open] = []
    for onset, together in groupby(voice, key=lambda timed: timed.onset):
        beginning = list(together)
        earliest = onset - LONGEST_GAP_SECONDS - _TOLERANCE
        while open_notes and open_notes[-1].end < earliest:
            open_notes.pop()
        if len(beginning) == 1 and open_notes:
            last = open_notes[-1]
            if _is_tied(last.timed, beginning[0], is_line, is_alone=last.latest < onset):
                ties.append((beginning[0].place, last.timed.place))
                open_notes[-1] = last._replace(end=min(last.end, onset))
        for timed in beginning:
            latest = max(open_notes[-1].latest, open_notes[-1].end) if open_notes else -np.inf
            open_notes.append(_Open(timed, timed.offset, latest))
    return ties


def _is_tied(earlier: _Timed, timed: _Timed, is_line: bool, *, is_alone: bool) -> bool:
    """Tell whether a note is tied to an earlier one; alone, if no third sounds when it begins."""
    before, note = earlier.note, timed.note
    if before.pitch == note.pitch or before.offset > note.offset:
        return False
    if note.is_legato and is_alone:
        return True
    overlaps = is_line and before.offset > note.onset
    return (overlaps or (note.is_portamento and is_alone)) and _is_brief(earlier, timed)


def _is_brief(earlier: _Timed, timed: _Timed) -> bool:
    """Tell whether two notes overlap briefly, or not at all."""
    before, note = earlier.note, timed.note
    shorter = min(before.offset - before.onset, note.offset - note.onset)
    is_half = 2 * (before.offset - note.onset) <= shorter  # exact in ticks
    return is_half and earlier.offset - timed.onset <= LONGEST_OVERLAP_SECONDS + _TOLERANCE


def _is_line(voice: Sequence[_Timed]) -> bool:
    """Tell whether a voice is a single line, whose notes may overlap briefly."""
    n_overlaps, n_long, latest = 0, 0, -np.inf
    for earlier, timed in pairwise(voice):
        if timed.onset <= earlier.onset or latest > timed.onset:
            return False
        latest = max(latest, earlier.offset)
        if earlier.note.offset > timed.note.onset:
            n_overlaps += 1
            n_long += not _is_brief(earlier, timed)
    return n_long <= MAX_LONG_OVERLAPS * n_overlaps


def link_ties(notes: Sequence[FileNote], is_tied: Sequence[bool]) -> list[int]:
    """Find the notes that tied notes go on from, where a file can say so.

    That is the note of another key that ends where the tied one begins, to a tick or else within
    20 ms; the nearest in pitch if there are several. Two notes are not tied to the same one.

    Parameters
    ----------
    notes : sequence of FileNote
        As they are written.
    is_tied : sequence of bool
        One per note.

    Returns
    -------
    before : list of int
        Index of the note that each is tied to; -1 for none.
    """
    before = [-1] * len(notes)
    by_end = sorted(range(len(notes)), key=lambda i: notes[i].offset)
    ends = [notes[i].offset for i in by_end]
    reach = int(np.ceil(LONGEST_GAP_SECONDS * TICKS_PER_SECOND))
    followed: set[int] = set()
    for i in np.flatnonzero(is_tied).tolist():
        note = notes[i]
        start = bisect_left(ends, note.onset - reach)
        near = [
            j
            for j in by_end[start : bisect_right(ends, note.onset + reach)]
            if j not in followed and notes[j].pitch != note.pitch
            if notes[j].onset < note.onset and notes[j].offset <= note.offset
        ]
        distances = {
            j: (abs(notes[j].offset - note.onset) > 1, abs(notes[j].pitch - note.pitch))
            for j in near
        }
        if near:
            before[i] = min(near, key=distances.__getitem__)
            followed.add(before[i])
    return before
