"""Notes to and from pretty_midi's objects."""

import logging
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from retimbre.errors import ParameterError
from retimbre.io.midi import load_midi, save_midi
from retimbre.io.pretty_midi import from_pretty_midi, to_pretty_midi
from retimbre.types import NoteCurve, Notes

TICK = 0.5 / 960
SET_UP = 2 * TICK


def melody() -> Notes:
    return Notes([0.1, 0.5, 0.5], [0.4, 1.0, 2.0], [60, 64, 67], [1, 90, 127])


def vibrato(notes: Notes, depth: float) -> list[NoteCurve]:
    """Give each note a vibrato of 5.5 Hz of its own phase."""
    curves = []
    for k, seconds in enumerate(notes.duration):
        turns = 5.5 * 0.01 * np.arange(round(100 * seconds))
        curves.append(NoteCurve(depth * np.sin(2 * np.pi * turns + k), np.zeros(len(turns))))
    return curves


def same(found: Notes, expected: Notes, tolerance: float) -> None:
    np.testing.assert_allclose(found.intervals, expected.intervals, atol=tolerance)
    np.testing.assert_array_equal(found.pitch, expected.pitch)
    np.testing.assert_array_equal(found.velocity, expected.velocity)


def bends_of(score: pretty_midi.PrettyMIDI) -> list[list[tuple[float, int]]]:
    """Return times and bends of each instrument, in order of its first note."""
    parts = sorted(score.instruments, key=lambda part: (part.notes[0].start, part.notes[0].pitch))
    return [[(bend.time, bend.pitch) for bend in part.pitch_bends] for part in parts]


def bend_range(part: pretty_midi.Instrument) -> int:
    """Read the range of an instrument's bends [semitones], as a synthesiser does."""
    selected, semitones = [127, 127], 2
    for change in part.control_changes:
        if change.number in (100, 101):
            selected[change.number - 100] = change.value
        elif change.number == 6 and selected == [0, 0]:
            semitones = change.value
    return semitones


def test_round_trip() -> None:
    same(from_pretty_midi(to_pretty_midi(melody())), melody(), 0.0)
    curves = vibrato(melody(), 40.0)
    same(from_pretty_midi(to_pretty_midi(melody(), curves)), melody(), 0.0)


@pytest.mark.parametrize("is_bent", [False, True])
def test_a_written_score_is_what_load_midi_reads(tmp_path: Path, is_bent: bool) -> None:
    curves = vibrato(melody(), 300.0) if is_bent else None
    to_pretty_midi(melody(), curves, program=40).write(str(tmp_path / "a.mid"))
    same(load_midi(tmp_path / "a.mid"), melody(), TICK)


def test_a_file_gives_the_notes_that_load_midi_gives(tmp_path: Path) -> None:
    save_midi(tmp_path / "a.mid", melody(), vibrato(melody(), 40.0))
    score = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid"))
    same(from_pretty_midi(score), load_midi(tmp_path / "a.mid"), 1e-9)


@pytest.mark.parametrize("depth", [0.0, 30.0, 450.0, 3000.0])
def test_bends_are_those_that_save_midi_writes(tmp_path: Path, depth: float) -> None:
    curves = vibrato(melody(), depth)
    save_midi(tmp_path / "saved.mid", melody(), curves)
    score = to_pretty_midi(melody(), curves)
    score.write(str(tmp_path / "written.mid"))
    saved = bends_of(pretty_midi.PrettyMIDI(str(tmp_path / "saved.mid")))
    for other in (score, pretty_midi.PrettyMIDI(str(tmp_path / "written.mid"))):
        for found, expected in zip(bends_of(other), saved, strict=True):
            np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("depth", [30.0, 150.0, 450.0])
def test_bends_follow_the_curves_and_their_range_survives_writing(
    tmp_path: Path, depth: float
) -> None:
    notes = Notes([0.1, 0.9], [0.9, 1.7], [60, 62], [90, 80])
    curves = vibrato(notes, depth)
    to_pretty_midi(notes, curves).write(str(tmp_path / "a.mid"))
    (part,) = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid")).instruments
    semitones = max(2, int(np.ceil(depth / 100.0)))
    assert bend_range(part) == semitones
    when = np.array([bend.time for bend in part.pitch_bends])
    for onset, curve in zip(notes.onset, curves, strict=True):
        at = np.searchsorted(when, onset + 0.01 * np.arange(len(curve.cents)) + TICK) - 1
        cents = np.array([part.pitch_bends[k].pitch for k in at]) * 100 * semitones / 8192
        np.testing.assert_allclose(cents, curve.cents, rtol=0, atol=0.51 * 100 * semitones / 8192)


def test_a_note_at_the_beginning_is_bent_once_the_range_is_set(tmp_path: Path) -> None:
    notes = Notes([0.0], [1.0], [60], [90])
    curves = [NoteCurve(np.full(100, 400.0), np.zeros(100))]
    to_pretty_midi(notes, curves).write(str(tmp_path / "a.mid"))
    (part,) = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid")).instruments
    assert bend_range(part) == 4
    assert [(bend.time, bend.pitch) for bend in part.pitch_bends] == [(pytest.approx(SET_UP), 8191)]
    assert max(change.time for change in part.control_changes) == pytest.approx(SET_UP)


def test_more_notes_than_instruments_stay_whole_and_unbent(caplog) -> None:
    n = 20
    notes = Notes(np.zeros(n), np.ones(n), np.arange(50, 50 + n), np.full(n, 64))
    with caplog.at_level(logging.WARNING, "retimbre"):
        score = to_pretty_midi(notes, [NoteCurve(np.full(5, 30.0), np.zeros(5))] * n)
    assert len(score.instruments) == 15
    assert "6 notes were written without pitch bends" in caplog.text
    same(from_pretty_midi(score), notes, 0.0)


def test_a_note_shorter_than_a_tick_outlives_writing(tmp_path: Path) -> None:
    notes = Notes([1.0], [1.0001], [60], [90])
    to_pretty_midi(notes).write(str(tmp_path / "a.mid"))
    same(load_midi(tmp_path / "a.mid"), Notes([1.0], [1.0 + TICK], [60], [90]), 1e-9)


def test_drums_are_left_out_and_notes_of_no_length_last_50_ms() -> None:
    score = to_pretty_midi(melody())
    drum = pretty_midi.Instrument(0, is_drum=True)
    drum.notes = [pretty_midi.Note(90, 36, 0.0, 1.0)]
    score.instruments.append(drum)
    score.instruments[0].notes.append(pretty_midi.Note(90, 50, 3.0, 3.0))
    found = from_pretty_midi(score)
    assert found.pitch.tolist() == [60, 64, 67, 50]
    assert found.duration[-1] == pytest.approx(0.05)


def test_an_empty_score_has_no_notes() -> None:
    assert len(from_pretty_midi(pretty_midi.PrettyMIDI())) == 0
    assert len(to_pretty_midi(Notes.empty(), []).instruments[0].notes) == 0


def test_a_wrong_program_is_refused() -> None:
    with pytest.raises(ParameterError, match="given 128"):
        to_pretty_midi(melody(), program=128)


def test_curves_must_be_as_many_as_notes() -> None:
    with pytest.raises(ParameterError, match="3 notes needs one curve, given 0"):
        to_pretty_midi(melody(), [])
