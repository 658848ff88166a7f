"""Noise has the density that the image gives it, and no rumble below the note."""

import numpy as np
import pytest

from retimbre.harmonic.noise import NoiseStream, noise_levels

SR = 44100
F0 = 1000.0
DENSITY_DB = -40.0
TOLERANCE_DB = 1.0


@pytest.fixture(scope="module")
def density() -> tuple[np.ndarray, np.ndarray]:
    noise = np.full((2, 96), DENSITY_DB)
    stream = NoiseStream(SR, np.random.default_rng(0))
    levels = noise_levels(noise, stream.frequencies, F0)
    times, half = np.array([0.0, 4.0]), 2 * SR // stream.hop * stream.hop
    pieces = [stream.make(times, levels, 0, half), stream.make(times, levels, half, 4 * SR - half)]
    y = np.concatenate(pieces)
    frames = y[: len(y) // 4096 * 4096].reshape(-1, 4096) * np.hanning(4096)
    power = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0) / np.sum(np.hanning(4096) ** 2)
    return np.fft.rfftfreq(4096, 1 / SR), 10 * np.log10(power)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1100, 1300, 0.0), (3000, 15000, 0.0), (490, 510, -12.0), (345, 362, -18.0)],
)
def test_density(density, low: float, high: float, expected: float) -> None:
    frequencies, level = density
    chosen = (frequencies >= low) & (frequencies <= high)
    assert level[chosen].mean() == pytest.approx(DENSITY_DB + expected, abs=TOLERANCE_DB)


def test_noise_goes_on_from_piece_to_piece() -> None:
    times, levels = np.array([0.0, 1.0]), np.full((2, 257), DENSITY_DB, np.float32)
    stream = NoiseStream(SR, np.random.default_rng(5))
    cut = 40 * stream.hop
    first, second = (stream.make(times, levels, k * cut, cut) for k in (0, 1))
    alone = NoiseStream(SR, np.random.default_rng(5)).make(times, levels, 0, cut)
    np.testing.assert_array_equal(first, alone)
    # Where two pieces meet there is as much noise as elsewhere.
    around = [NoiseStream(SR, np.random.default_rng(seed)) for seed in range(200)]
    rows = [np.concatenate([s.make(times, levels, k * cut, cut) for k in (0, 1)]) for s in around]
    power = 10 * np.log10(np.square(rows)[:, cut - 64 : cut + 64].mean())
    assert power == pytest.approx(DENSITY_DB, abs=0.5)
    assert len(second) == cut
