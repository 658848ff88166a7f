"""Louder is brighter: the spectrum of a note tilts with the velocity."""

import numpy as np
import pytest

from retimbre.harmonic.image import BIN_PARTIALS
from retimbre.harmonic.layout import instrument_level
from retimbre.harmonic.touch import BRIGHTNESS_DB, brighten


def falling_notes(n: int = 3) -> np.ndarray:
    """Partials that fall by 6 dB an octave and with time, above silence from bin 60 on."""
    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0] = -6.0 * np.log2(BIN_PARTIALS) - 0.1 * np.arange(128)[:, None]
    image[..., 2] = image[..., 0] - 40.0
    image[:, 60:, 0], image[:, 60:, 2] = -90.0, -110.0
    image[..., 3] = 1.5
    image[..., 0] -= instrument_level(image).max()
    image[:, 60:, 0] = -90.0
    return np.stack([image] * n)


def test_partials_gain_a_tenth_of_a_decibel_an_octave_for_each_decibel() -> None:
    images = falling_notes()
    made = brighten(images, np.array([40, 80, 120]))
    np.testing.assert_allclose(made[1], images[1], atol=1e-4)
    for i, velocity in ((0, 40), (2, 120)):
        louder = 40.0 * np.log10(velocity / 80)
        for channel in (0, 2):
            change = made[i, :, :40, channel] - images[i, :, :40, channel]
            octave = change[:, 7] - change[:, 3]
            np.testing.assert_allclose(octave, BRIGHTNESS_DB * louder, atol=1e-4)
    # Deviations and texture are what they were, and so is what was given.
    np.testing.assert_array_equal(made[..., [1, 3]], images[..., [1, 3]])
    np.testing.assert_array_equal(images, falling_notes())


def test_the_loudest_frame_and_silence_stay() -> None:
    images = falling_notes()
    made = brighten(images, np.array([1, 20, 127]))
    for image, own in zip(made, images, strict=True):
        assert instrument_level(image).max() == pytest.approx(instrument_level(own).max(), abs=0.05)
        assert (image[:, 60:, 0] == -90.0).all()
        assert (image[:, 60:, 2] == -110.0).all()
    assert made[..., 0].min() >= -90.0
    assert made[..., 2].min() >= -110.0


def test_nothing_is_nothing() -> None:
    assert brighten(np.zeros((0, 128, 96, 4), np.float32), np.zeros(0, int)).shape[0] == 0
    silent = np.full((1, 128, 96, 4), -90.0, np.float32)
    np.testing.assert_array_equal(brighten(silent, np.array([127]))[..., 0], -90.0)
