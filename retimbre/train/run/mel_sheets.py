"""Sample sheets of a run in GANSynth's representation: random notes, seen and heard."""

from pathlib import Path

from retimbre._typing import FloatArray
from retimbre.train.run.player import Player
from retimbre.train.run.sheet_drawer import SheetDrawer
from retimbre.train.run.sheet_files import at_peak, draw_panels, write_waves
from retimbre.train.run.trainer import Trainer

HEARD_SECONDS = 1.2


class MelSheets(SheetDrawer):
    """Draws the same random latents at three pitches."""

    def draw(self, trainer: Trainer, n_seen: int) -> None:
        """Write ``sheets/NNNNNNNN.png`` and ``.wav``."""
        with trainer.averaged():
            player = Player(trainer, self._config.moment(n_seen))
            images, _ = self.play(player, self.z)
        path = self.path_of(n_seen)
        n_frames, n_bins = images.shape[1:3]
        title = f"{n_seen:,} notes, {n_frames} frames of {n_bins} bins"
        draw_panels(path.with_suffix(".png"), title, self.rows(images[..., 0]))
        write_specgrams(path.with_suffix(".wav"), images)


def write_specgrams(path: Path, images: FloatArray) -> None:
    """Play notes one after another into a WAV file (16 kHz, 16 bit).

    Parameters
    ----------
    path : Path
    images : np.ndarray [shape=(n, frames, bins, 2), -1..1]
        Each point stands for as many as make 128 frames of 1024 bins.
    """
    from retimbre.gansynth import specgram as melspec

    stretch = melspec.N_FRAMES // images.shape[1]
    n_heard = round(HEARD_SECONDS * melspec.SAMPLE_RATE)
    waves = []
    for image in images:
        whole = image.repeat(stretch, axis=0).repeat(melspec.N_BINS // image.shape[1], axis=1)
        (wave,) = melspec.specgrams_to_waves(melspec.denormalize(whole[None]))
        waves.append(at_peak(wave)[:n_heard])
    write_waves(path, waves, melspec.SAMPLE_RATE)
