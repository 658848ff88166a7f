"""Sound read between its samples: against sines whose phase is known."""

import numpy as np
import pytest

from retimbre.harmonic.reading import Reader


@pytest.mark.parametrize(
    ("reader", "below_db"), [(Reader(), -80.0), (Reader(n_fractions=32_768, beta=12.0), -100.0)]
)
@pytest.mark.parametrize("turns", [0.001, 0.05, 0.11])
def test_a_sine_is_read_anywhere(rng, reader, below_db, turns):
    sound = np.sin(2 * np.pi * turns * np.arange(2000)).astype(np.float32)
    position = np.sort(rng.uniform(6.0, 1994.0, 20_000))
    found = reader.read(sound, position)
    assert found.dtype == np.float32
    error = found - np.sin(2 * np.pi * turns * position)
    assert 10 * np.log10(2 * np.mean(error**2)) < below_db


def test_samples_themselves_are_kept(rng):
    sound = rng.standard_normal(100).astype(np.float32)
    np.testing.assert_allclose(Reader().read(sound, np.arange(6.0, 94.0)), sound[6:94], atol=1e-6)
