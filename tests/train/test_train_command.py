"""The command ``retimbre train``: what it says, what it refuses, how it ends."""

import math
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from small_dataset import write_dataset
from tiny_runs import TINY

from retimbre.cli.command import command
from retimbre.cli.train import ProgressLine, say_start, tell, tell_pace
from retimbre.train.config import CONFIGS, TrainConfig
from retimbre.train.data.dataset import Dataset
from retimbre.train.run.progress import Status

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def invoke(*args):
    return CliRunner().invoke(command, ["train", *map(str, args)], prog_name="retimbre")


@pytest.fixture
def trained(monkeypatch):
    """Put something in the place of the training that notes what it is given."""
    from retimbre.train.run import loop

    calls = []

    def train(run, dataset, config, **options):
        calls.append(SimpleNamespace(run=run, config=config, **options))
        status = Status(64, config.total_notes, config.moment(64), {}, 10.0, 99.0)
        options["progress"](status)
        return SimpleNamespace(n_seen=np.array(64))

    monkeypatch.setattr(loop, "train", train)
    return calls


@pytest.fixture
def begun(tmp_path):
    """A run that was started with other settings than the default ones."""
    run = tmp_path / "run"
    run.mkdir()
    TINY.save(run / "config.json")
    return run


def test_a_run_is_trained_and_gone_on_with(notes_folder, tmp_path, eagerly):
    TINY.save(tmp_path / "tiny.json")
    run = tmp_path / "run"
    settings = ("--config", tmp_path / "tiny.json", "--precision", "float32", "--sheet-notes", 0)
    result = invoke(notes_folder, run, *settings, "--minutes", 0, "--seed", 7)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines()[-1] == (
        f"Time is up at 8 of 32 notes; continue with: retimbre train {notes_folder} {run} --resume"
    )
    assert result.stderr.splitlines()[0] == f"{notes_folder}: 3 instruments, 24 notes, 1 held out."
    assert "unknown" not in result.stderr
    result = invoke(notes_folder, run, "--resume", "--total-notes", 16)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-2].startswith("16/16 notes, ")
    assert result.stderr.splitlines()[-1] == (
        f"{run}: trained on 16 notes; export needs at least 24 notes: "
        f"retimbre train {notes_folder} {run} --resume --total-notes N"
    )
    config = TrainConfig.load(run / "config.json")
    assert (config.seed, config.total_notes, config.mixed_precision) == (7, 16, False)
    result = invoke(notes_folder, run, "--resume", "--total-notes", 24)
    assert result.stderr.splitlines()[-1] == (
        f"{run}: trained on 24 notes; next: retimbre export {run}"
    )
    again = invoke(notes_folder, run, "--config", tmp_path / "tiny.json")
    assert again.exit_code == 1
    assert again.stderr.startswith(f"Error: {run} already contains a run; add --resume")


def test_options_change_the_named_settings(notes_folder, tmp_path, trained):
    options = ("--total-notes", 640, "--decay-notes", 64, "--batch-size", 16, "--seed", 3)
    more = ("--sheet-notes", 99, "--precision", "bfloat16", "--minutes", 1.5)
    result = invoke(notes_folder, tmp_path / "run", *options, *more)
    assert result.exit_code == 0
    expected = TrainConfig(
        total_notes=640,
        decay_notes=64,
        batch_size=16,
        seed=3,
        sheet_notes=99,
        mixed_precision=True,
    )
    (call,) = trained
    assert call.config == expected
    assert (call.run, call.minutes, call.resume) == (tmp_path / "run", 1.5, False)
    assert call.dataset_folder == notes_folder


