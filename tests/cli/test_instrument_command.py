"""``retimbre instruments show`` and ``retimbre instruments play``."""

import struct
from pathlib import Path

import numpy as np
import pytest
from command_line import retimbre
from fakes import FAKE_SR, files_in

import retimbre as package
from retimbre.instrument import Instrument, Instruments
from retimbre.notes.demo import VELOCITIES, demo_keys, demo_melody, touch_grid
from retimbre.session import Session
from retimbre.settings import Settings

pytestmark = pytest.mark.usefixtures("in_folder")


def instruments(*args, exit_code=0):
    return retimbre("instruments", *args, exit_code=exit_code)


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        (["glass", "harm"], "Glass-Harmonics", "glass harm: Glass Harmonics\n"),
        (["Flute"], "Flute", ""),
        (["random:7"], "random-7", ""),
        (["Random : 007"], "random-7", ""),
        (["in/my oboe.json"], "my-oboe", ""),
    ],
)
def test_one_instrument_is_shown_and_played(name, written, said):
    Path("in").mkdir()
    package.save_instrument("in/my oboe.json", Instrument(np.ones(256), "takes"))
    shown = instruments("show", *name)
    assert (shown.stdout, shown.stderr) == (f"{written}.png\n", said)
    head = Path(f"{written}.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    assert width > 1.5 * height > 1000
    played = instruments("play", *name, "-o", "new.flac")
    assert (played.stdout, played.stderr) == ("new.flac\n", said)
    y, sr = package.load("new.flac")
    assert sr == FAKE_SR
    assert 8.0 < len(y) / sr < 15.0
    assert np.abs(y).max() > 0.1


def test_a_drawn_one_is_told():
    told = instruments("play", "random").stderr
    name = told.removeprefix("random: ").strip()
    first = Path(f"{name.replace(':', '-')}.wav")
    before = first.read_bytes()
    assert instruments("play", name, "--overwrite").stdout == f"{first}\n"
    assert first.read_bytes() == before


def test_what_exists_is_kept():
    for command, file in (("show", "Flute.png"), ("play", "Flute.wav"), ("play", "mine.wav")):
        Path(file).write_text("mine")
        args = (command, "flute", *(["-o", file] if file == "mine.wav" else []))
        assert f"{file} exists; add --overwrite" in instruments(*args, exit_code=1).stderr
        assert Path(file).read_text() == "mine"
        instruments(*args, "--overwrite")
        assert Path(file).read_bytes() != b"mine"


@pytest.mark.parametrize("command", ["show", "play"])
@pytest.mark.parametrize(
    ("name", "match"),
    [
        ([], "Missing argument 'NAME'"),
        (["Kazoo"], "No instrument named 'Kazoo'. Did you mean"),
        (["Flute,Cello"], "'Flute,Cello' is more than one name"),
        (["Flute@3"], "without a time"),
        ([""], "has no name"),
        (["random:x"], "must have a whole number"),
        (["nowhere.json"], "nowhere.json does not exist"),
        (["two.json"], "two.json contains 2 instruments; give one of them: Flute, for example"),
        (["Flute", "-m", "nowhere"], "Invalid value for '-m': No model named 'nowhere'"),
        (["Flute", "-o", "x.txt"], "x.txt"),
    ],
)
def test_what_is_wrong_is_one_sentence(command, name, match):
    path = Instruments(np.ones((2, 256)), [0.0, 1.0], ("Flute", "random:7"))
    package.save_instruments("two.json", path)
    result = instruments(command, *name, exit_code=2)
    assert match in result.stderr
    assert result.stderr.count("Error: ") == 1
    assert files_in(Path()) == {"two.json"}


def test_a_folder_that_is_missing_is_one_sentence():
    for command, file in (("show", "no/x.png"), ("play", "no/x.wav")):
        told = instruments(command, "Flute", "-o", file, exit_code=1).stderr
        assert "does not exist" in told
        assert told.count("\n") == 1


def test_the_commands_are_listed_and_have_help():
    told = instruments("--help").stdout
    assert "show " in told
    assert "play " in told
    for command in ("show", "play"):
        page = instruments(command, "--help").stdout
        assert "random:NUMBER" in page
        assert "--overwrite" in page


# What is played


@pytest.mark.parametrize("ends", [(21, 108), (36, 84), (60, 71), (0, 127)])
def test_the_keys_are_five_within_the_range(ends):
    keys = demo_keys(ends)
    assert len(set(keys)) == 5
    assert list(keys) == sorted(keys)
    assert min(keys) >= ends[0]
    assert max(keys) <= ends[1]


def test_the_grid_has_each_key_at_each_velocity():
    keys = demo_keys((21, 108))
    notes = touch_grid(keys).notes
    pairs = list(zip(notes.velocity, notes.pitch, strict=True))
    assert pairs == [(velocity, key) for velocity in VELOCITIES for key in keys]
    assert np.all(notes.onset[1:] - notes.offset[:-1] >= 0.9)


def test_the_demo_goes_up_gets_louder_and_ends_with_a_phrase():
    keys = demo_keys((21, 108))
    notes = demo_melody(keys).notes
    assert tuple(notes.pitch[:5]) == keys
    assert set(notes.pitch[5:8]) == {60}
    assert tuple(notes.velocity[5:8]) == VELOCITIES
    assert len(notes) - 8 >= 6
    assert np.all(notes.onset[1:] >= notes.offset[:-1])
    for low in (21, 60):
        inside = demo_melody(demo_keys((low, low + 11))).notes.pitch
        assert len(inside) == len(notes)


def test_a_demo_is_played_without_folding():
    session = Session(Settings.from_options(instruments="Flute", seed=0))
    for melody in (demo_melody(demo_keys((36, 84))), touch_grid(demo_keys((36, 84)))):
        assert session.play(melody).report.folded == 0
