"""What is measured beside pitch and level, of sounds that are known."""

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.pitch.detail import Detail, measure_detail
from retimbre.pitch.loudness import FLOOR_DB, band_rises
from retimbre.types import PitchTrack

SR = 44100
N = 100


def detail_of(y, f0):
    track = np.full(N, f0) if np.ndim(f0) == 0 else f0
    return Detail(*measure_detail(y, SR, track, band_rises(y, SR, N)).T)


def tone(f0, amplitude=0.5, seconds=1.0):
    t = np.arange(round(seconds * SR)) / SR
    return amplitude * sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, 6))


@pytest.mark.parametrize("f0", [60.0, 220.0, 900.0])
def test_a_steady_tone_has_no_ripple(f0):
    level = detail_of(tone(f0), f0).level[10:90]
    assert np.ptp(level) < 0.3
    assert level.mean() == pytest.approx(
        10 * np.log10(0.125 * sum(1 / k**2 for k in range(1, 6))), abs=0.1
    )


@pytest.mark.parametrize("f0", [220.0, 900.0])
def test_a_short_dip_is_seen_as_deep_as_it_is(f0):
    y = tone(f0)
    at, half = round(0.5 * SR), round(0.015 * SR)
    y[at - half : at + half] *= 10 ** (-6 / 20)
    found = detail_of(y, f0)
    both = np.stack([found.level, found.level_after])[:, 40:60]
    assert both.max() - both.min() == pytest.approx(6.0, abs=0.8)


def test_the_second_level_is_that_of_5_ms_later():
    y = np.concatenate([np.zeros(round(0.503 * SR)), tone(440.0)])[:SR]
    found = detail_of(y, 440.0)
    assert found.level_after[50] > found.level[50] + 3.0


def test_rises_are_told_by_bands():
    y = np.concatenate([tone(300.0, seconds=0.5), tone(300.0, seconds=0.5)])
    hiss = np.random.default_rng(0).standard_normal(round(0.05 * SR))
    spectrum = np.fft.rfft(hiss)
    spectrum[np.fft.rfftfreq(len(hiss), 1 / SR) < 5000] = 0
    y[SR // 2 :][: len(hiss)] += 0.3 * np.fft.irfft(spectrum, len(hiss))
    found = detail_of(y, 300.0)
    assert found.rise_high[48:53].max() > 10.0
    assert found.rise_low[48:53].max() < 3.0


def test_a_tone_is_periodic_and_noise_is_not():
    noise = 0.1 * np.random.default_rng(0).standard_normal(SR)
    assert detail_of(tone(200.0), 200.0).periodicity[10:90].min() > 0.98
    assert detail_of(noise, 200.0).periodicity[10:90].mean() < 0.2
    assert not detail_of(tone(200.0), np.full(N, np.nan)).periodicity.any()


def test_silence_and_the_ends_of_a_clip_are_quiet():
    found = detail_of(np.zeros(SR), 200.0)
    assert (found.level == FLOOR_DB).all()
    assert not np.array([found.rise_low, found.rise_high, found.periodicity]).any()
    short = detail_of(tone(200.0, seconds=0.2), 200.0)
    assert np.isfinite(np.array(short)).all()
    assert short.level[50] == FLOOR_DB


def test_blocks_join_without_a_seam(monkeypatch):
    y = tone(333.0) * np.linspace(0.1, 1.0, SR)
    whole = np.array(detail_of(y, 333.0))
    monkeypatch.setattr("retimbre.pitch.detail._BLOCK_FRAMES", 7)
    np.testing.assert_allclose(np.array(detail_of(y, 333.0)), whole, atol=1e-4)


def test_a_track_without_detail_says_what_it_can():
    level, strength, sure = np.full(4, -20.0), np.array([0.0, 5.0, 0.0, 0.0]), np.full(4, 0.9)
    track = PitchTrack(np.arange(4) * 0.01, np.full(4, 440.0), sure, level, strength)
    found = Detail(*track.detail.T)
    np.testing.assert_allclose(found.level, level)
    np.testing.assert_allclose(found.rise_high, strength)
    np.testing.assert_allclose(found.periodicity, sure)
    with pytest.raises(ParameterError, match=r"detail of shape \(4, 6\)"):
        PitchTrack(np.arange(4) * 0.01, np.full(4, 440.0), sure, level, strength, np.zeros((3, 6)))
