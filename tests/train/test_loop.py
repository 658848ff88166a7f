"""A run keeps what it needs in its folder and goes on exactly where it was."""

import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import TINY, state_of

from retimbre.errors import ParameterError, RetimbreError
from retimbre.train.config import TrainConfig

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def assert_same(state, expected):
    for found, wanted in zip(state, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_run_is_one_folder(finished, notes_folder):
    run = finished[0]
    assert TrainConfig.load(run / "config.json") == TINY
    assert json.loads((run / "run.json").read_text()) == {"dataset": str(notes_folder)}
    split = json.loads((run / "split.json").read_text())
    assert (len(split["trained"]), len(split["held_out"])) == (3, 1)
    assert sorted(path.name for path in (run / "sheets").iterdir()) == [
        *("00000016.png", "00000016.wav", "00000032.png", "00000032.wav"),
    ]
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [line["n_seen"] for line in lines] == [32]
    assert finished[2] == lines
    assert all(np.isfinite(value) for value in lines[0].values())
    assert max(len(str(value)) for value in lines[0].values()) <= 8


def test_the_progress_of_every_step_is_told(finished):
    statuses = finished[3]
    assert [status.n_seen for status in statuses] == [8, 16, 24, 32]
    assert {status.total_notes for status in statuses} == {32}
    assert [status.moment.stage for status in statuses] == [0, 4, 4, 4]
    assert all(np.isfinite(value) for status in statuses for value in status.stats.values())


def test_ctrl_c_leaves_a_whole_step_and_the_run_goes_on_exactly(finished, notes, tmp_path, eagerly):
    from retimbre.train.run.loop import train

    told = []

    def interrupt(status):
        told.append(status.n_seen)
        os.kill(os.getpid(), signal.SIGINT)

    # Without sheets: they must not change anything either.
    plain = replace(TINY, sheet_notes=0)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, notes, plain, progress=interrupt)
    assert told == [8]
    resumed = train(tmp_path, notes, plain, resume=True)
    assert_same(state_of(resumed), finished[1])
    assert not (tmp_path / "sheets").exists()
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [line["n_seen"] for line in lines] == [8, 32]
    assert lines[0]["seconds"] < lines[1]["seconds"]


def test_a_finished_run_that_is_made_longer_goes_on_exactly(finished, notes, tmp_path, eagerly):
    from retimbre.train.run.loop import train

    short = replace(TINY, total_notes=16, sheet_notes=0)
    train(tmp_path, notes, short)
    longer = train(tmp_path, notes, replace(short, total_notes=32), resume=True)
    assert_same(state_of(longer), finished[1])
    assert TrainConfig.load(tmp_path / "config.json").total_notes == 32


def test_a_run_is_not_cut_off_before_where_it_is(finished, notes, notes_folder, tmp_path, eagerly):
    from retimbre.train.run.loop import train

    run = shutil.copytree(finished[0], tmp_path / "run")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ParameterError, match=r"has seen 32 notes, more than --total-notes 24"):
        train(run, notes, replace(TINY, total_notes=24), dataset_folder=notes_folder, resume=True)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    # Its last batch may have gone beyond its end; there is nothing left to do then.
    whole = train(run, notes, replace(TINY, total_notes=25), resume=True)
    assert int(whole.n_seen) == 32


class Torn(RuntimeError):
    """Stands for whatever ends a step in its midst."""


@pytest.mark.parametrize(("is_torn", "error"), [(True, Torn), (False, RetimbreError)])
def test_no_step_that_went_wrong_is_kept(notes, tmp_path, monkeypatch, is_torn, error):
    import tensorflow as tf

    from retimbre.train.run import loop

    def step(self, batch):
        if is_torn and int(self.n_seen) == 8:
            raise Torn("in the midst of a step")
        self.n_seen.assign_add(8)
        value = np.nan if int(self.n_seen) == 16 else 0.0
        return {"level_error": value, "discriminator": value}

    monkeypatch.setattr(loop.Trainer, "train_step", step)
    with pytest.raises(error, match=r"midst of a step|diverged after 8 notes \(level_error"):
        loop.train(tmp_path, notes, TINY)
    assert tf.train.latest_checkpoint(str(tmp_path / "checkpoints")) is None


def test_a_run_is_not_overwritten(finished, notes):
    from retimbre.train.run.loop import train

    run = finished[0]
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ParameterError, match="already contains a run; add --resume"):
        train(run, notes, replace(TINY, seed=1))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_another_representation_than_that_of_the_notes_is_refused(notes, tmp_path):
    from tiny_runs import TINY_MEL

    from retimbre.train.run.loop import train

    with pytest.raises(
        ParameterError, match="contains harmonic note images, but the settings are for mel"
    ):
        train(tmp_path / "run", notes, TINY_MEL)
    assert not (tmp_path / "run").exists()


def test_a_wrong_dataset_changes_nothing_of_a_run(notes, notes_folder, tmp_path, finished):
    from small_dataset import write_dataset

    from retimbre.train.data.dataset import Dataset
    from retimbre.train.run.loop import train

    run = shutil.copytree(finished[0], tmp_path / "run")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    write_dataset(tmp_path / "other", n_instruments=2)
    with pytest.raises(ParameterError, match="lacks 2 instruments"):
        train(
            run,
            Dataset(tmp_path / "other"),
            replace(TINY, total_notes=64),
            dataset_folder=tmp_path / "other",
            resume=True,
        )
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
