"""How loud a result is: the loudness asked for, the ceiling, and what several clips share."""

import json
import logging

import numpy as np
import pyloudnorm
import pytest
from fakes import FAKE_SR, LOUD, SOFT, SR, tones, write_wav

from retimbre import pipeline
from retimbre.errors import NoPitchError, ParameterError
from retimbre.metering.integrated import integrated_loudness
from retimbre.metering.true_peak import true_peak
from retimbre.mixing import Gain, find_gain
from retimbre.pitch.analysis import analyze
from retimbre.session import Session
from retimbre.settings import Settings
from retimbre.settings.params import DEFAULT_LOUDNESS, RenderParams
from retimbre.types import Melody, Notes

NEAR_LU = 0.05
NEAR_DB = 0.01

MELODY = Melody(Notes([0.0], [1.0], [60], [90]), source="hum.wav")

pytestmark = pytest.mark.usefixtures("fake_parts")


def db(amplitude):
    return 20.0 * np.log10(amplitude)


def clip(rng, click=0.0):
    """Two seconds of noise with a rest in the middle, and perhaps a click."""
    y = 0.01 * rng.standard_normal(2 * SR)
    y[SR // 2 : SR] = 0.0
    y[SR] = click
    return y.astype(np.float32)


def gain_of(y, *, melody=MELODY, shared=None, **params):
    return find_gain(y, SR, melody, RenderParams(**params), shared)


def loudness_of(result):
    return integrated_loudness(result.y, sr=result.sr)


# The gain of a clip


@pytest.mark.parametrize("loudness", [-60.0, -33.3, -20.0])
def test_a_clip_comes_to_its_loudness(rng, loudness):
    y = clip(rng)
    gain = gain_of(y, loudness=loudness)
    assert integrated_loudness(gain.factor * y, sr=SR) == pytest.approx(loudness, abs=0.001)
    assert gain.limited_db == 0.0


@pytest.mark.parametrize("peak_db", [-1.0, -6.0])
def test_where_the_peak_forbids_it_the_peak_wins_and_says_by_how_much(rng, peak_db):
    y = clip(rng, click=1.0)
    gain = gain_of(y, loudness=-14.0, peak_db=peak_db)
    assert db(true_peak(gain.factor * y, sr=SR)) == pytest.approx(peak_db, abs=NEAR_DB)
    assert db(true_peak(gain.factor * y, sr=SR)) <= peak_db
    reached = integrated_loudness(gain.factor * y, sr=SR)
    assert gain.limited_db > 5.0
    assert reached + gain.limited_db == pytest.approx(-14.0, abs=0.001)


def test_the_peak_is_the_true_one():
    y = np.hanning(SR) * np.sin(np.pi / 2 * np.arange(SR) + np.pi / 4)
    gain = gain_of(y.astype(np.float32), loudness="peak", peak_db=0.0)
    assert db(gain.factor * np.abs(y).max()) == pytest.approx(-3.01, abs=0.05)


def test_as_loud_as_the_peak_allows_is_short_of_nothing(rng):
    y = clip(rng, click=1.0)
    assert gain_of(y, loudness="peak") == (pytest.approx(10 ** (-1 / 20), rel=0.01), 0.0)


def test_as_loud_as_the_recording(rng, caplog):
    y = clip(rng)
    recorded = Melody(MELODY.notes, source="hum.wav", loudness=-31.5)
    assert gain_of(y, melody=recorded, loudness="input") == gain_of(y, loudness=-31.5)
    assert not caplog.records


def test_what_has_no_loudness_of_its_own_has_the_default(rng, caplog):
    y = clip(rng)
    with caplog.at_level(logging.INFO, "retimbre"):
        assert gain_of(y, loudness="input") == gain_of(y)
    assert caplog.messages == ["hum.wav has no loudness of its own; played at -20 LUFS."]


def test_a_recording_that_is_louder_than_full_scale_is_limited(rng):
    melody = Melody(MELODY.notes, loudness=40.0)
    assert gain_of(clip(rng), melody=melody, loudness="input").limited_db > 40.0


def test_silence_stays_silent():
    assert gain_of(np.zeros(SR, np.float32)) == (1.0, 0.0)
    assert gain_of(np.zeros(0, np.float32), loudness="peak") == (1.0, 0.0)


def test_a_gain_is_shared_as_far_as_the_own_peak_allows(rng):
    shared = Gain(np.float32(3.0), 0.5)
    assert gain_of(clip(rng), shared=shared) == shared
    y = clip(rng, click=1.0)
    limited = gain_of(y, shared=shared)
    assert db(true_peak(limited.factor * y, sr=SR)) == pytest.approx(-1.0, abs=NEAR_DB)
    assert limited.limited_db == pytest.approx(0.5 + db(3.0 / limited.factor))
    assert gain_of(np.zeros(9, np.float32), shared=shared) == shared


# Results


def test_results_have_the_default_loudness_by_another_measurement(melody):
    result = pipeline.retimbre_file(melody, seed=0)
    meter = pyloudnorm.Meter(result.sr)
    assert meter.integrated_loudness(result.y) == pytest.approx(DEFAULT_LOUDNESS, abs=0.15)
    assert result.report.loudness == pytest.approx(DEFAULT_LOUDNESS, abs=NEAR_LU)
    assert result.report.limited_db == 0.0


def test_analysis_knows_the_loudness_of_the_recording():
    y = tones((60, 1.0, LOUD))
    found = analyze(y, SR)
    assert found.loudness == pytest.approx(pyloudnorm.Meter(SR).integrated_loudness(y), abs=0.1)
    assert analyze(np.zeros(SR), SR).loudness is None
    # Channels are averaged, so a stereo recording has what its mono mix has.
    assert analyze(np.stack([y, y]), SR).loudness == found.loudness


@pytest.mark.parametrize("scale", [0.5, 0.2])
def test_input_is_as_loud_as_the_recording(scale):
    y = scale * tones((60, 1.0, LOUD))
    result = pipeline.retimbre(y, SR, seed=0, loudness="input")
    assert result.report.limited_db == 0.0
    assert loudness_of(result) == pytest.approx(integrated_loudness(y, sr=SR), abs=NEAR_LU)
    assert result.melody.loudness == pytest.approx(integrated_loudness(y, sr=SR))


def test_input_of_midi_is_the_default(midi_file, caplog):
    with caplog.at_level(logging.INFO, "retimbre"):
        result = pipeline.retimbre_file(midi_file, seed=0, loudness="input")
    assert loudness_of(result) == pytest.approx(DEFAULT_LOUDNESS, abs=NEAR_LU)
    assert caplog.messages == [f"{midi_file} has no loudness of its own; played at -20 LUFS."]


def test_a_result_that_is_limited_says_so(melody):
    result = pipeline.retimbre_file(melody, seed=0, loudness=0.0)
    report = result.report
    assert db(true_peak(result.y, sr=result.sr)) == pytest.approx(-1.0, abs=NEAR_DB)
    assert report.limited_db > 1.0
    assert report.loudness + report.limited_db == pytest.approx(0.0, abs=NEAR_LU)
    assert json.loads(json.dumps(report.as_dict()))["limited_db"] == report.limited_db


# Several clips of one input


def chord(velocities):
    n = len(velocities)
    return Melody(
        Notes(np.arange(n) / 2, np.arange(n) / 2 + 0.4, 60 + np.arange(n), velocities),
        duration=3.0,
    )


@pytest.fixture
def session():
    return Session(Settings.from_options(seed=0, instruments="Flute"))


def test_a_part_tells_its_own_loudness(session):
    melody = chord([90])
    assert session.play(melody, 2.0, 2.5).report.loudness is None
    part = session.play(melody, 0.0, 0.4)
    assert part.report.loudness == pytest.approx(loudness_of(part), abs=NEAR_LU)


def test_melodies_share_a_gain(session):
    low, high = chord([90, 90, 90]), chord([90, 90])
    shared = session.play(high, gain_of=low)
    n = round(0.9 * FAKE_SR)
    assert shared.y[:n].tobytes() == session.play(low).y[:n].tobytes()
    own = Session(session.settings).play(high)
    assert own.report.loudness == pytest.approx(-20.0, abs=NEAR_LU)
    assert not np.array_equal(own.y, shared.y)
    # The gain stays with the melody: it was played first so.
    assert session.play(high).y.tobytes() == shared.y.tobytes()


def test_a_part_shares_the_gain_too(session):
    low, high = chord([90, 90, 90]), chord([90, 90])
    part = session.play(high, 0.0, 0.8, gain_of=low)
    whole = Session(session.settings).play(high, gain_of=low)
    assert part.y.tobytes() == whole.y[: len(part.y)].tobytes()
    assert part.y.base is None  # the whole is let go


def test_the_ceiling_holds_where_a_gain_is_shared(session):
    quiet, loud = chord([10, 10, 10]), chord([127, 127])
    result = session.play(loud, gain_of=quiet)
    assert session.play(quiet).report.limited_db == 0.0
    assert db(true_peak(result.y, sr=FAKE_SR)) == pytest.approx(-1.0, abs=NEAR_DB)
    # 44 dB of velocity, of which -20 LUFS leaves room for less than 20.
    assert 20.0 < result.report.limited_db < 44.0


def test_a_melody_shares_its_own_gain_with_itself(session, monkeypatch):
    n_mixes = []
    mix = Session._mix
    monkeypatch.setattr(Session, "_mix", lambda *a, **k: n_mixes.append(1) or mix(*a, **k))
    melody = chord([90, 90])
    shared = session.play(melody, gain_of=melody)
    assert len(n_mixes) == 1
    assert shared.y.tobytes() == Session(session.settings).play(melody).y.tobytes()


def test_no_gain_of_nothing(session):
    with pytest.raises(NoPitchError, match="no notes"):
        session.play(chord([90]), gain_of=Melody(Notes.empty()))
    with pytest.raises(ParameterError, match="must be a Melody"):
        session.play(chord([90]), gain_of=3.0)


def test_soft_notes_alone_are_as_loud_as_others(tmp_path):
    soft, loud = (
        pipeline.retimbre_file(write_wav(tmp_path / f"{level}.wav", tones((60, 0.5, level))))
        for level in (SOFT, LOUD)
    )
    assert soft.report.loudness == pytest.approx(loud.report.loudness, abs=NEAR_LU)
