"""Onset, release and end of notes whose envelopes are known."""

import numpy as np
import pytest

from retimbre.like.ends import ABOVE_ROOM_DB, RANGE_DB, find_ends

SR = 44100
TOLERANCE = 0.011
"""Two steps [seconds]."""


def note(*corners, f0=220.0, room_db=-90.0, seed=0):
    """Sound a tone whose level goes straight between (seconds, dB), in a noisy room."""
    times, levels = np.array(corners).T
    t = np.arange(round(times[-1] * SR)) / SR
    level = np.interp(t, times, levels)
    noise = np.random.default_rng(seed).standard_normal(len(t)) * 10.0 ** (room_db / 20.0)
    tone = np.where(level > -100.0, 10.0 ** (level / 20.0), 0.0) * np.sin(2.0 * np.pi * f0 * t)
    return 0.5 * (tone + noise)


OFF = -120.0


@pytest.mark.parametrize("f0", [30.0, 220.0, 2000.0])
@pytest.mark.parametrize("lead", [0.0, 0.4])
def test_a_held_note_is_released_before_it_ends(f0, lead):
    # 80 ms of release: 500 dB a second.
    corners = [(0.0, OFF), (lead, OFF), (lead + 0.003, 0.0), (lead + 1.5, 0.0),
               (lead + 1.58, -40.0), (lead + 1.581, OFF), (lead + 2.0, OFF)]  # fmt: skip
    ends = find_ends(note(*corners, f0=f0), SR, np.array([lead + 0.05, lead + 1.4]))
    assert ends.onset == pytest.approx(lead, abs=TOLERANCE)
    assert ends.release == pytest.approx(lead + 1.5, abs=0.035)
    assert ends.end == pytest.approx(lead + 1.58, abs=0.02)


@pytest.mark.parametrize("rate", [10.0, 30.0, 100.0])
def test_a_plucked_note_dies_by_itself(rate):
    seconds = RANGE_DB / rate
    y = note(
        (0.0, OFF), (0.2, OFF), (0.203, 0.0), (0.203 + 70 / rate, -70.0), (0.5 + 80 / rate, OFF)
    )
    ends = find_ends(y, SR, np.array([0.25, 0.4]))
    assert ends.onset == pytest.approx(0.2, abs=TOLERANCE)
    assert ends.end == pytest.approx(0.203 + seconds, abs=0.03 + 2.0 / rate)
    assert ends.release == ends.end


def test_a_note_that_is_cut_is_released_where_it_is_cut():
    ends = find_ends(note((0.0, 0.0), (0.7, 0.0)), SR, np.array([0.0, 0.65]))
    assert ends.onset == 0.0
    assert ends.release == ends.end == pytest.approx(0.7, abs=TOLERANCE)


def test_neighbours_are_left_out():
    """The notes before and after touch this one and are as loud."""
    ends = find_ends(
        note((0.0, 0.0), (3.0, 0.0)), SR, np.array([1.0, 2.0]), after=0.95, before=2.05
    )
    assert ends.onset == pytest.approx(0.95, abs=TOLERANCE)
    assert ends.end == pytest.approx(2.05, abs=TOLERANCE)


@pytest.mark.parametrize("room_db", [-70.0, -50.0, -35.0])
def test_the_rooms_noise_is_no_part_of_the_note(room_db):
    y = note((0.0, OFF), (0.5, OFF), (0.503, 0.0), (1.5, 0.0), (1.52, OFF), (2.5, OFF),
             room_db=room_db)  # fmt: skip
    ends = find_ends(y, SR, np.array([0.55, 1.4]))
    assert ends.onset == pytest.approx(0.5, abs=TOLERANCE)
    assert ends.end == pytest.approx(1.51, abs=0.02)
    assert ABOVE_ROOM_DB < 10.0


def test_an_attack_before_the_pitch_is_heard_belongs_to_the_note():
    y = note(
        (0.0, OFF), (0.3, OFF), (0.301, 0.0), (0.4, -40.0), (1.5, -45.0), (1.51, OFF), (2.0, OFF)
    )
    ends = find_ends(y, SR, np.array([0.45, 1.4]))
    assert ends.onset == pytest.approx(0.3, abs=TOLERANCE)


def test_a_slow_swell_begins_where_it_can_be_heard():
    y = note((0.0, OFF), (0.2, -60.0), (0.8, 0.0), (1.5, 0.0), (1.6, OFF), (2.0, OFF))
    ends = find_ends(y, SR, np.array([0.6, 1.4]))
    assert ends.onset == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("attack", [0.25, 0.6])
def test_a_recording_of_the_note_alone_says_nothing_of_its_room(attack):
    y = note((0.0, -60.0), (attack, 0.0), (3.0, 0.0), room_db=-100.0)
    ends = find_ends(y, SR, np.array([0.0, 3.0]))
    # 55 of 60 dB belong to it.
    assert ends.onset == pytest.approx(attack * 5.0 / 60.0, abs=0.02)
    assert ends.end == pytest.approx(3.0, abs=TOLERANCE)
