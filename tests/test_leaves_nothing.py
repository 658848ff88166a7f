"""A run writes its outputs and named caches, opens no connection and does not chatter."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import LOUD, tones, write_wav

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PLOT_CACHES = {".cache/matplotlib", ".config/matplotlib"}
"""Matplotlib's list of fonts and its empty folder for settings."""


@pytest.fixture
def place(tmp_path):
    """A folder to work in with a recording, an empty home and an empty folder for what is brief."""
    for name in ("home", "tmp", "work"):
        (tmp_path / name).mkdir()
    write_wav(tmp_path / "work" / "tune.wav", tones((60, 0.5, LOUD), (64, 0.5, LOUD)))
    return tmp_path


def run(place, *args, home="home", before=()):
    """Run the command in the place; nothing of the environment says where caches are."""
    hidden = ("XDG_", "MPL", "NUMBA_", "ORT_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    env |= {"HOME": str(place / home), "TMPDIR": str(place / "tmp")}
    command = [*before, sys.executable, "-m", "retimbre", *args, "--seed", "0"]
    done = subprocess.run(
        command, cwd=place / "work", env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def all_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


STRACE = shutil.which("strace")
INTERNET = r"socket\(AF_INET6?,"


def traced(log):
    """Return the words that let a command run with the sockets that it opens written to a file."""
    return [] if STRACE is None else [STRACE, "-f", "-qq", "-e", "trace=socket", "-o", str(log)]


@pytest.mark.skipif(STRACE is None, reason="needs strace")
def test_a_socket_would_be_seen(tmp_path):
    code = "import socket; socket.socket(socket.AF_INET).close()"
    subprocess.run([*traced(tmp_path / "calls"), sys.executable, "-c", code], check=True)
    assert re.search(INTERNET, (tmp_path / "calls").read_text())


def test_only_the_outputs_are_written_and_no_connection_is_opened(place):
    options = ["--crepe-capacity", "tiny", "--save-midi", "--save-f0", "--save-notes"]
    run(place, "tune.wav", *options, "--like", "tune.wav", before=traced(place / "calls"))
    assert all_below(place / "work") == {
        "tune.wav", "tune.retimbred.wav", "tune.retimbred.mid", "tune.retimbred.f0.csv",
        "tune.retimbred.notes.csv",
    }  # fmt: skip
    assert all_below(place / "home") == set()
    assert all_below(place / "tmp") == set()
    if STRACE is not None:
        assert not re.search(INTERNET, (place / "calls").read_text())


def test_a_picture_leaves_the_caches_that_are_named(place):
    run(place, "tune.wav", "--crepe-capacity", "tiny", "--plot")
    found = all_below(place / "home") - {".cache", ".config"}
    assert all(any(name.startswith(cache) for cache in PLOT_CACHES) for name in found)
    assert all_below(place / "tmp") == set()


def test_several_processes_leave_no_more(place):
    shutil.copy(SAMPLES / "test.mid", place / "work")
    run(place, "tune.wav", "test.mid", "--crepe-capacity", "tiny", "-j", "2")
    assert all_below(place / "home") | all_below(place / "tmp") == set()


def test_a_home_that_cannot_be_written_is_no_news(place):
    (place / "file").touch()
    done = run(place, "tune.wav", "--crepe-capacity", "tiny", "--plot", home="file/home")
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 3, done.stderr
    assert lines[0] == "Generating 2 samples..."
    assert re.fullmatch(r"generated 2 samples in [\d.]+s", lines[1])
    assert lines[2].startswith("tune.wav -> tune.retimbred.wav: 2 notes")
