"""Melodies in memory and as JSON: their ids, their articulation and what an edit does."""

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import retimbre
from retimbre.errors import DecodeError, ParameterError
from retimbre.types import ARTICULATIONS, Melody, NoteCurve, Notes


def a_melody(n=3, **facts):
    onset = np.arange(n) / 3.0
    notes = Notes(onset, onset + 0.3, 60 + np.arange(n), np.full(n, 90))
    curves = tuple(NoteCurve(np.array([0.1 * k, 1 / 3]), np.array([0.0, -1 / 7])) for k in range(n))
    return Melody(notes, curves, source="hum.wav", origin="abc", **facts)


def assert_same(found, wanted):
    for field in fields(Melody):
        a, b = getattr(found, field.name), getattr(wanted, field.name)
        if field.name == "notes":
            for part in ("onset", "offset", "pitch", "velocity"):
                np.testing.assert_array_equal(getattr(a, part), getattr(b, part))
        elif field.name == "curves" and b is not None:
            for one, other in zip(a, b, strict=True):
                np.testing.assert_array_equal(one.cents, other.cents)
                np.testing.assert_array_equal(one.level_db, other.level_db)
        elif isinstance(b, np.ndarray):
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b, field.name


def test_defaults_are_filled_in():
    melody = a_melody()
    assert melody.ids.tolist() == [0, 1, 2]
    assert melody.articulation == ("struck",) * 3
    assert melody.strength.tolist() == [1.0] * 3
    assert melody.duration == melody.notes.offset.max()
    assert repr(melody) == "<Melody of hum.wav: 3 notes, 0.97 s>"


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"ids": [0, 1]}, "one of everything"),
        ({"ids": [0, 1, 1]}, "different"),
        ({"ids": [-1, 0, 1]}, "from 0 on"),
        ({"ids": [0, 1, 2**53 + 1]}, "2\\*\\*53"),
        ({"articulation": ("struck", "hit", "soft")}, "'hit'"),
        ({"strength": [0.0, 0.5, 1.1]}, r"0\.\.1"),
        ({"duration": 1e6}, "24 hours"),
        ({"duration": np.nan}, "24 hours"),
        ({"duration": -1.0}, "24 hours"),
        ({"loudness": np.nan}, "loudness must be finite, given nan"),
        ({"loudness": -np.inf}, "loudness must be finite"),
    ],
)
def test_what_does_not_fit_is_refused(facts, match):
    with pytest.raises(ParameterError, match=match):
        a_melody(**facts)


def test_a_file_loses_nothing(tmp_path):
    melody = a_melody(
        ids=[7, 2, 9],
        articulation=("soft", "tied", "struck"),
        strength=[0.25, 1 / 3, 1.0],
        confidence=0.55,
        voiced_seconds=0.9,
        loudness=-23.25,
        dropped={"short_notes": 2, "unvoiced_seconds": 0.1},
        folded=1,
    )
    retimbre.save_melody(tmp_path / "m.json", melody)
    assert_same(retimbre.load_melody(tmp_path / "m.json"), melody)


def test_midi_has_no_curves_and_needs_none(tmp_path):
    melody = Melody(a_melody().notes, source="song.mid")
    retimbre.save_melody(tmp_path / "m.json", melody)
    assert_same(retimbre.load_melody(tmp_path / "m.json"), melody)


def test_unknown_fields_are_kept(tmp_path):
    path = tmp_path / "m.json"
    retimbre.save_melody(path, a_melody())
    table = json.loads(path.read_text())
    table |= {"format_version": 2, "mood": {"of": ["later"]}}
    table["notes"][1]["lyric"] = "la"
    path.write_text(json.dumps(table))
    melody = retimbre.edit_note(retimbre.load_melody(path), 1, onset=5.0, offset=6.0)
    retimbre.save_melody(path, melody)
    again = json.loads(path.read_text())
    assert again["mood"] == {"of": ["later"]}
    assert [note.get("lyric") for note in again["notes"]] == [None, None, "la"]


def test_facts_of_numpy_are_numbers(tmp_path):
    melody = a_melody(confidence=np.float32(0.5), folded=np.int64(1), extra={"key": np.int16(3)})
    retimbre.save_melody(tmp_path / "m.json", melody)
    again = retimbre.load_melody(tmp_path / "m.json")
    assert (again.confidence, again.folded, again.extra) == (0.5, 1, {"key": 3})


@pytest.mark.parametrize("fields", [{"extra": {"notes": 1}}, {"note_extra": {0: {"onset": 1}}}])
def test_extra_fields_do_not_hide_behind_others(tmp_path, fields):
    with pytest.raises(ParameterError, match=r"a name of its own, given '(notes|onset)'"):
        retimbre.save_melody(tmp_path / "m.json", a_melody(**fields))
    assert not list(tmp_path.iterdir())


