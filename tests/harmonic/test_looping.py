"""A short note runs forth and back, and is itself until it ends."""

import numpy as np
import pytest

from retimbre.harmonic.hold import MARGIN_SECONDS, loop_image
from retimbre.harmonic.image import FRAME_TIMES


@pytest.fixture
def clock():
    """An image that tells the time in every value."""
    return np.broadcast_to(FRAME_TIMES[:, None, None], (128, 96, 4)).astype(np.float32)


@pytest.mark.parametrize("seconds", [0.3, 0.7, 1.0, 2.0])
def test_it_turns_at_the_end_and_at_the_attack(clock, seconds):
    told = loop_image(clock, seconds)[:, 7, 2]
    end = seconds - MARGIN_SECONDS
    start = min(0.16, end / 2)
    # A triangle between the two: how far the time is from the nearest turn at the attack.
    way = end - start
    expected = start + np.abs((FRAME_TIMES - start + way) % (2 * way) - way)
    expected = np.where(end > FRAME_TIMES, FRAME_TIMES, expected)
    # To the nearest frame: they are 40 ms apart.
    np.testing.assert_allclose(told, expected, atol=0.021)
    assert told.max() <= end + 0.021
    assert told[FRAME_TIMES > 0.2].min() >= start - 0.021


def test_a_note_as_long_as_the_image_stays_as_it_is(clock):
    np.testing.assert_array_equal(loop_image(clock, 10.0), clock)


def test_the_shortest_note_is_no_error(clock):
    told = loop_image(clock, 1e-3)
    assert np.isfinite(told).all()
    assert told.max() <= 0.0101


def test_the_image_is_not_changed(clock):
    image = clock.copy()
    image.setflags(write=False)
    loop_image(image, 0.5)
    np.testing.assert_array_equal(image, clock)
