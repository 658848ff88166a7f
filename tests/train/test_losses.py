"""Latents and losses of training against closed forms."""

import math

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_latents_keep_the_length_of_gaussian_ones():
    import tensorflow as tf

    from retimbre.train.networks.losses import mix_latent

    rng = np.random.default_rng(0)
    direction = rng.standard_normal((64, 256)).astype(np.float32) * 7.0
    noise = rng.standard_normal((64, 256)).astype(np.float32)
    unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    for signal in (0.0, 0.3, 1.0):
        z = np.asarray(mix_latent(tf.constant(direction), tf.fill((64, 1), signal), noise))
        assert np.mean(z**2) == pytest.approx(1.0, abs=0.05)
        along = np.mean(np.sum(z * unit, axis=1)) / 16.0
        assert along == pytest.approx(signal, abs=0.03)


def test_slerp_goes_along_the_circle():
    import tensorflow as tf

    from retimbre.train.networks.losses import slerp_rows

    z0, z1 = tf.constant([[2.0, 0.0, 0.0]] * 3), tf.constant([[0.0, 2.0, 0.0]] * 3)
    t = tf.constant([[0.0], [1.0 / 3.0], [1.0]])
    angles = np.array([0.0, 30.0, 90.0]) * math.pi / 180.0
    expected = 2.0 * np.stack([np.cos(angles), np.sin(angles), np.zeros(3)], axis=1)
    np.testing.assert_allclose(slerp_rows(z0, z1, t), expected, atol=1e-5)


def test_blends_are_mostly_one_to_three_and_as_long():
    import tensorflow as tf

    from retimbre.train.networks.losses import blend_rows

    z = 8.0 * np.eye(32, 64, dtype=np.float32)
    draws = np.random.default_rng(0).standard_normal((200, 32)).astype(np.float32)
    blends = np.asarray(blend_rows(tf.constant(z), tf.constant(draws)))
    np.testing.assert_allclose(np.mean(blends**2, axis=1), 1.0, rtol=1e-5)
    shares = np.sort((blends[:, :32] / 8.0) ** 2, axis=1)
    assert np.median(shares[:, -3:].sum(axis=1)) > 0.9
    np.testing.assert_array_equal(blends[:, :32].argmax(axis=1), draws.argmax(axis=1))


def test_pitch_loss_is_the_cross_entropy():
    import tensorflow as tf

    from retimbre.train.networks.losses import pitch_loss

    one_hot = tf.constant([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    logits = tf.math.log(tf.constant([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]))
    expected = 0.5 * (math.log(2.0) + math.log(4.0))
    assert float(pitch_loss(one_hot, logits)) == pytest.approx(expected, rel=1e-6)


def test_instruments_that_find_each_other_cost_nothing():
    import tensorflow as tf

    from retimbre.train.networks.losses import INSTRUMENT_TEMPERATURE, instrument_loss

    unit = tf.eye(4)
    # Right notes score 1 / 0.1, the three others 0, in both directions.
    expected = math.log(1.0 + 3.0 * math.exp(-1.0 / INSTRUMENT_TEMPERATURE))
    assert float(instrument_loss(unit, 5.0 * unit)) == pytest.approx(expected, rel=1e-3)
    same = tf.ones((4, 4))
    assert float(instrument_loss(same, same)) == pytest.approx(math.log(4.0), rel=1e-5)


def test_reconstruction_counts_what_can_be_heard():
    import tensorflow as tf

    from retimbre.train.networks.losses import TEXTURE_WEIGHT, reconstruction

    target = np.zeros((1, 2, 288), np.float32)
    target[..., :96] = np.where(np.arange(96) < 10, 1.0, -1.0)  # 0 dB and -90 dB
    off = target + 0.1
    ones = tf.ones((1, 1, 288))
    level, deviation, noise, texture = map(float, reconstruction(tf.constant(off), target, ones))
    weight = 0.1 + 0.9 / (1.0 + np.exp(-(np.where(np.arange(96) < 10, 0.0, -90.0) + 60.0) / 8.0))
    assert level == pytest.approx(0.1 * weight.mean(), rel=1e-4)
    assert deviation == pytest.approx(0.1 * weight[:48].mean(), rel=1e-4)
    assert noise == pytest.approx(0.5 * 0.1, rel=1e-4)
    assert texture == pytest.approx(TEXTURE_WEIGHT * 0.1 * weight[:48].mean(), rel=1e-4)
    assert not np.any(reconstruction(tf.constant(off), target, 0.0 * ones))


def test_the_total_is_weighted():
    from tiny_runs import TINY

    from retimbre.train.networks.losses import total_loss

    found = float(total_loss((0.1, 0.2), (0.3, 0.4), (0.6,), 3.0, 5.0, 7.0, TINY))
    expected = 100.0 * 0.3 + 20.0 * 0.7 + 10.0 * 0.6 + 0.5 * 3.0 + 0.25 * 5.0 + 2.0 * 7.0
    assert found == pytest.approx(expected)


def test_a_morph_is_straight_and_its_ends_are_not_trained_by_it():
    import tensorflow as tf

    from retimbre.train.networks.losses import mix_notes

    start, end = tf.Variable(tf.zeros((2, 3, 288))), tf.Variable(tf.ones((2, 3, 288)))
    with tf.GradientTape() as tape:
        mixed = mix_notes(start, end, tf.constant([[0.25], [1.0]]))
    np.testing.assert_allclose(mixed[:, 0, 0], [0.25, 1.0])
    assert tape.gradient(mixed, [start, end]) == [None, None]
