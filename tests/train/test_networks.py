"""The networks of both representations: their shapes, their variables, how they grow."""

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import TINY, TINY_MEL

from retimbre.train.config import CONFIGS
from retimbre.train.schedule import resolution_weights

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PINNED = Path(__file__).with_name("harmonic_variables.txt")
STAGES = {"harmonic": (1, 2), "mel": (0, 1)}


@pytest.fixture(scope="module")
def built():
    from retimbre.train.networks import Networks

    return {config.representation: Networks(config) for config in (TINY, TINY_MEL)}


@pytest.fixture(params=["harmonic", "mel"])
def networks(request, built):
    return built[request.param]


@pytest.fixture
def stages(networks):
    """Two stages, coarse and fine, with channels of one width and of two."""
    return STAGES[networks.representation.name]


def condition(networks, n=3):
    rng = np.random.default_rng(0)
    config = networks.config
    z = rng.standard_normal((n, config.latent_dim)).astype(np.float32)
    pitch = np.eye(config.n_pitches, dtype=np.float32)[rng.integers(0, config.n_pitches, n)]
    return z, pitch, rng.random((n, 1)).astype(np.float32)


def alpha(value):
    return np.array([value], np.float32)


def double(image):
    for axis in range(1, image.ndim - 1):
        image = np.repeat(image, 2, axis=axis)
    return image


def play(networks, stage, fading, weight):
    inputs = [*condition(networks), alpha(weight)]
    return np.asarray(networks.generator(stage, fading)(inputs))


def test_variables_are_those_of_earlier_checkpoints(built):
    networks = built["harmonic"]
    found = [
        f"{name} {variable.path} {' '.join(map(str, variable.shape))}"
        for name in ("generator", "discriminator", "encoder")
        for variable in getattr(networks, f"{name}_variables")
    ]
    assert found == PINNED.read_text().splitlines()


@pytest.mark.parametrize("stage", range(5))
def test_harmonic_shapes(built, stage):
    networks = built["harmonic"]
    frames = 8 << stage
    image = networks.generator(stage, False).output_shape
    assert image == (None, frames, 288)
    assert networks.discriminator(stage, False).output_shape == [(None, 1), (None, 88)]
    assert networks.encoder(stage, False).output_shape == (None, 16)


@pytest.mark.parametrize("stage", range(7))
def test_mel_shapes(built, stage):
    networks = built["mel"]
    assert networks.generator(stage, False).output_shape == (None, 2 << stage, 16 << stage, 2)
    assert networks.discriminator(stage, False).output_shape == [(None, 1), (None, 61)]


def test_a_new_resolution_begins_with_the_old_image(networks, stages):
    coarse, fine = stages
    before = play(networks, coarse, False, 1.0)
    after = play(networks, fine, True, 0.0)
    np.testing.assert_allclose(after, double(before), rtol=1e-5, atol=1e-6)


def test_a_new_resolution_ends_alone(networks, stages):
    _, fine = stages
    faded, alone = play(networks, fine, True, 1.0), play(networks, fine, False, 1.0)
    np.testing.assert_allclose(faded, alone, rtol=1e-5, atol=1e-6)


def test_the_image_is_the_sum_of_the_resolutions_by_their_weights(networks, stages):
    coarse, fine = stages
    weights = resolution_weights(fine, 0.3, networks.representation.n_stages)
    new = play(networks, fine, False, 1.0)
    old = double(play(networks, coarse, False, 1.0))
    assert np.abs(new - old).max() > 1e-3
    expected = weights[fine] * new + weights[coarse] * old
    found = play(networks, fine, True, 0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_judge_of_a_new_resolution_begins_where_the_old_one_was(networks, stages):
    coarse, fine = stages
    image = play(networks, coarse, False, 1.0)
    before = networks.discriminator(coarse, False)([image, alpha(1.0)])
    after = networks.discriminator(fine, True)([double(image), alpha(0.0)])
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-5)


def test_the_encoder_of_a_new_resolution_begins_where_the_old_one_was(built):
    networks = built["harmonic"]
    image = play(networks, 1, False, 1.0)
    _, pitch, _ = condition(networks)
    before = networks.encoder(1, False)([image, pitch, alpha(1.0)])
    after = networks.encoder(2, True)([double(image), pitch, alpha(0.0)])
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "is_heard"), [("harmonic", True), ("mel", False)])
def test_velocity_is_a_condition_of_the_harmonic_model_only(built, name, is_heard):
    z, pitch, velocity = condition(built[name])
    generator = built[name].generator(0, False)
    soft, loud = (
        np.asarray(generator([z, pitch, scale * velocity, alpha(1.0)])) for scale in (0.5, 1.0)
    )
    assert (np.abs(loud - soft).max() > 1e-4) == is_heard


def test_mel_images_lie_within_one(built):
    networks = built["mel"]
    z, pitch, velocity = condition(networks)
    layer = networks.g_out[0]
    bias = layer.bias.numpy()
    layer.bias.assign(bias + 100.0)
    image = np.asarray(networks.generator(0, False)([z, pitch, velocity, alpha(1.0)]))
    layer.bias.assign(bias)
    np.testing.assert_array_equal(image, 1.0)


def test_the_mel_networks_have_gansynths_size():
    from retimbre.train.networks import Networks

    networks = Networks(CONFIGS["mel_prog_hires"])
    sizes = [
        sum(int(np.prod(variable.shape)) for variable in variables)
        for variables in (networks.generator_variables, networks.discriminator_variables)
    ]
    # GANSynth's: 42 generator variables in all, and the discriminator with its pitch head.
    assert len(networks.generator_variables) == 42
    assert sizes == [7_311_246, 6_831_230]
    assert networks.encoder_variables == []


@pytest.mark.parametrize("name", ["encoder", "discriminator"])
def test_a_trunk_whose_fade_is_over_has_the_new_resolution_alone(built, name):
    networks = built["harmonic"]
    image = play(networks, 2, False, 1.0)
    inputs = [image, condition(networks)[1]] if name == "encoder" else [image]
    build = getattr(networks, name)
    faded, alone = (build(2, fading)([*inputs, alpha(1.0)]) for fading in (True, False))
    if name == "encoder":
        faded, alone = [faded], [alone]
    for one, other in zip(faded, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_judge_sees_how_varied_a_batch_is(networks):
    image = play(networks, 1, False, 1.0)
    others = np.concatenate([image[:1], np.repeat(image[:1], 2, axis=0)])
    judge = networks.discriminator(1, False)
    (among_others, _), (among_copies, _) = (judge([x, alpha(1.0)]) for x in (image, others))
    assert abs(float(among_others[0, 0]) - float(among_copies[0, 0])) > 1e-6
