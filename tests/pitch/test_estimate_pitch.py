"""Pitch tracks of signals whose pitch is known in closed form."""

import subprocess
import sys

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.pitch import SILENCE_DB, estimate_pitch, find_silence
from retimbre.settings.params import PitchParams

TINY = PitchParams(capacity="tiny")

# The network's own error on steady tones, and where the pitch moves within its 64 ms.
STEADY_CENTS = 5.0
MOVING_CENTS = 20.0

# Frames that reach over the ends of a clip hear a tone that begins or stops.
EDGE_FRAMES = 6


def tone(f0, sr, n_partials=8):
    """Harmonic tone of partials 1 / k along `f0` [shape=(n_samples,), Hz]."""
    phase = 2 * np.pi * np.cumsum(f0) / sr
    partials = [np.sin(k * phase) / k * (k * f0 < sr / 2.1) for k in range(1, n_partials + 1)]
    return (0.3 * sum(partials)).astype(np.float32)


def steady(f0, sr, seconds=0.3, **kwargs):
    return tone(np.full(round(seconds * sr), float(f0)), sr, **kwargs)


def inner_cents(track, f0):
    """Deviation from `f0` in cents, without the ends of the clip."""
    cents = 1200.0 * np.log2(track.f0 / f0)
    return cents[EDGE_FRAMES:-EDGE_FRAMES]


@pytest.mark.parametrize("f0", [98.0, 220.0, 440.0, 1046.5])
@pytest.mark.parametrize("n_partials", [1, 8])
def test_steady_tones(f0, n_partials):
    track = estimate_pitch(steady(f0, 16000, seconds=0.2, n_partials=n_partials), 16000)
    assert np.abs(np.median(inner_cents(track, f0))) < STEADY_CENTS
    assert track.confidence[EDGE_FRAMES:-EDGE_FRAMES].min() > 0.7


@pytest.mark.parametrize("sr", [8000, 22050, 44100, 48000])
def test_any_sample_rate(sr):
    track = estimate_pitch(steady(330.0, sr), sr, TINY)
    assert len(track) == 31
    assert np.abs(np.median(inner_cents(track, 330.0))) < STEADY_CENTS


def test_vibrato_and_sweep_are_followed():
    sr = 22050
    t = np.arange(2 * sr) / sr
    for f0 in (300.0 * 2 ** (0.5 / 12 * np.sin(2 * np.pi * 5.5 * t)), 110.0 * 2 ** (1.2 * t)):
        track = estimate_pitch(tone(f0, sr), sr, TINY)
        truth = np.interp(track.times, t, f0)
        assert np.abs(inner_cents(track, truth)).max() < MOVING_CENTS


