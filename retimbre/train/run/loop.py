"""A run: training step by step into one folder, resumed exactly where it was."""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from retimbre.errors import ParameterError, RetimbreError
from retimbre.train.config import TrainConfig
from retimbre.train.data.batches import average_pool, draw_batch
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.labels import InstrumentKey
from retimbre.train.export.beginning import Beginning, put_weights
from retimbre.train.export.onnx_graph import Weights
from retimbre.train.networks.representation import find_representation
from retimbre.train.run.checkpoints import Checkpoints, has_checkpoint
from retimbre.train.run.interruption import held_back
from retimbre.train.run.mel_sheets import MelSheets
from retimbre.train.run.progress import Pace, Status
from retimbre.train.run.run_folder import CONFIG, StatsLog, make_folder, remember_dataset, run_split
from retimbre.train.run.sheet_drawer import SheetDrawer
from retimbre.train.run.sheets import HarmonicSheets
from retimbre.train.run.trainer import Batch, Trainer

TICK_STEPS = 100


def batch_at(dataset: Dataset, trained: list[int], config: TrainConfig, n_seen: int) -> Batch:
    """Draw the batch that follows `n_seen` notes: a function of the seed alone."""
    rng = np.random.default_rng([config.seed, n_seen])
    kind = find_representation(config.representation)
    shape = kind.shapes[config.moment(n_seen).stage]
    size, pitch_range = config.batch_size, config.pitch_range
    if kind.has_encoder:
        return draw_batch(dataset, trained, size, shape[0], rng, pitch_range=pitch_range)
    notes = dataset.notes(dataset.draw_notes(trained, size, pitch_range, rng))
    return (notes._replace(features=average_pool(notes.features, shape)),)


def train(
    folder: Path,
    dataset: Dataset,
    config: TrainConfig,
    *,
    dataset_folder: Path | None = None,
    beginning: Beginning | None = None,
    resume: bool = False,
    minutes: float | None = None,
    checkpoint_minutes: float = 5.0,
    begin: Callable[[list[int], list[int]], None] | None = None,
    report: Callable[[dict[str, float]], None] | None = None,
    progress: Callable[[Status], None] | None = None,
    stopping: Callable[[], None] | None = None,
) -> Trainer:
    """Train until `config.total_notes` notes were seen, or for so many minutes.

    Ctrl-C and SIGTERM wait until the step is whole and checkpointed; then they do what they
    always do (a second one does it at once, and the last checkpoint stands).

    Parameters
    ----------
    folder : Path
        The run; see `retimbre.train.run.run_folder`.
    dataset : Dataset
    config : TrainConfig
    dataset_folder : Path, optional
        Where the dataset is; the run remembers it for the export.
    beginning : Beginning, optional
        The networks that a new run begins with; `config` shall be its.
    resume : bool
        Go on from the folder's last checkpoint. The weights at any number of notes are those of
        a run that was never stopped, bit by bit on one machine's processor.
    minutes : float, optional
        Stop after so long; the run can be resumed.
    checkpoint_minutes : float
    begin : callable, optional
        Called before the first step with the instruments that are trained on and held out,
        indices into ``dataset.instruments``.
    report : callable, optional
        Called every 100 steps with the line that stats.jsonl gets.
    progress : callable, optional
        Called after every step.
    stopping : callable, optional
        Called when a signal is held back.

    Returns
    -------
    trainer : Trainer
        At its last step, checkpointed.

    Raises
    ------
    ModelFormatError
        If the networks of `beginning` cannot be read back.
    ParameterError
        If the folder holds a run that is not to be resumed or has seen more than
        `config.total_notes` (nothing of it is touched), or the representation is not that of the
        dataset.
    WriteError
        If the folder cannot be written (a full disk); the last whole checkpoint stands.
    RetimbreError
        If a loss is no longer a number; the last checkpoint stands.
    """
    config = config.settled()
    _check(folder, dataset, config, resume=resume)
    # First what may be refused: a run that stands is not changed by a wrong command.
    weights = None if beginning is None else beginning.load()
    make_folder(folder)
    known = () if beginning is None else beginning.held_out
    run = _Run(folder, dataset, config, known)
    config.save(folder / CONFIG)
    if dataset_folder is not None:
        remember_dataset(folder, dataset_folder)
    if begin is not None:
        begin(run.trained, run.held_out)
    with held_back(stopping) as signals:
        try:
            if weights is not None:
                run.begin_with(weights)
            run.go(minutes, checkpoint_minutes, report, progress, signals)
        finally:
            run.leave()
    return run.trainer


def _check(folder: Path, dataset: Dataset, config: TrainConfig, *, resume: bool) -> None:
    if has_checkpoint(folder) and not resume:
        raise ParameterError(
            f"{folder} already contains a run; add --resume or use another folder."
        )
    if resume and config.begun_from and not has_checkpoint(folder):
        raise ParameterError(
            f"{folder} was stopped before its first checkpoint, which holds the networks that it "
            "began with; remove the folder and start again with --from."
        )
    if config.representation != dataset.representation:
        raise ParameterError(
            f"The dataset contains {dataset.representation} note images, but the settings are for "
            f"{config.representation} ones; choose another --config, or build the dataset with "
            f"--representation {config.representation}."
        )


