"""A path that is no model folder is told for what it is."""

import shutil
from pathlib import Path

import pytest
from fake_models import write_model

from retimbre.errors import ModelNotFoundError
from retimbre.generator.folder import find_model


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "acoustic/experiment.json", "acoustic/stage_00012/checkpoint", "two words/experiment.json",
        "bare/stage_00003/checkpoint", "js/weights_manifest.json", "shards/group1-shard1of2",
        "empty/notes.txt", "stage_old/notes.txt", "song.mid",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def refused(name: str) -> str:
    with pytest.raises(ModelNotFoundError, match=r"^[^\n]+[.?]$") as caught:
        find_model(name)
    return str(caught.value)


@pytest.mark.parametrize("name", ["acoustic", "bare", "js", "shards", "acoustic/stage_00012"])
def test_a_checkpoint_of_gansynth_is_to_be_imported(name: str) -> None:
    assert refused(name) == (
        f"{name!r} is a GANSynth checkpoint; import it first with "
        f"'retimbre import-gansynth {name}'."
    )


def test_the_command_can_be_copied() -> None:
    assert "'retimbre import-gansynth \"two words\"'" in refused("two words")


def test_a_file_of_a_checkpoint_stands_for_its_folder() -> None:
    assert refused("acoustic/experiment.json") == refused("acoustic")


def test_a_checkpoint_may_be_the_folder_where_one_is(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here / "acoustic" / "stage_00012")
    assert refused(".").startswith("'.' is a GANSynth checkpoint; import it first")


def test_what_was_imported_is_named(here: Path) -> None:
    write_model(here / "models" / "acoustic")
    told = "'acoustic' is a GANSynth checkpoint; use the model models/acoustic instead."
    assert refused("acoustic") == told
    write_model(here / "models" / "mine")
    assert refused("mine") == "No model named 'mine'. Did you mean models/mine?"
    assert find_model("models/acoustic") == here / "models" / "acoustic"


def test_a_folder_of_models_names_them(here: Path) -> None:
    write_model(here / "models" / "b")
    shutil.copytree(here / "models" / "b", here / "models" / "a")
    assert refused("models").endswith(": models/a, models/b.")


def test_a_folder_of_runs_names_their_models_and_not_their_settings(here: Path) -> None:
    write_model(here / "runs" / "first" / "model")
    (here / "runs" / "first" / "config.json").write_text('{"seed": 0}')
    assert refused("runs").endswith(": runs/first/model.")


@pytest.mark.parametrize("name", ["empty", "stage_old"])
def test_a_folder_without_a_model_says_what_is_missing(name: str) -> None:
    told = f"The folder {name!r} is not a model (config.json is missing)"
    assert refused(name).startswith(told)


def test_a_file_of_a_model_names_its_folder(here: Path) -> None:
    write_model(here / "model")
    for name in ("config.json", "generator.onnx"):
        assert refused(f"model/{name}") == f"'model/{name}' is a file; give its folder, 'model'."


def test_another_file_is_no_model() -> None:
    assert refused("song.mid").startswith("'song.mid' is a file; give a model folder")


@pytest.mark.parametrize("name", ["", "nowhere", "nul\0l", "x" * 5000])
def test_what_is_not_there_lists_the_known_ones(name: str) -> None:
    told = f"No model named {name!r}; use one of default, or"
    assert refused(name).startswith(told)
