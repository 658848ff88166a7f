"""The networks of both representations: their shapes, their variables, how they grow."""

from pathlib import Path

import numpy as np
import pytest
from gansynth_files import valid
from tiny_runs import TINY, TINY_MEL, resolution_weights

from retimbre.train.config import CONFIGS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PINNED = Path(__file__).with_name("harmonic_variables.txt")
FADES = [("harmonic", stage) for stage in range(1, 5)] + [("mel", stage) for stage in range(1, 7)]
"""Every resolution that is faded in."""


@pytest.fixture(scope="module")
def built():
    from retimbre.train.networks.networks import Networks

    return {config.representation: Networks(config) for config in (TINY, TINY_MEL)}


@pytest.fixture(params=["harmonic", "mel"])
def networks(request, built):
    return built[request.param]


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


@pytest.mark.parametrize(("name", "stage"), FADES)
def test_the_image_is_the_sum_of_the_resolutions_by_their_weights(built, name, stage):
    networks = built[name]
    n_stages = networks.representation.n_stages
    parts = {k: play(networks, k, False, 1.0) for k in (stage - 1, stage)}
    parts[stage - 1] = double(parts[stage - 1])
    assert np.abs(parts[stage] - parts[stage - 1]).max() > 1e-3
    for weight in (0.0, 0.3, 0.8, 1.0):
        weights = resolution_weights(stage, weight, n_stages)
        expected = sum(share * parts[k] for k, share in enumerate(weights) if share > 0.0)
        found = play(networks, stage, True, weight)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "stage"), FADES)
def test_the_judge_of_a_new_resolution_begins_where_the_old_one_was(built, name, stage):
    networks = built[name]
    image = play(networks, stage - 1, False, 1.0)
    before = networks.discriminator(stage - 1, False)([image, alpha(1.0)])
    after = networks.discriminator(stage, True)([double(image), alpha(0.0)])
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stage", range(1, 5))
def test_the_encoder_of_a_new_resolution_begins_where_the_old_one_was(built, stage):
    networks = built["harmonic"]
    image = play(networks, stage - 1, False, 1.0)
    _, pitch, _ = condition(networks)
    before = networks.encoder(stage - 1, False)([image, pitch, alpha(1.0)])
    after = networks.encoder(stage, True)([double(image), pitch, alpha(0.0)])
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
    layer = networks.layers["g_out0"]
    bias = layer.bias.numpy()
    layer.bias.assign(bias + 100.0)
    image = np.asarray(networks.generator(0, False)([z, pitch, velocity, alpha(1.0)]))
    layer.bias.assign(bias)
    np.testing.assert_array_equal(image, 1.0)


def test_the_mel_networks_have_gansynths_size():
    from retimbre.train.networks.networks import Networks

    networks = Networks(CONFIGS["mel_prog_hires"])
    sizes = [
        sum(int(np.prod(variable.shape)) for variable in variables)
        for variables in (networks.generator_variables, networks.discriminator_variables)
    ]
    # GANSynth's: 42 generator variables in all, and the discriminator with its pitch head.
    assert len(networks.generator_variables) == 42
    assert sizes == [7_311_246, 6_831_230]
    assert networks.encoder_variables == []
    # The pitch head is a layer like the others: N(0, 1) times sqrt(1 / inputs).
    assert networks.layers["d_pitch"]._kernel.numpy().std() == pytest.approx(1.0, rel=0.03)
    np.testing.assert_allclose(
        networks.layers["d_pitch"].kernel,
        networks.layers["d_pitch"]._kernel / np.sqrt(256.0),
        rtol=1e-6,
    )


def test_the_pitch_head_of_the_harmonic_networks_is_plain(built):
    import keras

    head = built["harmonic"].layers["d_pitch"]
    assert type(head) is keras.layers.Dense
    assert head.kernel.numpy().std() == pytest.approx(np.sqrt(2.0 / 384), rel=0.05)


def judged(networks, images, stage, weight):
    """Compute GANSynth's discriminator from its formulas: a new resolution has `weight`."""

    def layer(x, made, slope=0.0):
        kernel, bias = (np.asarray(v, np.float64) for v in made.trainable_variables)
        gain = np.sqrt(2.0 / ((1.0 + slope**2) * np.prod(kernel.shape[:-1])))
        if kernel.ndim == 2:
            return gain * x @ kernel + bias
        reach = kernel.shape[0] // 2
        padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
        return np.stack([gain * valid(image, kernel) + bias for image in padded])

    def leaky(x):
        return np.where(x >= 0.0, x, 0.2 * x)

    def halve(x):
        n, height, width, channels = x.shape
        return x.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))

    h, seen = leaky(layer(images, networks.layers[f"d_in{stage}"])), images
    for i in range(stage, 0, -1):
        first, second = (networks.layers[f"d_conv{i}{part}"] for part in "ab")
        h = halve(leaky(layer(leaky(layer(h, first)), second)))
        seen = halve(seen)
        if i == stage:
            h = weight * h + (1.0 - weight) * leaky(layer(seen, networks.layers[f"d_in{i - 1}"]))
    spread = np.sqrt(np.var(h, axis=0) + 1e-6).mean()
    h = np.concatenate([h, np.full((*h.shape[:3], 1), spread)], axis=-1)
    h = leaky(layer(h, networks.layers["d_last"]))
    h = leaky(layer(h.reshape(len(h), -1), networks.layers["d_dense"]))
    return layer(h, networks.layers["d_real"], slope=1.0), layer(
        h, networks.layers["d_pitch"], slope=1.0
    )


@pytest.mark.parametrize(
    ("stage", "weight"), [(0, 1.0), (1, 0.6), (2, 1.0), (2, 0.3), (3, 0.8), (4, 0.1)]
)
@pytest.mark.parametrize("n_different", [1, 3])
def test_the_mel_judge_is_gansynths(built, stage, weight, n_different):
    networks, rng = built["mel"], np.random.default_rng(stage)
    for variable in networks.discriminator_variables:
        # Of known values: what a judge of other weights says may be close to nothing.
        scale = 0.3 if variable.name == "bias" else 1.0
        variable.assign(scale * rng.standard_normal(variable.shape))
    images = rng.uniform(-1, 1, (n_different, 2 << stage, 16 << stage, 2))
    images = np.repeat(images, 3 // n_different, axis=0).astype(np.float32)
    found = networks.discriminator(stage, weight < 1.0)([images, alpha(weight)])
    for one, wanted in zip(found, judged(networks, images, stage, weight), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=0, atol=1e-5)
        assert np.abs(wanted).max() > 0.1


@pytest.mark.parametrize("stage", range(1, 5))
@pytest.mark.parametrize("name", ["encoder", "discriminator"])
def test_a_trunk_whose_fade_is_over_has_the_new_resolution_alone(built, name, stage):
    networks = built["harmonic"]
    image = play(networks, stage, False, 1.0)
    inputs = [image, condition(networks)[1]] if name == "encoder" else [image]
    build = getattr(networks, name)
    faded, alone = (build(stage, fading)([*inputs, alpha(1.0)]) for fading in (True, False))
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
