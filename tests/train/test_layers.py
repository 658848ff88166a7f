"""Every layer against its formula."""

import math

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_pixel_norm_divides_by_the_root_mean_square():
    from retimbre.train.networks.layers import PixelNorm

    x = np.array([[[3.0, 4.0], [0.0, 0.0]]], np.float32)
    rms = math.sqrt((9.0 + 16.0) / 2.0)
    expected = [[[3.0 / rms, 4.0 / rms], [0.0, 0.0]]]
    np.testing.assert_allclose(PixelNorm()(x), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 4, 5)])
def test_minibatch_deviation_is_the_mean_deviation_over_the_batch(shape):
    from retimbre.train.networks.layers import MinibatchDeviation

    x = np.zeros(shape, np.float32)
    # Two notes that differ by 2 a everywhere: their deviation is a.
    x[0], x[1] = 0.25, -0.25
    found = np.asarray(MinibatchDeviation()(x))
    assert found.shape == (*shape[:-1], 6)
    np.testing.assert_array_equal(found[..., :5], x)
    np.testing.assert_allclose(found[..., 5], 0.25, rtol=1e-6)


def test_minibatch_deviation_tells_a_collapsed_batch():
    from retimbre.train.networks.layers import MinibatchDeviation

    x = np.repeat(np.random.default_rng(0).standard_normal((1, 3, 5)), 4, axis=0)
    np.testing.assert_allclose(MinibatchDeviation()(x.astype("f4"))[..., 5], 0.0, atol=1e-3)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-6])
def test_copies_deviate_by_the_root_of_epsilon(epsilon):
    from retimbre.train.networks.layers import MinibatchDeviation

    layer = MinibatchDeviation(epsilon=epsilon)
    found = np.asarray(layer(np.ones((2, 3, 5), np.float32)))
    np.testing.assert_allclose(found[..., 5], math.sqrt(epsilon), rtol=1e-4)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, 1.0), (0.25, 1.5), (1.0, 3.0)])
def test_a_fade_is_linear(alpha, expected):
    from retimbre.train.networks.layers import Fade

    new, old = np.full((1, 2, 2), 3.0, "f4"), np.full((1, 2, 2), 1.0, "f4")
    np.testing.assert_allclose(Fade()(new, old, np.array([alpha], "f4")), expected)


@pytest.mark.parametrize(("slope", "power"), [(0.0, 2.0), (0.5, 1.6), (1.0, 1.0)])
def test_equalised_layers_scale_unit_kernels_as_he(slope, power):
    from retimbre.train.networks.layers import LayerMaker

    make = LayerMaker(2, is_equalised=True, dtype="float32")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 6, 8, 16)).astype(np.float32)
    layer = make.conv(64, 3, "c", slope=slope)
    layer(x)
    raw = layer.trainable_variables[0].numpy()
    assert raw.std() == pytest.approx(1.0, abs=0.05)
    np.testing.assert_allclose(layer.kernel, raw * math.sqrt(power / (3 * 3 * 16)), rtol=1e-5)
    # In the middle, where the padding is not seen: the sum written out.
    expected = np.einsum("hwi,hwio->o", x[1, 2:5, 3:6], np.asarray(layer.kernel))
    np.testing.assert_allclose(np.asarray(layer(x))[1, 3, 4], expected, rtol=1e-3, atol=1e-4)


def test_an_equalised_dense_layer_counts_its_inputs():
    from retimbre.train.networks.layers import LayerMaker

    make = LayerMaker(1, is_equalised=True, dtype="float32")
    layer = make.dense(3, "d", slope=1.0)
    x = np.ones((1, 25), np.float32)
    layer.build(x.shape)
    layer._kernel.assign(np.random.default_rng(0).standard_normal((25, 3)))
    found = np.asarray(layer(x))
    raw = layer.trainable_variables[0].numpy()
    np.testing.assert_allclose(found[0], raw.sum(axis=0) / 5.0, atol=1e-5)


def test_a_point_is_spread_over_the_kernel():
    from retimbre.train.networks.layers import LayerMaker

    make = LayerMaker(2, is_equalised=True, dtype="float32")
    layer = make.spread(7, (2, 16), "s")
    x = np.random.default_rng(0).standard_normal((3, 1, 1, 5)).astype(np.float32)
    found = np.asarray(layer(x))
    kernel, bias = (v.numpy() for v in layer.trainable_variables)
    assert bias.shape == (7,)
    # GANSynth pads the point with zeros and convolves: every output sees it once, and its
    # scale counts the zeros.
    gain = math.sqrt(2.0 / (2 * 16 * 5))
    expected = gain * np.einsum("ni,hwoi->nhwo", x[:, 0, 0], kernel)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_doubling_and_halving_undo_each_other():
    from retimbre.train.networks.layers import LayerMaker

    rng = np.random.default_rng(0)
    for rank in (1, 2):
        make = LayerMaker(rank, is_equalised=False, dtype="float32")
        x = rng.standard_normal((2, *(4,) * rank, 3)).astype(np.float32)
        wide = np.asarray(make.double(x))
        assert wide.shape == (2, *(8,) * rank, 3)
        np.testing.assert_array_equal(wide[:, 0], wide[:, 1])
        np.testing.assert_allclose(make.halve(wide), x, rtol=1e-6)
