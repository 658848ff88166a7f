"""Integrated loudness, against the standard's own figures and another measurement."""

import tracemalloc

import numpy as np
import pyloudnorm
import pytest
import scipy.signal

from retimbre.metering import integrated
from retimbre.metering.integrated import block_power, factor_to, gated_loudness, integrated_loudness
from retimbre.metering.k_weighting import HIGH_PASS, SHELF, k_sections

SR = 48_000
RATES = (8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000)

EXACT_LU = 0.01
"""At the standard's own rate; all that differs is rounding."""

NEAR_LU = 0.1
"""At other rates everybody derives the filters in a slightly different way."""

WARPED_LU = 0.25
"""At 8 kHz the bilinear transform bends what lies between the corners."""

FULL_SCALE_LUFS = -3.01
"""What a sine of 997 Hz and amplitude 1 has in one channel, as the standard says."""


def tone(seconds, loudness=FULL_SCALE_LUFS, *, frequency=997.0, sr=SR):
    t = np.arange(round(seconds * sr)) / sr
    return 10.0 ** ((loudness - FULL_SCALE_LUFS) / 20.0) * np.sin(2 * np.pi * frequency * t)


def swelling(y, sr):
    """Let a sound be loud, nearly silent, loud again and soft."""
    t = np.arange(len(y)) / sr
    return y * np.interp(t, [0, 2, 3, 5, 5.1, 7], [1, 1, 0.02, 0.02, 0.7, 0.3])


SIGNALS = {
    "low": lambda rng, sr: tone(7.0, -10.0, frequency=60.0, sr=sr),
    "middle": lambda rng, sr: tone(7.0, -10.0, frequency=440.0, sr=sr),
    "high": lambda rng, sr: tone(7.0, -10.0, frequency=3000.0, sr=sr),
    "noise": lambda rng, sr: 0.1 * rng.standard_normal(7 * sr),
    "offset": lambda rng, sr: 0.1 * rng.standard_normal(7 * sr) + 0.2,
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("sr", RATES)
def test_is_what_pyloudnorm_measures(rng, signal, sr):
    y = swelling(SIGNALS[signal](rng, sr), sr)
    found = integrated_loudness(y, sr=sr)
    assert found == pytest.approx(pyloudnorm.Meter(sr).integrated_loudness(y), abs=NEAR_LU)
    if sr == SR:
        # These are the standard's filters, which pyloudnorm's own are not quite.
        exact = pyloudnorm.Meter(sr, filter_class="DeMan").integrated_loudness(y)
        assert found == pytest.approx(exact, abs=EXACT_LU)


@pytest.mark.parametrize("sr", RATES)
def test_a_sine_at_full_scale_is_what_the_standard_says(sr):
    found = integrated_loudness(tone(3.0, sr=sr), sr=sr)
    tolerance = EXACT_LU if sr in (44_100, 48_000) else WARPED_LU
    assert found == pytest.approx(FULL_SCALE_LUFS, abs=tolerance)


def test_the_filters_are_the_standards_at_its_rate():
    for found, wanted in zip(k_sections(SR), (SHELF, HIGH_PASS), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("sr", RATES)
def test_the_filters_keep_their_response_at_any_rate(sr):
    frequency = np.geomspace(10.0, 0.6 * min(sr, SR) / 2, 40)

    def response_db(rate):
        of_sections = [scipy.signal.freqz(*s, frequency, fs=rate)[1] for s in k_sections(rate)]
        return 20.0 * np.log10(np.abs(np.prod(of_sections, axis=0)))

    np.testing.assert_allclose(response_db(sr), response_db(SR), atol=0.3)


@pytest.mark.parametrize("sr", [100, 1000, 3000, 3364, 4000])
def test_the_filters_are_stable_at_the_lowest_rates(sr):
    for _, a in k_sections(sr):
        assert np.abs(np.roots(a)).max() < 1.0


def test_rests_do_not_count():
    y = tone(5.0, -23.0)
    rest = np.zeros(20 * SR)
    assert integrated_loudness(np.r_[rest, y, rest], sr=SR) == pytest.approx(-23.0, abs=0.3)


def test_what_is_ten_lu_softer_does_not_count_and_what_is_less_so_does():
    # As in EBU Tech 3341, cases 3 and 4: much softer parts before and after, and very soft ones.
    parts = [(10, -36.0), (60, -23.0), (10, -36.0)]
    y = np.concatenate([tone(seconds, loudness) for seconds, loudness in parts])
    assert integrated_loudness(y, sr=SR) == pytest.approx(-23.0, abs=0.1)
    parts = [(10, -72.0), *parts, (10, -72.0)]
    y = np.concatenate([tone(seconds, loudness) for seconds, loudness in parts])
    assert integrated_loudness(y, sr=SR) == pytest.approx(-23.0, abs=0.1)
    halves = np.r_[tone(20.0, -20.0), tone(20.0, -26.0)]
    mean = 10.0 * np.log10((10.0**-2.0 + 10.0**-2.6) / 2.0)
    assert integrated_loudness(halves, sr=SR) == pytest.approx(mean, abs=0.1)


@pytest.mark.parametrize("sr", [11_025, 44_100])
def test_chunks_give_what_the_whole_gives(rng, monkeypatch, sr):
    y = swelling(0.1 * rng.standard_normal(7 * sr + 123), sr)
    whole = block_power(y, sr=sr)
    assert len(whole) == 70 - 3
    for n_segments in (1, 7):
        monkeypatch.setattr(integrated, "_CHUNK_SEGMENTS", n_segments)
        np.testing.assert_allclose(block_power(y, sr=sr), whole, rtol=1e-9)


@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.3, 0.4, 0.41])
def test_a_short_clip_is_one_block(seconds):
    y = tone(seconds, -20.0)
    assert len(block_power(y, sr=SR)) == 1
    if seconds >= 0.05:
        assert integrated_loudness(y, sr=SR) == pytest.approx(-20.0, abs=0.2)


