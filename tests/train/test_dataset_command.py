"""``retimbre dataset build``: what it says, how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from tiny_soundfont import SAW, STRUCK, TinyPlayer, Tone, write_soundfont

from retimbre.cli.command import command
from retimbre.cli.dataset import tell
from retimbre.errors import ParameterError
from retimbre.train.data import build as rendering
from retimbre.train.data import fluid, shards, soundfonts
from retimbre.units import midi_to_hz


@pytest.fixture
def font(tmp_path, monkeypatch):
    monkeypatch.setattr(fluid, "FluidSynth", TinyPlayer)
    return write_soundfont(tmp_path / "tiny.sf2")


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    t = np.arange(16000) / 16000
    for pitch in range(72, 109):
        y = 0.3 * np.sin(2 * np.pi * float(midi_to_hz(pitch)) * t)
        soundfile.write(folder / f"whistle_{pitch}.wav", y, 16000)
    return folder


def invoke(*args):
    words = ["dataset", "build", *map(str, args)]
    return CliRunner().invoke(command, words, prog_name="retimbre")


def test_it_says_what_was_made(tmp_path, font, recordings):
    twin = write_soundfont(tmp_path / "twin.sf2", [Tone("Twin", 0, 1, SAW.wave, True)])
    folder = tmp_path / "notes"
    arguments = [
        *("--soundfont", font, "--soundfont", twin, "--recordings", recordings),
        *("--pitches", "72-75", "--velocity", 50, "--velocity", 90, "-j", 1, "--licence", "CC0"),
    ]
    result = invoke(folder, *arguments)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{folder}: 28 notes of 4 instruments.",
        f"33 notes were left out (33 outside the pitches); {folder / 'left_out'} lists them.",
        "4 notes were recorded at less than 44.1 kHz: above half of their rate nothing counts.",
        "4 notes have no velocity in the name: learned at 80.",
        "1 instrument is a copy of others and left out of training "
        f"({folder / 'duplicates.json'}).",
        "1 instrument has fewer than 6 notes and is left out of training.",
    ]
    assert shards.read_settings(folder) | {"recordings": None} == {
        "format_version": 2,
        "sources": ["tiny.sf2", "twin.sf2", "mine"],
        "pitches": [72, 75],
        "velocities": [50, 90],
        "fraction": 1.0,
        "seed": 0,
        "recordings": None,
        "licence": "CC0",
    }
    # Again there is nothing to do, and the same is said.
    assert invoke(folder, *arguments).stderr == result.stderr
    result = invoke(folder, *arguments, "--seed", 3)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {folder} contains a dataset built with other settings (seed 0, now 3); use "
        "the same settings or another folder.\n"
    )


def test_the_defaults_are_88_keys_and_three_velocities(tmp_path, font, monkeypatch):
    given = {}

    def build(folder, fonts, **settings):
        given.update(settings, fonts=fonts)
        return rendering.Built(1234, 5, 0, {}, [])

    monkeypatch.setattr(rendering, "build", build)
    monkeypatch.setattr(soundfonts, "DEFAULT_SOUNDFONTS", (str(font),))
    monkeypatch.setattr(soundfonts.find_soundfonts, "__defaults__", ((str(font),),))
    result = invoke(tmp_path / "notes")
    assert result.stderr == f"{tmp_path / 'notes'}: 1,234 notes of 5 instruments.\n"
    assert given["fonts"] == [font]
    assert given["pitches"] == range(21, 109)
    assert given["velocities"] == (40, 80, 120)
    assert (given["fraction"], given["seed"], given["recordings"]) == (1.0, 0, ())


def test_recordings_alone_need_no_soundfont(tmp_path, recordings, monkeypatch):
    monkeypatch.setattr(soundfonts.find_soundfonts, "__defaults__", ((),))
    result = invoke(tmp_path / "notes", "--recordings", recordings, "--pitches", "72-77", "-j", 1)
    assert result.exit_code == 0
    assert f"{tmp_path / 'notes'}: 6 notes of 1 instrument." in result.stderr


def test_a_build_with_nothing_to_train_on_is_an_error(tmp_path, recordings):
    few = [tmp_path / "few", "--recordings", recordings, "--pitches", "72-73", "-j", 1]
    result = invoke(*few)
    assert result.exit_code == 1
    assert f"{tmp_path / 'few'}: 2 notes of 1 instrument." in result.stderr
    assert result.stderr.splitlines()[-1].startswith(
        f"Error: {tmp_path / 'few'} leaves nothing to train on: "
    )
    # Nor is anything left where all there is is held out.
    all_of_it = [tmp_path / "none", "--recordings", recordings, "--pitches", "72-77", "-j", 1]
    assert invoke(*all_of_it, "--held-out", "Whistle").exit_code == 1


def test_what_is_not_there_cannot_be_held_out(tmp_path, recordings):
    result = invoke(tmp_path / "notes", "--recordings", recordings, "--held-out", "oboe")
    assert result.exit_code == 1
    assert "'oboe', which is to be held out" in result.stderr
    assert not (tmp_path / "notes").exists()


def test_system_soundfonts_join_what_is_named(tmp_path, font, recordings, monkeypatch):
    given = []
    monkeypatch.setattr(
        rendering,
        "build",
        lambda _, fonts, **__: given.append(fonts) or rendering.Built(9, 1, 0, {}, []),
    )
    other = write_soundfont(tmp_path / "other.sf2")
    monkeypatch.setattr(soundfonts.find_soundfonts, "__defaults__", ((str(font), str(other)),))
    named = [tmp_path / "notes", "--recordings", recordings, "--soundfont", font]
    invoke(*named)
    invoke(*named, "--system-soundfonts")
    assert given == [[font], [font, other]]


def test_one_is_told_as_one(tmp_path):
    built = rendering.Built(1, 1, 1, {"silent": 1}, [None], 2)
    assert tell(built, tmp_path)[:3] == [
        f"{tmp_path}: 1 note of 1 instrument.",
        f"1 note was left out (1 silent); {tmp_path / 'left_out'} lists it.",
        "1 note was recorded at less than 44.1 kHz: above half of their rate nothing counts.",
    ]
    assert (
        tell(built, tmp_path)[4]
        == "2 instruments have fewer than 6 notes and are left out of training."
    )


def test_without_soundfonts_it_says_how_to_install_some(tmp_path, monkeypatch):
    monkeypatch.setattr(soundfonts.find_soundfonts, "__defaults__", ((),))
    result = invoke(tmp_path / "notes")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: No SoundFont was found; install some with 'apt-get ")
    assert "fluid-soundfont-gm musescore-general-soundfont" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "notes").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pitches", "60"], "'60' is not a range of MIDI pitches within 21-108"),
        (["--pitches", "70-60"], "'70-60' is not a range of MIDI pitches"),
        (["--pitches", "10-60"], "'10-60' is not a range of MIDI pitches"),
        (["--velocity", "0"], "0 is not in the range 1<=x<=127"),
        (["--fraction", "0"], "0.0 is not in the range"),
        (["--fraction", "nan"], "'nan' is not a number"),
        (["--seed", "-5"], "-5 is not in the range"),
        (["--soundfont", "none.sf2"], "'none.sf2' does not exist"),
        (["--recordings", "none"], "'none' does not exist"),
        (["-j", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage_is_told(tmp_path, arguments, said):
    result = invoke(tmp_path / "notes", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "notes").exists()


def processes_of(pid):
    """Return the children of a process, where the system lists them."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_whole_shards_and_says_so(tmp_path, recordings, jobs):
    folder = tmp_path / "notes"
    words = ["-m", "retimbre", "dataset", "build", str(folder), "-j", str(jobs)]
    words += ["--recordings", str(recordings)]
    with subprocess.Popen(
        [sys.executable, *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            # Keys without a recording are done at once.
            while len(list((folder / "shards").glob("*.jsonl"))) < 51 + 3:
                assert process.poll() is None
                time.sleep(0.005)
            children = processes_of(process.pid)
            # As a terminal does it: to all processes of the group.
            os.killpg(process.pid, signal.SIGINT)
            said = process.communicate()[1]
        finally:
            process.kill()
    assert process.returncode == 130
    assert said.startswith("\nretimbre: interrupted")
    assert said.count("\n") == 2
    assert len(children) >= (jobs if jobs > 1 and children else 0)
    # They end by themselves, if not at once; else this would not.
    while any(Path(f"/proc/{child}").exists() for child in children):
        time.sleep(0.01)
    done = sorted((folder / "shards").glob("*.jsonl"))
    assert 54 <= len(done) < 88
    shards.read_shards(folder)


def test_help_says_what_files_are_called():
    said = re.sub(r"\s+", " ", invoke("--help").stdout)
    assert "flute_60.wav" in said
    assert "Ctrl-C" in said
    assert "[default: 21-108]" in said
    assert STRUCK.name not in said


@pytest.mark.parametrize(
    ("names", "strange"),
    [
        (["duplicates.json", "shards/060.npy"], "duplicates.json"),
        (["dataset.json"], "dataset.json"),
        (["notes.txt"], "notes.txt"),
    ],
)
def test_what_lies_in_a_folder_is_not_written_over(tmp_path, names, strange):
    folder = tmp_path / "mine"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"mine": 1}')
    with pytest.raises(ParameterError, match=f"contains {strange} and is not a dataset"):
        shards.write_settings(folder, {"sources": []})
    assert all((folder / name).read_text() == '{"mine": 1}' for name in names)


def test_a_build_that_was_stopped_at_once_begins_again(tmp_path):
    (tmp_path / "mine" / "shards").mkdir(parents=True)
    shards.write_settings(tmp_path / "mine", {"sources": []})
    assert (tmp_path / "mine" / "dataset.json").is_file()
