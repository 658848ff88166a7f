"""Where a run cannot be written it is said in a sentence, and nothing half written stays."""

import resource
import shutil
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tiny_runs import TINY

from retimbre.errors import WriteError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PLAIN = replace(TINY, sheet_notes=0)
SHORT = 4_000
"""Bytes: settings are shorter, checkpoints longer."""


@contextmanager
def short_files():
    """Let no file grow beyond `SHORT`, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SHORT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def idle(monkeypatch):
    """Take steps that do nothing but count."""
    from retimbre.train.run import loop

    def step(self, batch):
        self.n_seen.assign_add(8)
        return {"discriminator": 0.0}

    monkeypatch.setattr(loop.Trainer, "train_step", step)


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_first_checkpoint_that_cannot_be_written_is_told(notes, tmp_path, idle, capfd):
    from retimbre.train.run.loop import train

    run = tmp_path / "run"
    with (
        short_files(),
        pytest.raises(WriteError, match=r"run/checkpoints cannot be written: File too large\.$"),
    ):
        train(run, notes, PLAIN)
    assert list((run / "checkpoints").iterdir()) == []
    # TensorFlow's own lines are kept away.
    assert "File too large" not in capfd.readouterr().err


def test_the_checkpoint_before_stands_and_the_run_goes_on(notes, tmp_path, idle):
    from retimbre.train.run.loop import train

    train(tmp_path, notes, replace(PLAIN, total_notes=16))
    before = files_of(tmp_path / "checkpoints")
    with (
        short_files(),
        pytest.raises(WriteError, match="too large; --resume continues from the checkpoint before"),
    ):
        train(tmp_path, notes, PLAIN, resume=True)
    assert files_of(tmp_path / "checkpoints") == before
    assert int(train(tmp_path, notes, PLAIN, resume=True).n_seen) == 32


def test_figures_that_cannot_be_written_are_told(notes, tmp_path, idle):
    from retimbre.train.run.loop import train

    train(tmp_path, notes, replace(PLAIN, total_notes=16))
    (tmp_path / "stats.jsonl").unlink()
    (tmp_path / "stats.jsonl").mkdir()
    with pytest.raises(WriteError, match=r"stats\.jsonl cannot be written: Is a directory\."):
        train(tmp_path, notes, PLAIN, resume=True)


def test_a_run_folder_that_cannot_be_made_is_told(notes, tmp_path):
    from retimbre.train.run.loop import train

    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"file/run cannot be made: .*; use another folder"):
        train(tmp_path / "file" / "run", notes, PLAIN)


@pytest.mark.parametrize("name", ["split.json", "config.json"])
def test_no_half_of_a_file_of_a_run_stays(notes, tmp_path, monkeypatch, name):
    from retimbre.train.run.loop import train

    replace_file = shutil.os.replace

    def fill(source, target):
        if str(target).endswith(name):
            raise OSError(28, "No space left on device")
        replace_file(source, target)

    monkeypatch.setattr("os.replace", fill)
    with pytest.raises(WriteError, match=rf"{name} cannot be written: No space left on device\."):
        train(tmp_path, notes, PLAIN)
    assert not (tmp_path / name).exists()


def test_a_model_that_does_not_fit_leaves_nothing(finished, notes, tmp_path):
    from retimbre.train.export.harmonic import export_run

    with short_files(), pytest.raises(WriteError, match=r"/m cannot be written: File too large\."):
        export_run(finished[0], notes, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_stands_outlives_one_that_does_not_fit(finished, notes, tmp_path):
    from retimbre.train.export.harmonic import export_run

    export_run(finished[0], notes, tmp_path / "m")
    before = files_of(tmp_path)
    with short_files(), pytest.raises(WriteError):
        export_run(finished[0], notes, tmp_path / "m")
    assert files_of(tmp_path) == before
