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

from retimbre.errors import ParameterError
from retimbre.train.augment import draw_batch
from retimbre.train.config import TrainConfig
from retimbre.train.dataset import Dataset, Notes
from retimbre.train.networks import Networks
from retimbre.train.passes import JUDGED_STATS, MADE_STATS, N_DRAWS, R1_EVERY, StagePasses
from retimbre.train.schedule import RESOLUTIONS

Tensor = Any
Batch = tuple[Notes, Notes]

STATS = (*MADE_STATS, *JUDGED_STATS)
MAKER_CLIP = 50.0
JUDGE_CLIP = 20.0
DISCRIMINATOR_RATE = 0.75
TICK_STEPS = 100
CHECKPOINTS = "checkpoints"
SPLIT = "split.json"


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
            *(tf.constant(part) for notes in batch for part in notes),
            tf.constant([moment.alpha], tf.float32),
            tf.constant([self.config.seed, index], tf.int32),
            tf.constant(index % R1_EVERY == 0),
        )
        self.n_seen.assign_add(self.config.batch_size)
        return np.asarray(stats)

    def _make_step(self, stage: int, fading: bool) -> Any:
        passes = StagePasses(self.networks, stage, fading)
        judge_variables = self.networks.discriminator_variables
        low, n_pitches = self.config.pitch_range[0], self.config.n_pitches

        @tf.function  # type: ignore[untyped-decorator]
        def step(
            x1: Tensor,
            p1: Tensor,
            v1: Tensor,
            x2: Tensor,
            p2: Tensor,
            v2: Tensor,
            alpha: Tensor,
            seed: Tensor,
            r1: Tensor,
        ) -> Tensor:
            hot1, hot2 = (tf.one_hot(p - low, n_pitches) for p in (p1, p2))
            batch = (x1, hot1, v1[:, None], x2, hot2, v2[:, None])
            # Room for the independent draws of one step.
            seed = seed * tf.constant([1, N_DRAWS], tf.int32)
            with tf.GradientTape() as tape:
                made = passes.make(batch, alpha, seed)
            self._apply(tape, made.loss, self.maker_optimizer, self.maker_variables, MAKER_CLIP)
            with tf.GradientTape() as tape:
                judged = passes.judge(batch, tf.stop_gradient(made.fakes), alpha, seed, r1)
            self._apply(tape, judged.loss, self.judge_optimizer, judge_variables, JUDGE_CLIP)
            self._update_averages()
            return tf.stack([*made.stats, *judged.stats])

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


def batch_at(dataset: Dataset, trained: list[int], config: TrainConfig, n_seen: int) -> Batch:
    """Draw the batch that follows `n_seen` notes: a function of the seed alone."""
    rng = np.random.default_rng([config.seed, n_seen])
    n_frames = RESOLUTIONS[config.moment(n_seen).stage]
    return draw_batch(dataset, trained, config.batch_size, n_frames, rng)


def run_split(
    folder: Path, dataset: Dataset, config: TrainConfig
) -> tuple[list[int], list[int]]:
    """Return a run's trained and held-out instruments (indices), and keep them in its folder.

    They are drawn once. A dataset may grow while a run is under way; what was held out stays so,
    and what is new is left alone.

    Raises
    ------
    ParameterError
        If the dataset lacks instruments that the run was started with.
    """
    path = folder / SPLIT
    if not path.is_file():
        parts = dataset.split(config.n_held_out, config.seed)
        named = {
            name: [list(dataset.instruments[i]) for i in part]
            for name, part in zip(("trained", "held_out"), parts, strict=True)
        }
        path.write_text(json.dumps(named, indent=1) + "\n")
    names = json.loads(path.read_text())
    index = {tuple(key): i for i, key in enumerate(dataset.instruments)}
    missing = [key for part in names.values() for key in part if tuple(key) not in index]
    if missing:
        raise ParameterError(
            f"The dataset lacks {len(missing)} instruments that {folder} was trained on, "
            f"such as {missing[0][-1]!r}; name the dataset of the run."
        )
    trained, held_out = (
        [index[tuple(key)] for key in names[part]] for part in ("trained", "held_out")
    )
    return trained, held_out


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

    Raises
    ------
    ParameterError
        If the folder holds a run that is not to be resumed; nothing of it is touched.
    """
    if not resume and tf.train.latest_checkpoint(str(folder / CHECKPOINTS)) is not None:
        raise ParameterError(f"{folder} already holds a run; add --resume or name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    config.save(folder / "config.json")
    trained, _ = run_split(folder, dataset, config)
    trainer = Trainer(config)
    manager = tf.train.CheckpointManager(
        trainer.checkpoint(), str(folder / CHECKPOINTS), max_to_keep=2
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
