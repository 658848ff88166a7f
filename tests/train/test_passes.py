"""What a pass makes of a batch: whose loss it is, and what is shown to the discriminator."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import TINY, TINY_MEL, resolution_weights

from retimbre.harmonic.image import FEATURE_FILL, feature_mask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

STAGE = 1


@pytest.fixture(scope="module")
def passes():
    import keras

    from retimbre.train.networks.networks import Networks
    from retimbre.train.networks.passes import passes_for

    keras.utils.set_random_seed(0)
    return {
        config.representation: passes_for(Networks(config), STAGE, True)
        for config in (replace(TINY, key_weight=0.0), TINY_MEL)
    }


def batch_of(passes):
    import tensorflow as tf

    config, kind = passes.config, passes.networks.representation
    rng = np.random.default_rng(0)
    shape = (config.batch_size, *kind.shapes[STAGE], kind.n_values)

    def notes():
        images = tf.constant(rng.uniform(-1, 1, shape).astype(np.float32))
        pitches = rng.integers(0, config.n_pitches, config.batch_size)
        one_hot = tf.one_hot(pitches, config.n_pitches)
        return images, one_hot, tf.ones((config.batch_size, 1)), tf.ones((1, 1, 1))

    return tuple(notes() for _ in range(2 if kind.has_encoder else 1))


def draws(step=0):
    import tensorflow as tf

    return tf.constant([0.3]), tf.constant([0, 8 * step])


def test_the_loss_of_random_notes_is_weighted(passes):
    made = passes["mel"].make(batch_of(passes["mel"]), *draws())
    adversarial, pitch = map(float, made.stats.values())
    assert float(made.loss) == pytest.approx(1.0 * adversarial + 10.0 * pitch, rel=1e-5)


def test_the_loss_of_encoded_notes_is_weighted(passes):
    made = passes["harmonic"].make(batch_of(passes["harmonic"]), *draws())
    *errors, adversarial, pitch, instrument, path = map(float, made.stats.values())
    assert path > 0.0
    expected = (
        100.0 * sum(errors) + 20.0 * path + 0.5 * adversarial + 0.25 * pitch + 2.0 * instrument
    )
    assert float(made.loss) == pytest.approx(expected, rel=1e-5)


def test_paths_cost_nothing_where_they_do_not_count(passes, monkeypatch):
    one = passes["harmonic"]
    monkeypatch.setattr(one, "config", replace(one.config, path_weight=0.0))
    played = []
    play = one._play
    monkeypatch.setattr(one, "_play", lambda *args: played.append(args) or play(*args))
    made = one.make(batch_of(one), *draws())
    assert len(played) == 1
    *errors, adversarial, pitch, instrument = map(float, made.stats.values())
    assert "path_error" not in made.stats
    expected = 100.0 * sum(errors) + 0.5 * adversarial + 0.25 * pitch + 2.0 * instrument
    assert float(made.loss) == pytest.approx(expected, rel=1e-5)


def test_steps_between_keys_are_weighed_where_they_count(passes, monkeypatch):
    one = passes["harmonic"]
    batch = batch_of(one)
    plain = one.make(batch, *draws())
    monkeypatch.setattr(one, "config", replace(one.config, key_weight=30.0))
    made = one.make(batch, *draws())
    assert "key_error" not in plain.stats
    assert float(made.stats["key_error"]) > 0.0
    added = 30.0 * float(made.stats["key_error"])
    assert float(made.loss) == pytest.approx(float(plain.loss) + added, rel=1e-5)


def test_a_note_is_compared_with_those_beside_it(passes, monkeypatch):
    import tensorflow as tf

    one, played = passes["harmonic"], []

    def play(z, one_hot, velocity, alpha):
        played.extend(np.argmax(one_hot, -1))
        # Louder by a step per key, and by more at the second.
        level = tf.cast(tf.argmax(one_hot, -1), tf.float32)[:, None, None] / 100.0
        return tf.ones((len(z), 16, 288)) * tf.where(level > 0.015, level + 0.3, level)

    monkeypatch.setattr(one, "_play", play)
    last = one.config.n_pitches - 1
    hot = tf.one_hot([0, 5, last], last + 1)
    notes = play(tf.zeros((3, 4)), hot, None, None)
    played.clear()
    z, velocity = tf.zeros((3, 4)), tf.ones((3, 1))
    errors = one._key_errors(notes, z, hot, velocity, None)
    assert played == [0, 4, last - 1, 1, 6, last]
    assert float(errors[0]) == pytest.approx(0.0, abs=1e-6)
    # Off in the middle counts, at the ends nothing does: they have one neighbour.
    for row, counts in ((0, False), (1, True), (2, False)):
        off = tf.constant(0.2 * np.eye(3, dtype=np.float32)[row])[:, None, None]
        uneven = one._key_errors(notes + off, z, hot, velocity, None)
        assert (float(uneven[0]) > 0.01) == counts


@pytest.mark.parametrize("name", ["harmonic", "mel"])
def test_what_is_made_is_a_function_of_the_seed(passes, name):
    batch = batch_of(passes[name])
    first, again, other = (passes[name].make(batch, *draws(step)).fakes for step in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(np.asarray(first) - other).max() > 1e-4


def test_no_partial_is_made_above_nyquist(passes):
    import tensorflow as tf

    batch = batch_of(passes["harmonic"])
    # All at the highest key, slerps and blends too.
    high = tf.one_hot([TINY.n_pitches - 1] * TINY.batch_size, TINY.n_pitches)
    batch = tuple((images, high, *rest) for images, _, *rest in batch)
    fakes = np.asarray(passes["harmonic"].make(batch, *draws()).fakes)
    silent = ~feature_mask(np.array([108]))[0]
    expected = np.broadcast_to(FEATURE_FILL[silent], fakes[..., silent].shape)
    np.testing.assert_array_equal(fakes[..., silent], expected)


def test_the_judge_weighs_pitch_and_penalty(passes, monkeypatch):
    mel = passes["mel"]
    batch = batch_of(mel)
    monkeypatch.setattr(mel.game, "penalty", lambda *args, **options: 7.0)
    total, stats = mel.judge(batch, -batch[0][0], *draws(), True)
    # The scores of a critic are neither right nor wrong.
    assert list(stats) == ["discriminator", "pitch_real"]
    loss, pitch = map(float, stats.values())
    assert float(total) == pytest.approx(loss + 5.0 * pitch + 7.0, rel=1e-5)


def test_how_often_the_judge_is_right_is_told(passes, monkeypatch):
    import tensorflow as tf

    harmonic = passes["harmonic"]
    batch = batch_of(harmonic)
    size, fakes = len(batch[0][0]), -batch[0][0]
    # Three of the real ones are believed, and one of the made ones is not.
    answers = [np.full((size, 1), -1.0), np.full((size, 1), 1.0)]
    answers[0][:3], answers[1][:1] = 1.0, -1.0
    pitches = tf.zeros((size, TINY.n_pitches))
    given = iter([(tf.constant(logits, tf.float32), pitches) for logits in answers])
    monkeypatch.setattr(harmonic, "discriminator", lambda inputs, training: next(given))
    monkeypatch.setattr(harmonic.game, "penalty", lambda *args, **options: 0.0)
    _, stats = harmonic.judge(batch, fakes, *draws(), True)
    assert float(stats["real_accuracy"]) == pytest.approx(3 / size)
    assert float(stats["fake_accuracy"]) == pytest.approx(1 / size)


def test_real_mel_images_are_faded_in_as_made_ones_are(passes, monkeypatch):
    import tensorflow as tf

    mel = passes["mel"]
    shown, penalised = [], []
    monkeypatch.setattr(mel, "_perturb", lambda x, seed: shown.append(np.asarray(x)) or x)

    def penalty(score, real, made, **options):
        logits = mel.discriminator([real, draws()[0]], training=True)[0]
        np.testing.assert_array_equal(score(real), logits)
        penalised.append((np.asarray(real), np.asarray(made)))
        return 0.0

    monkeypatch.setattr(mel.game, "penalty", penalty)
    images, one_hot, velocity, heard = batch_of(mel)[0]
    # Lines that are gone when neighbours are averaged.
    lines = np.zeros(images.shape, np.float32)
    lines[:, ::2], lines[:, 1::2] = 1.0, -1.0
    mel.judge(((tf.constant(lines), one_hot, velocity, heard),), images, *draws(), True)
    np.testing.assert_allclose(shown[0], 0.3 * lines, atol=1e-6)
    # The slope is looked at between what the discriminator is shown.
    np.testing.assert_allclose(penalised[0][0], 0.3 * lines, atol=1e-6)
    np.testing.assert_array_equal(penalised[0][1], images)
    # Constant images have no detail to fade.
    flat = tf.ones(images.shape)
    mel.judge(((flat, one_hot, velocity, heard),), images, *draws(), True)
    np.testing.assert_allclose(shown[2], 1.0, atol=1e-6)


@pytest.mark.parametrize("stage", range(1, 7))
def test_real_images_are_the_sum_of_their_resolutions_by_the_weights(passes, stage):
    rng = np.random.default_rng(stage)
    height, width = 2 << stage, 16 << stage
    images = rng.uniform(-1, 1, (2, height, width, 2)).astype(np.float32)
    coarse = images.reshape(2, height // 2, 2, width // 2, 2, 2).mean(axis=(2, 4))
    parts = {stage: images, stage - 1: coarse.repeat(2, axis=1).repeat(2, axis=2)}
    for weight in (0.0, 0.3, 0.8, 1.0):
        weights = resolution_weights(stage, weight, 7)
        expected = sum(share * parts[k] for k, share in enumerate(weights) if share > 0.0)
        found = passes["mel"]._fade_in(images, np.array([weight], np.float32))
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_instance_noise_is_as_strong_as_set(passes):
    import tensorflow as tf

    x = tf.zeros((8, 64, 288))
    noisy = np.asarray(passes["harmonic"]._perturb(x, tf.constant([0, 1])))
    assert noisy.std() == pytest.approx(TINY.instance_noise, rel=0.01)


class Recorded:
    """A network that notes what it is given and answers with what it is told to."""

    def __init__(self, answer):
        self.answer, self.given = answer, []

    def __call__(self, inputs, training):
        assert training
        self.given.append([np.asarray(part) for part in inputs])
        return self.answer(*inputs)


def test_random_notes_are_gaussian_at_the_pitches_of_the_batch(passes, monkeypatch):
    mel = passes["mel"]
    batch = batch_of(mel)
    generator = Recorded(lambda *inputs, play=mel.generator: play(list(inputs), training=True))
    monkeypatch.setattr(mel, "generator", generator)
    n_steps = 16
    for step in range(n_steps):
        mel.make(batch, *draws(step))
    for _, pitches, *_ in generator.given:
        np.testing.assert_array_equal(pitches, batch[0][1])
    z = np.stack([given[0] for given in generator.given])
    assert z.shape == (n_steps, mel.config.batch_size, mel.config.latent_dim)
    # Five standard errors of so many numbers.
    error = 5.0 / np.sqrt(z.size)
    assert z.mean() == pytest.approx(0.0, abs=error)
    assert z.var() == pytest.approx(1.0, abs=np.sqrt(2.0) * error)
    assert np.abs(z).max() > 2.5
    # No two notes share their numbers, and lengths are as they are drawn.
    rows = z.reshape(-1, z.shape[-1])
    assert np.abs(np.corrcoef(rows) - np.eye(len(rows))).max() < 0.95
    assert np.linalg.norm(rows, axis=1).std() > 0.3


def played(passes, monkeypatch, min_signal):
    """Let a pass play; return its batch, the encoder's directions and what was given to whom."""
    import tensorflow as tf

    config = passes.config
    batch = batch_of(passes)
    directions = np.random.default_rng(4).standard_normal((config.batch_size, config.latent_dim))
    encoder = Recorded(lambda *inputs: tf.constant(directions.astype(np.float32)))
    generator = Recorded(passes.generator)
    generator.answer = lambda *inputs, play=passes.generator: play(list(inputs), training=True)
    monkeypatch.setattr(passes, "encoder", encoder)
    monkeypatch.setattr(passes, "generator", generator)
    monkeypatch.setattr(passes, "config", replace(config, min_signal=min_signal))
    made = passes.make(batch, *draws())
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return batch, unit * np.sqrt(config.latent_dim), encoder.given, generator.given, made


