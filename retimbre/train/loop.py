"""The training loop: one step, one run folder, exact resumption."""

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from retimbre.images.harmonic import FEATURE_FILL, N_FEATURES, N_FRAMES, feature_mask
from retimbre.train import losses
from retimbre.train.config import TrainConfig
from retimbre.train.dataset import Dataset
from retimbre.train.networks import Networks
from retimbre.train.schedule import RESOLUTIONS

Tensor = Any
Batch = tuple[Any, Any, Any, Any]

STATS = (
    "level_error",
    "deviation_error",
    "noise_error",
    "adversarial",
    "pitch_fake",
    "instrument",
    "discriminator",
    "pitch_real",
    "real_accuracy",
    "fake_accuracy",
)
R1_EVERY = 8
GENERATOR_CLIP = 50.0
DISCRIMINATOR_CLIP = 20.0
DISCRIMINATOR_RATE = 0.75
TICK_STEPS = 100


class Trainer:
    """Networks, optimisers and moving averages of one run.

    Parameters
    ----------
    config : TrainConfig
    """

    def __init__(self, config: TrainConfig) -> None:
        keras.utils.set_random_seed(config.seed)
        self.config = config
        self.networks = Networks(config)
        nets = self.networks
        self.maker_variables = nets.generator_variables + nets.encoder_variables
        self.maker_optimizer = keras.optimizers.Adam(beta_1=0.5, beta_2=0.99)
        self.judge_optimizer = keras.optimizers.Adam(beta_1=0.0, beta_2=0.99)
        self.maker_optimizer.build(self.maker_variables)
        self.judge_optimizer.build(nets.discriminator_variables)
        self.averages = [tf.Variable(v.value, trainable=False) for v in self.maker_variables]
        self.n_seen = tf.Variable(0, dtype=tf.int64, trainable=False)
        low, high = config.pitch_range
        self.masks = tf.constant(feature_mask(np.arange(low, high + 1)).astype(np.float32))
        self.fill = tf.constant(FEATURE_FILL)
        self._steps: dict[tuple[int, bool], Any] = {}

    # ---- state -------------------------------------------------------------------------------

    def checkpoint(self) -> Any:
        """Return the checkpoint that holds everything a resumed run needs."""
        optimizers = [*self.maker_optimizer.variables, *self.judge_optimizer.variables]
        weights = [*self.maker_variables, *self.networks.discriminator_variables]
        return tf.train.Checkpoint(
            weights=[v.value for v in weights],
            optimizers=[v.value for v in optimizers],
            averages=self.averages,
            n_seen=self.n_seen,
        )

    def use_averages(self) -> None:
        """Put the moving averages in place of the weights (for export and evaluation)."""
        for variable, average in zip(self.maker_variables, self.averages, strict=True):
            variable.assign(average)

    # ---- one step ----------------------------------------------------------------------------

    def train_step(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Show one batch to all networks and return the values of `STATS`."""
        n_seen = int(self.n_seen)
        moment = self.config.moment(n_seen)
        key = (moment.stage, moment.is_fading)
        if key not in self._steps:
            self._steps[key] = self._make_step(*key)
        self.maker_optimizer.learning_rate.assign(moment.learning_rate)
        self.judge_optimizer.learning_rate.assign(DISCRIMINATOR_RATE * moment.learning_rate)
        index = n_seen // self.config.batch_size
        stats = self._steps[key](
            *(tf.constant(part) for part in batch),
            tf.constant([moment.alpha], tf.float32),
            tf.constant([self.config.seed, index], tf.int32),
            tf.constant(index % R1_EVERY == 0),
        )
        self.n_seen.assign_add(self.config.batch_size)
        return np.asarray(stats)

    def _make_step(self, stage: int, fading: bool) -> Any:
        generator = self.networks.generator(stage, fading)
        discriminator = self.networks.discriminator(stage, fading)
        encoder = self.networks.encoder(stage, fading)
        config, size = self.config, self.config.batch_size

        def play(z: Tensor, one_hot: Tensor, alpha: Tensor) -> Tensor:
            mask = tf.matmul(one_hot, self.masks)[:, None, :]
            return generator([z, one_hot, alpha], training=True) * mask + self.fill * (1 - mask)

        def perturb(x: Tensor, seed: Tensor) -> Tensor:
            noise = tf.random.stateless_normal(tf.shape(x), seed)
            return x + config.instance_noise * noise

        def maker_pass(batch: Batch, alpha: Tensor, seed: Tensor) -> tuple[Tensor, ...]:
            x1, hot1, x2, hot2 = batch
            salt = _salts(seed)
            direction = encoder([x1, hot1, alpha], training=True)
            other = encoder([x2, hot2, alpha], training=True)
            shape = (size, config.latent_dim)
            signal = tf.random.stateless_uniform((size, 1), salt(1), config.min_signal, 1.0)
            z = losses.mix_latent(direction, signal, tf.random.stateless_normal(shape, salt(2)))
            quarter = size // 4
            share = tf.random.stateless_uniform((quarter, 1), salt(3))
            between = losses.slerp_rows(z[:quarter], z[quarter : 2 * quarter], share)
            draws = tf.random.stateless_normal((quarter, size), salt(4))
            blends = losses.blend_rows(z, draws)
            hots = tf.concat([hot2, hot2[:quarter], hot1[:quarter]], 0)
            notes = play(tf.concat([z, between, blends], 0), hots, alpha)
            mask = tf.matmul(hot2, self.masks)[:, None, :]
            errors = losses.reconstruction(notes[:size], x2, mask)
            # Half of what the discriminator sees was never heard: slerps and blends.
            fakes, fake_hots = notes[-size:], hots[-size:]
            logits, pitches = discriminator([perturb(fakes, salt(5)), alpha], training=True)
            adversarial = losses.generator_loss(logits)
            pitch = losses.pitch_loss(fake_hots, pitches)
            return errors, adversarial, pitch, losses.instrument_loss(direction, other), fakes

        def judge_pass(
            batch: Batch, fakes: Tensor, alpha: Tensor, seed: Tensor, with_r1: Tensor
        ) -> tuple[Tensor, ...]:
            _, _, x2, hot2 = batch
            salt = _salts(seed)
            real = perturb(x2, salt(6))
            real_logits, pitches = discriminator([real, alpha], training=True)
            fake_logits, _ = discriminator([perturb(fakes, salt(7)), alpha], training=True)
            loss = losses.discriminator_loss(real_logits, fake_logits)
            pitch = losses.pitch_loss(hot2, pitches)
            # Lazy regularisation (Karras et al. 2020): every 8th step, 8 times as strong.
            weight = 0.5 * R1_EVERY * config.r1_weight * RESOLUTIONS[stage] / N_FRAMES
            penalty = tf.cond(
                with_r1,
                lambda: weight * losses.r1_penalty(discriminator, real[: size // 2], alpha),
                lambda: tf.constant(0.0),
            )
            accuracies = [
                tf.reduce_mean(tf.cast(real_logits > 0, tf.float32)),
                tf.reduce_mean(tf.cast(fake_logits < 0, tf.float32)),
            ]
            return loss + pitch + penalty, loss, pitch, *accuracies

        @tf.function  # type: ignore[untyped-decorator]
        def step(
            x1: Tensor, p1: Tensor, x2: Tensor, p2: Tensor, alpha: Tensor, seed: Tensor, r1: Tensor
        ) -> Tensor:
            low, seed = config.pitch_range[0], seed * tf.constant([1, 8], tf.int32)
            hot1, hot2 = (tf.one_hot(p - low, config.n_pitches) for p in (p1, p2))
            batch = (_shorten(x1, stage), hot1, _shorten(x2, stage), hot2)
            with tf.GradientTape() as tape:
                errors, adversarial, pitch, instrument, fakes = maker_pass(batch, alpha, seed)
                loss = losses.total_loss(errors, adversarial, pitch, instrument, config)
            self._apply(tape, loss, self.maker_optimizer, self.maker_variables, GENERATOR_CLIP)
            with tf.GradientTape() as tape:
                judged = judge_pass(batch, tf.stop_gradient(fakes), alpha, seed, r1)
            variables = self.networks.discriminator_variables
            self._apply(tape, judged[0], self.judge_optimizer, variables, DISCRIMINATOR_CLIP)
            self._update_averages()
            return tf.stack([*errors, adversarial, pitch, instrument, *judged[1:]])

        return step

    @staticmethod
    def _apply(tape: Any, loss: Tensor, optimizer: Any, variables: list[Any], clip: float) -> None:
        """Take one step on the variables that this resolution uses."""
        gradients = tape.gradient(loss, [v.value for v in variables])
        used = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        clipped, _ = tf.clip_by_global_norm([g for g, _ in used], clip)
        optimizer.apply(clipped, [v for _, v in used])

    def _update_averages(self) -> None:
        seen = tf.cast(self.n_seen, tf.float32) / self.config.batch_size
        # Early on the average must not remember the first weights.
        decay = tf.minimum(self.config.ema_decay, (1.0 + seen) / (10.0 + seen))
        for average, variable in zip(self.averages, self.maker_variables, strict=True):
            average.assign_add((1.0 - decay) * (variable.value - average))


def _salts(seed: Tensor) -> Callable[[int], Tensor]:
    """Return seeds for the independent random draws of one step."""
    return lambda use: seed + tf.constant([0, use], tf.int32)


def _shorten(features: Tensor, stage: int) -> Tensor:
    """Average 128 frames to the resolution of a stage."""
    pool = N_FRAMES // RESOLUTIONS[stage]
    if pool == 1:
        return features
    split = tf.reshape(features, [-1, RESOLUTIONS[stage], pool, N_FEATURES])
    return tf.reduce_mean(split, 2)


def batch_at(dataset: Dataset, trained: list[int], config: TrainConfig, n_seen: int) -> Batch:
    """Draw the batch that follows `n_seen` notes: a function of the seed alone."""
    rng = np.random.default_rng([config.seed, n_seen])
    return dataset.batch(trained, config.batch_size, rng)


def train(
    folder: Path,
    dataset: Dataset,
    config: TrainConfig,
    *,
    resume: bool = False,
    minutes: float | None = None,
    checkpoint_minutes: float = 5.0,
    report: Callable[[dict[str, float]], None] | None = None,
) -> Trainer:
    """Train until `config.total_notes` notes were seen, or for so many minutes.

    Parameters
    ----------
    folder : Path
        The run: config.json, stats.jsonl, checkpoints.
    dataset : Dataset
    config : TrainConfig
    resume : bool
        Go on from the folder's last checkpoint.
    minutes : float, optional
        Stop after so long; the run can be resumed.
    checkpoint_minutes : float
    report : callable, optional
        Called every 100 steps with the line that stats.jsonl gets.

    Returns
    -------
    trainer : Trainer
        At its last step, checkpointed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config.save(folder / "config.json")
    trained, _ = dataset.split(config.n_held_out, config.seed)
    trainer = Trainer(config)
    manager = tf.train.CheckpointManager(
        trainer.checkpoint(), str(folder / "checkpoints"), max_to_keep=2
    )
    if resume and manager.latest_checkpoint:
        trainer.checkpoint().restore(manager.latest_checkpoint).assert_consumed()
    start = saved = time.monotonic()
    collected: list[npt.NDArray[np.float32]] = []
    with ThreadPoolExecutor(1) as pool:
        coming: Future[Batch] = pool.submit(batch_at, dataset, trained, config, int(trainer.n_seen))
        try:
            while int(trainer.n_seen) < config.total_notes:
                batch = coming.result()
                ahead = int(trainer.n_seen) + config.batch_size
                coming = pool.submit(batch_at, dataset, trained, config, ahead)
                collected.append(trainer.train_step(batch))
                now = time.monotonic()
                if len(collected) == TICK_STEPS:
                    _log(folder, trainer, collected, now - start, report)
                    collected = []
                if now - saved > 60.0 * checkpoint_minutes:
                    manager.save()
                    saved = now
                if minutes is not None and now - start > 60.0 * minutes:
                    break
        finally:
            manager.save()
    return trainer


def _log(
    folder: Path,
    trainer: Trainer,
    collected: list[npt.NDArray[np.float32]],
    seconds: float,
    report: Callable[[dict[str, float]], None] | None,
) -> None:
    moment = trainer.config.moment(int(trainer.n_seen))
    line: dict[str, float] = {
        "n_seen": int(trainer.n_seen),
        "seconds": round(seconds, 1),
        "stage": moment.stage,
        "alpha": round(moment.alpha, 3),
        "learning_rate": moment.learning_rate,
    }
    means = np.mean(collected, axis=0)
    line.update({name: round(float(value), 4) for name, value in zip(STATS, means, strict=True)})
    with (folder / "stats.jsonl").open("a") as stats:
        stats.write(json.dumps(line) + "\n")
    if report is not None:
        report(line)