class _Run:
    """A run under way: what `train` keeps between steps."""

    def __init__(
        self,
        folder: Path,
        dataset: Dataset,
        config: TrainConfig,
        known: Collection[InstrumentKey] = (),
    ) -> None:
        self.config = config
        self.trained, self.held_out = run_split(folder, dataset, config, known)
        self.trainer = Trainer(config)
        self._checkpoints = Checkpoints(folder, self.trainer)
        self._n_seen = int(self.trainer.n_seen)
        # The last batch of a run may go beyond its end.
        if self._n_seen - config.batch_size >= config.total_notes:
            raise ParameterError(
                f"{folder} has seen {self._n_seen:,} notes, more than --total-notes "
                f"{config.total_notes:,}; give a larger --total-notes."
            )
        self._stats = StatsLog(folder, self._n_seen)
        self._sheets: SheetDrawer = MelSheets(folder, config)
        if find_representation(config.representation).has_encoder:
            self._sheets = HarmonicSheets(folder, dataset, self.trained, self.held_out, config)
        self._pace = Pace(config)
        self._batch = partial(batch_at, dataset, self.trained, config)
        self._collected: list[dict[str, float]] = []
        self._last: dict[str, float] = {}
        self._start = self._saved = time.monotonic()
        self._is_saved = self._is_whole = True

    def begin_with(self, weights: Weights) -> None:
        """Put weights into the networks and checkpoint them: the run needs no model from then."""
        put_weights(self.trainer, weights)
        self._save()

    def go(
        self,
        minutes: float | None,
        checkpoint_minutes: float,
        report: Callable[[dict[str, float]], None] | None,
        progress: Callable[[Status], None] | None,
        signals: Sequence[int],
    ) -> None:
        """Take steps until the end, or until something ends them."""
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self._batch, self._n_seen)
            while self._n_seen < self.config.total_notes and not signals:
                coming = self._step(coming, pool)
                is_last = self._n_seen >= self.config.total_notes
                if progress is not None:
                    progress(self._status())
                if is_last or self._n_seen // self.config.batch_size % TICK_STEPS == 0:
                    self._log(report)
                self._sheets.draw_if_due(self.trainer, self._n_seen, is_last=is_last)
                now = time.monotonic()
                if now - self._saved > 60.0 * checkpoint_minutes:
                    self._save()
                if minutes is not None and now - self._start > 60.0 * minutes:
                    break

    def leave(self) -> None:
        """Checkpoint the last whole step."""
        # An error in the midst of a step leaves weights that belong to no number of notes.
        if self._is_whole and not self._is_saved:
            if self._collected:
                self._log(None)
            self._save()

    def _step(self, coming: Future[Batch], pool: ThreadPoolExecutor) -> Future[Batch]:
        """Take one step while the next batch is drawn."""
        moment, start = self.config.moment(self._n_seen), time.monotonic()
        batch = coming.result()
        coming = pool.submit(self._batch, self._n_seen + self.config.batch_size)
        is_judged = self.config.is_judged(self._n_seen)
        self._is_saved = self._is_whole = False
        stats = self.trainer.train_step(batch)
        self._check_finite(stats)
        self._is_whole = True
        self._n_seen = int(self.trainer.n_seen)
        self._collected.append(stats)
        self._last = stats
        self._pace.add(moment, time.monotonic() - start, is_judged=is_judged)
        return coming

    def _check_finite(self, stats: dict[str, float]) -> None:
        lost = [name for name, value in stats.items() if not np.isfinite(value)]
        if lost:
            raise RetimbreError(
                f"Training diverged after {self._n_seen:,} notes ({lost[0]} is not a number); "
                "start again with another --seed, or with a lower peak_learning_rate in a file "
                "for --config (the last checkpoint is intact)."
            )

    def _save(self) -> None:
        # Where it fails it is not tried again on the way out.
        self._is_saved = True
        self._checkpoints.save()
        self._saved = time.monotonic()

    def _status(self) -> Status:
        return Status(
            n_seen=self._n_seen,
            total_notes=self.config.total_notes,
            moment=self.config.moment(self._n_seen),
            stats=self._last,
            notes_per_second=self._pace.notes_per_second,
            seconds_left=self._pace.seconds_left(self._n_seen),
        )

    def _log(self, report: Callable[[dict[str, float]], None] | None) -> None:
        """Write the means of the steps since the last line."""
        moment = self.config.moment(self._n_seen)
        line: dict[str, float] = {
            "n_seen": self._n_seen,
            "seconds": round(self._stats.seconds + time.monotonic() - self._start, 1),
            "stage": moment.stage,
            "alpha": round(moment.alpha, 3),
            "learning_rate": float(f"{moment.learning_rate:.6g}"),
        }
        for name in self._last:
            line[name] = round(float(np.mean([stats[name] for stats in self._collected])), 4)
        self._collected = []
        self._stats.write(line)
        if report is not None:
            report(line)
