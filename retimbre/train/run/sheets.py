"""Sample sheets: what a run makes of the same latents and the same notes as time goes on.

A sheet is a picture of level images and a sound file, drawn with the averaged weights at the
resolution of the moment.
"""

from pathlib import Path

import numpy as np

from retimbre._typing import FloatArray
from retimbre.harmonic.image import N_BINS
from retimbre.train.config import TrainConfig
from retimbre.train.data.batches import shorten
from retimbre.train.data.dataset import Dataset
from retimbre.train.networks.prior import place_latents
from retimbre.train.run.player import Player
from retimbre.train.run.sheet_drawer import SheetDrawer
from retimbre.train.run.sheet_files import Panel, draw_panels, write_notes
from retimbre.train.run.trainer import Trainer
from retimbre.train.schedule import RESOLUTIONS

N_ANCHORS = 64
N_PAIRS = 8
REAL_PITCH = 60
HEARD_PITCH = 67


class HarmonicSheets(SheetDrawer):
    """Draws random notes, and real ones that are played again.

    Parameters
    ----------
    folder : Path
        The run; sheets go into its ``sheets``.
    dataset : Dataset
    trained, held_out : list of int
        Indices into ``dataset.instruments``; some of both are played again.
    config : TrainConfig
    """

    def __init__(
        self,
        folder: Path,
        dataset: Dataset,
        trained: list[int],
        held_out: list[int],
        config: TrainConfig,
    ) -> None:
        super().__init__(folder, config)
        self._dataset = dataset
        self._anchors = _spread(trained, N_ANCHORS)
        self._shown = {
            "trained": _spread(trained, N_PAIRS),
            "held out": _spread(held_out, N_PAIRS),
        }

    def draw(self, trainer: Trainer, n_seen: int) -> None:
        """Write ``sheets/NNNNNNNN.png`` and ``.wav``."""
        moment = self._config.moment(n_seen)
        with trainer.averaged():
            player = Player(trainer, moment)
            z = self._place(player, RESOLUTIONS[moment.stage])
            made, pitches = self.play(player, z)
            rows = self.rows(made[..., :N_BINS])
            for name, instruments in self._shown.items():
                rows += self._play_again(player, name, instruments, moment.stage)
        path = self.path_of(n_seen)
        title = f"{n_seen:,} notes, {RESOLUTIONS[moment.stage]} frames"
        draw_panels(path.with_suffix(".png"), title, rows)
        write_notes(path.with_suffix(".wav"), made, pitches)

    def _place(self, player: Player, n_frames: int) -> FloatArray:
        """Bring the fixed latents to where the generator is trained, as the export does."""
        notes = [self._note(i, REAL_PITCH) for i in self._anchors]
        batch = self._dataset.notes(np.array(notes))
        directions = player.encode(shorten(batch.features, n_frames), batch.pitches)
        return place_latents(self.z, directions)

    def _play_again(
        self, player: Player, name: str, instruments: list[int], stage: int
    ) -> list[Panel]:
        """Return real notes, and what becomes of another note of each at their pitch."""
        if not instruments:
            return []
        n_frames = RESOLUTIONS[stage]
        wanted = self._dataset.notes(np.array([self._note(i, REAL_PITCH) for i in instruments]))
        heard = self._dataset.notes(np.array([self._note(i, HEARD_PITCH) for i in instruments]))
        directions = player.encode(shorten(heard.features, n_frames), heard.pitches)
        z = directions * np.sqrt(directions.shape[1])
        names = [self._dataset.instruments[i].name for i in instruments]
        real = shorten(wanted.features, n_frames)
        played = player.generate(z, wanted.pitches, wanted.velocities)
        return [
            Panel(f"{name}: real", real[..., :N_BINS], names),
            Panel(f"{name}: played", played[..., :N_BINS]),
        ]

    def _note(self, instrument: int, pitch: int) -> int:
        """Return the instrument's note nearest to a pitch."""
        rows = self._dataset.notes_of[self._dataset.instruments[instrument]]
        return int(rows[np.argmin(np.abs(self._dataset.pitches[rows] - pitch))])


def _spread(items: list[int], n: int) -> list[int]:
    """Return up to `n` of the items, evenly over all of them."""
    if len(items) <= n:
        return items
    return [items[i * len(items) // n] for i in range(n)]
