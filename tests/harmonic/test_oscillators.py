"""Sums of partials, against cosines in float64."""

import numpy as np
from plain_images import make_image

from retimbre.harmonic import oscillators
from retimbre.harmonic.oscillators import sum_oscillators
from retimbre.harmonic.synthesis import synthesize_note

F0 = 441.0


def test_agrees_with_float64_cosines():
    rng = np.random.default_rng(0)
    n_partials, n_blocks, block = 7, 40, 64
    amplitude = rng.random((n_partials, 2)).repeat([1, 1], axis=1)
    deviation = rng.normal(0, 0.02, (n_partials, 1)) * np.ones((1, 2))
    orders, phases = np.arange(1.0, n_partials + 1), rng.random(n_partials)
    f0 = 0.01 + 0.002 * np.sin(np.arange(n_blocks + 1) / 5.0)
    y, _ = sum_oscillators(
        amplitude,
        deviation,
        orders,
        phases,
        f0=f0,
        position=np.linspace(0.0, 1.0, n_blocks + 1),
        block=block,
    )
    n = np.arange(n_blocks * block)
    fine = np.interp(n, np.arange(n_blocks + 1) * block, f0)
    after = np.interp(n + 1, np.arange(n_blocks + 1) * block, f0)
    turns = np.concatenate([[0.0], np.cumsum(0.5 * (fine + after))[:-1]])
    weight = n / (n_blocks * block)
    expected = np.zeros(len(n))
    for k in range(n_partials):
        level = amplitude[k, 0] + weight * (amplitude[k, 1] - amplitude[k, 0])
        phase = phases[k] + (orders[k] + deviation[k, 0]) * turns
        expected += level * np.cos(2.0 * np.pi * phase)
    np.testing.assert_allclose(y, expected, rtol=0, atol=5e-5)


def test_is_compiled_once():
    synthesize_note(make_image({1: 0.0}), F0, duration=0.1)
    synthesize_note(make_image({1: 0.0}), np.full(10, F0, "f4"), duration=0.1, sr=16000)
    assert len(oscillators._render.signatures) == 1


def test_does_not_drift_over_minutes():
    # 100 s: the end must still have the phase that the whole time gives.
    n_blocks, block = 69000, 64
    y, _ = sum_oscillators(
        np.ones((1, 2)),
        np.zeros((1, 2)),
        [1.0],
        [0.0],
        f0=np.full(n_blocks + 1, 0.0123456789),
        position=np.linspace(0.0, 1.0, n_blocks + 1),
        block=block,
    )
    n = np.arange(len(y) - 1000, len(y))
    expected = np.cos(2.0 * np.pi * np.mod(0.0123456789 * n, 1.0))
    np.testing.assert_allclose(y[-1000:], expected, rtol=0, atol=1e-4)
