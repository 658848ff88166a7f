"""Find the onset, release and end of one recorded note."""

from dataclasses import dataclass

import numpy as np

from retimbre._typing import FloatArray

STEP_SECONDS = 0.005

RANGE_DB = 55.0
"""A note reaches so far under its loudest moment, if the room is that quiet."""

LEAST_RANGE_DB = 20.0
ABOVE_ROOM_DB = 5.0
"""And not nearer to the room's noise than this."""

ROOM_SECONDS, ROOM_STEP_DB = 0.1, 1.5
"""A room is heard where the level of two halves of so long a time differs by no more."""

PICKUP_SECONDS = 0.25
"""The pitch of a struck or plucked note may be clear no sooner than this after its attack."""

GAP_SECONDS = 0.030
"""Shorter dips, between the periods of a low note, do not end it."""

SLOPE_SECONDS = 0.050
RELEASE_DB_PER_SECOND = 80.0
"""A note that falls faster at its end has been released."""

STEEPER = 2.5
"""And so many times faster than it fell before: a plucked string falls fast all the time."""

_SILENCE_DB = -140.0


@dataclass(frozen=True)
class NoteEnds:
    """Times in a recording [seconds]: of a note's onset, of its release, and of its end.

    A note that is cut, or dies by itself, is released where it ends.
    """

    onset: float
    release: float
    end: float


def find_ends(
    y: FloatArray,
    sr: int,
    found: FloatArray,
    *,
    after: float = 0.0,
    before: float = np.inf,
) -> NoteEnds:
    """Find the ends of a note.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        A recording that holds the note.
    sr : int [Hz]
    found : np.ndarray [shape=(2,), seconds]
        Between these times its pitch is heard; its attack may lie up to 0.25 s before.
    after, before : float [seconds]
        The note lies between: the end of the note before, the onset of the next.

    Returns
    -------
    ends : NoteEnds
        With ``onset < release <= end``, to 5 ms.
    """
    level = _levels(y, sr)
    n = len(level)
    first = int(np.clip(found[0] / STEP_SECONDS, 0, n - 1))
    last = int(np.clip(round(found[1] / STEP_SECONDS), first + 1, n))
    lowest = int(np.clip(round(after / STEP_SECONDS), 0, first))
    highest = int(np.clip(before / STEP_SECONDS, last, n))
    attack = max(lowest, first - round(PICKUP_SECONDS / STEP_SECONDS))
    peak = attack + int(np.argmax(level[attack:last]))
    peak_db = float(level[peak])
    core = attack + np.flatnonzero(level[attack:last] >= peak_db - LEAST_RANGE_DB)
    room_db = _room_db(level, int(core[0]), int(core[-1]), peak_db - LEAST_RANGE_DB)
    floor = float(np.clip(room_db + ABOVE_ROOM_DB, peak_db - RANGE_DB, peak_db - LEAST_RANGE_DB))
    gap = round(GAP_SECONDS / STEP_SECONDS)
    loud = level >= floor
    onset = _run_start(loud[lowest : peak + 1], gap) + lowest
    end = highest - _run_start(loud[peak:highest][::-1], gap)
    release = _release(level[onset:end]) + onset
    return NoteEnds(onset * STEP_SECONDS, release * STEP_SECONDS, end * STEP_SECONDS)


def _levels(y: FloatArray, sr: int) -> FloatArray:
    """Return the peak of every 5 ms [dB]."""
    edges = np.arange(0, len(y), STEP_SECONDS * sr).astype(np.int64)
    peaks = np.maximum.reduceat(np.abs(y), edges)
    return np.asarray(20.0 * np.log10(np.maximum(peaks, 10.0 ** (_SILENCE_DB / 20.0))))


def _room_db(level: FloatArray, first: int, last: int, highest_db: float) -> float:
    """Return the level of the quietest steady stretch outside a note, -inf where there is none.

    A slow attack and a quick decay are not steady, and what is louder than `highest_db` is another
    note: a recording that holds nothing but the note says nothing of its room.
    """
    half = round(ROOM_SECONDS / STEP_SECONDS) // 2
    if len(level) < 2 * half:
        return -np.inf
    means = np.lib.stride_tricks.sliding_window_view(level, half).mean(axis=1)
    early, late = means[:-half], means[half:]
    start = np.arange(len(early))
    is_outside = (start + 2 * half <= first) | (start > last)
    level_db = 0.5 * (early + late)
    is_room = is_outside & (np.abs(late - early) <= ROOM_STEP_DB) & (level_db < highest_db)
    return float(level_db[is_room].min(initial=np.inf)) if is_room.any() else -np.inf


def _run_start(loud: np.ndarray[tuple[int], np.dtype[np.bool_]], gap: int) -> int:
    """Return where the last stretch begins that has no quiet gap of `gap` steps or more."""
    index = np.flatnonzero(loud)
    if len(index) == 0:
        return len(loud) - 1
    breaks = np.flatnonzero(np.diff(index) > gap)
    return int(index[breaks[-1] + 1]) if len(breaks) else int(index[0])


def _release(level: FloatArray) -> int:
    """Return the step at which the fall at the end of a note begins; its length where none is."""
    width = round(SLOPE_SECONDS / STEP_SECONDS)
    n = len(level)
    if n < 4 * width:
        return n
    # The highest level of the last 20 ms: the wave's own period leaves no dips in it.
    around = np.lib.stride_tricks.sliding_window_view(np.pad(level, (3, 0), mode="edge"), 4)
    smooth = around.max(axis=1)
    fall = (smooth[:-width] - smooth[width:]) / SLOPE_SECONDS
    usual = max(float(np.median(fall[len(fall) // 4 :])), 0.0)
    steep = fall > max(RELEASE_DB_PER_SECOND, STEEPER * usual)
    if not steep[-2 * width :].any():
        return n
    calm = np.flatnonzero(~steep[: np.flatnonzero(steep)[-1]])
    return int(calm[-1]) + 1 + width // 2 if len(calm) else n
