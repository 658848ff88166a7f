"""Which notes sound as one."""

import numpy as np
import pytest

from retimbre.notes.slurs import find_slurs, voices_of
from retimbre.types import Notes


def notes(*rows):
    """Make notes of (onset, offset, pitch)."""
    onset, offset, pitch = zip(*rows, strict=True)
    return Notes(onset, offset, pitch, [100] * len(rows))


LINE = notes((0.0, 0.5, 60), (0.5, 1.0, 62), (1.0, 1.5, 62), (1.7, 2.0, 64))


@pytest.mark.parametrize(
    ("manner", "starts", "voices"),
    [
        ("performer", ("struck", "tied", "struck", "soft"), [[0, 1], [2], [3]]),
        ("always", ("struck", "tied", "struck", "soft"), [[0, 1], [2], [3]]),
        ("never", ("struck",) * 4, [[0], [1], [2], [3]]),
    ],
)
def test_the_manner_decides(manner, starts, voices):
    found, before = find_slurs(LINE, ("struck", "tied", "struck", "tied"), manner)
    assert found == starts
    assert voices_of(before) == voices


def test_always_ties_what_is_struck_but_no_key_twice():
    found, before = find_slurs(LINE, ("struck",) * 4, "always")
    assert found == ("struck", "tied", "struck", "struck")
    assert before.tolist() == [-1, 0, -1, -1]


def test_a_gap_of_some_ms_is_none():
    line = notes((0.0, 0.46, 60), (0.5, 0.9, 62), (0.97, 1.2, 64))
    _, before = find_slurs(line, ("struck", "tied", "tied"))
    assert before.tolist() == [-1, 0, -1]


def test_each_of_two_voices_goes_on_in_its_own():
    line = notes((0.0, 0.5, 50), (0.0, 0.5, 70), (0.5, 1.0, 52), (0.5, 1.0, 69))
    _, before = find_slurs(line, ("struck", "struck", "tied", "tied"))
    assert voices_of(before) == [[0, 2], [1, 3]]


def test_no_note_leads_to_two():
    line = notes((0.0, 0.5, 60), (0.5, 1.0, 62), (0.5, 1.0, 64))
    starts, before = find_slurs(line, ("struck", "tied", "tied"))
    assert before.tolist() == [-1, 0, -1]
    assert starts == ("struck", "tied", "soft")


def test_no_notes_are_no_voices():
    starts, before = find_slurs(Notes.empty(), ())
    assert starts == ()
    assert voices_of(before) == []
    assert before.dtype == np.int64
