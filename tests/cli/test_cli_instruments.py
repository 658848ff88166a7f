"""The command: instruments that are drawn, kept and played again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import objects, retimbre
from fakes import LOUD, files_in, tones, write_wav

import retimbre as package
from retimbre.instrument import Instrument

pytestmark = pytest.mark.usefixtures("in_folder")


def test_what_is_drawn_is_told_and_plays_alone(melody):
    told = retimbre("melody.wav", "-i", "random", "--seed", 3, "--json")
    (name,) = objects(told)[0]["instrument_names"]
    assert f"4 notes on {name}, " in told.stderr
    first = Path("melody.retimbred.wav").read_bytes()
    retimbre("melody.wav", "-i", name, "--seed", 3, "-o", "again.wav")
    assert Path("again.wav").read_bytes() == first
    default = objects(retimbre("melody.wav", "--seed", 3, "--json", "-o", "two.wav"))[0]
    retimbre("melody.wav", "--seed", 3, "-i", ",".join(default["instrument_names"]), "-o", "2.wav")
    assert Path("2.wav").read_bytes() == Path("two.wav").read_bytes()


def test_long_lists_are_shortened_where_they_are_printed():
    y = tones(*((60 + 2 * k, 0.2, LOUD) for k in range(8)))
    write_wav(Path("many.wav").absolute(), y)
    told = retimbre("many.wav", "--secs-per-instrument", 0.01, "--json")
    (report,) = objects(told)
    assert len(report["instrument_names"]) == 240
    assert len(report["heard_names"]) > 10
    assert f" and {len(report['heard_names']) - 8:,} more, 2." in told.stderr
    assert told.stderr.count("random:") == 8


def test_instruments_are_kept_and_played_again(melody):
    args = ("melody.wav", "--seed", 3)
    made = retimbre(*args, "-i", "Flute,random", "--save-instruments", "new/mine.json")
    assert made.stdout.split() == ["melody.retimbred.wav", "new/mine.json"]
    table = json.loads(Path("new/mine.json").read_text())
    assert table["model"] == "fake"
    assert table["instruments"][0]["name"] == "Flute"
    retimbre(*args, "-i", "new/mine.json", "-o", "again.wav")
    assert Path("again.wav").read_bytes() == Path("melody.retimbred.wav").read_bytes()
    # It is the path that was played that is kept again.
    retimbre(*args, "-i", "new/mine.json", "--save-instruments", "copy.json", "-o", "third.wav")
    assert Path("copy.json").read_bytes() == Path("new/mine.json").read_bytes()
    assert package.load_instruments("copy.json").names[0] == "Flute"


def test_the_file_is_in_the_report_and_in_the_plan(melody):
    (plan,) = retimbre("melody.wav", "-n", "--save-instruments", "p.json").stdout.splitlines()
    assert plan.startswith("melody.wav -> melody.retimbred.wav, p.json")
    assert files_in(Path()) == {"melody.wav"}
    (report,) = objects(retimbre("melody.wav", "--json", "--save-instruments", "p.json"))
    assert report["files"] == {"instruments": "p.json"}


@pytest.mark.parametrize("there", ["precious.json", "out.wav"])
def test_a_file_that_exists_is_kept(melody, there):
    Path(there).write_text("precious")
    args = ("melody.wav", "-o", "out.wav", "--save-instruments", "precious.json")
    result = retimbre(*args, exit_code=1)
    assert f"{there} exists; add --overwrite" in result.stderr
    if there == "precious.json":
        retimbre("melody.wav", "--save-instruments", there, exit_code=1)
        retimbre(*args, "--skip-existing", exit_code=1)
    else:
        assert "skipped" in retimbre(*args, "--skip-existing").stderr
    assert files_in(Path()) == {"melody.wav", there}
    assert Path(there).read_text() == "precious"
    retimbre(*args, "--overwrite")
    assert Path(there).read_bytes() != b"precious"


@pytest.mark.parametrize("policy", [[], ["--overwrite"], ["--skip-existing"]])
def test_a_file_that_is_read_is_never_overwritten(melody, policy):
    retimbre("melody.wav", "--save-instruments", "p.json")
    Path("melody.retimbred.wav").unlink()
    before = Path("p.json").read_bytes()
    Path("link.json").symlink_to("p.json")
    for given in ("p.json", "./p.json", "Flute,link.json"):
        result = retimbre(
            "melody.wav", "-i", given, "--save-instruments", "p.json", *policy, exit_code=1
        )
        assert "p.json is a file of --instruments; choose another output." in result.stderr
    assert Path("p.json").read_bytes() == before
    shutil.copy(melody, "song.json")
    told = retimbre("song.json", "--save-instruments", "song.json", *policy, exit_code=1).stderr
    assert "song.json is an input" in told


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["melody.wav", "copy.wav"], "keeps the instruments of one output"),
        (["melody.wav", "-c", "0.5", "-c", "0.8"], "keeps the instruments of one output"),
        (["."], "keeps the instruments of one output"),
        (["melody.wav", "--save-instruments", "p.txt"], "given 'p.txt'; end its name with .json"),
        (["melody.wav", "--save-instruments", ""], "end its name with .json"),
    ],
)
def test_one_file_is_of_one_output(melody, args, match):
    shutil.copy(melody, "copy.wav")
    result = retimbre("--save-instruments", "p.json", *args, exit_code=2)
    assert "Invalid value for '--save-instruments': " in result.stderr
    assert match in result.stderr
    assert files_in(Path()) == {"melody.wav", "copy.wav"}


def test_a_song_has_one_output_at_all_thresholds(midi_file):
    retimbre("song.mid", "-c", 0.5, "-c", 0.8, "--save-instruments", "p.json")
    assert package.load_instruments("p.json").times[-1] == 1.5


def test_what_cannot_be_written_is_told_before_the_work(melody, monkeypatch):
    monkeypatch.setattr("retimbre.pitch.estimate_pitch", None)
    Path("file").touch()
    told = retimbre("melody.wav", "--save-instruments", "file/p.json", exit_code=1).stderr
    assert "Cannot write into 'file'" in told


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ("nowhere.json", "Invalid value for '-i': nowhere.json does not exist."),
        ("broken.json", "Invalid value for '-i': broken.json is not valid JSON (line 1, column 2)"),
        ("small.json", "takes instruments of 256 numbers, given small.json with a z of 4"),
        ("melody.wav", "melody.wav is a file, but no .json file of an instrument; use --like"),
        ("random:x", "'random:x' must have a whole number"),
        ("Flute,p.json@3", "have a time"),
        ("Flute@0,p.json@3", "p.json contains 2 instruments"),
        ('"Flute', "do not fit"),
    ],
)
@pytest.mark.parametrize("run", [[], ["-n"]])
def test_what_is_wrong_with_a_list_is_told_before_the_work(melody, given, match, run, monkeypatch):
    retimbre("melody.wav", "--save-instruments", "p.json")
    monkeypatch.setattr("retimbre.pitch.estimate_pitch", None)
    Path("broken.json").write_text("{")
    package.save_instrument("small.json", Instrument(np.ones(4), "it"))
    told = retimbre("melody.wav", "-o", "out.wav", "-i", given, *run, exit_code=2).stderr
    assert match in told
    assert "Traceback" not in told


def test_repeated_options_continue_the_list(melody):
    (told,) = objects(retimbre("melody.wav", "-i", '"Flute"', "-i", "random:3,cello", "--json"))
    assert told["instrument_names"] == ["Flute", "random:3", "Cello"]
