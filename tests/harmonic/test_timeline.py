"""What an image says of the whole note: its level and its deviation."""

import numpy as np
from plain_images import make_image

from retimbre.harmonic.layout import common_deviation, instrument_level


def test_instrument_level_sums_powers_and_counts_group_partials():
    image = make_image({1: -3.0103, 2: -3.0103})
    np.testing.assert_allclose(instrument_level(image), 0.0, atol=1e-3)
    group = make_image()
    group[:, 95, 0] = -50.0
    n_partials = np.sum(np.abs(np.log(np.arange(49, 481) / 480.0)) < np.log(480 / 48.5) / 96)
    expected = -50.0 + 10 * np.log10(n_partials)
    np.testing.assert_allclose(instrument_level(group), expected, atol=0.2)
    np.testing.assert_allclose(instrument_level(make_image()), -90.0, atol=0.1)


def test_common_deviation_is_weighed_by_power():
    image = make_image({1: 0.0, 2: -60.0})
    image[:, 0, 1], image[:, 1, 1] = 0.01, 0.5
    np.testing.assert_allclose(common_deviation(image), 0.01, atol=1e-4)
    np.testing.assert_allclose(common_deviation(make_image()), 0.0, atol=1e-9)
