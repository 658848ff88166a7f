"""Many files: nothing stops the others, workers change nothing, interrupts leave nothing."""

import os
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    FAKE_SR,
    LOUD,
    SOFT,
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
from retimbre.errors import ModelNotFoundError, NoPitchError, ParameterError
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


def skipping(job, *thresholds):
    """Leave out the outputs of some thresholds, as where they exist already."""
    kept = [output for output in job.outputs if output.confidence not in thresholds]
    return replace(job, outputs=tuple(kept))


@pytest.fixture
def two_levels(tmp_path):
    """A recording of three loud tones and a long soft one, of which 0.8 finds only the loud."""
    y = tones((60, 0.3, 0.2), (64, 0.3, 0.2), (67, 0.3, 0.2), (72, 2.5, 1.8 * SOFT))
    return write_wav(tmp_path / "two.wav", y)


def samples(folder, tag):
    return audio.load(folder / f"two_pe_{tag}.wav")[0]


@pytest.mark.parametrize("thresholds", [(0.2, 0.8), (0.8, 0.2)])
def test_thresholds_of_an_input_share_the_gain_of_the_lowest(two_levels, tmp_path, thresholds):
    jobs = jobs_for(two_levels, thresholds=thresholds, output=tmp_path / "out")
    outcomes = list(batch.run_jobs(jobs, SEED))
    assert tuple(outcome.output.confidence for outcome in outcomes) == thresholds
    loudness = {outcome.output.confidence: outcome.report.loudness for outcome in outcomes}
    assert loudness[0.2] == pytest.approx(-20.0, abs=0.01)
    assert loudness[0.8] > -19.5  # alone it would come to -20 itself
    low, high = (samples(tmp_path / "out", tag) for tag in ("02", "08"))
    n = round(1.1 * FAKE_SR)  # where the soft tone is about to begin
    np.testing.assert_array_equal(low[:n], high[:n])
    assert low[round(2.0 * FAKE_SR) :].any()
    assert not high[round(2.0 * FAKE_SR) :].any()


def test_workers_and_outputs_that_are_left_out_change_no_gain(two_levels, recordings, tmp_path):
    wanted = jobs_for(two_levels, thresholds=(0.2, 0.8), output=tmp_path / "1")
    list(batch.run_jobs(wanted, SEED))
    jobs = jobs_for(two_levels, recordings[0], thresholds=(0.2, 0.8), output=tmp_path / "2")
    list(batch.run_jobs(jobs, SEED, workers=2, set_up_worker=install))
    (job,) = jobs_for(two_levels, thresholds=(0.2, 0.8), output=tmp_path / "3")
    (outcome,) = batch.run_jobs([skipping(job, 0.2)], SEED)
    assert outcome.output.confidence == 0.8
    for folder in ("2", "3"):
        found = (tmp_path / folder / "two_pe_08.wav").read_bytes()
        assert found == (tmp_path / "1" / "two_pe_08.wav").read_bytes()


@pytest.mark.parametrize("left_out", [(), (0.1,), (0.1, 0.2)])
def test_the_next_threshold_counts_where_the_lowest_finds_no_note(
    two_levels, tmp_path, monkeypatch, left_out
):
    def melody(self, analysis, confidence=None):
        if confidence == 0.1:
            raise NoPitchError("There is no note.")
        return real(self, analysis, confidence)

    real = Session.melody
    (job,) = jobs_for(two_levels, thresholds=(0.2, 0.8), output=tmp_path / "1")
    list(batch.run_jobs([job], SEED))
    monkeypatch.setattr(Session, "melody", melody)
    (job,) = jobs_for(two_levels, thresholds=(0.1, 0.2, 0.8), output=tmp_path / "2")
    outcomes = list(batch.run_jobs([skipping(job, *left_out)], SEED))
    assert [outcome.error for outcome in outcomes if outcome.output.confidence > 0.1] == [None] * (
        3 - len({0.1, *left_out})
    )
    found = (tmp_path / "2" / "two_pe_08.wav").read_bytes()
    assert found == (tmp_path / "1" / "two_pe_08.wav").read_bytes()


def test_a_lowest_output_that_cannot_be_written_still_gives_its_gain(
    two_levels, tmp_path, monkeypatch
):
    def save(path, y, sr):
        if "02" in path.name and path.parent.name == "2":
            raise OSError("disk full")
        real(path, y, sr)

    real = audio.save
    monkeypatch.setattr(audio, "save", save)
    for name in ("1", "2"):
        jobs = jobs_for(two_levels, thresholds=(0.2, 0.8), output=tmp_path / name)
        outcomes = list(batch.run_jobs(jobs, SEED))
    assert [outcome.error is None for outcome in outcomes] == [False, True]
    one, two = (tmp_path / name / "two_pe_08.wav" for name in ("1", "2"))
    assert one.read_bytes() == two.read_bytes()


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
