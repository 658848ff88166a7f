"""What a run keeps in its folder."""

import json

import pytest
from tiny_runs import TINY

from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.train.run.run_folder import (
    StatsLog,
    dataset_of,
    make_folder,
    remember_dataset,
    run_split,
)


def test_a_run_remembers_its_dataset_wherever_it_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "dataset.json").touch()
    remember_dataset(tmp_path, tmp_path.__class__("notes"))
    monkeypatch.chdir("/")
    assert dataset_of(tmp_path) == tmp_path / "notes"


def test_a_dataset_that_was_moved_is_asked_for(tmp_path):
    remember_dataset(tmp_path, tmp_path / "gone")
    with pytest.raises(ModelNotFoundError, match=r"trained on .*/gone, which .* with --dataset"):
        dataset_of(tmp_path)


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"dataset": 3}'])
def test_a_run_that_names_no_dataset_says_so(tmp_path, text):
    with pytest.raises(ModelNotFoundError, match="the dataset with --dataset"):
        dataset_of(tmp_path)
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ModelFormatError, match="names no dataset"):
        dataset_of(tmp_path)


def test_a_split_is_drawn_once(notes, tmp_path):
    first = run_split(tmp_path, notes, TINY)
    assert sorted(first[0] + first[1]) == list(range(4))
    text = (tmp_path / "split.json").read_text()
    (tmp_path / "split.json").write_text(
        json.dumps({"trained": [["font", 0, 2, "c tone"]], "held_out": [["font", 0, 0, "a tone"]]})
    )
    # Instruments that came later are left alone.
    assert run_split(tmp_path, notes, TINY) == ([2], [0])
    (tmp_path / "split.json").write_text(text.replace("b tone", "lost tone"))
    with pytest.raises(ParameterError, match=r"lacks 1 instruments .* 'lost tone'"):
        run_split(tmp_path, notes, TINY)


def test_figures_after_the_checkpoint_are_written_again(tmp_path):
    path = tmp_path / "stats.jsonl"
    lines = [json.dumps({"n_seen": n, "seconds": n / 10.0}) for n in (100, 200, 300)]
    path.write_text("\n".join(lines) + '\n{"n_seen": 400, "sec')
    log = StatsLog(tmp_path, 200)
    assert path.read_text().splitlines() == lines[:2]
    log.write({"n_seen": 300.0})
    assert json.loads(path.read_text().splitlines()[2]) == {"n_seen": 300.0}


def test_the_pieces_of_a_run_are_added_up(tmp_path):
    assert StatsLog(tmp_path, 0).seconds == 0.0
    rows = [(100, 5.0), (200, 12.0), (300, 3.0), (400, 9.0), (500, 2.0)]
    text = "".join(json.dumps({"n_seen": n, "seconds": s}) + "\n" for n, s in rows)
    (tmp_path / "stats.jsonl").write_text(text)
    assert StatsLog(tmp_path, 1_000).seconds == 12.0 + 9.0 + 2.0


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": '{"generator_sha256": "1"}', "generator.onnx": "mine"},
        {"config.json": '{"mine": 1}'},
        {"stats.jsonl": "mine", "notes.txt": "mine"},
        {"dataset.json": "{}"},
    ],
)
def test_a_run_is_not_written_over_other_files(tmp_path, files):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(ParameterError, match="is not a run; give a new folder"):
        make_folder(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == files


def test_a_run_that_was_stopped_at_once_begins_again(tmp_path):
    make_folder(tmp_path / "run")
    make_folder(tmp_path / "run")
    TINY.save(tmp_path / "run" / "config.json")
    make_folder(tmp_path / "run")
