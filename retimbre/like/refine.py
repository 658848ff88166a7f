"""Refine an encoder's latent by searching through the generator.

An encoder answers at once and roughly. The generator can be asked what its answer sounds like, so
the answer is corrected: a few steps of Levenberg and Marquardt's method [1]_ through the
generator, whose derivatives are differences of notes, with reweighting for a mean absolute
error [2]_. The inversion of a generator [3]_ usually runs over all dimensions and may end anywhere;
one note tells too little for that, and the timbre would be wrong at other pitches. So the search
keeps to the directions in which the known instruments differ most, and near the encoder's answer.

References
----------
.. [1] Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
.. [2] Holland and Welsch, "Robust regression using iteratively reweighted least-squares", 1977.
.. [3] Zhu et al., "Generative visual manipulation on the natural image manifold", ECCV 2016.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from retimbre._typing import BoolArray, Float32Array, FloatArray
from retimbre.harmonic.image import (
    N_BINS,
    N_FEATURES,
    N_PLAIN_FEATURES,
    N_SINGLE,
    bin_mask,
    features_to_image,
)

Play = Callable[[FloatArray], FloatArray]
"""Make the features (n, 128, 288) of latents (n, latent_dim), all at one pitch and velocity."""

N_DIRECTIONS = 32
N_STEPS = 4
CLOSENESS = 0.3
"""How much the encoder's answer counts, in shares of what the note tells."""

DAMPINGS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
DIFFERENCE = 0.2
"""Of a latent of rms 1, for the derivatives."""

KNEE = 0.05
"""Smaller errors of a feature than 2.25 dB are weighed as squares."""

AUDIBLE_DB, AUDIBLE_NOISE_DB = 60.0, -70.0
"""Levels so far below the note's loudest, and noise above that, are listened to."""

NOISE_SHARE = 0.3
"""What all noise counts beside all levels."""

FLUTTER_SHARE, FLUTTER_DB = 0.2, 30.0
"""What the flutter of the partials counts that are at most so far below the loudest.

Without it a steady note is found near ensembles whose levels are like its own, and wobbles."""

_LEVELS = slice(0, N_BINS)
_NOISE = slice(N_BINS + N_SINGLE, 2 * N_BINS + N_SINGLE)
_FLUTTER = slice(N_PLAIN_FEATURES, N_FEATURES)


class _Heard(NamedTuple):
    """The audible features of a note [shape=(n_kept,)], and how much each counts."""

    kept: BoolArray
    features: FloatArray
    weights: FloatArray


def refine_latent(
    play: Play, z: FloatArray, features: FloatArray, pitch: int, palette: FloatArray
) -> Float32Array:
    """Move a latent so that the generator sounds more like a note.

    Parameters
    ----------
    play : callable
        The generator at the note's pitch, see `Play`.
    z : np.ndarray [shape=(latent_dim,)]
        Of rms 1: the encoder's answer.
    features : np.ndarray [shape=(128, 288), -1..1]
        What was heard, see `retimbre.harmonic.image.image_to_features`.
    pitch : int [MIDI]
    palette : np.ndarray [shape=(n_instruments, latent_dim)]
        Latents of known instruments; of fewer than two there is no direction to go.

    Returns
    -------
    z : np.ndarray of float32 [shape=(latent_dim,)]
        Of rms 1; never farther from the note than the one given.
    """
    heard = _listen(np.asarray(features, np.float64), pitch)
    start = _to_rms_1(np.asarray(z, np.float64))
    basis = main_directions(np.asarray(palette, np.float64), N_DIRECTIONS)
    best, sound = start, _play(play, start[None], heard)[0]
    for _ in range(N_STEPS if len(basis) and heard.kept.any() else 0):
        moved = _step(play, best, start, sound, heard, basis)
        if moved is None:
            break
        best, sound = moved
    return best.astype(np.float32)


def main_directions(palette: FloatArray, n: int) -> FloatArray:
    """Return the principal directions of some latents, the one of most variance first.

    Parameters
    ----------
    palette : np.ndarray [shape=(n_instruments, latent_dim)]
    n : int
        At most so many; fewer where the latents span fewer.

    Returns
    -------
    directions : np.ndarray [shape=(<= n, latent_dim)]
        Orthonormal.
    """
    if len(palette) < 2:
        return np.zeros((0, palette.shape[1]))
    _, spread, rows = np.linalg.svd(palette - palette.mean(axis=0), full_matrices=False)
    return np.asarray(rows[:n][spread[:n] > 1e-6 * spread[0]])


def _listen(features: FloatArray, pitch: int) -> _Heard:
    """Choose what of a note is audible, and weigh it: levels 1 in all, the rest by its share."""
    image = features_to_image(features)
    level, noise = image[..., 0], image[..., 2]
    loud = level[:, :N_SINGLE] >= level.max() - FLUTTER_DB
    weights = np.zeros_like(features)
    for part, share, audible in (
        (_LEVELS, 1.0, level >= level.max() - AUDIBLE_DB),
        (_NOISE, NOISE_SHARE, noise >= AUDIBLE_NOISE_DB),
        (_FLUTTER, FLUTTER_SHARE, loud),
    ):
        counted = audible & bin_mask(pitch)[: audible.shape[1]]
        weights[:, part] = share * counted / max(1, counted.sum())
    kept = weights > 0.0
    return _Heard(kept, features[kept], weights[kept])


def _step(
    play: Play,
    z: FloatArray,
    start: FloatArray,
    sound: FloatArray,
    heard: _Heard,
    basis: FloatArray,
) -> tuple[FloatArray, FloatArray] | None:
    """Return a better latent and its features, or None where no step makes it better."""
    # Along the sphere: the length of a latent tells the generator nothing.
    tangents = basis - np.outer(basis @ z, z) / (z @ z)
    nearby = _play(play, _to_rms_1(z + DIFFERENCE * tangents), heard)
    slopes = (nearby - sound) / DIFFERENCE
    missing = heard.features - sound
    weighted = slopes * (heard.weights / np.maximum(np.abs(missing), KNEE))
    normal = weighted @ slopes.T
    unit = np.trace(normal) / len(normal) * np.eye(len(normal))
    wanted = weighted @ missing + CLOSENESS * unit @ (tangents @ (start - z))
    moves = [np.linalg.lstsq(normal + (CLOSENESS + d) * unit, wanted)[0] for d in DAMPINGS]
    candidates = _to_rms_1(z + np.array(moves) @ tangents)
    sounds = _play(play, candidates, heard)
    errors = [_error(found, heard) for found in sounds]
    best = int(np.argmin(errors))
    return (candidates[best], sounds[best]) if errors[best] < _error(sound, heard) else None


def _play(play: Play, z: FloatArray, heard: _Heard) -> FloatArray:
    """Return the audible features of latents [shape=(n, n_kept)]."""
    return play(z.astype(np.float32))[:, heard.kept].astype(np.float64)


def _error(sound: FloatArray, heard: _Heard) -> float:
    return float(np.abs(sound - heard.features) @ heard.weights)


def _to_rms_1(z: FloatArray) -> FloatArray:
    return np.asarray(z / np.sqrt(np.mean(np.square(z), axis=-1, keepdims=True)))