def test_one_note_is_heard_and_the_other_played(passes, monkeypatch):
    batch, latents, heard, (given, _), made = played(passes["harmonic"], monkeypatch, 1.0)
    np.testing.assert_array_equal(heard[0][0], batch[0][0])
    np.testing.assert_array_equal(heard[1][0], batch[1][0])
    z, pitches, *_ = given
    size = TINY.batch_size
    np.testing.assert_allclose(z[:size], latents, rtol=1e-4)
    np.testing.assert_array_equal(pitches[:size], batch[1][1])
    assert made.fakes.shape[0] == size


def test_half_of_what_is_judged_lies_between_instruments(passes, monkeypatch):
    _, latents, _, (given, _), _ = played(passes["harmonic"], monkeypatch, 1.0)
    size, quarter = TINY.batch_size, TINY.batch_size // 4
    between, blends = given[0][size : size + quarter], given[0][size + quarter :]
    for i, z in enumerate(between):
        ends = latents[[i, quarter + i]].T
        shares, residual, *_ = np.linalg.lstsq(ends, z, rcond=None)
        assert residual[0] < 1e-6
        assert (shares > 0.0).all()
    for z in blends:
        shares, residual, *_ = np.linalg.lstsq(latents.T, z, rcond=None)
        assert residual[0] < 1e-6
        assert (shares > 0.0).all()
        assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, rel=1e-4)


