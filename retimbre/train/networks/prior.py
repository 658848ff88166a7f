"""From any latent vector to one that the generator knows: the aggregated posterior behind N(0, I).

A random z in 256 dimensions is far from every instrument that was encoded, and a generator sounds
dull there. So a random z chooses: its cosines with the directions of all trained instruments
become the shares of a blend, sharp enough that one to three instruments make most of it. A z that
points at an instrument, at a slerp between two, or at an encoding of a new sound is kept as it is.
Every z has one sound, and the sound moves smoothly with z.
"""

import numpy as np

from retimbre._typing import FloatArray

SHARPNESS = 5.0
KEPT_COSINE = 0.5
KEPT_WIDTH = 0.05


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
    unit = unit_rows(z)
    cosines = unit @ palette.T
    scores = SHARPNESS * np.sqrt(d) * cosines
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    blend = unit_rows(shares @ palette)
    margin = (cosines.max(axis=1, keepdims=True) - KEPT_COSINE) / KEPT_WIDTH
    kept = 1.0 / (1.0 + np.exp(-margin))
    return np.asarray(np.sqrt(d) * unit_rows(kept * unit + (1.0 - kept) * blend))


def unit_rows(rows: FloatArray) -> FloatArray:
    """Divide rows by their length."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norm, 1e-12))
