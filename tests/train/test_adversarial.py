"""Both games against closed forms: linear and quadratic critics have known slopes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import TINY, TINY_MEL

from retimbre.gansynth import specgram as melspec

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SHAPES = [(4, 8, 6), (4, 2, 8, 3)]


def linear_critic(weight):
    """Return a critic whose slope is the length of `weight` everywhere."""
    import tensorflow as tf

    def critic(x):
        return tf.reduce_sum(x * weight, list(range(1, len(x.shape))))[:, None]

    return critic


def quadratic_critic(x):
    """Half the squared length: the slope at x is x."""
    import tensorflow as tf

    return 0.5 * tf.reduce_sum(x * x, list(range(1, len(x.shape))))[:, None]


def penalty(game, critic, real, fake, *, lazy=True, seed=(0, 0)):
    import tensorflow as tf

    found = game.penalty(
        critic,
        tf.constant(real),
        tf.constant(fake),
        seed=tf.constant(seed),
        is_lazy_step=tf.constant(lazy),
    )
    return float(found)


def notes(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", [0.5, 1.0, 3.0])
def test_the_penalty_of_a_linear_critic_is_known(shape, length):
    from retimbre.train.networks.games import NonSaturating, Wasserstein

    weight = notes(shape[1:], 9)
    weight *= length / np.linalg.norm(weight)
    args = (linear_critic(weight), notes(shape, 1), notes(shape, 2))
    found = penalty(Wasserstein(10.0, 0.001), *args)
    assert found == pytest.approx(10.0 * (length - 1.0) ** 2, abs=1e-5)
    # Half the weight, 8 times on every 8th step.
    assert penalty(NonSaturating(4.0), *args) == pytest.approx(0.5 * 8 * 4.0 * length**2, rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_r1_is_taken_at_half_of_the_real_notes_on_lazy_steps(shape):
    from retimbre.train.networks.games import NonSaturating

    real, fake = notes(shape, 1), notes(shape, 2)
    game = NonSaturating(1.0)
    lengths = np.sum(real[:2] ** 2, axis=tuple(range(1, real.ndim)))
    found = penalty(game, quadratic_critic, real, fake)
    assert found == pytest.approx(4.0 * lengths.mean(), rel=1e-5)
    assert penalty(game, quadratic_critic, real, fake, lazy=False) == 0.0


def test_the_wasserstein_penalty_is_taken_between_real_and_fake():
    from retimbre.train.networks.games import Wasserstein

    # From 1 to 3 along one axis: the slope there is a uniform number of [1, 3].
    n = 4_000
    real, fake = np.zeros((n, 2, 2), "f4"), np.zeros((n, 2, 2), "f4")
    real[:, 0, 0], fake[:, 0, 0] = 1.0, 3.0
    found = [
        penalty(Wasserstein(1.0, 0.0), quadratic_critic, real, fake, seed=(0, k)) for k in (0, 1)
    ]
    # The mean of u^2 for u uniform in [0, 2] is 4/3; the draw is another for another seed.
    assert found == pytest.approx([4.0 / 3.0] * 2, rel=0.08)
    assert found[0] != found[1]


@pytest.mark.parametrize("halvings", [0, 2])
def test_slopes_are_those_at_whole_images_that_are_not_normalised(halvings):
    import tensorflow as tf

    from retimbre.train.networks.games import find_game

    size = 2**halvings
    images = np.random.default_rng(3).uniform(-0.8, 0.8, (3, 4, 8, 2)).astype(np.float32)
    pull = tf.constant(notes((4, 8, 2), 4))
    whole = np.repeat(np.repeat(melspec.denormalize(images), size, axis=1), size, axis=2)

    def critic(x):
        return 30.0 * tf.reduce_sum(tf.sin(x * pull), [1, 2, 3])[:, None]

    # As GANSynth has it: the discriminator normalises and shrinks what it is shown.
    given = tf.constant(whole)
    with tf.GradientTape() as tape:
        tape.watch(given)
        scale = tf.constant([melspec.LEVEL_SCALE, melspec.FREQUENCY_SCALE])
        shift = tf.constant([melspec.LEVEL_SHIFT, 0.0])
        normal = tf.clip_by_value(scale * given + shift, -1.0, 1.0)
        logits = critic(tf.nn.avg_pool2d(normal, size, size, "VALID"))
    slopes = np.sqrt(np.sum(np.square(tape.gradient(logits, given)), axis=(1, 2, 3)))
    game = find_game(TINY_MEL, 1.0 / size**2)
    # Between two equal images there is no other.
    found = penalty(game, critic, images, images)
    assert found == pytest.approx(10.0 * np.mean((slopes - 1.0) ** 2), rel=1e-4)
    assert slopes.min() > 2.0


def test_a_flat_critic_has_a_finite_gradient():
    import tensorflow as tf

    from retimbre.train.networks.games import Wasserstein

    weight = tf.Variable(np.zeros((8, 6), "f4"))
    x = tf.constant(notes((4, 8, 6)))
    with tf.GradientTape() as tape:
        found = Wasserstein(10.0, 0.0).penalty(
            linear_critic(weight),
            x,
            -x,
            seed=tf.constant([0, 0]),
            is_lazy_step=tf.constant(True),
        )
    assert float(found) == pytest.approx(10.0, rel=1e-4)
    assert np.isfinite(tape.gradient(found, weight)).all()


def test_wasserstein_losses():
    import tensorflow as tf

    from retimbre.train.networks.games import Wasserstein

    game = Wasserstein(10.0, 0.001)
    real, fake = tf.constant([[2.0], [4.0]]), tf.constant([[1.0], [-3.0]])
    # mean(fake) - mean(real) + 0.001 mean(real^2)
    assert float(game.discriminator_loss(real, fake)) == pytest.approx(-1.0 - 3.0 + 0.001 * 10.0)
    assert float(game.generator_loss(fake)) == pytest.approx(1.0)


def test_logistic_losses():
    import tensorflow as tf

    from retimbre.train.networks.games import NonSaturating

    game = NonSaturating(4.0)
    real, fake = tf.constant([[math.log(3.0)]]), tf.constant([[-math.log(7.0)]])
    # -log sigmoid(log 3) = log(4/3) and -log(1 - sigmoid(-log 7)) = log(8/7).
    expected = math.log(4.0 / 3.0) + math.log(8.0 / 7.0)
    assert float(game.discriminator_loss(real, fake)) == pytest.approx(expected, rel=1e-6)
    assert float(game.generator_loss(fake)) == pytest.approx(math.log(8.0), rel=1e-6)


def test_a_configuration_names_its_game():
    from retimbre.train.networks.games import NonSaturating, Wasserstein, find_game

    game = find_game(TINY, 0.25)
    assert isinstance(game, NonSaturating)
    assert game.r1_weight == 0.25 * TINY.r1_weight
    game = find_game(TINY_MEL, 0.25)
    assert isinstance(game, Wasserstein)
    assert (game.penalty_weight, game.drift_weight) == (10.0, 0.001)
    # Slopes of the harmonic game are those at what the discriminator is shown.
    assert find_game(replace(TINY, adversarial="wgan_gp"), 0.25).slope_scales == 1.0