def test_a_slerp_is_compared_with_its_two_ends_at_one_pitch(passes, monkeypatch):
    _, latents, _, (given, ends), _ = played(passes["harmonic"], monkeypatch, 1.0)
    size, quarter = TINY.batch_size, TINY.batch_size // 4
    np.testing.assert_allclose(ends[0], latents[quarter : 2 * quarter], rtol=1e-4)
    for part in (1, 2):
        np.testing.assert_array_equal(ends[part], given[part][:quarter])
        np.testing.assert_array_equal(ends[part], given[part][size : size + quarter])


def test_an_even_morph_has_no_path_error(passes, monkeypatch):
    """A generator whose features are linear in the share of the end is not blamed."""
    import tensorflow as tf

    one = passes["harmonic"]
    straight = "retimbre.train.networks.losses.slerp_rows"
    monkeypatch.setattr(straight, lambda a, b, t: (1 - t) * a + t * b)
    monkeypatch.setattr(one, "masks", tf.ones_like(one.masks))

    batch = batch_of(one)

    def linear(inputs, training):
        return 0.1 * inputs[0][:, :1, None] * tf.ones_like(batch[0][0][:1])

    monkeypatch.setattr(one, "generator", linear)
    path = lambda: float(one.make(batch, *draws()).stats["path_error"])  # noqa: E731
    assert path() < 1e-6
    monkeypatch.setattr(
        one, "generator", lambda inputs, training: tf.tanh(20.0 * linear(inputs, training))
    )
    assert path() > 0.001