def test_notes_by_hand_need_little(tmp_path):
    path = tmp_path / "m.json"
    notes = [
        {"onset": 1.0, "offset": 2.0, "pitch": 62, "velocity": 80},
        {"onset": 0.0, "offset": 0.5, "pitch": 60, "velocity": 80, "id": 0},
    ]
    path.write_text(json.dumps({"format": "retimbre melody", "format_version": 1, "notes": notes}))
    melody = retimbre.load_melody(path)
    assert melody.notes.pitch.tolist() == [60, 62]
    assert melody.ids.tolist() == [0, 1]


def bad(**changes):
    note = {"onset": 0.0, "offset": 1.0, "pitch": 60, "velocity": 80, **changes}
    return {"format": "retimbre melody", "format_version": 1, "notes": [note]}


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ([], "not a retimbre melody"),
        ({"format": "other"}, "not a retimbre melody"),
        ({"format": "retimbre melody"}, "format_version None"),
        ({**bad(), "notes": {}}, "list of objects"),
        (bad(onset="x"), "'onset' must be a finite number"),
        (bad(pitch=None), "'pitch'"),
        (bad(pitch=200), r"0\.\.127"),
        (bad(id="a"), "ids"),
        (bad(cents=[0.0], level_db="x"), "'level_db'"),
        (bad(offset=-1.0), "onset < offset"),
        (bad(articulation="hit"), "'hit'"),
        (bad(onset=10**400), "'onset'"),
        (bad(pitch=10**30), "'pitch'"),
        (bad(pitch=60.7), "whole number"),
        (bad(id=10**30), "ids"),
        (bad(cents=[0.0]), "both or none"),
        (bad(onset=1e9, offset=2e9), "24 hours"),
    ],
)
def test_a_file_that_is_no_melody_is_one_sentence(tmp_path, table, match):
    path = tmp_path / "m.json"
    path.write_text(json.dumps(table))
    with pytest.raises(DecodeError, match=match) as error:
        retimbre.load_melody(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "NaN"])
def test_what_is_no_json_is_one_sentence(tmp_path, text):
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(retimbre.RetimbreError):
        retimbre.load_melody(path)


@given(st.data())
def test_edits_keep_ids_and_order(data):
    melody = a_melody(6)
    for _ in range(data.draw(st.integers(1, 5))):
        note_id = data.draw(st.sampled_from(melody.ids.tolist()))
        onset = data.draw(st.floats(0.0, 5.0))
        before = {*melody.ids.tolist()}
        melody = retimbre.edit_note(
            melody, note_id, onset=onset, offset=onset + 0.1,
            articulation=data.draw(st.sampled_from(ARTICULATIONS)),
        )  # fmt: skip
        assert {*melody.ids.tolist()} == before
        assert np.all(np.diff(melody.notes.onset) >= 0)
        assert melody.notes.onset[melody.ids.tolist().index(note_id)] == onset


def test_notes_are_added_and_removed_by_id():
    melody = retimbre.add_note(a_melody(), onset=0.1, offset=0.2, pitch=50)
    assert melody.ids.tolist() == [0, 3, 1, 2]
    assert retimbre.remove_note(melody, 0).ids.tolist() == [3, 1, 2]
    assert melody.origin == "abc"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: retimbre.edit_note(m, 9, pitch=60), "no note of id 9"),
        (lambda m: retimbre.edit_note(m, 0, colour=1), "'colour'"),
        (lambda m: retimbre.edit_note(m, 0, id=4), "'id'"),
        (lambda m: retimbre.edit_note(m, 0, offset=-1.0), "onset < offset"),
        (lambda m: retimbre.add_note(m, onset=0.0, pitch=60), "offset"),
        (lambda m: retimbre.add_note(m, onset=0, offset=1, pitch=60, colour=1), "'colour'"),
        (lambda m: retimbre.remove_note(m, 9), "no note of id 9"),
        (lambda m: retimbre.edit_note(m, 0, pitch="C4"), "whole number"),
        (lambda m: retimbre.edit_note(m, 0, pitch=60.7), "whole number"),
        (lambda m: retimbre.edit_note(m, 0, onset="x"), "finite number"),
        (lambda m: retimbre.edit_note(m, 0, strength=float("nan")), "finite number"),
        (lambda m: retimbre.edit_note(m, 0, articulation=["soft"]), "a word"),
        (lambda m: retimbre.edit_note(m, 0, curve=None), "a NoteCurve"),
    ],
)
def test_edits_that_cannot_be_are_refused(change, match):
    with pytest.raises(ParameterError, match=match):
        change(a_melody())


def test_a_curve_needs_a_melody_with_curves():
    plain = Melody(a_melody().notes)
    with pytest.raises(ParameterError, match="no curves"):
        retimbre.edit_note(plain, 0, curve=a_melody().curves[0])


def test_what_a_file_says_of_a_removed_note_goes_with_it(tmp_path):
    melody = a_melody(note_extra={2: {"lyric": "la"}})
    again = retimbre.add_note(retimbre.remove_note(melody, 2), onset=2.0, offset=3.0, pitch=60)
    assert again.note_extra == {}
