"""Networks, optimisers and moving averages of a run, and one step of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from retimbre.train.config import TrainConfig
from retimbre.train.data.dataset import TrainingNotes
from retimbre.train.networks.games import R1_EVERY
from retimbre.train.networks.networks import Networks
from retimbre.train.networks.passes import N_DRAWS, passes_for

Tensor = Any
Batch = tuple[TrainingNotes, ...]
"""Some notes; where there is an encoder also another note of the same instruments."""


class Trainer:
    """Networks, optimisers and moving averages of one run.

    Parameters
    ----------
    config : TrainConfig

    Attributes
    ----------
    networks : Networks
    n_seen : tf.Variable of int64
        TrainingNotes shown so far.
    """

    def __init__(self, config: TrainConfig) -> None:
        keras.utils.set_random_seed(config.seed)
        self.config = config
        self.networks = Networks(config)
        nets = self.networks
        if nets.representation.rank == 2:
            # It cannot rewrite the gradient of the penalty, and writes an error on stderr for it.
            tf.config.optimizer.set_experimental_options({"remapping": False})
        self.maker_variables = nets.generator_variables + nets.encoder_variables
        options = {"beta_2": 0.99, "epsilon": config.adam_epsilon}
        self.maker_optimizer = keras.optimizers.Adam(beta_1=config.maker_momentum, **options)
        self.judge_optimizer = keras.optimizers.Adam(beta_1=0.0, **options)
        self.maker_optimizer.build(self.maker_variables)
        self.judge_optimizer.build(nets.discriminator_variables)
        self.averages = [tf.Variable(v.value, trainable=False) for v in self.maker_variables]
        self.n_seen = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._steps: dict[tuple[int, bool, bool], Any] = {}

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

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the averages for a while; the weights come back bit by bit, whatever happens."""
        weights = [variable.numpy() for variable in self.maker_variables]
        try:
            self.use_averages()
            yield
        finally:
            for variable, weight in zip(self.maker_variables, weights, strict=True):
                variable.assign(weight)

    # ---- one step ----------------------------------------------------------------------------

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Show one batch to all networks and return what is told of it, by name.

        Parameters
        ----------
        batch : tuple of TrainingNotes
            Features at the resolution of this moment, MIDI pitches, velocities 0..1.
        """
        n_seen = int(self.n_seen)
        moment = self.config.moment(n_seen)
        key = (moment.stage, moment.is_fading)
        whole = (*key, self.config.is_judged(n_seen))
        if whole not in self._steps:
            self._steps[whole] = self._make_step(*whole)
        if self.config.adam_restarts and n_seen:
            before = self.config.moment(n_seen - self.config.batch_size)
            if key != (before.stage, before.is_fading):
                self._restart_optimizers()
        self.maker_optimizer.learning_rate.assign(moment.learning_rate)
        self.judge_optimizer.learning_rate.assign(self.config.judge_rate * moment.learning_rate)
        index = n_seen // self.config.batch_size
        stats = self._steps[whole](
            tuple(tuple(tf.constant(part) for part in notes) for notes in batch),
            tf.constant([moment.alpha], tf.float32),
            tf.constant([self.config.seed, index], tf.int32),
            tf.constant(index % R1_EVERY == 0),
        )
        self.n_seen.assign_add(self.config.batch_size)
        return {name: float(value) for name, value in stats.items()}

    def _make_step(self, stage: int, fading: bool, is_judged: bool) -> Any:
        passes = passes_for(self.networks, stage, fading)
        judge_variables = self.networks.discriminator_variables
        config = self.config
        low, n_pitches = config.pitch_range[0], config.n_pitches

        @tf.function  # type: ignore[untyped-decorator]
        def step(
            notes: Any, alpha: Tensor, seed: Tensor, is_lazy_step: Tensor
        ) -> dict[str, Tensor]:
            batch = tuple(
                (x, tf.one_hot(p - low, n_pitches), v[:, None], heard) for x, p, v, heard in notes
            )
            # Room for the independent draws of one step.
            seed = seed * tf.constant([1, N_DRAWS], tf.int32)
            with tf.GradientTape() as tape:
                made = passes.make(batch, alpha, seed)
            if is_judged:
                maker = (self.maker_optimizer, self.maker_variables, config.maker_clip)
                _apply(tape, made.loss, *maker)
            with tf.GradientTape() as tape:
                loss, stats = passes.judge(
                    batch, tf.stop_gradient(made.fakes), alpha, seed, is_lazy_step
                )
            _apply(tape, loss, self.judge_optimizer, judge_variables, config.judge_clip)
            if is_judged:
                self._update_averages()
            return made.stats | stats

        return step

    def _restart_optimizers(self) -> None:
        """Forget all that was averaged; the learning rates are set at every step."""
        for variable in (*self.maker_optimizer.variables, *self.judge_optimizer.variables):
            variable.assign(keras.ops.zeros_like(variable))

    def _update_averages(self) -> None:
        decay = self.config.ema_decay
        if self.config.ema_warmup:
            seen = tf.cast(self.n_seen, tf.float32) / self.config.batch_size
            # Early on the average must not remember the first weights.
            decay = tf.minimum(decay, (1.0 + seen) / (10.0 + seen))
        for average, variable in zip(self.averages, self.maker_variables, strict=True):
            average.assign_add((1.0 - decay) * (variable.value - average))


def _apply(tape: Any, loss: Tensor, optimizer: Any, variables: list[Any], clip: float) -> None:
    """Take one step on the variables that this resolution uses."""
    gradients = tape.gradient(loss, [v.value for v in variables])
    used = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    steps = [g for g, _ in used]
    if clip > 0.0:
        steps, _ = tf.clip_by_global_norm(steps, clip)
    optimizer.apply(steps, [v for _, v in used])
