"""The command: what it says and returns when something fails."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import objects, retimbre
from fakes import FakeGenerator, files_in

from retimbre import generator, pitch
from retimbre.batch import run as batch
from retimbre.cli.report import Console
from retimbre.io import files

pytestmark = pytest.mark.usefixtures("in_folder")


# Failures


def test_one_bad_file_does_not_stop_the_others(melody):
    Path("bad.wav").write_text("This is not audio.")
    result = retimbre("bad.wav", "melody.wav", "nowhere.wav", exit_code=3)
    assert result.stdout == "melody.retimbred.wav\n"
    errors = [line for line in result.stderr.splitlines() if line.startswith("retimbre: ")]
    assert len(errors) == 2
    assert any("bad.wav" in line for line in errors)
    assert any("nowhere.wav" in line for line in errors)


def test_names_that_are_too_long_do_not_stop_the_others(melody):
    long_name = "x" * 245 + ".wav"  # there is such a file, but none with a longer ending
    shutil.copy("melody.wav", long_name)
    result = retimbre("y" * 300 + ".wav", long_name, "melody.wav", exit_code=3)
    assert result.stdout == "melody.retimbred.wav\n"
    assert "y.wav' cannot be read: File name too long." in result.stderr
    assert "x.retimbred.wav' cannot be written: File name too long." in result.stderr


def test_failures_are_objects_with_json(melody):
    Path("bad.wav").write_text("This is not audio.")
    told = objects(retimbre("nowhere.wav", "bad.wav", "melody.wav", "--json", exit_code=3))
    assert [("error" in t, t["input"]) for t in told] == [
        (True, "nowhere.wav"), (True, "bad.wav"), (False, "melody.wav"),
    ]  # fmt: skip


def test_failed_threshold_names_its_output(melody):
    (told,) = objects(retimbre("melody.wav", "-c", 0.95, "--json", exit_code=1))
    assert told["confidence"] == 0.95
    assert "0.900" in told["error"]


def test_a_failure_leaves_no_file(melody, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("soundfile.SoundFile.write", fail)
    result = retimbre("melody.wav", exit_code=1)
    assert "No space left on device" in result.stderr
    assert files_in(Path()) == {"melody.wav"}


def test_error_that_nobody_foresaw_is_one_line(melody, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError("line one\nline two")

    monkeypatch.setattr(pitch, "estimate_pitch", fail)
    result = retimbre("melody.wav", exit_code=1)
    assert result.stderr == (
        "retimbre: melody.wav: Unexpected ZeroDivisionError: line one line two; please report it.\n"
    )
    verbose = retimbre("melody.wav", "-v", exit_code=1)
    assert "Traceback (most recent call last)" in verbose.stderr


def test_error_outside_the_jobs_is_one_line(melody, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError("oh")
        yield

    monkeypatch.setattr(batch, "run_jobs", fail)
    result = retimbre("melody.wav", exit_code=1)
    assert result.stderr == "Error: Unexpected ZeroDivisionError: oh; please report it.\n"
    assert isinstance(retimbre("melody.wav", "--verbose", exit_code=1).exception, ZeroDivisionError)


def test_unwritable_folder_is_told_before_the_work(melody, monkeypatch):
    Path("file").write_text("x")
    monkeypatch.setattr(pitch, "estimate_pitch", None)
    result = retimbre("melody.wav", "-o", "file/out/", exit_code=1)
    assert "'file/out'" in result.stderr
    assert "is a file" in result.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_folder_that_takes_no_file_is_told_with_its_reason(melody, monkeypatch, number):
    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.tempfile, "TemporaryFile", fail)
    monkeypatch.setattr(pitch, "estimate_pitch", None)
    told = retimbre("melody.wav", "-o", "new/out/", exit_code=1).stderr
    assert told == f"retimbre: melody.wav: Cannot write into 'new/out': {os.strerror(number)}.\n"


# Files may become no longer than 20,000 bytes, as on a disk that fills up on the way.
LIMITED_RUN = (
    "import resource, fakes; from retimbre.cli import main; fakes.install();"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); main()"
)


@pytest.mark.skipif(os.name == "nt", reason="needs limits of resources")
@pytest.mark.parametrize("name", ["out.wav", "out.flac"])
def test_disk_that_fills_up_is_told_as_such(melody, name):
    run = subprocess.run(
        [sys.executable, "-c", LIMITED_RUN, "melody.wav", "-q", "-o", name],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (
        1, f"retimbre: melody.wav: {name} cannot be written: {os.strerror(errno.EFBIG)}.\n"
    )  # fmt: skip
    assert files_in(Path()) == {"melody.wav"}


def test_interrupt_is_one_line_and_130(melody, monkeypatch):
    def perform(self, melody, path, params, **kwargs):
        yield from list(FakeGenerator.perform(self, melody, path, params, **kwargs))[:2]
        raise KeyboardInterrupt

    class Interrupted(FakeGenerator):
        pass

    Interrupted.perform = perform
    monkeypatch.setattr(generator, "load_generator", lambda model: Interrupted())
    result = retimbre("melody.wav", "-q", exit_code=130)
    assert result.stderr.strip().startswith("retimbre: interrupted")
    assert files_in(Path()) == {"melody.wav"}


@pytest.mark.parametrize(
    ("n_done", "n_failed", "code"), [(0, 0, 0), (2, 0, 0), (0, 2, 1), (1, 1, 3), (5, 1, 3)]
)
def test_exit_codes(n_done, n_failed, code):
    assert Console(n_done=n_done, n_failed=n_failed).exit_code == code
