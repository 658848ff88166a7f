"""Many files: nothing stops the others, workers change nothing, interrupts leave nothing."""

import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    LOUD,
    FakeGenerator,
    files_in,
    install,
    install_with_a_killer,
    install_with_a_sleeper,
    tones,
    write_wav,
)

from retimbre.batch import run as batch
from retimbre.batch.plan import Input, plan_jobs
from retimbre.errors import ModelNotFoundError, ParameterError
from retimbre.instrument import Instrument
from retimbre.io import audio
from retimbre.session import Session
from retimbre.settings import Settings

SEED = Settings.from_options(seed=1)

INTERRUPTED_SECONDS = 60.0
"""An interrupted run must be over after this time; its jobs would take ten times as long."""

pytestmark = pytest.mark.usefixtures("fake_parts")


def jobs_for(*paths, thresholds=(0.5,), output=None, sides=()):
    return plan_jobs(
        [Input(Path(path)) for path in paths],
        thresholds,
        output=None if output is None else f"{output}/",
        sides=sides,
    )


@pytest.fixture
def recordings(tmp_path):
    return [
        write_wav(tmp_path / f"{name}.wav", tones((key, 0.3, LOUD)))
        for name, key in (("a", 60), ("b", 62), ("c", 64))
    ]


def test_outcomes_come_in_order_with_reports(recordings):
    outcomes = list(batch.run_jobs(jobs_for(*recordings), SEED))
    assert [outcome.source.stem for outcome in outcomes] == ["a", "b", "c"]
    for outcome in outcomes:
        assert outcome.error is None
        assert outcome.report["output"] == str(outcome.output.path)
        assert outcome.report["timings"]["save"] > 0
        assert outcome.report["timings"]["total"] >= outcome.report["timings"]["save"]
        assert audio.load(outcome.output.path)[1] == outcome.report["sample_rate"]


def test_workers_change_nothing(recordings, tmp_path):
    alone = list(batch.run_jobs(jobs_for(*recordings, output=tmp_path / "1"), SEED))
    together = list(
        batch.run_jobs(
            jobs_for(*recordings, output=tmp_path / "2"), SEED, workers=2, set_up_worker=install
        )
    )
    assert {o.source for o in together} == {o.source for o in alone}
    for name in ("a", "b", "c"):
        one, two = (tmp_path / k / f"{name}.retimbred.wav" for k in "12")
        assert one.read_bytes() == two.read_bytes()


