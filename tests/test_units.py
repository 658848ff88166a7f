"""Conversions against known values, and back again."""

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retimbre import units

settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

PITCHES = [(0, 8.175798915643707), (60, 261.6255653005986), (69, 440.0), (127, 12543.853951415975)]


@pytest.mark.parametrize(("midi", "hz"), PITCHES)
def test_known_pitches(midi, hz):
    assert units.midi_to_hz(midi) == pytest.approx(hz, rel=1e-12)
    assert units.hz_to_midi(hz) == pytest.approx(midi, abs=1e-12)


def test_pitches_are_librosas():
    hz = np.geomspace(20.0, 5000.0, 50)
    np.testing.assert_allclose(units.hz_to_midi(hz), librosa.hz_to_midi(hz), rtol=1e-12)
    midi = np.linspace(0.0, 127.0, 50)
    np.testing.assert_allclose(units.midi_to_hz(midi), librosa.midi_to_hz(midi), rtol=1e-12)


def test_no_pitch_stays_no_pitch():
    np.testing.assert_array_equal(units.hz_to_midi([np.nan, 440.0]), [np.nan, 69.0])


def test_cents():
    assert units.cents_between(440.0, 440.0) == 0.0
    assert units.cents_between(880.0, 440.0) == pytest.approx(1200.0)
    assert units.cents_between(units.midi_to_hz(59.5), units.midi_to_hz(60)) == pytest.approx(-50)


def test_frames_and_times():
    assert units.frames_to_time(100, sr=16_000, hop_length=160) == 1.0
    frames = np.arange(60_001)
    times = units.frames_to_time(frames, sr=16_000, hop_length=160)
    assert times[-1] == 600.0  # no drift in ten minutes


def test_levels():
    assert units.db_to_amplitude(0.0) == 1.0
    assert units.db_to_amplitude(-20.0) == pytest.approx(0.1)
    assert units.amplitude_to_db(-0.5) == pytest.approx(-6.0206, abs=1e-4)


def test_silence_is_the_floor():
    np.testing.assert_allclose(units.amplitude_to_db([0.0, 1e-9, 1.0]), [-120.0, -120.0, 0.0])
    assert units.amplitude_to_db(0.0, floor_db=-60.0) == pytest.approx(-60.0)


@given(st.floats(0.0, 127.0))
def test_pitch_there_and_back(midi):
    assert units.hz_to_midi(units.midi_to_hz(midi)) == pytest.approx(midi, abs=1e-10)


@given(st.floats(-119.0, 60.0))
def test_level_there_and_back(level_db):
    assert units.amplitude_to_db(units.db_to_amplitude(level_db)) == pytest.approx(
        level_db, abs=1e-9
    )


@pytest.mark.parametrize(
    ("name", "midi"), [("C-1", 0), ("C4", 60), ("c#4", 61), ("D♭4", 61), ("Bb2", 46), ("G9", 127)]
)
def test_names_of_notes(name, midi):
    assert units.note_to_midi(name) == midi


def test_notes_are_named_and_read_again():
    assert [units.note_to_midi(units.midi_to_note(midi)) for midi in range(128)] == [*range(128)]


@pytest.mark.parametrize("name", ["", "H4", "C", "4", "C##4", "C4.5"])
def test_what_is_no_note(name):
    with pytest.raises(ValueError, match="not a note"):
        units.note_to_midi(name)
