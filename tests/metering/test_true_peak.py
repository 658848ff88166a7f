"""True peak, against signals whose peak between the samples is known."""

import tracemalloc

import numpy as np
import pytest

from retimbre.metering import true_peak as module
from retimbre.metering.true_peak import true_peak

SR = 44_100

NEAR_DB = 0.2
"""The standard's own tolerance for tones up to a quarter of the rate."""


def db(amplitude):
    return 20.0 * np.log10(amplitude)


def test_a_peak_between_the_samples_is_found():
    # A quarter of the rate, 45 degrees: no sample is higher than -3 dB.
    n = np.arange(SR)
    y = np.hanning(SR) * np.sin(np.pi / 2 * n + np.pi / 4)
    assert db(np.abs(y).max()) == pytest.approx(-3.01, abs=0.01)
    assert db(true_peak(y, sr=SR)) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("sr", [8000, 44_100, 96_000])
def test_tones_of_any_phase_are_near_their_peak(rng, sr):
    n = np.arange(sr // 2)
    window = np.hanning(len(n))
    for cycles in rng.uniform(0.001, 0.25, 20):
        y = window * np.sin(2 * np.pi * (cycles * n + rng.random()))
        assert db(true_peak(y, sr=sr)) == pytest.approx(0.0, abs=NEAR_DB)


def test_a_mixture_is_near_its_peak(rng):
    cycles, phase = rng.uniform(0.001, 0.2, 12), rng.random(12)

    def sound(n):
        turns = cycles[:, None] * n + phase[:, None]
        return np.sin(2 * np.pi * turns).sum(axis=0) * np.sin(np.pi * n / 8000) ** 2

    y = sound(np.arange(8001.0))
    truth = np.abs(sound(np.arange(0.0, 8000.0, 1 / 50))).max()
    assert db(np.abs(y).max()) < db(truth)
    assert db(true_peak(y, sr=SR)) == pytest.approx(db(truth), abs=NEAR_DB)


def test_is_not_below_any_sample(rng):
    y = rng.standard_normal(1000)
    assert true_peak(y, sr=SR) >= np.abs(y.astype(np.float32)).max()
    click = np.zeros(100)
    click[50] = -0.5
    assert true_peak(click, sr=SR) >= 0.5


def test_chunks_give_what_the_whole_gives(rng, monkeypatch):
    y = 0.3 * rng.standard_normal(5000)
    whole = true_peak(y, sr=SR)
    for n_samples in (1, 777, 5000):
        monkeypatch.setattr(module, "_CHUNK_SAMPLES", n_samples)
        assert true_peak(y, sr=SR) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("n_samples", [0, 1, 1000])
def test_silence_has_none(n_samples):
    assert true_peak(np.zeros(n_samples), sr=SR) == 0.0


def test_takes_no_copy_of_a_clip():
    y = np.full(60 * SR, 0.1, np.float32)
    true_peak(y[:SR], sr=SR)
    tracemalloc.start()
    true_peak(y, sr=SR)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6 < y.nbytes / 2
