"""Images become the networks' features and back; bins above Nyquist are masked."""

import numpy as np

from retimbre.harmonic import image as harmonic
from retimbre.units import midi_to_hz


def test_features_round_trip() -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((2, 128, 96, 4), np.float32)
    image[..., 0] = rng.uniform(-50, 0, image.shape[:-1])
    image[..., :48, 1] = rng.uniform(-0.3, 0.3, (2, 128, 48)) * harmonic.BIN_PARTIALS[:48]
    image[..., 2] = rng.uniform(-110, -20, image.shape[:-1])
    features = harmonic.image_to_features(image)
    assert features.shape == (2, 128, 288)
    assert np.abs(features).max() <= 1.0 + 1e-6
    back = harmonic.features_to_image(features)
    np.testing.assert_allclose(back[..., 0], image[..., 0], atol=1e-4)
    np.testing.assert_allclose(back[..., 2], image[..., 2], atol=1e-4)
    loud = image[..., :48, 0] > -40
    ratio = back[..., :48, 1][loud] / image[..., :48, 1][loud]
    assert np.median(np.abs(ratio - 1)) < 0.02


def test_masks_follow_nyquist() -> None:
    mask = harmonic.bin_mask(np.array([24, 108]))
    assert mask.shape == (2, 96)
    assert mask[0].all()
    assert mask[1].sum() == harmonic.n_partials(float(midi_to_hz(108))) == 5
    assert harmonic.feature_mask(108).sum() == 20
