"""Notes to and from pretty_midi's objects."""

from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from retimbre.errors import ParameterError
from retimbre.io.midi import load_midi
from retimbre.io.scores import notes_from_score, score_from_notes
from retimbre.types import Notes

TICK = 0.5 / 960


def melody() -> Notes:
    return Notes([0.1, 0.5, 0.5], [0.4, 1.0, 2.0], [60, 64, 67], [1, 90, 127])


def same(found: Notes, expected: Notes, tolerance: float) -> None:
    np.testing.assert_allclose(found.intervals, expected.intervals, atol=tolerance)
    np.testing.assert_array_equal(found.pitch, expected.pitch)
    np.testing.assert_array_equal(found.velocity, expected.velocity)


def test_round_trip() -> None:
    same(notes_from_score(score_from_notes(melody())), melody(), 0.0)


def test_a_written_score_is_what_load_midi_reads(tmp_path: Path) -> None:
    score_from_notes(melody(), program=40).write(str(tmp_path / "a.mid"))
    same(load_midi(tmp_path / "a.mid"), melody(), TICK)


def test_drums_and_notes_of_no_length_are_left_out() -> None:
    score = score_from_notes(melody())
    drum = pretty_midi.Instrument(0, is_drum=True)
    drum.notes = [pretty_midi.Note(90, 36, 0.0, 1.0)]
    score.instruments.append(drum)
    score.instruments[0].notes.append(pretty_midi.Note(90, 50, 1.0, 1.0))
    same(notes_from_score(score), melody(), 0.0)


def test_an_empty_score_has_no_notes() -> None:
    assert len(notes_from_score(pretty_midi.PrettyMIDI())) == 0
    assert len(score_from_notes(Notes.empty()).instruments[0].notes) == 0


def test_a_wrong_program_is_refused() -> None:
    with pytest.raises(ParameterError, match="given 128"):
        score_from_notes(melody(), program=128)
