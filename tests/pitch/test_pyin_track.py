"""pYIN on the grid of CREPE."""

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.pitch import estimate_pitch
from retimbre.settings.params import PitchParams

PYIN = PitchParams(method="pyin", fmin=80.0, fmax=800.0)

# Half a step of librosa's grid of pitches, and a little more.
GRID_CENTS = 6.0

# A window of 128 ms is slower than a pitch that bends.
MOVING_CENTS = 40.0


def sine(f0, sr, seconds):
    return (0.3 * np.sin(2 * np.pi * f0 * np.arange(round(seconds * sr)) / sr)).astype(np.float32)


@pytest.mark.parametrize("sr", [8000, 44100])
def test_tone_then_silence(sr):
    y = np.concatenate([sine(220.0, sr, 0.4), np.zeros(sr // 5, np.float32)])
    track = estimate_pitch(y, sr, PYIN)
    assert len(track) == 61
    sounding = (track.times > 0.07) & (track.times < 0.33)
    assert np.abs(1200.0 * np.log2(track.f0[sounding] / 220.0)).max() < GRID_CENTS
    assert track.confidence[sounding].min() > 0.9
    assert np.isnan(track.f0[track.times > 0.43]).all()
    assert not track.confidence[track.times > 0.43].any()


def test_blocks_leave_no_trace_on_a_moving_pitch(monkeypatch):
    sr = 16000
    t = np.arange(sr) / sr
    f0 = 200.0 * 2 ** (0.5 * np.sin(2 * np.pi * t))
    y = (0.3 * np.sin(2 * np.pi * np.cumsum(f0) / sr)).astype(np.float32)
    calls = []
    whole = estimate_pitch(y, sr, PYIN)
    cents = 1200.0 * np.log2(whole.f0 / np.interp(whole.times, t, f0))
    assert np.abs(cents[6:-6]).max() < MOVING_CENTS
    monkeypatch.setattr("retimbre.pitch.pyin._BLOCK_FRAMES", 40)
    monkeypatch.setattr("retimbre.pitch.pyin._MARGIN_FRAMES", 20)
    chunked = estimate_pitch(y, sr, PYIN, progress=lambda *call: calls.append(call))
    np.testing.assert_allclose(chunked.f0, whole.f0, rtol=1e-9)
    np.testing.assert_allclose(chunked.confidence, whole.confidence, rtol=0, atol=1e-6)
    assert calls == [(40, 101), (80, 101), (101, 101)]


@pytest.mark.parametrize(("fmin", "fmax"), [(10.0, 500.0), (100.0, 8000.0)])
def test_range_that_does_not_fit_is_refused(fmin, fmax):
    params = PitchParams(method="pyin", fmin=fmin, fmax=fmax)
    with pytest.raises(ParameterError, match="pYIN searches between 16 and 8000 Hz"):
        estimate_pitch(sine(220.0, 16000, 0.1), 16000, params)


def test_very_short_clip():
    assert len(estimate_pitch(sine(220.0, 16000, 0.005), 16000, PYIN)) == 1
