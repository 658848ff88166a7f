"""When sample sheets of a run are drawn; nothing of the run depends on them."""

import logging
from pathlib import Path

import numpy as np
import tensorflow as tf

from retimbre._typing import FloatArray, IntArray
from retimbre.errors import RetimbreError
from retimbre.train.config import TrainConfig
from retimbre.train.run.player import Player
from retimbre.train.run.run_folder import SHEETS
from retimbre.train.run.sheet_files import Panel
from retimbre.train.run.trainer import Trainer

N_LATENTS = 8
PITCHES = (48, 60, 72)
VELOCITY = 80 / 127

logger = logging.getLogger("retimbre")


class SheetDrawer:
    """Draws the sheets of a run: what it makes of the same latents as time goes on.

    Parameters
    ----------
    folder : Path
        The run; sheets go into its ``sheets``.
    config : TrainConfig

    Attributes
    ----------
    z : np.ndarray [shape=(8, latent_dim)]
    pitches : np.ndarray of int [shape=(3,), MIDI]
    """

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        self._folder = folder / SHEETS
        self._config = config
        rng = np.random.default_rng([config.seed, N_LATENTS])
        self.z = rng.standard_normal((N_LATENTS, config.latent_dim))
        low, high = config.pitch_range
        self.pitches = np.clip(PITCHES, low, high)

    def draw_if_due(self, trainer: Trainer, n_seen: int, *, is_last: bool) -> None:
        """Draw a sheet every `config.sheet_notes` notes and at the end; never stop a run."""
        every = self._config.sheet_notes
        is_due = every > 0 and (is_last or n_seen % every < self._config.batch_size)
        if not is_due:
            return
        try:
            self.draw(trainer, n_seen)
        # Whatever a disk, a library or a network that went astray may bring.
        except (
            *(ArithmeticError, ImportError, LookupError, MemoryError, OSError, RuntimeError),
            *(TypeError, ValueError, RetimbreError, tf.errors.OpError),
        ) as error:
            logger.warning("no sheet at %d notes: %s", n_seen, error)

    def draw(self, trainer: Trainer, n_seen: int) -> None:
        """Write ``sheets/NNNNNNNN.png`` and ``.wav``."""
        raise NotImplementedError

    def play(self, player: Player, z: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return what each latent sounds like at each of the pitches, and which those are."""
        pitches = np.tile(self.pitches, len(z))
        latents = np.repeat(z, len(self.pitches), axis=0)
        return player.generate(latents, pitches, np.full(len(pitches), VELOCITY)), pitches

    def rows(self, images: FloatArray) -> list[Panel]:
        """Return the rows of a picture of what `play` gives, a pitch each."""
        n = len(self.pitches)
        return [Panel(f"MIDI {pitch}", images[i::n]) for i, pitch in enumerate(self.pitches)]

    def path_of(self, n_seen: int) -> Path:
        """Return the path of a sheet without its suffix, in a folder that is there."""
        self._folder.mkdir(exist_ok=True)
        return self._folder / f"{n_seen:08d}"