def test_latents_are_noisy_as_far_as_the_settings_say(passes, monkeypatch):
    _, latents, _, (given, _), _ = played(passes["harmonic"], monkeypatch, 0.0)
    z = given[0][: TINY.batch_size]
    cosines = (z * latents).sum(1) / np.linalg.norm(z, axis=1) / np.linalg.norm(latents, axis=1)
    assert cosines.min() < 0.7


def test_what_was_not_heard_costs_nothing(passes):
    import tensorflow as tf

    one = passes["harmonic"]
    first, (images, one_hot, velocity, _) = batch_of(one)
    half = tf.concat([tf.ones((8, 8, 288)), tf.zeros((8, 8, 288))], 1)
    other = tf.concat([images[:, :8], 0.0 * images[:, 8:]], 1)
    errors = [
        one.make((first, (real, one_hot, velocity, heard)), *draws()).stats["noise_error"]
        for real, heard in ((images, half), (other, half), (images, tf.ones((1, 1, 1))))
    ]
    assert float(errors[0]) == pytest.approx(float(errors[1]), rel=1e-5)
    assert float(errors[0]) < 0.8 * float(errors[2])


def test_a_cut_is_the_same_in_real_and_made_notes(passes, monkeypatch):
    import tensorflow as tf

    one = passes["harmonic"]
    shown = []
    monkeypatch.setattr(one, "_perturb", lambda x, seed: shown.append(np.asarray(x)) or x)
    heard = np.full((8, 16, 288), 0.1, np.float32)
    heard[:, :, 30:96] = 0.0
    batch = tuple((*notes[:3], tf.constant(heard)) for notes in batch_of(one))
    made = one.make(batch, *draws())
    one.judge(batch, made.fakes, *draws(), True)
    assert len(shown) == 3
    for images in shown:
        assert (images[:, :, 30:96] == -1.0).all()
        assert (images[:, :, :30] != -1.0).any()
