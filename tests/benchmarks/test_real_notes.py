"""Figures of recorded instruments, of notes that are known."""

import numpy as np
import pytest
import soundfile
from real_instruments import heard_alone
from real_notes import MOMENTS, SR, attack_seconds, fall_db, level_error, read_takes, track

from retimbre.units import midi_to_hz


def tone(pitch=60, levels=(0.0, -6.0, -12.0), seconds=2.5, attack=0.01, fall=0.0, cents=0.0):
    t = np.arange(round(seconds * SR)) / SR
    f0 = float(midi_to_hz(pitch + cents / 100))
    y = sum(
        10 ** (level / 20) * np.sin(2 * np.pi * k * f0 * t + k) for k, level in enumerate(levels, 1)
    )
    return 0.2 * y * np.minimum(t / attack, 1.0) * 10 ** (-fall * t / 20)


@pytest.fixture
def takes(tmp_path):
    for pitch in range(55, 75):
        soundfile.write(tmp_path / f"my_reed_{pitch}_80.wav", tone(pitch, cents=20), SR)
    soundfile.write(tmp_path / "my_reed_60_110.wav", tone(60), SR)
    (tmp_path / "notes.txt").write_text("no note")
    return read_takes(tmp_path)


def test_partials_are_tracked_where_they_are():
    levels = track(tone(), float(midi_to_hz(60)))
    assert levels.shape[0] == len(MOMENTS)
    np.testing.assert_allclose(levels[1, 1:3] - levels[1, 0], [-6.0, -12.0], atol=0.2)


def test_notes_of_one_velocity_are_taken_from_all_over_the_range(takes):
    assert [takes[0].pitch, takes[-1].pitch] == [55, 74]
    assert len(takes) == 12
    assert heard_alone(takes) == [1, 4, 7, 10]


def test_errors_are_those_that_were_made(takes):
    take = takes[3]
    assert level_error(tone(take.pitch), take) == pytest.approx(0.0, abs=0.1)
    # The first stays the loudest: two of three partials are off, by 4 and 2 dB.
    off = tone(take.pitch, (0.0, -10.0, -14.0))
    power = 10 * np.log10(np.sum(10 ** (np.array([0, -6, -12]) / 10)))
    power -= 10 * np.log10(np.sum(10 ** (np.array([0, -10, -14]) / 10)))
    expected = np.mean(np.abs(np.array([0, -4, -2]) + power))
    assert level_error(off, take) == pytest.approx(expected, abs=0.2)
    # Quieter throughout is no error.
    assert level_error(0.1 * tone(take.pitch), take) == pytest.approx(0.0, abs=0.1)


def test_attacks_and_falls_are_told():
    assert attack_seconds(tone(attack=0.3)) == pytest.approx(0.15, abs=0.02)
    assert attack_seconds(tone(attack=0.005)) <= 0.01
    assert fall_db(tone(fall=20.0)) == pytest.approx(20.0 * 0.88, abs=0.5)
