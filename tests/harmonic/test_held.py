"""Notes shorter or longer than the image's layout."""

import numpy as np
import pytest

from retimbre.harmonic.hold import MAX_FALL_DB, RELEASE_DB, hold_image
from retimbre.harmonic.image import FRAME_TIMES, HOLD_SECONDS

HELD = FRAME_TIMES < HOLD_SECONDS


def falling_note(db_per_second: float) -> np.ndarray:
    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0] = -90.0
    image[:, :4, 0] = np.array([-3.0, -6.0, -9.0, -12.0]) - db_per_second * FRAME_TIMES[:, None]
    image[..., 2] = -60.0
    image[:, 1, 1] = 0.01
    image[:, 1, 3] = 2.0
    return image


def cut(image: np.ndarray, seconds: float) -> np.ndarray:
    """Return what a recording that ends there would give."""
    cut = image.copy()
    over = seconds < FRAME_TIMES
    cut[over] = 0.0
    cut[over, :, 0] = -90.0
    cut[over, :, 2] = -110.0
    return cut


@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.0, 2.5])
@pytest.mark.parametrize("fall", [0.0, 10.0])
def test_a_cut_note_goes_on_as_it_would_have(seconds: float, fall: float) -> None:
    whole = falling_note(fall)
    held = hold_image(cut(whole, seconds), seconds)
    # The mean over the last moments may stand for the very last one.
    np.testing.assert_allclose(held[HELD, :4, 0], whole[HELD, :4, 0], atol=0.1 + 0.1 * fall)
    np.testing.assert_allclose(held[HELD, 1, 1], 0.01)
    np.testing.assert_allclose(held[HELD, 1, 3], 2.0)


def test_what_was_recorded_stays_as_it_is() -> None:
    whole = falling_note(10.0)
    held = hold_image(cut(whole, 1.0), 1.0)
    early = FRAME_TIMES < 0.9
    np.testing.assert_array_equal(held[early], whole[early])


@pytest.mark.parametrize("seconds", [1.0, 3.0, 60.0])
def test_every_note_is_released(seconds: float) -> None:
    held = hold_image(falling_note(0.0), seconds)
    after = FRAME_TIMES >= HOLD_SECONDS + 0.2
    expected = np.maximum(-3.0 - RELEASE_DB * (FRAME_TIMES[after] - HOLD_SECONDS), -90.0)
    np.testing.assert_allclose(held[after, 0, 0], expected, atol=0.01)
    assert (np.diff(held[after, 0, 2]) <= 0.0).all()


def test_a_sudden_fall_before_the_end_is_bounded() -> None:
    note = falling_note(150.0)
    held = hold_image(cut(note, 0.3), 0.3)
    between = (FRAME_TIMES > 0.35) & (FRAME_TIMES < 0.9) & (held[:, 0, 0] > -89.0)
    assert between.any()
    slope = -np.diff(held[between, 0, 0]) / np.diff(FRAME_TIMES[between])
    assert slope.max() <= MAX_FALL_DB + 1.0


def test_the_input_is_left_alone() -> None:
    image = falling_note(5.0)
    before = image.copy()
    hold_image(image, 0.5)
    np.testing.assert_array_equal(image, before)
