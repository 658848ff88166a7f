"""The checkpoints of a run: the last two, each whole or not there."""

import re
import shutil
from pathlib import Path

import tensorflow as tf

from retimbre.errors import WriteError
from retimbre.train.framework import silent_libraries
from retimbre.train.run.run_folder import CHECKPOINTS
from retimbre.train.run.trainer import Trainer

KEPT = 2


def has_checkpoint(folder: Path) -> bool:
    """Tell whether a run has one."""
    return tf.train.latest_checkpoint(str(folder / CHECKPOINTS)) is not None


class Checkpoints:
    """Brings a trainer to the last checkpoint of its run, and keeps more.

    Parameters
    ----------
    folder : Path
        The run.
    trainer : Trainer
        At its first step if there is no checkpoint.
    """

    def __init__(self, folder: Path, trainer: Trainer) -> None:
        self._folder = folder / CHECKPOINTS
        checkpoint = trainer.checkpoint()
        self._manager = tf.train.CheckpointManager(checkpoint, str(self._folder), max_to_keep=KEPT)
        if self._manager.latest_checkpoint:
            checkpoint.restore(self._manager.latest_checkpoint).assert_consumed()

    def save(self) -> None:
        """Keep the state of the trainer.

        Raises
        ------
        WriteError
            If it cannot be written; the checkpoints before it stand, and nothing of it.
        """
        try:
            # They tell of a full disk at length, and so does the error.
            with silent_libraries():
                self._manager.save()
        except tf.errors.OpError as error:
            for part in self._folder.glob("*_temp"):
                shutil.rmtree(part, ignore_errors=True)
            before = self._manager.latest_checkpoint
            kept = "; --resume continues from the checkpoint before" if before else ""
            raise WriteError(
                f"{self._folder} cannot be written: {_reason(error)}{kept}."
            ) from error


def _reason(error: tf.errors.OpError) -> str:
    """Return what the system said, which follows the name of the file."""
    found = re.search(r"; ([^;]+?)(?: \[Op:|$)", error.message)
    return found[1] if found else type(error).__name__
