"""A dataset opened for training: instruments, batches, what is held out, what is refused."""

import json

import numpy as np
import pytest
from small_dataset import SETTINGS, write_dataset

from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.train.data import shards
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.families import split_families
from retimbre.train.data.labels import InstrumentKey, LeftOut, NoteLabel


@pytest.fixture
def folder(tmp_path):
    write_dataset(tmp_path)
    return tmp_path


def test_a_pair_is_two_notes_of_one_trained_instrument(folder):
    notes = Dataset(folder)
    trained, held_out = split_families(notes, 1, seed=0)
    assert sorted(trained + held_out) == [0, 1, 2, 3]
    assert len(held_out) == 1
    chosen, first, second = notes.draw_pairs(trained, 64, np.random.default_rng(0))
    first, second = notes.notes(first), notes.notes(second)
    assert first.features.shape == (64, 128, 288)
    assert first.features.dtype == np.float32
    for half in (first, second):
        np.testing.assert_array_equal(half.features[:, 0, 0] * 128, chosen)
        np.testing.assert_array_equal(half.features[:, 0, 1] * 128, half.pitches)
        np.testing.assert_allclose(half.features[:, 0, 2] * 128, half.velocities * 127)
    assert set(chosen) == set(trained)
    assert (first.pitches != second.pitches).any()


def test_pairs_are_a_function_of_the_seed(folder):
    notes = Dataset(folder)
    first, again = (notes.draw_pairs([0, 1], 8, np.random.default_rng(5)) for _ in range(2))
    other = notes.draw_pairs([0, 1], 8, np.random.default_rng(6))
    np.testing.assert_array_equal(first, again)
    assert (np.array(first) != np.array(other)).any()


def test_a_note_is_found_by_its_pitch(folder):
    notes = Dataset(folder)
    row = notes.row_at(2, 63)
    assert notes.labels[row].instrument == notes.instruments[2]
    assert notes.labels[row].pitch == 63
    assert notes.row_at(2, 30) is None


def test_copies_and_instruments_of_few_notes_are_no_instruments(folder):
    shards.write_shard(
        folder,
        70,
        np.zeros((1, 128, 288), np.float16),
        [NoteLabel("font", 0, 99, "Single", 70, 80)],
    )
    copy = InstrumentKey("font", 0, 1, "b tone")
    original = InstrumentKey("font", 0, 0, "a tone")
    content = {"duplicates": [{**copy._asdict(), "copy_of": original._asdict()}]}
    (folder / "duplicates.json").write_text(json.dumps(content))
    found = Dataset(folder)
    assert [key.name for key in found.instruments] == ["a tone", "c tone", "d tone"]
    # A copy is found where its original is.
    assert found.find([copy, InstrumentKey("font", 0, 3, "d tone")]) == {0, 2}


def test_a_dataset_of_few_notes_is_refused(tmp_path):
    write_dataset(tmp_path, n_notes=4)
    with pytest.raises(
        ModelFormatError,
        match=r"No instrument of .* has 6 notes yet: .* 4 of 8 keys",
    ):
        Dataset(tmp_path)
    settings = json.loads((tmp_path / "dataset.json").read_text()) | {"pitches": [60, 63]}
    (tmp_path / "dataset.json").write_text(json.dumps(settings))
    with pytest.raises(ModelFormatError, match=r"has 6 notes, which .* build again in another"):
        Dataset(tmp_path)


def test_a_build_that_is_not_finished_is_known(folder):
    assert Dataset(folder).is_finished
    (folder / "shards" / "062.jsonl").unlink()
    notes = Dataset(folder)
    assert (notes.is_finished, notes.n_keys, notes.n_planned_keys) == (False, 7, 8)


def test_pairs_are_drawn_from_the_pitches_of_the_run(folder):
    notes = Dataset(folder)
    _, first, second = notes.draw_pairs([0, 1, 2], 100, np.random.default_rng(0), (62, 64))
    for rows in (first, second):
        assert set(notes.pitches[rows].tolist()) == {62, 63, 64}
    with pytest.raises(ModelFormatError, match=r"no notes within MIDI 24\.\.30"):
        notes.draw_pairs([0, 1], 4, np.random.default_rng(0), (24, 30))