def test_leap_is_followed_within_its_frames():
    """An octave at once: the smoothed path does not glide over it."""
    sr = 16000
    f0 = np.where(np.arange(sr) < sr // 2, 200.0, 400.0)
    track = estimate_pitch(tone(f0, sr), sr, TINY)
    cents = np.abs(inner_cents(track, np.where(track.times < 0.5, 200.0, 400.0)))
    assert np.count_nonzero(cents > 50.0) <= 3


def test_frames_lie_on_the_10_ms_grid():
    track = estimate_pitch(steady(220.0, 44100, seconds=0.255), 44100, TINY)
    np.testing.assert_allclose(track.times, 0.01 * np.arange(26), rtol=0, atol=1e-12)


def test_silence_is_unvoiced():
    sr = 16000
    y = np.concatenate([steady(220.0, sr), np.zeros(sr // 2, np.float32), steady(330.0, sr)])
    track = estimate_pitch(y, sr, TINY)
    rest = (track.times > 0.33) & (track.times < 0.77)
    assert np.isnan(track.f0[rest]).all()
    assert not track.confidence[rest].any()
    assert np.isfinite(track.f0[(track.times < 0.27) | (track.times > 0.83)]).all()


@pytest.mark.parametrize("viterbi", [True, False])
def test_all_zeros_are_unvoiced(viterbi):
    track = estimate_pitch(
        np.zeros(8000, np.float32), 16000, PitchParams(capacity="tiny", viterbi=viterbi)
    )
    assert len(track) == 51
    assert np.isnan(track.f0).all()
    assert not track.confidence.any()


def test_silence_is_relative_to_the_loud_frames():
    level_db = np.array([-20.0] * 50 + [-79.0, -81.0] + [-120.0] * 500)
    is_silent = find_silence(level_db)
    assert not is_silent[:51].any()
    assert is_silent[51:].all()


def test_one_knock_does_not_silence_a_soft_song():
    level_db = np.array([0.0] + [-50.0] * 100 + [-65.0, -50.0 - SILENCE_DB - 1.0])
    assert find_silence(level_db).tolist() == [False] * 102 + [True]


def test_gain_does_not_change_the_track():
    y = steady(220.0, 16000)
    loud, soft = (estimate_pitch(gain * y, 16000, TINY) for gain in (1.0, 1e-3))
    assert np.abs(inner_cents(soft, loud.f0)).max() < 0.01
    np.testing.assert_allclose(soft.confidence, loud.confidence, rtol=0, atol=1e-4)


@pytest.mark.parametrize("n_samples", [1, 100, 159, 160])
def test_very_short_clips(n_samples):
    track = estimate_pitch(steady(440.0, 16000)[:n_samples], 16000, TINY)
    assert len(track) == 1 + n_samples // 160
    assert np.isfinite(track.confidence).all()


def test_an_empty_clip_has_no_frames():
    assert len(estimate_pitch(np.zeros(0, np.float32), 44100, TINY)) == 0


@pytest.mark.parametrize("viterbi", [True, False])
def test_range_of_the_search(viterbi):
    """A tone out of range leaves no confidence, and nothing out of range is reported."""
    y = steady(440.0, 16000)
    around = PitchParams(capacity="tiny", viterbi=viterbi, fmin=300.0, fmax=600.0)
    below = PitchParams(capacity="tiny", viterbi=viterbi, fmin=100.0, fmax=300.0)
    assert np.median(estimate_pitch(y, 16000, around).confidence) > 0.8
    track = estimate_pitch(y, 16000, below)
    assert np.median(track.confidence) < 0.2
    assert track.f0.max() < 300.0 * 2 ** (100 / 1200)


def test_a_range_outside_crepe_is_refused():
    params = PitchParams(capacity="tiny", fmin=2500.0, fmax=4000.0)
    with pytest.raises(ParameterError, match=r"2500\.0\.\.4000\.0 Hz lies outside"):
        estimate_pitch(steady(440.0, 16000), 16000, params)


def test_a_clip_longer_than_a_block_is_one_track(monkeypatch):
    """Blocks leave no trace, with either way of decoding."""
    sr = 16000
    t = np.arange(3 * sr) / sr
    noise = np.random.default_rng(5).standard_normal(len(t)).astype(np.float32)
    y = tone(250.0 * 2 ** np.sin(2 * np.pi * 0.7 * t), sr) + 0.03 * noise
    for viterbi in (True, False):
        params = PitchParams(capacity="tiny", viterbi=viterbi)
        with monkeypatch.context() as patch:
            patch.setattr("retimbre.pitch.crepe.network._BLOCK_FRAMES", 37)
            chunked = estimate_pitch(y, sr, params)
        whole = estimate_pitch(y, sr, params)
        np.testing.assert_allclose(chunked.f0, whole.f0, rtol=1e-5)
        np.testing.assert_allclose(chunked.confidence, whole.confidence, rtol=0, atol=1e-6)


def test_progress_ends_with_all_frames():
    calls = []
    estimate_pitch(steady(220.0, 16000, 2.0), 16000, TINY, progress=lambda *c: calls.append(c))
    assert calls == [(128, 201), (201, 201)]


def test_read_only_input_is_left_alone():
    y = steady(220.0, 16000)
    before = y.copy()
    y.setflags(write=False)
    estimate_pitch(y, 16000, TINY)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize(
    ("y", "sr", "message"),
    [
        (np.zeros((2, 1000)), 16000, r"mono, given shape \(2, 1000\)"),
        (np.array([0.0, np.nan]), 16000, "NaN or infinite"),
        (np.array([0.0, -np.inf]), 16000, "NaN or infinite"),
        (np.zeros(1000), 0, "sample rate must be > 0 Hz, given 0"),
    ],
)
def test_bad_audio_is_refused(y, sr, message):
    with pytest.raises(ParameterError, match=message):
        estimate_pitch(y, sr, TINY)


def test_crepe_needs_no_heavy_library():
    script = (
        "import sys, numpy\n"
        "from retimbre.settings.params import PitchParams\n"
        "from retimbre.pitch import estimate_pitch\n"
        "estimate_pitch(numpy.ones(800), 16000, PitchParams(capacity='tiny'))\n"
        "print([m for m in ('tensorflow', 'librosa', 'numba', 'scipy') if m in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
