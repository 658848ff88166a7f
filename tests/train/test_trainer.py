"""One step: what it changes, what it leaves alone, and the averages."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import TINY, TINY_MEL

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def harmonic():
    from retimbre.train.run.trainer import Trainer

    return Trainer(TINY)


@pytest.fixture(scope="module")
def mel():
    from retimbre.train.run.trainer import Trainer

    return Trainer(TINY_MEL)


def random_batch(trainer, n=2):
    """Draw random images of the moment."""
    from retimbre.train.data.dataset import TrainingNotes

    config, kind = trainer.config, trainer.networks.representation
    moment = config.moment(int(trainer.n_seen))
    rng = np.random.default_rng(0)
    shape = (config.batch_size, *kind.shapes[moment.stage], kind.n_values)
    low, high = config.pitch_range
    return tuple(
        TrainingNotes(
            rng.uniform(-1, 1, shape).astype(np.float32),
            rng.integers(low, high + 1, config.batch_size).astype(np.int32),
            rng.random(config.batch_size).astype(np.float32),
        )
        for _ in range(n)
    )


def changed_by_a_step(trainer, n_seen, n_notes=2):
    """Take a step at a number of notes; return the layers that it changed."""
    trainer.n_seen.assign(n_seen)
    variables = trainer.maker_variables + trainer.networks.discriminator_variables
    before = [variable.numpy() for variable in variables]
    stats = trainer.train_step(random_batch(trainer, n_notes))
    assert {"adversarial", "pitch_fake", "discriminator", "pitch_real"} <= stats.keys()
    assert np.isfinite(list(stats.values())).all()
    assert int(trainer.n_seen) == n_seen + trainer.config.batch_size
    return {
        variable.path.split("/")[0]
        for variable, old in zip(variables, before, strict=True)
        if (variable.numpy() != old).any()
    }


# The fade from 8 frames to 128 trains the newest resolution and the outputs of the one below.
@pytest.mark.parametrize(
    ("n_seen", "own", "others"),
    [
        (8, {"g_out0", "d_in0", "e_in0"}, {"g_conv1a", "g_out1", "d_in1", "e_in1"}),
        (20, {"g_out4", "g_out3", "d_in4", "d_in3", "e_in4", "e_in3"}, {"g_out0", "d_in0"}),
        (24, {"g_out4", "d_in4", "e_in4"}, {"g_out3", "d_in3", "e_in3"}),
    ],
    ids=["first stage", "fading", "last stage"],
)
def test_a_step_trains_the_layers_of_its_stage(harmonic, eagerly, n_seen, own, others):
    changed = changed_by_a_step(harmonic, n_seen)
    always = {"g_map0", "g_start", "g_conv0a", "g_scale0", "d_real", "d_pitch", "e_out"}
    assert own | always <= changed
    assert not others & changed


@pytest.mark.parametrize(
    ("n_seen", "own", "others"),
    [
        (0, {"g_conv0a", "g_conv0b", "g_out0", "d_in0"}, {"g_conv1a", "d_in1"}),
        (8, {"g_conv1a", "g_out1", "g_out0", "d_in1", "d_in0"}, {"g_conv2a", "d_in2"}),
    ],
    ids=["2 x 16", "fading to 4 x 32"],
)
def test_the_mel_networks_train(mel, eagerly, n_seen, own, others):
    changed = changed_by_a_step(mel, n_seen, n_notes=1)
    assert own | {"d_last", "d_dense", "d_real", "d_pitch"} <= changed
    assert not others & changed


def test_a_traced_step_is_the_step(eagerly):
    import tensorflow as tf

    from retimbre.train.run.trainer import Trainer

    found = []
    for is_traced in (False, True):
        tf.config.run_functions_eagerly(not is_traced)
        trainer = Trainer(TINY)
        found.append(trainer.train_step(random_batch(trainer)))
    assert found[1] == pytest.approx(found[0], rel=2e-4)


@pytest.mark.parametrize("representation", ["harmonic", "mel"])
def test_either_game_is_played_in_either_representation(eagerly, representation):
    from retimbre.train.run.trainer import Trainer

    config = {
        "harmonic": replace(TINY, adversarial="wgan_gp"),
        "mel": replace(TINY_MEL, adversarial="non_saturating"),
    }[representation]
    trainer = Trainer(config)
    changed = changed_by_a_step(trainer, 0, n_notes=2 if representation == "harmonic" else 1)
    assert {"g_out0", "d_real"} <= changed


def test_averages_follow_the_weights(harmonic):
    harmonic.n_seen.assign(5 * TINY.batch_size)
    for average, variable in zip(harmonic.averages, harmonic.maker_variables, strict=True):
        average.assign(np.full(average.shape, 3.0))
        variable.assign(np.full(variable.shape, 1.0))
    # After 5 steps: (1 + 5) / (10 + 5); from then on slower, down to the configured decay.
    decay = 6.0 / 15.0
    harmonic._update_averages()
    expected = decay * 3.0 + (1.0 - decay) * 1.0
    for average in harmonic.averages:
        np.testing.assert_allclose(average, expected, rtol=1e-6)
    harmonic.n_seen.assign(10**7)
    harmonic._update_averages()
    expected = TINY.ema_decay * expected + (1.0 - TINY.ema_decay)
    for average in harmonic.averages:
        np.testing.assert_allclose(average, expected, rtol=1e-6)


def test_averages_of_mel_runs_are_as_slow_from_the_start(mel):
    mel.n_seen.assign(4)
    for average, variable in zip(mel.averages, mel.maker_variables, strict=True):
        average.assign(np.full(average.shape, 3.0))
        variable.assign(np.full(variable.shape, 1.0))
    mel._update_averages()
    decay = TINY_MEL.ema_decay
    for average in mel.averages:
        np.testing.assert_allclose(average, decay * 3.0 + (1.0 - decay), rtol=1e-6)


def test_optimisers_are_those_of_the_settings(harmonic, mel):
    def constants(trainer):
        optimizers = trainer.maker_optimizer, trainer.judge_optimizer
        return [(o.beta_1, o.beta_2, o.epsilon, o.amsgrad) for o in optimizers]

    assert constants(harmonic) == [(0.5, 0.99, 1e-7, False), (0.0, 0.99, 1e-7, False)]
    # GANSynth's: TensorFlow's Adam without momentum.
    assert constants(mel) == [(0.0, 0.99, 1e-8, False)] * 2


# TINY_MEL fades from 4 to 12 and stays from then on.
@pytest.mark.parametrize(
    ("n_seen", "is_new"), [(4, True), (8, False), (12, True)], ids=["comes", "fades", "stays"]
)
def test_adam_begins_anew_when_a_resolution_comes_and_when_it_stays(mel, eagerly, n_seen, is_new):
    optimizers = mel.maker_optimizer, mel.judge_optimizer
    for optimizer in optimizers:
        for variable in optimizer.variables:
            variable.assign(np.full(variable.shape, 7))
    mel.n_seen.assign(n_seen)
    mel.train_step(random_batch(mel, 1))
    for optimizer in optimizers:
        assert int(optimizer.iterations.numpy()) == (1 if is_new else 8)
        least = min(variable.numpy().min() for variable in optimizer._velocities)
        # Of layers that are not in this resolution nothing was averaged.
        assert (least == 0.0) if is_new else (least > 6.9)
        rate = TINY_MEL.moment(n_seen).learning_rate
        share = TINY_MEL.judge_rate if optimizer is mel.judge_optimizer else 1.0
        assert float(optimizer.learning_rate.numpy()) == pytest.approx(share * rate)


def test_adam_goes_on_where_the_settings_do_not_say_so(harmonic, eagerly):
    harmonic.maker_optimizer.iterations.assign(7)
    harmonic.n_seen.assign(16)
    harmonic.train_step(random_batch(harmonic))
    assert int(harmonic.maker_optimizer.iterations.numpy()) == 8


def test_averages_are_borrowed_and_given_back(harmonic):
    for i, average in enumerate(harmonic.averages):
        average.assign(np.full(average.shape, float(i)))
    before = [variable.numpy() for variable in harmonic.maker_variables]

    @harmonic.averaged()
    def fail():
        assert float(harmonic.maker_variables[3].numpy().ravel()[0]) == 3.0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    for variable, old in zip(harmonic.maker_variables, before, strict=True):
        np.testing.assert_array_equal(variable, old)


def test_gradients_are_clipped_together():
    import keras
    import tensorflow as tf

    from retimbre.train.run.trainer import _apply

    def steps(clip):
        variables = [keras.Variable([0.0]), keras.Variable([0.0]), keras.Variable([0.0])]
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build(variables)
        with tf.GradientTape() as tape:
            # The third is not of this resolution: it stays, and nothing is said of it.
            loss = 30.0 * variables[0].value[0] + 40.0 * variables[1].value[0]
        _apply(tape, loss, optimizer, variables, clip)
        return [float(variable.numpy()[0]) for variable in variables]

    assert steps(5.0) == pytest.approx([-3.0, -4.0, 0.0])
    assert steps(0.0) == pytest.approx([-30.0, -40.0, 0.0])


def test_mixed_precision_keeps_weights_and_images_wide():
    from retimbre.train.networks.networks import Networks

    networks = Networks(replace(TINY, mixed_precision=True))
    assert {str(variable.dtype) for variable in networks.generator_variables} == {"float32"}
    assert networks.layers["g_conv0a"].compute_dtype == "bfloat16"
    for model in (networks.generator(1, True), networks.discriminator(1, True)):
        assert {output.dtype for output in model.outputs} == {"float32"}


@pytest.mark.parametrize("config", [TINY, TINY_MEL], ids=["harmonic", "mel"])
def test_a_step_in_mixed_precision_trains(eagerly, config):
    from retimbre.train.run.trainer import Trainer

    trainer = Trainer(replace(config, mixed_precision=True))
    nets = trainer.networks
    changed = changed_by_a_step(trainer, 0, n_notes=2 if nets.representation.has_encoder else 1)
    assert {"g_conv0a", "g_out0", "d_in0", "d_last", "d_real", "d_pitch"} <= changed
    weights = [*trainer.maker_variables, *nets.discriminator_variables, *trainer.averages]
    optimizers = trainer.maker_optimizer, trainer.judge_optimizer
    for variable in (*weights, *(v for o in optimizers for v in o._velocities)):
        assert np.asarray(variable).dtype == np.float32
        assert np.isfinite(np.asarray(variable)).all()


def test_rates_are_set_and_the_penalty_comes_every_few_steps(eagerly, monkeypatch):
    from retimbre.train.networks import games as adversarial
    from retimbre.train.run.trainer import Trainer

    asked = []
    penalty = adversarial.NonSaturating.penalty

    def record(self, *args, is_lazy_step, **options):
        asked.append(bool(is_lazy_step))
        return penalty(self, *args, is_lazy_step=is_lazy_step, **options)

    monkeypatch.setattr(adversarial.NonSaturating, "penalty", record)
    config = replace(TINY, total_notes=1000, stage_starts=(0, *[1000] * 4))
    trainer = Trainer(config)
    for step in range(adversarial.R1_EVERY + 1):
        trainer.train_step(random_batch(trainer))
        rate = config.moment(step * config.batch_size).learning_rate
        assert float(trainer.maker_optimizer.learning_rate.numpy()) == pytest.approx(rate)
        judged = float(trainer.judge_optimizer.learning_rate.numpy())
        assert judged == pytest.approx(config.judge_rate * rate)
    assert asked == [True, *[False] * (adversarial.R1_EVERY - 1), True]
    # The rate rose: it was not that of the first step all the time.
    assert rate > config.moment(0).learning_rate
