"""A training run as a model that plays and encodes, at the resolution that it has reached."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_models import BATCH_SIZE, NOTES_PER_INSTRUMENT, Palette

from retimbre.images.harmonic import FEATURE_FILL, N_FEATURES, N_FRAMES, feature_mask
from retimbre.train.dataset import Dataset
from retimbre.train.export import load_run
from retimbre.train.prior import place_latents
from retimbre.train.schedule import RESOLUTIONS

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


class TrainingRun:
    """The averaged networks of a run's last checkpoint, in Keras.

    While the run has not grown to 128 frames, it plays and encodes the frames that it has, each
    standing for several.

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
    """

    def __init__(self, run: Path, dataset: Dataset) -> None:
        trainer = load_run(run)
        config = trainer.config
        self.name = run.name
        self.latent_dim = config.latent_dim
        self.pitch_range = config.pitch_range
        self.n_seen = int(trainer.n_seen)
        moment = config.moment(self.n_seen)
        self._frames = RESOLUTIONS[moment.stage]
        self._alpha = np.array([moment.alpha], np.float32)
        self._generator = trainer.networks.generator(moment.stage, moment.is_fading)
        self._encoder = trainer.networks.encoder(moment.stage, moment.is_fading)
        self._masks = feature_mask(np.arange(self.pitch_range[0], self.pitch_range[1] + 1))
        self.trained, self.held_out = dataset.split(config.n_held_out, config.seed)
        self.palette = self._encode_palette(dataset)

    def generate(self, z: FloatArray, pitches: IntArray, velocities: IntArray) -> FloatArray:
        """Play notes; see `sound_models.SoundModel`."""
        placed = place_latents(z, _unit(self.palette.z)).astype(np.float32)
        strengths = (velocities / 127.0).astype(np.float32)[:, None]
        features = np.empty((len(z), N_FRAMES, N_FEATURES), np.float32)
        for start in range(0, len(z), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            hot = self._one_hot(pitches[part])
            made = np.asarray(self._generator([placed[part], hot, strengths[part], self._alpha]))
            features[part] = np.repeat(made, N_FRAMES // self._frames, axis=1)
        masks = self._masks[pitches - self.pitch_range[0]][:, None, :]
        return np.where(masks, features, FEATURE_FILL)

    def encode(self, features: FloatArray, pitches: IntArray) -> FloatArray:
        """Return the latents of notes; see `sound_models.SoundModel`."""
        n = len(features)
        short = features.reshape(n, self._frames, -1, N_FEATURES).mean(axis=2, dtype=np.float32)
        found = []
        for start in range(0, n, BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            hot = self._one_hot(pitches[part])
            found.append(np.asarray(self._encoder([short[part], hot, self._alpha])))
        return np.asarray(np.sqrt(self.latent_dim) * _unit(np.concatenate(found)))

    def _one_hot(self, pitches: IntArray) -> FloatArray:
        n_pitches = self.pitch_range[1] - self.pitch_range[0] + 1
        return np.eye(n_pitches, dtype=np.float32)[pitches - self.pitch_range[0]]

    def _encode_palette(self, dataset: Dataset) -> Palette:
        keys = [dataset.instruments[i] for i in self.trained]
        latents, ranges = [], []
        for key in keys:
            rows = dataset.notes_of[key]
            pitches = dataset.pitches[rows]
            ranges.append((int(pitches.min()), int(pitches.max())))
            rows = rows[:: max(1, len(rows) // NOTES_PER_INSTRUMENT)]
            latents.append(self.encode(dataset.rows(rows), dataset.pitches[rows]).mean(axis=0))
        z = np.sqrt(self.latent_dim) * _unit(np.stack(latents))
        names = tuple(key.name for key in keys)
        return Palette(tuple(keys), names, z.astype(np.float32), np.array(ranges))


def _unit(rows: FloatArray) -> FloatArray:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norm, 1e-12))