def test_a_missing_dataset_says_how_to_make_one(tmp_path):
    with pytest.raises(ModelNotFoundError, match="retimbre dataset build"):
        Dataset(tmp_path)


def test_a_shard_without_all_its_labels_is_refused(folder):
    path = folder / "shards" / "062.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(ModelFormatError, match=r"062\.jsonl lists 3 notes .* contains 4"):
        Dataset(folder)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY garbage"], ids=["empty", "damaged"])
def test_a_damaged_shard_is_refused(folder, content):
    (folder / "shards" / "062.npy").write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"062\.npy is missing or damaged"):
        Dataset(folder)


def test_a_missing_shard_is_refused(folder):
    (folder / "shards" / "062.npy").unlink()
    with pytest.raises(ModelFormatError, match=r"062\.npy is missing or damaged"):
        Dataset(folder)


def test_settings_that_are_no_json_are_refused(folder):
    (folder / "dataset.json").write_text("{")
    with pytest.raises(ModelFormatError, match="cannot be read as JSON"):
        shards.read_settings(folder)


def test_a_dataset_of_another_format_is_refused(folder):
    (folder / "dataset.json").write_text('{"format_version": 1}')
    with pytest.raises(ModelFormatError, match="format 1, this version reads 2; build it again"):
        shards.read_settings(folder)


def test_a_dataset_is_not_mixed_with_one_of_other_settings(folder):
    shards.write_settings(folder, dict(SETTINGS))
    changes = r"\(pitches 60, 67, now 21, 108; seed none, now 3\)"
    with pytest.raises(ParameterError, match=rf"other settings {changes}; use the same settings"):
        shards.write_settings(folder, SETTINGS | {"pitches": [21, 108], "seed": 3})
    assert shards.read_settings(folder)["pitches"] == [60, 67]


def test_a_build_that_came_to_no_note_stands_in_the_way_of_none(tmp_path):
    shards.write_settings(tmp_path, SETTINGS)
    left_out = [LeftOut("silent", "folder", -1, -1, "oboe", 60, 80, "oboe_60.wav")]
    shards.write_shard(tmp_path, 60, np.zeros((0, 128, 288), np.float16), [], left_out)
    (tmp_path / "own.txt").touch()
    shards.write_settings(tmp_path, SETTINGS | {"seed": 3})
    assert shards.read_settings(tmp_path)["seed"] == 3
    assert not shards.has_shard(tmp_path, 60)
    assert shards.read_left_out(tmp_path) == []
    files = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["dataset.json", "own.txt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ParameterError, match=r"cannot be made: .*; use another folder"):
        shards.write_settings(tmp_path / "file" / "notes", SETTINGS)


def test_what_is_written_is_read(tmp_path):
    shards.write_settings(tmp_path, SETTINGS)
    features = np.arange(2 * 128 * 288, dtype=np.float16).reshape(2, 128, 288)
    labels = [
        NoteLabel("font", 8, 3, 'Ünïcode "quoted"\n', 60, 40, "MIT"),
        NoteLabel("folder", -1, -1, "flute", 60, 80, "CC0", 16000),
    ]
    left_out = [LeftOut("silent", "folder", -1, -1, "oboe", 60, 80, "oboe_60.wav")]
    assert not shards.has_shard(tmp_path, 60)
    shards.write_shard(tmp_path, 60, features, labels, left_out)
    assert shards.has_shard(tmp_path, 60)
    ((found, read),) = shards.read_shards(tmp_path)
    np.testing.assert_array_equal(found, features)
    assert isinstance(found, np.memmap)
    assert read == labels
    assert shards.read_left_out(tmp_path) == left_out


def test_a_dataset_of_before_the_rate_was_noted_is_read(folder):
    path = folder / "shards" / "060.jsonl"
    assert '"sample_rate": 44100' in path.read_text()
    path.write_text(path.read_text().replace(', "sample_rate": 44100', ""))
    assert Dataset(folder).labels[0].sample_rate == 44100
