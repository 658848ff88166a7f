"""Copies are found, and nothing else is."""

import json

import numpy as np
import pytest

from retimbre.errors import ModelFormatError
from retimbre.train.data.duplicates import (
    Duplicate,
    drop_duplicates,
    find_duplicates,
    read_duplicates,
)
from retimbre.train.data.labels import InstrumentKey, NoteLabel


def key(source, name):
    return InstrumentKey(source, 0, 0, name)


def parts_of(notes):
    """Lay out {(key, pitch, velocity): level in dB [shape=(96,)]} as shards do."""
    parts = []
    for pitch in sorted({p for _, p, _ in notes}):
        chosen = [(k, v) for k, p, v in notes if p == pitch]
        features = np.zeros((len(chosen), 128, 288), np.float16)
        for row, (k, v) in enumerate(chosen):
            features[row, :, :96] = notes[k, pitch, v] / 45 + 1
        labels = [NoteLabel(*k, pitch=pitch, velocity=v) for k, v in chosen]
        parts.append((features, labels))
    return parts


@pytest.fixture
def spectra():
    """Levels of three unlike instruments."""
    rng = np.random.default_rng(0)
    return rng.uniform(-50, 0, (3, 96))


def played(k, level, pitches=range(60, 66), velocities=(80,)):
    return {(k, p, v): level for p in pitches for v in velocities}


def test_a_copy_under_another_name_is_found(spectra):
    notes = (
        played(key("a", "Flute"), spectra[0])
        | played(key("b", "Flauto"), spectra[0] + 0.1)
        | played(key("b", "Oboe"), spectra[1])
    )
    assert find_duplicates(parts_of(notes), ["a", "b"]) == [
        Duplicate(key("b", "Flauto"), key("a", "Flute"))
    ]
    assert find_duplicates(parts_of(notes), ["b", "a"]) == [
        Duplicate(key("a", "Flute"), key("b", "Flauto"))
    ]


def test_the_copy_with_the_most_notes_is_kept(spectra):
    notes = played(key("a", "Few"), spectra[0], range(60, 64))
    notes |= played(key("b", "Many"), spectra[0])
    assert find_duplicates(parts_of(notes), ["a", "b"]) == [
        Duplicate(key("a", "Few"), key("b", "Many"))
    ]


def test_of_three_copies_one_is_kept(spectra):
    names = ("x", "y", "z")
    notes = {}
    for name in names:
        notes |= played(key("a", name), spectra[0])
    found = find_duplicates(parts_of(notes))
    assert found == [Duplicate(key("a", name), key("a", "x")) for name in ("y", "z")]


def test_what_sounds_alike_at_some_keys_only_is_no_copy(spectra):
    notes = played(key("a", "x"), spectra[0])
    notes |= played(key("b", "y"), spectra[0], range(60, 63))
    notes |= played(key("b", "y"), spectra[1], range(63, 66))
    assert find_duplicates(parts_of(notes)) == []


def test_notes_of_other_velocities_are_not_compared(spectra):
    notes = played(key("a", "x"), spectra[0], velocities=(40,))
    notes |= played(key("b", "y"), spectra[0], velocities=(80,))
    assert find_duplicates(parts_of(notes)) == []


def test_two_shared_notes_are_too_few_to_tell(spectra):
    notes = played(key("a", "x"), spectra[0], range(60, 66))
    notes |= played(key("b", "y"), spectra[0], range(64, 70))
    assert find_duplicates(parts_of(notes)) == []
    notes |= played(key("b", "y"), spectra[0], range(63, 70))
    assert len(find_duplicates(parts_of(notes))) == 1


def test_what_cannot_be_heard_does_not_count(spectra):
    silent = spectra[0].copy()
    silent[48:] = -70
    other = silent.copy()
    other[48:] = -90
    notes = played(key("a", "x"), silent) | played(key("b", "y"), other)
    assert len(find_duplicates(parts_of(notes))) == 1
    # One audible bin of 49 that differs by 40 dB is more than half a dB on average.
    other[48] = -20
    notes = played(key("a", "x"), silent) | played(key("b", "y"), other)
    assert find_duplicates(parts_of(notes)) == []


def test_they_are_written_where_training_reads_them(tmp_path, spectra):
    notes = played(key("a", "x"), spectra[0]) | played(key("b", "y"), spectra[0])
    found = drop_duplicates(tmp_path, parts_of(notes), ["a", "b"])
    written = json.loads((tmp_path / "duplicates.json").read_text())
    assert written == {
        "duplicates": [
            {
                "source": "b",
                "bank": 0,
                "program": 0,
                "name": "y",
                "copy_of": {"source": "a", "bank": 0, "program": 0, "name": "x"},
            }
        ]
    }
    assert found == [Duplicate(key("b", "y"), key("a", "x"))]


def test_there_may_be_none(tmp_path, spectra):
    drop_duplicates(tmp_path, parts_of(played(key("a", "x"), spectra[0])), [])
    assert json.loads((tmp_path / "duplicates.json").read_text()) == {"duplicates": []}


def test_a_line_taken_out_has_its_instrument_back(tmp_path, spectra):
    notes = played(key("a", "x"), spectra[0])
    for name in ("y", "z"):
        notes |= played(key("b", name), spectra[0])
    drop_duplicates(tmp_path, parts_of(notes), ["a", "b"])
    assert read_duplicates(tmp_path) == {key("b", n): key("a", "x") for n in ("y", "z")}
    path = tmp_path / "duplicates.json"
    lines = path.read_text().splitlines()
    for gone, left in (("y", "z"), ("z", "y")):
        path.write_text("\n".join(line for line in lines if f'"{gone}"' not in line))
        assert [*read_duplicates(tmp_path)] == [key("b", left)]
    path.unlink()
    assert read_duplicates(tmp_path) == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"duplicates": [{"source": "a"}]}'])
def test_a_damaged_list_is_one_sentence(tmp_path, text):
    (tmp_path / "duplicates.json").write_text(text)
    with pytest.raises(ModelFormatError, match=r"duplicates\.json cannot be read"):
        read_duplicates(tmp_path)
