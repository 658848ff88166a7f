"""From any latent vector to one that the generator knows: the aggregated posterior behind N(0, I).

A random z in 256 dimensions is far from every instrument that was encoded, and a generator sounds
dull there. So a random z chooses: its cosines with the directions of all trained instruments
become the shares of a blend, sharp enough that one to three instruments make most of it. A z that
points at an instrument, at a slerp between two, or at an encoding of a new sound is kept as it is.
Every z has one sound, and the sound moves smoothly with z.
"""

import numpy as np
import numpy.typing as npt

from retimbre.train.config import TrainConfig
from retimbre.train.dataset import Dataset
from retimbre.train.loop import Trainer
from retimbre.train.schedule import RESOLUTIONS

FloatArray = npt.NDArray[np.floating]

SHARPNESS = 5.0
KEPT_COSINE = 0.5
KEPT_WIDTH = 0.05
NOTES_PER_INSTRUMENT = 24


def place_latents(z: FloatArray, palette: FloatArray) -> FloatArray:
    """Bring latents to where the generator was trained.

    Parameters
    ----------
    z : np.ndarray [shape=(n, d)]
        Of any length but zero; only its direction counts.
    palette : np.ndarray [shape=(n_instruments, d)]
        Unit vectors.

    Returns
    -------
    placed : np.ndarray [shape=(n, d)]
        Of rms 1: with u = z / ``|z|`` and cosines c = palette u, the direction of
        ``k u + (1 - k) b`` where b is the direction of ``softmax(5 sqrt(d) c) palette`` and
        ``k = sigmoid((max c - 0.5) / 0.05)``.
    """
    d = z.shape[1]
    unit = _unit(z)
    cosines = unit @ palette.T
    scores = SHARPNESS * np.sqrt(d) * cosines
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    blend = _unit(shares @ palette)
    margin = (cosines.max(axis=1, keepdims=True) - KEPT_COSINE) / KEPT_WIDTH
    kept = 1.0 / (1.0 + np.exp(-margin))
    return np.asarray(np.sqrt(d) * _unit(kept * unit + (1.0 - kept) * blend))


def _unit(rows: FloatArray) -> FloatArray:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norm, 1e-12))


def encode_palette(trainer: Trainer, dataset: Dataset) -> FloatArray:
    """Return the direction of every trained instrument: the mean over some of its notes.

    Parameters
    ----------
    trainer : Trainer
    dataset : Dataset

    Returns
    -------
    palette : np.ndarray of float32 [shape=(n_instruments, latent_dim)]
        Unit vectors.
    """
    config: TrainConfig = trainer.config
    encoder = trainer.networks.encoder(len(RESOLUTIONS) - 1, False)
    trained, _ = dataset.split(config.n_held_out, config.seed)
    directions = []
    for instrument in trained:
        rows = dataset.notes_of[dataset.instruments[instrument]]
        rows = rows[:: max(1, len(rows) // NOTES_PER_INSTRUMENT)]
        one_hot = np.eye(config.n_pitches, dtype=np.float32)[
            dataset.pitches[rows] - config.pitch_range[0]
        ]
        features = dataset.features[rows].astype(np.float32)
        found = np.asarray(encoder([features, one_hot, np.ones(1, np.float32)]))
        directions.append(_unit(found).mean(axis=0))
    return _unit(np.stack(directions)).astype(np.float32)
