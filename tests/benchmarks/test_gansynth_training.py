"""The measures of benchmarks/gansynth_training.py on sets whose answers are known."""

import numpy as np
import pytest
from gansynth_training import Images, heard_pitches, sliced_wasserstein


def test_the_distance_of_shifted_sets_is_the_mean_projection_of_the_shift() -> None:
    rng = np.random.default_rng(0)
    real = rng.standard_normal((400, 4, 8, 2))
    shift = np.zeros((4, 8, 2))
    shift[0, 0, 0] = 0.5
    # Of a unit vector in d dimensions, the mean magnitude of an element is sqrt(2 / (pi d)); both
    # sets are the same ones in another order, so that nothing but the shift is between them.
    expected = 0.5 * np.sqrt(2 / (np.pi * 64))
    assert sliced_wasserstein(real[::-1] + shift, real) == pytest.approx(expected, rel=0.1)
    assert sliced_wasserstein(real[::-1], real) < 1e-12


def test_pitches_are_heard_where_they_are_and_only_there() -> None:
    rng = np.random.default_rng(1)
    pitches = np.repeat([50, 60, 70], 40)
    images = 0.1 * rng.standard_normal((120, 4, 8, 2))
    images[np.arange(120), :, (pitches - 50) // 10, 0] += 1.0
    real = Images(images[::2], pitches[::2])
    assert heard_pitches(Images(images[1::2], pitches[1::2]), real) == 1.0
    assert heard_pitches(Images(images[1::2], np.roll(pitches[1::2], 20)), real) == 0.0