def test_recording_to_be_like_is_heard_once_and_reaches_the_workers(
    recordings, tmp_path, monkeypatch
):
    heard = []

    def hear(self, recordings, *, name):
        heard.extend(source for _, _, source in recordings)
        return Instrument(np.full(256, 2.0), name)

    monkeypatch.setattr(FakeGenerator, "hear", hear)
    settings = Settings.from_options(seed=1, like=recordings[0])
    for workers in (1, 2):
        outcomes = batch.run_jobs(
            jobs_for(*recordings, thresholds=(0.4, 0.5), output=tmp_path / f"{workers}"),
            settings,
            workers=workers,
            set_up_worker=install,
        )
        assert [outcome.report["instrument_names"] for outcome in outcomes] == [["a.wav"]] * 6
    assert heard == [str(recordings[0])] * 2
    for name in files_in(tmp_path / "1"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_dead_worker_takes_only_its_own_job(recordings):
    killer = recordings[1].rename(recordings[1].with_stem("killer"))
    jobs = jobs_for(recordings[0], killer, recordings[2])
    outcomes = {
        outcome.source.stem: outcome
        for outcome in batch.run_jobs(jobs, SEED, workers=2, set_up_worker=install_with_a_killer)
    }
    assert outcomes["a"].error is None
    assert outcomes["c"].error is None
    assert "died" in outcomes["killer"].error


def test_bad_input_does_not_stop_the_others(recordings):
    recordings[1].write_text("This is not audio.")
    outcomes = list(batch.run_jobs(jobs_for(*recordings), SEED))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert "b.wav" in outcomes[1].error
    assert "Traceback" in outcomes[1].details
    assert "\n" not in outcomes[1].error


def test_bad_threshold_does_not_stop_the_others(recordings):
    jobs = jobs_for(recordings[0], thresholds=(0.5, 0.99, 0.8))
    outcomes = list(batch.run_jobs(jobs, SEED))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert [outcome.output.confidence for outcome in outcomes] == [0.5, 0.99, 0.8]


def test_no_result_lives_on_while_the_next_is_rendered(recordings, monkeypatch):
    results = []

    def render(*args, **kwargs):
        assert [result() for result in results] == [None] * len(results)
        result = real(*args, **kwargs)
        results.append(weakref.ref(result))
        return result

    real = Session.render
    monkeypatch.setattr(Session, "render", render)
    jobs = jobs_for(*recordings[:2], thresholds=(0.2, 0.4, 0.6))
    reports = [outcome.report for outcome in batch.run_jobs(jobs, SEED)]
    assert len(results) == 6
    assert None not in reports


def test_unknown_model_is_raised_before_the_first_job(recordings):
    outcomes = batch.run_jobs(jobs_for(*recordings), Settings.from_options(model="nowhere"))
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        next(outcomes)


def test_no_workers_are_refused(recordings):
    with pytest.raises(ParameterError, match="must be 1 or more, given 0"):
        list(batch.run_jobs(jobs_for(*recordings), SEED, workers=0))


def test_main_output_is_written_last(recordings, monkeypatch):
    def fail(path, y, sr):
        assert files_in(path.parent) >= {"a.retimbred.png", "a.retimbred.mid"}
        raise OSError("disk full")

    monkeypatch.setattr(audio, "save", fail)
    (outcome,) = batch.run_jobs(jobs_for(recordings[0], sides=("plot", "midi")), SEED)
    assert "disk full" in outcome.error


def test_interrupt_passes_through(recordings, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(batch.run_jobs(jobs_for(*recordings), SEED))


def test_run_that_is_left_stops_its_workers(recordings, tmp_path):
    start = time.monotonic()
    slow = write_wav(tmp_path / "sleeper.wav", tones((60, 0.3, LOUD)))
    outcomes = batch.run_jobs(
        jobs_for(*recordings, slow), SEED, workers=2, set_up_worker=install_with_a_sleeper
    )
    next(outcomes)
    outcomes.close()
    assert time.monotonic() - start < INTERRUPTED_SECONDS


INTERRUPTED_RUN = """
from pathlib import Path
from fakes import install, install_with_a_sleeper
from retimbre.cli import command as module
from retimbre import batch
import functools
install()
module._set_up_logging = lambda verbose: install_with_a_sleeper()
module.partial = lambda function, *args: install_with_a_sleeper
module.command(prog_name="retimbre")
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_ends_with_130_and_leaves_no_unfinished_file(tmp_path, workers):
    for name in ("sleeper", "sleeper2"):
        write_wav(tmp_path / name / "sleeper.wav", tones((60, 0.3, LOUD)))
    script = tmp_path / "run.py"
    script.write_text(f"if __name__ == '__main__':\n    exec({INTERRUPTED_RUN!r})\n")
    run = subprocess.Popen(
        [sys.executable, str(script), "sleeper", "sleeper2", "-j", str(workers), "-o", "out/"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    _wait_for(lambda: list(tmp_path.glob("sleeper*/asleep")), run)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    stdout, stderr = run.communicate(timeout=INTERRUPTED_SECONDS)
    assert run.returncode == 130, stderr
    assert stderr.strip().startswith("retimbre: interrupted")
    assert stdout == ""
    assert not [name for name in files_in(tmp_path) if name.startswith("out/")]


def _wait_for(is_there, run):
    deadline = time.monotonic() + INTERRUPTED_SECONDS
    while not is_there():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
