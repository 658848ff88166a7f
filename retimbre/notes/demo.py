"""Little melodies that show what one instrument is like."""

import numpy as np

from retimbre.types import Melody, Notes

VELOCITIES = (40, 80, 120)
"""Soft, medium and loud."""

KEYS = (36, 48, 60, 72, 84)
"""C2 to C6 [MIDI]; a model that does not reach so far has others."""

SLOT_SECONDS = 2.5
"""In `touch_grid` each note has so much time, with its release."""

HELD_SECONDS = 1.5

_PHRASE = ((0, 1.0), (4, 0.5), (7, 0.5), (9, 1.0), (7, 0.5), (5, 0.5), (4, 1.0), (2, 1.0), (0, 2.0))
# Keys above the first, and lengths in beats: a major arpeggio up to the sixth, and steps down.

_BEAT_SECONDS = 0.4


def demo_keys(pitch_range: tuple[int, int]) -> tuple[int, ...]:
    """Return five keys from low to high inside of a range [MIDI, inclusive].

    >>> demo_keys((21, 108)), demo_keys((48, 71))
    ((36, 48, 60, 72, 84), (48, 54, 60, 65, 71))
    """
    low, high = pitch_range
    if low <= KEYS[0] and KEYS[-1] <= high:
        return KEYS
    return tuple(int(key) for key in np.rint(np.linspace(low, high, len(KEYS))))


def touch_grid(keys: tuple[int, ...]) -> Melody:
    """Return single notes: all keys at the first of `VELOCITIES`, then at the next.

    Note k begins at ``k * SLOT_SECONDS``.
    """
    pairs = [(key, velocity) for velocity in VELOCITIES for key in keys]
    return _melody([(k * SLOT_SECONDS, HELD_SECONDS, *pair) for k, pair in enumerate(pairs)])


def demo_melody(keys: tuple[int, ...]) -> Melody:
    """Return some ten seconds: all keys in a row, the middle one at all velocities, a phrase.

    Parameters
    ----------
    keys : tuple of int [MIDI]
        From low to high; the phrase lies between the middle one and the next.
    """
    middle, medium = keys[len(keys) // 2], VELOCITIES[1]
    rows: list[tuple[float, float, int, int]] = []
    row = [(0.6, key, medium) for key in keys]
    row += [(0.6, middle, velocity) for velocity in VELOCITIES]
    row += [(beats * _BEAT_SECONDS, middle + step, 90) for step, beats in _PHRASE]
    at = 0.0
    for k, (seconds, key, velocity) in enumerate(row):
        if k in (len(keys), len(keys) + len(VELOCITIES)):
            at += 0.4  # a breath between the parts
        rows.append((at, 0.9 * seconds, key, velocity))
        at += seconds
    return _melody(rows)


def _melody(rows: list[tuple[float, float, int, int]]) -> Melody:
    """Make a melody of onsets and lengths [seconds], keys and velocities."""
    onset, length, pitch, velocity = map(np.array, zip(*rows, strict=True))
    return Melody(Notes(onset, onset + length, pitch, velocity), source="demo")
