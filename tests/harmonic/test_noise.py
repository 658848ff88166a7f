"""Noise has the density that the image gives it, and no rumble below the note."""

import numpy as np
import pytest

from retimbre.harmonic.noise import shape_noise

SR = 44100
F0 = 1000.0
DENSITY_DB = -40.0
TOLERANCE_DB = 1.0


@pytest.fixture(scope="module")
def density() -> tuple[np.ndarray, np.ndarray]:
    noise = np.full((2, 96), DENSITY_DB)
    y = shape_noise(
        np.array([0.0, 4.0]),
        noise,
        f0=F0,
        n_samples=4 * SR,
        sr=SR,
        rng=np.random.default_rng(0),
    )
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
