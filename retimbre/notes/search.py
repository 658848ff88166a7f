"""Optimal segmentation of a pitch track by dynamic programming.

The cost of a segmentation is::

    sum over notes of   start cost, after a gap or right after a note
    sum over the frames of each note of   frame cost + weight * min(|midi - its pitch|, 2)

and gaps cost nothing. A note holds one pitch, so a vibrato is paid for frame by frame, which is
cheaper than a new note for every swing; a new pitch that lasts is cheaper as a new note. The
minimum is exact over all segmentations and over pitches on a grid of 20 cents.
"""

from dataclasses import dataclass

import numpy as np

from retimbre._typing import BoolArray, FloatArray, Int64Array

GRID_SEMITONES = 0.2
"""Step between the pitches that a note may be given here; the final pitch is a median."""

CAP_SEMITONES = 2.0
"""A frame further off costs no more: an octave error is as wrong as a whole tone."""


@dataclass(frozen=True, eq=False)
class NoteCosts:
    """What the search pays, frame by frame.

    Attributes
    ----------
    midi : np.ndarray [shape=(n_frames,), MIDI]
        Measured pitch; finite everywhere (anything where `weight` is 0).
    weight : np.ndarray [shape=(n_frames,), cost per semitone, >= 0]
    frame : np.ndarray [shape=(n_frames,), cost]
        Of lying in a note; negative where the frame asks to be in one.
    start_after_gap, start_after_note : np.ndarray [shape=(n_frames,), cost]
        Of beginning a note at the frame.
    """

    midi: FloatArray
    weight: FloatArray
    frame: FloatArray
    start_after_gap: FloatArray
    start_after_note: FloatArray


def find_segments(costs: NoteCosts) -> Int64Array:
    """Cut a track into notes at the least cost.

    Parameters
    ----------
    costs : NoteCosts

    Returns
    -------
    segments : np.ndarray of int64 [shape=(n_notes, 2), frames]
        First frame and the frame after the last, ascending, not overlapping.
    """
    n_frames = len(costs.midi)
    if n_frames == 0 or not (costs.weight > 0).any():
        return np.zeros((0, 2), dtype=np.int64)
    voiced = costs.midi[costs.weight > 0]
    pitches = np.arange(voiced.min(), voiced.max() + GRID_SEMITONES, GRID_SEMITONES)
    return _trace_back(*_walk(costs, pitches))


def _walk(costs: NoteCosts, pitches: FloatArray) -> tuple[Int64Array, BoolArray, BoolArray, bool]:
    """Take the forward pass, one frame at a time over all pitches at once.

    Returns
    -------
    begun : np.ndarray of int64 [shape=(n_frames,)]
        First frame of the cheapest note that lies over each frame.
    note_before_note, note_before_gap : np.ndarray of bool [shape=(n_frames,)]
        Whether a note ended just before a note that starts here, and just before a gap frame here.
    ends_in_gap : bool
    """
    begun = np.zeros(len(costs.midi), np.int64)
    note_before_note, note_before_gap = np.zeros((2, len(begun)), np.bool_)
    cost = np.full(len(pitches), np.inf)
    begin = np.zeros(len(pitches), np.int64)
    distance = np.empty(len(pitches))
    gap_cost, note_cost = 0.0, np.inf
    columns = (
        costs.midi,
        costs.weight,
        costs.frame,
        costs.start_after_gap,
        costs.start_after_note,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for t, (midi, weight, frame, after_gap, after_note) in enumerate(rows):
        start = gap_cost + after_gap
        if note_cost + after_note < start:
            start = note_cost + after_note
            note_before_note[t] = True
        if note_cost < gap_cost:
            gap_cost = note_cost
            note_before_gap[t] = True
        begin[cost > start] = t
        np.minimum(cost, start, out=cost)
        np.subtract(pitches, midi, out=distance)
        np.abs(distance, out=distance)
        np.minimum(distance, CAP_SEMITONES, out=distance)
        distance *= weight
        distance += frame
        cost += distance
        cheapest = int(cost.argmin())
        note_cost = float(cost[cheapest])
        begun[t] = begin[cheapest]
    return begun, note_before_note, note_before_gap, gap_cost <= note_cost


def _trace_back(
    begun: Int64Array, note_before_note: BoolArray, note_before_gap: BoolArray, in_gap: bool
) -> Int64Array:
    segments = []
    t = len(begun) - 1
    while t >= 0:
        if in_gap:
            in_gap = not note_before_gap[t]
            t -= 1
        else:
            first = int(begun[t])
            segments.append((first, t + 1))
            in_gap = not note_before_note[first]
            t = first - 1
    return np.array(segments[::-1], dtype=np.int64).reshape(-1, 2)
