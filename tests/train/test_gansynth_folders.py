"""The folder of a checkpoint is found, or the sentence says which may have been meant."""

import os
from pathlib import Path

import pytest

from retimbre.errors import ModelNotFoundError
from retimbre.train.gansynth.folders import find_folder, is_js


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Lie down a checkpoint and Magenta.js weights, empty but for their names."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "up/ck/experiment.json", "up/ck/stage_00012/checkpoint",
        "up/ck/stage_00012/model.ckpt-11000000.index", "js/weights_manifest.json",
        "js/group1-shard1of2", "shards/group1-shard1of2", "stages/stage_00003/checkpoint",
        "both/experiment.json", "both/weights_manifest.json", "other/deep/notes.txt",
        "all.zip", "all.TAR", "notes.txt",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("up/ck", "up/ck"),
        ("up/ck/experiment.json", "up/ck"),
        ("up/ck/stage_00012", "up/ck/stage_00012"),
        ("js", "js"),
        ("js/weights_manifest.json", "js"),
        # What is missing there is told when it is read.
        ("stages", "stages"),
    ],
)
def test_a_folder_is_found(named, found):
    assert find_folder(Path(named)) == Path(found)


def test_the_folder_may_be_where_one_is(here, monkeypatch):
    monkeypatch.chdir(here / "up" / "ck" / "stage_00012")
    assert find_folder(Path()) == Path()
    monkeypatch.chdir(here / "js")
    assert find_folder(Path("weights_manifest.json")) == Path()


@pytest.mark.parametrize(("folder", "expected"), [("js", True), ("both", False), ("up/ck", False)])
def test_the_kind_is_told_by_the_files(folder, expected):
    assert is_js(Path(folder)) == expected


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("nowhere", "No folder named nowhere; give"),
        ("x" * 5000, "; give the folder of a checkpoint."),
        (
            "up/ck/stage_00012/model.ckpt-11000000",
            "give the folder up/ck/stage_00012.",
        ),
        ("all.zip", "all.zip is a file; unpack it"),
        ("all.TAR", "all.TAR is a file; unpack it"),
        ("notes.txt", "notes.txt is a file; give the folder"),
        ("js/group1-shard1of2", "js/group1-shard1of2 is a file; give its folder js."),
        (
            "up/ck/stage_00012/checkpoint",
            "up/ck/stage_00012/checkpoint is a file; give its folder up/ck/stage_00012.",
        ),
        ("up", "Did you mean up/ck?"),
        (".", "Did you mean both or js or shards or stages?"),
        ("other", "other is not a checkpoint; give a folder with experiment.json"),
        ("shards", "shards contains Magenta.js weights without their list weights_manifest.json;"),
    ],
)
def test_what_is_no_checkpoint_says_what_to_name(named, told):
    with pytest.raises(ModelNotFoundError) as caught:
        find_folder(Path(named))
    assert told in str(caught.value)


def test_links_in_a_circle_are_no_checkpoint(here):
    os.symlink("loop", here / "other" / "loop")
    with pytest.raises(ModelNotFoundError, match="other is not a checkpoint"):
        find_folder(Path("other"))
