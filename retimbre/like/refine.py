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

from collections.abc import Callable, Sequence
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

Play = Callable[[FloatArray, int], FloatArray]
"""Make the features (n, 128, 288) of latents (n, latent_dim), all at one pitch."""

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

    pitch: int
    kept: BoolArray
    features: FloatArray
    weights: FloatArray


class HeardFeatures(NamedTuple):
    """What was heard of a note: features [shape=(128, 288), -1..1] at a pitch [MIDI]."""

    features: FloatArray
    pitch: int


def refine_latent(
    play: Play, z: FloatArray, notes: Sequence[HeardFeatures], palette: FloatArray
) -> Float32Array:
    """Move a latent so that the generator sounds more like some notes.

    Parameters
    ----------
    play : callable
        The generator, see `Play`.
    z : np.ndarray [shape=(latent_dim,)]
        Of rms 1: the encoder's answer.
    notes : sequence of HeardFeatures
        Of one instrument, the clearest first.
    palette : np.ndarray [shape=(n_instruments, latent_dim)]
        Latents of known instruments; of fewer than two there is no direction to go.

    Returns
    -------
    z : np.ndarray of float32 [shape=(latent_dim,)]
        Of rms 1; never farther from the notes than the one given.
    """
    heard = [_listen(np.asarray(features, np.float64), key) for features, key in notes]
    heard = [note for note in heard if note.kept.any()]
    start = _to_rms_1(np.asarray(z, np.float64))
    basis = main_directions(np.asarray(palette, np.float64), N_DIRECTIONS)
    if not len(basis) or not heard:
        return start.astype(np.float32)
    best, sound = start, _play(play, start[None], heard)[0]
    for _ in range(N_STEPS):
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
    return _Heard(pitch, kept, features[kept], weights[kept])


def _step(
    play: Play,
    z: FloatArray,
    start: FloatArray,
    sound: FloatArray,
    heard: list[_Heard],
    basis: FloatArray,
) -> tuple[FloatArray, FloatArray] | None:
    """Return a better latent and its features, or None where no step makes it better."""
    # Along the sphere: the length of a latent tells the generator nothing.
    tangents = basis - np.outer(basis @ z, z) / (z @ z)
    nearby = _play(play, _to_rms_1(z + DIFFERENCE * tangents), heard)
    slopes = (nearby - sound) / DIFFERENCE
    missing = np.concatenate([note.features for note in heard]) - sound
    weights = np.concatenate([note.weights for note in heard])
    weighted = slopes * (weights / np.maximum(np.abs(missing), KNEE))
    normal = weighted @ slopes.T
    unit = np.trace(normal) / len(normal) * np.eye(len(normal))
    wanted = weighted @ missing + CLOSENESS * unit @ (tangents @ (start - z))
    moves = [np.linalg.lstsq(normal + (CLOSENESS + d) * unit, wanted)[0] for d in DAMPINGS]
    candidates = _to_rms_1(z + np.array(moves) @ tangents)
    sounds = _play(play, candidates, heard)
    wanted_sound = sound + missing
    errors = np.abs(np.vstack([sounds, sound]) - wanted_sound) @ weights
    best = int(np.argmin(errors[:-1]))
    return (candidates[best], sounds[best]) if errors[best] < errors[-1] else None


def _play(play: Play, z: FloatArray, heard: list[_Heard]) -> FloatArray:
    """Return the audible features of latents, note after note [shape=(n, n_kept)]."""
    latents = z.astype(np.float32)
    played = [play(latents, note.pitch)[:, note.kept] for note in heard]
    return np.concatenate(played, axis=1).astype(np.float64)


def _to_rms_1(z: FloatArray) -> FloatArray:
    return np.asarray(z / np.sqrt(np.mean(np.square(z), axis=-1, keepdims=True)))