@pytest.mark.parametrize("n_samples", [0, 1, 100, 3 * SR])
def test_silence_has_no_loudness(n_samples):
    assert integrated_loudness(np.zeros(n_samples), sr=SR) == -np.inf
    assert integrated_loudness(tone(n_samples / SR, -80.0), sr=SR) == -np.inf


def test_a_rate_of_one_sample_is_survived():
    assert np.isfinite(integrated_loudness(np.ones(5), sr=1))


def test_any_array_is_only_read(rng):
    y = 0.1 * rng.standard_normal((2 * SR, 2))
    y.setflags(write=False)
    one = y[:, 0]
    contiguous = integrated_loudness(one.astype(np.float32), sr=SR)
    assert integrated_loudness(one, sr=SR) == pytest.approx(contiguous, abs=1e-6)


def test_takes_no_copy_of_a_clip():
    y = np.full(120 * SR, 0.1)
    integrated_loudness(y[:SR], sr=SR)  # compiles
    tracemalloc.start()
    integrated_loudness(y, sr=SR)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6 < y.nbytes / 10


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("loudness", [-60.0, -20.0, 0.0])
def test_clips_of_any_scale_come_to_a_loudness(rng, scale, loudness):
    # Most of it lies near the absolute gate once the loud part is at -20 LUFS.
    y = np.r_[tone(2.0, -3.0), tone(8.0, -53.5), tone(8.0, -12.5)] * scale
    factor = factor_to(block_power(y, sr=SR), loudness)
    assert integrated_loudness(factor * y, sr=SR) == pytest.approx(loudness, abs=0.001)


def test_what_no_loudness_can_be_reached_with():
    assert factor_to(np.zeros(9), -20.0) == np.inf
    assert factor_to(np.zeros(0), -20.0) == np.inf
    # Below the gate nothing is measured; the loudest block is brought there.
    factor = factor_to(np.array([1.0, 4.0]), -80.0)
    assert gated_loudness(np.array([4e3]) * factor**2) == pytest.approx(-50.0)
