"""Level and onset strength against closed forms: sines of known RMS, attacks of known time."""

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.pitch.loudness import band_rises, frame_level_db
from retimbre.types import HOP_SECONDS

LEVEL_TOL_DB = 0.1
ONSET_TOL_SECONDS = 0.010


def sine(f0: float, seconds: float, sr: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * f0 * np.arange(round(seconds * sr)) / sr)


def harmonic(f0: float, seconds: float, sr: float, n_partials: int = 8) -> np.ndarray:
    t = np.arange(round(seconds * sr)) / sr
    return sum(0.2 / k * np.sin(2 * np.pi * k * f0 * t) for k in range(1, n_partials + 1))


def onset_strength(y: np.ndarray, sr: float, n_frames: int) -> np.ndarray:
    return band_rises(y, sr, n_frames)[:, 0]


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 96000])
def test_level_of_a_sine_is_its_rms(sr: int) -> None:
    level = frame_level_db(sine(440.0, 1.0, sr), sr, 101)
    expected = 20 * np.log10(0.5 / np.sqrt(2))
    assert np.abs(level[5:-5] - expected).max() < LEVEL_TOL_DB


def test_level_is_centred_on_the_frame() -> None:
    # A click has the level of the window around it: symmetric about the click's own frame.
    sr = 16000
    y = np.zeros(sr)
    y[round(0.5 * sr)] = 1.0
    level = frame_level_db(y, sr, 101)
    assert level.argmax() == 50
    assert level[49] == pytest.approx(level[51], abs=1e-3)
    assert level[47] == level[53] == -120.0


def test_silence_and_empty_audio() -> None:
    for y in (np.zeros(16000), np.zeros(0)):
        assert np.all(frame_level_db(y, 16000, 101) == -120.0)
        assert np.all(onset_strength(y, 16000, 101) == 0.0)
    assert len(frame_level_db(np.zeros(0), 16000, 0)) == 0
    assert len(onset_strength(np.zeros(0), 16000, 0)) == 0


@pytest.mark.parametrize("sr", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("attack", [0.500, 0.503, 0.507])
@pytest.mark.parametrize("f0", [110.0, 440.0, 1200.0])
def test_attack_peaks_at_its_own_time(sr: int, attack: float, f0: float) -> None:
    y = np.zeros(sr)
    tone = harmonic(f0, 0.4, sr, n_partials=3)
    start = round(attack * sr)
    y[start : start + len(tone)] = tone
    strength = onset_strength(y, sr, 101)
    assert abs(strength.argmax() * HOP_SECONDS - attack) <= ONSET_TOL_SECONDS


def test_attack_over_a_ringing_note() -> None:
    # The next note enters while the first one still sounds, as on a plucked string.
    sr = 22050
    t = np.arange(sr) / sr
    y = harmonic(220.0, 1.0, sr) * np.exp(-3 * t)
    again = harmonic(220.0, 0.5, sr) * np.exp(-3 * t[: sr // 2])
    y[sr // 2 : sr // 2 + len(again)] += again
    strength = onset_strength(y, sr, 101)
    peak = 20 + strength[20:80].argmax()
    assert abs(peak * HOP_SECONDS - 0.5) <= ONSET_TOL_SECONDS + 0.005
    assert strength[peak] > 4 * np.median(strength[20:80]) + 1.0


def test_vibrato_is_no_onset() -> None:
    sr = 22050
    t = np.arange(2 * sr) / sr
    cents = 50 * np.sin(2 * np.pi * 6 * t)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** (cents / 1200)) / sr
    y = sum(0.2 / k * np.sin(k * phase) for k in range(1, 9))
    y[: sr // 2] = 0.0
    strength = onset_strength(y, sr, 201)
    assert strength[45:55].max() > 20.0
    assert strength[60:190].max() < 1.0


def test_strength_is_independent_of_gain() -> None:
    y = harmonic(300.0, 0.5, 16000)
    loud, quiet = (onset_strength(g * y, 16000, 51) for g in (1.0, 0.05))
    assert np.allclose(loud, quiet, atol=0.05)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    whole = frame_level_db(y, 16000, 120), onset_strength(y, 16000, 120)
    monkeypatch.setattr("retimbre.pitch.loudness._BLOCK_SAMPLES", 5000)
    parts = frame_level_db(y, 16000, 120), onset_strength(y, 16000, 120)
    for a, b in zip(whole, parts, strict=True):
        assert np.allclose(a, b, atol=1e-4)


def test_frames_beyond_the_end_are_silent_and_input_is_unchanged() -> None:
    y = np.ones(1600)
    y.setflags(write=False)
    level = frame_level_db(y, 16000, 40)
    assert level[5] == pytest.approx(0.0, abs=LEVEL_TOL_DB)
    assert np.all(level[13:] == -120.0)
    assert onset_strength(y, 16000, 40).shape == (40,)


@pytest.mark.parametrize("function", [frame_level_db, band_rises])
def test_bad_parameters(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParameterError, match="mono"):
        function(np.zeros((2, 100)), 16000, 1)
    with pytest.raises(ParameterError, match="sample rate"):
        function(np.zeros(100), 0, 1)
    with pytest.raises(ParameterError, match="frames"):
        function(np.zeros(100), 16000, -1)
