"""A training run as a model that plays and encodes, at the resolution that it has reached."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_models import Palette, batches

from retimbre.train.data.dataset import Dataset
from retimbre.train.export.harmonic import load_run
from retimbre.train.export.palette import encode_instruments
from retimbre.train.networks.prior import place_latents
from retimbre.train.run.player import WholePlayer
from retimbre.train.run.run_folder import run_split

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


class TrainingRun:
    """The averaged networks of a run's last checkpoint, in Keras.

    While the run has not grown to 128 frames, it plays and encodes the frames that it has, each
    standing for several; of two resolutions that are being blended, the one that weighs more.

    Parameters
    ----------
    run : Path
    dataset : Dataset
        What it is trained on.

    Attributes
    ----------
    name, latent_dim, pitch_range, palette : see `sound_models.SoundModel`
    n_seen : int
        Notes shown up to the checkpoint.
    trained, held_out : list of int
        Indices into the dataset's instruments.

    Raises
    ------
    ModelNotFoundError
        If the folder holds no checkpoint.
    ParameterError
        If the dataset lacks instruments of the run.
    """

    def __init__(self, run: Path, dataset: Dataset) -> None:
        trainer = load_run(run)
        config = trainer.config
        self.name = run.name
        self.latent_dim = config.latent_dim
        self.pitch_range = config.pitch_range
        self.n_seen = int(trainer.n_seen)
        moment = config.moment(self.n_seen)
        self._networks = WholePlayer(trainer, moment.stage - int(moment.alpha < 0.5))
        self.trained, self.held_out = run_split(run, dataset, config)
        self._directions = encode_instruments(dataset, self.trained, self.encode)
        keys = tuple(dataset.instruments[i] for i in self.trained)
        pitches = [dataset.pitches[dataset.notes_of[key]] for key in keys]
        self.palette = Palette(
            keys,
            tuple(key.name for key in keys),
            np.sqrt(self.latent_dim, dtype=np.float32) * self._directions,
            np.array([[p.min(), p.max()] for p in pitches]),
        )

    def generate(self, z: FloatArray, pitches: IntArray, velocities: IntArray) -> FloatArray:
        """Play notes; see `sound_models.SoundModel`."""
        placed = place_latents(z, self._directions)
        return _in_batches(self._networks.generate, placed, pitches, velocities / 127.0)

    def encode(self, features: FloatArray, pitches: IntArray) -> FloatArray:
        """Return the latents of notes; see `sound_models.SoundModel`."""
        return _in_batches(self._networks.encode, features, pitches)


def _in_batches(network: Callable[..., FloatArray], *inputs: npt.NDArray[Any]) -> FloatArray:
    parts = [network(*(values[part] for values in inputs)) for part in batches(len(inputs[0]))]
    return np.concatenate(parts)
