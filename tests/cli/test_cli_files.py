"""The command: which files it reads and writes."""

import shutil
from pathlib import Path

import pytest
from command_line import objects, retimbre
from fakes import LOUD, files_in, load_fake_generator, tones, write_wav

from retimbre import generator

pytestmark = pytest.mark.usefixtures("in_folder")


# Inputs and outputs


def test_output_file_and_folder(melody):
    retimbre("melody.wav", "-o", "named.flac")
    retimbre("melody.wav", "--output", "new/deep")
    retimbre("melody.wav", "-o", "dotted.d/")
    assert files_in(Path()) == {
        "melody.wav", "named.flac", "new/deep/melody.retimbred.wav",
        "dotted.d/melody.retimbred.wav",
    }  # fmt: skip


def test_folder_input_and_earlier_results(melody, midi_file):
    Path("in/sub").mkdir(parents=True)
    shutil.move("melody.wav", "in/sub")
    shutil.move("song.mid", "in")
    Path("in/readme.txt").write_text("x")
    first = retimbre("in", "--save-midi")
    assert sorted(first.stdout.split()) == [
        "in/song.retimbred.mid", "in/song.retimbred.wav",
        "in/sub/melody.retimbred.mid", "in/sub/melody.retimbred.wav",
    ]  # fmt: skip
    assert retimbre("in", "--save-midi").stdout == first.stdout


def test_empty_folder_is_one_sentence():
    Path("empty").mkdir()
    result = retimbre("empty", exit_code=1)
    assert result.stderr == "retimbre: The folder 'empty' contains no media or MIDI file.\n"


def test_unknown_suffix_is_tried_when_named(melody):
    melody.rename("melody.take1")
    assert retimbre("melody.take1").stdout == "melody.retimbred.wav\n"


def test_inputs_of_one_name_do_not_overwrite_each_other(melody):
    for folder in ("a", "b"):
        Path(folder).mkdir()
        shutil.copy(melody, folder)
    result = retimbre("a/melody.wav", "b/melody.wav", "a/melody.wav", "-o", "out")
    assert result.stdout.split() == ["out/a_melody.retimbred.wav", "out/b_melody.retimbred.wav"]


def test_file_named_like_a_command(melody):
    shutil.copy(melody, "train")
    assert retimbre("./train").stdout == "train.retimbred.wav\n"


def test_inputs_may_come_after_options(melody):
    assert retimbre("-q", "--seed", 1, "melody.wav").stdout == "melody.retimbred.wav\n"
    assert retimbre("--seed", 1, "--", "melody.wav").stdout == "melody.retimbred.wav\n"


# What exists already


def test_own_results_are_replaced(melody):
    retimbre("melody.wav", "--seed", 1)
    first = Path("melody.retimbred.wav").read_bytes()
    retimbre("melody.wav", "--seed", 2)
    assert Path("melody.retimbred.wav").read_bytes() != first


@pytest.mark.parametrize("there", ["precious.wav", "precious.mid"])
def test_named_output_that_exists_is_kept(melody, there):
    Path(there).write_text("precious")
    result = retimbre("melody.wav", "-o", "precious.wav", "--save-midi", exit_code=1)
    assert f"{there} exists; add --overwrite" in result.stderr
    assert Path(there).read_text() == "precious"
    assert files_in(Path()) == {"melody.wav", there}
    retimbre("melody.wav", "-o", "precious.wav", "--save-midi", "--overwrite")
    assert Path(there).read_bytes() != b"precious"


def test_named_output_that_is_empty_is_written(melody):
    Path("made-by-mktemp.wav").touch()
    assert retimbre("melody.wav", "-o", "made-by-mktemp.wav").exit_code == 0


def test_skip_existing_keeps_what_is_there_and_makes_the_rest(melody):
    Path("melody_pe_05.wav").write_text("kept")
    result = retimbre("melody.wav", "-c", 0.5, "-c", 0.8, "--skip-existing", "--json")
    skipped, made = objects(result)
    assert skipped == {
        "input": "melody.wav", "output": "melody_pe_05.wav", "confidence": 0.5, "skipped": True,
    }  # fmt: skip
    assert made["output"] == "melody_pe_08.wav"
    assert Path("melody_pe_05.wav").read_text() == "kept"


def test_skipping_everything_loads_no_model(melody, monkeypatch):
    Path("melody.retimbred.wav").write_text("kept")
    monkeypatch.setattr(generator, "load_generator", None)
    result = retimbre("melody.wav", "--skip-existing")
    assert (result.stdout, result.stderr) == ("", "melody.retimbred.wav exists; skipped\n")


@pytest.mark.parametrize("policy", [[], ["--overwrite"], ["--skip-existing"]])
def test_an_input_is_never_overwritten(melody, midi_file, policy):
    before = melody.read_bytes()
    result = retimbre("melody.wav", "-o", "melody.wav", *policy, exit_code=1)
    assert "is an input" in result.stderr
    assert melody.read_bytes() == before
    before = midi_file.read_bytes()
    retimbre("song.mid", "-o", "song.wav", "--save-midi", *policy, exit_code=1)
    assert midi_file.read_bytes() == before


@pytest.mark.parametrize("policy", [[], ["--overwrite"], ["--skip-existing"]])
def test_a_recording_to_be_like_is_never_overwritten(melody, policy):
    shutil.copy(melody, "melody.retimbred.wav")
    before = Path("melody.retimbred.wav").read_bytes()
    for like in ("melody.retimbred.wav", "./melody.retimbred.wav"):
        result = retimbre("melody.wav", "--like", like, *policy, exit_code=1)
        assert "melody.retimbred.wav is a recording of --like; choose" in result.stderr
    Path("link.wav").symlink_to("melody.retimbred.wav")
    retimbre("melody.wav", "--like", "link.wav", *policy, exit_code=1)
    assert Path("melody.retimbred.wav").read_bytes() == before


def test_a_file_of_the_model_is_never_overwritten(melody, monkeypatch):
    monkeypatch.setattr(generator, "load_generator", lambda model: load_fake_generator())
    Path("mine").mkdir()
    Path("mine/notes.mid").write_text("a file of the model")
    result = retimbre(
        "melody.wav", "-m", "mine", "-o", "mine/notes.wav", "--save-midi", "--overwrite",
        exit_code=1,
    )  # fmt: skip
    assert "mine/notes.mid is a file of the model; choose another output." in result.stderr
    assert Path("mine/notes.mid").read_text() == "a file of the model"
    retimbre("melody.wav", "-m", "mine", "-o", "mine/other.wav")


def test_recordings_of_a_folder_to_be_like_are_never_overwritten(melody):
    Path("takes").mkdir()
    Path("melody.wav").rename("takes/own.wav")
    write_wav(Path("song.wav").absolute(), tones((60, 0.5, LOUD)))
    before = Path("takes/own.wav").read_bytes()
    options = ("--like", "takes", "-o", "takes/own.wav", "--overwrite")
    result = retimbre("song.wav", *options, exit_code=1)
    assert "own.wav is a recording of --like; choose" in result.stderr
    assert Path("takes/own.wav").read_bytes() == before
