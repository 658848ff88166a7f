"""What passes between the stages is checked once, cannot change, and is sorted."""

import dataclasses

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.instrument import Instrument, Instruments
from retimbre.types import NoteCurve, Notes, PitchTrack

NOTES = {"onset": [0.0, 1.0], "offset": [0.5, 2.0], "pitch": [60, 64], "velocity": [1, 127]}


def make_notes(**changes):
    return Notes(**{**NOTES, **changes})


def test_notes_hold_what_they_are_given():
    notes = make_notes()
    assert len(notes) == 2
    np.testing.assert_array_equal(notes.intervals, [[0.0, 0.5], [1.0, 2.0]])
    np.testing.assert_array_equal(notes.duration, [0.5, 1.0])
    assert (notes.onset.dtype, notes.pitch.dtype) == (np.float64, np.int64)


def test_notes_are_sorted_by_onset_then_pitch():
    notes = Notes([1.0, 0.0, 1.0], [1.5, 0.7, 1.9], [64, 70, 60], [10, 20, 30])
    np.testing.assert_array_equal(notes.onset, [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(notes.pitch, [70, 60, 64])
    np.testing.assert_array_equal(notes.offset, [0.7, 1.9, 1.5])
    np.testing.assert_array_equal(notes.velocity, [20, 30, 10])


def test_no_notes_are_notes():
    notes = Notes.empty()
    assert len(notes) == 0
    assert notes.intervals.shape == (0, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"onset": [0.0]}, "1-D arrays of one length"),
        ({name: [[1]] for name in NOTES}, "1-D arrays of one length"),
        ({"onset": [np.nan, 1.0]}, "finite onsets and offsets"),
        ({"offset": [0.5, np.inf]}, "finite onsets and offsets"),
        ({"onset": [-0.1, 1.0]}, "0 <= onset < offset"),
        ({"offset": [0.0, 2.0]}, "0 <= onset < offset"),
        ({"pitch": [-1, 64]}, r"MIDI pitches in 0\.\.127"),
        ({"pitch": [60, 128]}, r"MIDI pitches in 0\.\.127"),
        ({"velocity": [0, 64]}, r"velocities in 1\.\.127"),
        ({"velocity": [1, 128]}, r"velocities in 1\.\.127"),
    ],
)
def test_impossible_notes_are_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        make_notes(**changes)


def make_all():
    ramp = np.arange(3.0)
    return [
        make_notes(),
        PitchTrack(ramp, ramp, ramp, ramp, ramp),
        NoteCurve(ramp, ramp),
        Instruments(np.ones((3, 4)), ramp),
    ]


@pytest.mark.parametrize("thing", make_all(), ids=lambda thing: type(thing).__name__)
def test_nothing_can_be_changed(thing):
    for field in dataclasses.fields(thing):
        array = getattr(thing, field.name)
        if isinstance(array, tuple | str):
            continue
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, field.name, array)


def test_instruments_print_on_a_line():
    few = Instruments(np.ones((2, 256)), [0.0, 8.5], ("Flute", "Cello"))
    assert repr(few) == "<Instruments of 256 dimensions: 'Flute' at 0 s, 'Cello' at 8.5 s>"
    many = repr(Instruments(np.ones((99, 256)), np.arange(99.0)))
    assert many.endswith(", 10 s, 11 s, 87 more>")


def test_instruments_have_all_a_name_or_none():
    with pytest.raises(ParameterError, match="given 1 names for 3"):
        Instruments(np.ones((3, 4)), np.arange(3.0), ("Flute",))


def test_the_givers_arrays_stay_theirs():
    onset = np.array([0.0, 1.0])
    notes = make_notes(onset=onset)
    onset[0] = 0.25
    assert notes.onset[0] == 0.0


def test_a_pitch_track_has_one_length():
    ramp = np.arange(3.0)
    assert len(PitchTrack(ramp, ramp, ramp, ramp, ramp)) == 3
    with pytest.raises(ParameterError, match="PitchTrack needs 1-D arrays of one length"):
        PitchTrack(ramp, ramp[:2], ramp, ramp, ramp)


def test_a_curve_is_finite():
    for values in (np.nan, np.inf):
        with pytest.raises(ParameterError, match="finite"):
            NoteCurve(np.zeros(1), np.array([values]))


def test_a_curve_has_one_length():
    with pytest.raises(ParameterError, match="NoteCurve needs 1-D arrays of one length"):
        NoteCurve(np.zeros(3), np.zeros(2))


@pytest.mark.parametrize(
    ("z", "times", "message"),
    [
        (np.ones(4), [0.0], r"shape \(n, latent_dim\)"),
        (np.ones((2, 4)), [0.0], "given"),
        (np.ones((0, 4)), [], "n >= 1"),
        (np.ones((2, 4)), [1.0, 0.0], "ascending times"),
    ],
)
def test_impossible_instruments_are_refused(z, times, message):
    with pytest.raises(ParameterError, match=message):
        Instruments(z, times)


def test_an_instrument_needs_a_z_only():
    given = np.ones(4)
    found = Instrument(given, z_at=[(60, np.zeros(4, np.float32))])
    given[0] = 2.0
    np.testing.assert_array_equal(found.z, np.ones(4))
    assert not found.z.flags.writeable
    assert (found.name, found.range, found.correction) == ("", None, None)
    assert np.isnan([found.brightness, found.attack, found.decay, found.noisiness]).all()
    ((pitch, z),) = found.z_at
    assert (pitch, z.dtype) == (60, np.float32)


@pytest.mark.parametrize(
    ("z", "z_at", "match"),
    [
        (np.ones((2, 4)), (), r"one row of finite numbers, given shape \(2, 4\)"),
        ([], (), r"given shape \(0,\)"),
        ([1.0, np.inf], (), "given NaN or infinity"),
        (["a"], (), "array of numbers"),
        (np.ones(4), [(60, np.ones(3))], "z_at must have 4 numbers each"),
    ],
)
def test_an_instrument_is_one_row_of_numbers(z, z_at, match):
    with pytest.raises(ParameterError, match=match):
        Instrument(z, z_at=z_at)