@pytest.mark.parametrize("is_mixed", [False, True])
def test_the_precision_suits_the_machine_unless_the_run_has_one(
    notes_folder, tmp_path, begun, trained, monkeypatch, is_mixed
):
    from retimbre.train import framework

    monkeypatch.setattr(framework, "gpu_has_bfloat16", lambda: is_mixed)
    invoke(notes_folder, tmp_path / "new")
    invoke(notes_folder, begun, "--resume")
    invoke(notes_folder, begun, "--resume", "--precision", "auto")
    invoke(notes_folder, tmp_path / "short", "--config", "harmonic_short")
    # A file of settings may say it for itself.
    for name, text in (("own", '{"mixed_precision": true}'), ("silent", '{"n_held_out": 1}')):
        (tmp_path / f"{name}.json").write_text(text)
        result = invoke(notes_folder, tmp_path / name, "--config", tmp_path / f"{name}.json")
        assert result.exit_code == 0
    found = [call.config.mixed_precision for call in trained]
    assert found == [is_mixed, TINY.mixed_precision, is_mixed, is_mixed, True, is_mixed]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "1"], "leave out --seed"),
        (["--batch-size", "16"], "leave out --batch-size"),
        (["--config", "harmonic"], "leave out --config"),
    ],
)
def test_a_run_that_goes_on_keeps_its_settings(notes_folder, begun, trained, options, message):
    result = invoke(notes_folder, begun, "--resume", *options)
    assert result.exit_code == 1
    assert message in result.stderr
    assert trained == []
    same = invoke(notes_folder, begun, "--resume", "--seed", "0", "--batch-size", "8")
    assert same.exit_code == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--batch-size", "6"], 1, "multiple of 4, given 6"),
        (["--total-notes", "8"], 1, "at least one batch of"),
        (["--config", "big"], 1, "No configuration named 'big'"),
        (
            ["--config", "mel_prog_hires"],
            1,
            "contains harmonic note images, but the settings are for mel",
        ),
        (["--resume"], 1, "leave out --resume"),
        (["--minutes", "nan"], 2, "'nan' is not a number"),
        (["--minutes", "-1"], 2, "Invalid value for '--minutes'"),
        (["--seed", "-1"], 2, "Invalid value for '--seed'"),
        (["--precision", "float16"], 2, "Invalid value for '--precision'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(notes_folder, tmp_path, options, code, message):
    result = invoke(notes_folder, tmp_path / "run", *options)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_missing_dataset_says_how_to_make_one(tmp_path):
    result = invoke(tmp_path / "none", tmp_path / "run")
    assert result.exit_code == 1
    assert "retimbre dataset build" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_its_code_and_says_how_to_go_on(
    notes_folder, tmp_path, trained, monkeypatch, number, code
):
    from retimbre.train.run import loop

    finish = loop.train

    def train(run, *args, **options):
        finish(run, *args, **options)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(loop, "train", train)
    before = signal.getsignal(signal.SIGTERM)
    result = invoke(notes_folder, tmp_path / "run", "--total-notes", 640)
    assert result.exit_code == code
    assert result.stderr.splitlines()[-1] == (
        f"retimbre: stopped at 64 of 640 notes; continue with: retimbre train {notes_folder} "
        f"{tmp_path / 'run'} --resume"
    )
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_is_answered_at_once(notes_folder, tmp_path, monkeypatch):
    from retimbre.train.run import loop

    told = []

    def train(run, *args, stopping, **options):
        stopping()
        told.append(True)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train", train)
    result = invoke(notes_folder, tmp_path / "run")
    assert told
    assert "Ctrl-C again" in result.stderr.splitlines()[0]


def test_a_word_that_cannot_be_said_stops_nothing(monkeypatch):
    def echo(*args, **options):
        raise RuntimeError("reentrant call")

    monkeypatch.setattr("click.echo", echo)
    ProgressLine(TINY).tell_stopping()


@pytest.mark.parametrize(
    ("n_held_out", "split", "lines"),
    [
        (1, ([0, 2, 3], [1]), ["3 instruments, 24 notes, 1 held out."]),
        (0, ([0], []), ["1 instrument, 8 notes, 0 held out."]),
        (
            2,
            ([0, 1, 2, 3], []),
            [
                "4 instruments, 32 notes, 0 held out.",
                "No instrument is held out although n_held_out is 2: ",
            ],
        ),
    ],
)
def test_a_run_begins_with_what_it_is_trained_on(notes, capsys, n_held_out, split, lines):
    say_start(Path("notes"), notes, replace(TINY, n_held_out=n_held_out), *split)
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"notes: {lines[0]}"
    assert told.pop() == "Training in float32."
    assert len(told) == len(lines)
    for line, expected in zip(told[1:], lines[1:], strict=True):
        assert line.startswith(expected)


@pytest.mark.parametrize(
    ("n_seen", "is_mixed", "expected"),
    [
        (500_000, True, "Training in bfloat16: 57 notes/s, about 7 h 18 min for 1,500,000 notes."),
        (0, False, "float32: 57 notes/s at first, about 7 h 18 min for 2,000,000 notes."),
    ],
)
def test_how_long_a_run_will_take_is_said_plainly(n_seen, is_mixed, expected):
    config = replace(TrainConfig(mixed_precision=is_mixed), stage_starts=(0, 1, 2, 3, 4))
    status = Status(n_seen, config.total_notes, config.moment(n_seen), {}, 57.0, 26_300.0)
    assert tell_pace(config, status).endswith(expected)


def test_while_the_discriminator_is_alone_the_speed_is_that_at_first():
    config = replace(CONFIGS["fine_tune"], mixed_precision=True, stage_starts=(0,) * 5)
    for n_seen, expected in ((640, "notes/s at first, about"), (20_000, "notes/s, about")):
        status = Status(n_seen, 120_000, config.moment(n_seen), {}, 100.0, 2000.0)
        assert expected in tell_pace(config, status)


def test_it_is_said_once_after_the_first_steps(notes_folder, tmp_path, monkeypatch):
    from retimbre.train.run import loop

    def train(run, dataset, config, *, progress, **options):
        for n_seen in range(8, 400, 8):
            progress(Status(n_seen, 400, config.moment(n_seen), {}, 10.0, 99.0))
        return SimpleNamespace(n_seen=np.array(400))

    monkeypatch.setattr(loop, "train", train)
    result = invoke(notes_folder, tmp_path / "run", "--precision", "float32")
    assert result.stderr.count("Training in float32: 10 notes/s at first, about 1 min 39 s") == 1
    assert result.stdout == ""


def test_a_build_that_is_not_finished_is_told(capsys, tmp_path):
    write_dataset(tmp_path)
    (tmp_path / "shards" / "060.jsonl").unlink()
    say_start(tmp_path, Dataset(tmp_path), TINY, [0, 1, 2], [3])
    assert f"{tmp_path} is not finished (7 of 8 keys)" in capsys.readouterr().err.splitlines()[1]


def test_what_is_not_known_yet_is_not_told():
    status = Status(8, 32, TINY.moment(8), {"level_error": 0.5}, 0.0, math.nan)
    assert tell(status) == "8/32 notes, stage 0, level 0.500"


def test_a_line_says_where_a_run_is():
    stats = {"level_error": 0.0331, "adversarial": 1.25, "discriminator": 0.5, "pitch_fake": 0.07}
    status = Status(20, 32, TINY.moment(20), stats, 85.4, 7_260.0)
    assert tell(status) == (
        "20/32 notes, 2 h 01 min left, 85 notes/s, stage 4 (fade 0.50), "
        "level 0.033 adversarial 1.250 discriminator 0.500 pitch_fake 0.070"
    )
