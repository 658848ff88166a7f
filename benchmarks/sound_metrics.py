"""The measures of the sound: pure functions on level images, features and embeddings.

Conventions: `levels` are level images in dB, channel 0 of a note image (see
`retimbre.harmonic.image`), shape (n, n_frames, 96) or, for one note, (n_frames, 96).

References
----------
.. [1] Richardson and Weiss, "On GANs and GMMs", NeurIPS 2018, section 3: the number of
   statistically different bins (NDB).
.. [2] Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", NeurIPS 2017, equation 6:
   the Fréchet distance of two Gaussians; Kilgour et al., "Fréchet Audio Distance", 2019.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.errors import ParameterError
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    FRAME_TIMES,
    HOLD_SECONDS,
    LEVEL_FLOOR_DB,
    N_ATTACK_FRAMES,
    N_SINGLE,
    bin_mask,
)
from retimbre.harmonic.layout import BIN_COUNTS

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]

AUDIBLE_DB = 60.0
"""What lies further below the loudest point of a note is not looked at."""

SUSTAINED = (FRAME_TIMES[N_ATTACK_FRAMES] <= FRAME_TIMES) & (FRAME_TIMES < HOLD_SECONDS - 0.1)
"""Frames between attack and release [shape=(128,)]."""


def audible_bins(level: FloatArray, pitch: int) -> BoolArray:
    """Tell which points of a level image are within 60 dB of its loudest, below Nyquist.

    Parameters
    ----------
    level : np.ndarray [shape=(n_frames, 96), dB]
    pitch : int [MIDI]

    Returns
    -------
    audible : np.ndarray of bool [shape=(n_frames, 96)]
        All False for a silent note (everything on the floor of -90 dB).
    """
    is_sounding = level > LEVEL_FLOOR_DB
    return np.asarray((level >= level.max() - AUDIBLE_DB) & bin_mask(pitch) & is_sounding)


def level_error(made: FloatArray, reference: FloatArray, pitch: int) -> float:
    """Return the mean absolute error of the level over the reference's audible points.

    Parameters
    ----------
    made, reference : np.ndarray [shape=(n_frames, 96), dB]
    pitch : int [MIDI]
        Of both.

    Returns
    -------
    error : float [dB]
        NaN where nothing of the reference is audible.
    """
    audible = audible_bins(reference, pitch)
    if not audible.any():
        return math.nan
    return float(np.abs(made - reference)[audible].mean())


def level_distances(a: FloatArray, b: FloatArray, pitch: int, *, floor_db: float) -> FloatArray:
    """Return the distance of every level image of `a` to every one of `b`.

    The root of the mean squared difference in dB over all frames and all bins below Nyquist,
    levels under the floor raised to it.

    Parameters
    ----------
    a : np.ndarray [shape=(n, n_frames, 96), dB]
    b : np.ndarray [shape=(m, n_frames, 96), dB]
    pitch : int [MIDI]
        Of all notes.
    floor_db : float [dB]
        -90 takes everything, -60 what is audible.

    Returns
    -------
    distances : np.ndarray of float64 [shape=(n, m), dB]
    """
    bins = bin_mask(pitch)
    flat_a, flat_b = (
        np.maximum(levels[..., bins], floor_db).reshape(len(levels), -1).astype(np.float64)
        for levels in (a, b)
    )
    squares = (flat_a**2).sum(1)[:, None] + (flat_b**2).sum(1) - 2.0 * flat_a @ flat_b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0) / flat_a.shape[1]))


def mean_of_pairs(distances: FloatArray) -> float:
    """Return the mean distance of two different members of a set.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n)]
        Symmetric, n >= 2.
    """
    upper = np.triu_indices(len(distances), 1)
    return float(distances[upper].mean())


def mean_nearest(distances: FloatArray, *, is_own: bool = False) -> float:
    """Return the mean over rows of the distance to the nearest column.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, m)]
    is_own : bool
        Rows and columns are one set: nothing is its own neighbour.
    """
    if is_own:
        distances = distances + np.diag(np.full(len(distances), np.inf))
    return float(distances.min(axis=1).mean())


def fit_bins(points: FloatArray, n_bins: int, *, seed: int = 0) -> FloatArray:
    """Return the centres of a k-means of points.

    Parameters
    ----------
    points : np.ndarray [shape=(n, d)]
    n_bins : int [1..n]
    seed : int

    Returns
    -------
    centres : np.ndarray [shape=(n_bins, d)]
    """
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]

    found = KMeans(n_bins, n_init=3, random_state=seed).fit(points)
    return np.asarray(found.cluster_centers_)


def count_in_bins(points: FloatArray, centres: FloatArray) -> IntArray:
    """Return how many points are nearest to each centre.

    Parameters
    ----------
    points : np.ndarray [shape=(n, d)]
    centres : np.ndarray [shape=(n_bins, d)]

    Returns
    -------
    counts : np.ndarray of int64 [shape=(n_bins,)]
    """
    squares = (centres**2).sum(1) - 2.0 * points @ centres.T
    return np.asarray(np.bincount(squares.argmin(axis=1), minlength=len(centres)))


def count_different_bins(counts: IntArray, others: IntArray, *, p: float = 0.05) -> int:
    """Return the number of statistically different bins.

    The two-proportion z-test with pooled share: ``z = (a/n - b/m) / sqrt(s (1 - s) (1/n + 1/m))``,
    ``s = (a + b) / (n + m)``; a bin counts when ``2 Phi(-|z|) < p``. The test takes all points to
    be independent, so they must not be frames of one note.

    Parameters
    ----------
    counts, others : np.ndarray of int [shape=(n_bins,)]
        Points of two sets in each bin.
    p : float [0..1]
        Samples of one distribution differ in about ``p * n_bins`` bins.

    Returns
    -------
    n_different : int [0..n_bins]
    """
    n, m = int(counts.sum()), int(others.sum())
    if n == 0 or m == 0:
        raise ParameterError(f"Both sets need points to be compared, given {n} and {m}.")
    share = (counts + others) / (n + m)
    deviation = np.sqrt(share * (1.0 - share) * (1.0 / n + 1.0 / m))
    gap = np.abs(counts / n - others / m)
    z = np.divide(gap, deviation, out=np.zeros(len(gap)), where=deviation > 0.0)
    # 2 Phi(-z) = erfc(z / sqrt 2)
    return sum(math.erfc(value / math.sqrt(2.0)) < p for value in z)


def random_frames(
    levels: FloatArray, rng: np.random.Generator, *, floor_db: float = -AUDIBLE_DB
) -> FloatArray:
    """Take one frame of each note, at random, for tests that need independent points.

    Parameters
    ----------
    levels : np.ndarray [shape=(n, n_frames, 96), dB]
    rng : np.random.Generator
    floor_db : float [dB]
        Levels below are raised to it.

    Returns
    -------
    frames : np.ndarray [shape=(n, 96), dB]
    """
    chosen = rng.integers(levels.shape[1], size=len(levels))
    return np.maximum(levels[np.arange(len(levels)), chosen], floor_db)


def frechet_distance(a: FloatArray, b: FloatArray) -> float:
    """Return the Fréchet distance of the Gaussians fitted to two sets.

    ``|mean_a - mean_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2)`` with the covariances A and B.

    Parameters
    ----------
    a : np.ndarray [shape=(n, d)]
        n >= 2.
    b : np.ndarray [shape=(m, d)]
        m >= 2. Sets of different sizes have different bias; compare equal ones.

    Returns
    -------
    distance : float [>= 0]
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ cov_b @ root)
    shared = float(np.sqrt(np.maximum(product, 0.0)).sum())
    gap = float(((a.mean(0) - b.mean(0)) ** 2).sum())
    return max(gap + float(np.trace(cov_a) + np.trace(cov_b)) - 2.0 * shared, 0.0)


def step_ratio(levels: FloatArray, pitch: int, *, floor_db: float = LEVEL_FLOOR_DB) -> float:
    """Return the largest step of a path of level images over its mean step.

    Parameters
    ----------
    levels : np.ndarray [shape=(n_steps + 1, n_frames, 96), dB]
        The images along the path, in order.
    pitch : int [MIDI]
    floor_db : float [dB]

    Returns
    -------
    ratio : float [>= 1]
        1 for even steps, and for a path that does not move at all.
    """
    raised = np.maximum(levels[..., bin_mask(pitch)], floor_db).astype(np.float64)
    steps = np.sqrt(np.mean(np.diff(raised, axis=0) ** 2, axis=(1, 2)))
    mean = float(steps.mean())
    return float(steps.max()) / mean if mean > 0.0 else 1.0


def brightness(image: FloatArray, f0: float) -> float:
    """Return the spectral centroid of a note's first second.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    f0 : float [Hz]

    Returns
    -------
    centroid : float [Hz]
        Mean frequency of the partials weighted by their power; `f0` for silence.
    """
    frames = FRAME_TIMES <= 1.0
    level = image[frames, :, 0].astype(np.float64)
    power = np.where(level > LEVEL_FLOOR_DB, 10.0 ** (level / 10.0), 0.0)
    # The attack's frames are closer together than the others.
    per_bin = np.gradient(FRAME_TIMES)[frames] @ power * BIN_COUNTS
    total = float(per_bin.sum())
    return f0 * float(per_bin @ BIN_PARTIALS) / total if total > 0.0 else f0


def texture_depths(image: FloatArray, pitch: int) -> FloatArray:
    """Return how much each audible partial flutters on its own while the note is held.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
        Its texture separated (channel 3).
    pitch : int [MIDI]

    Returns
    -------
    depths : np.ndarray [shape=(48,), dB]
        Mean over the held frames where the partial is audible; NaN where it is so in fewer
        than half of them.
    """
    audible = audible_bins(image[..., 0], pitch)[SUSTAINED, :N_SINGLE]
    depth = image[SUSTAINED, :N_SINGLE, 3].astype(np.float64)
    counts = audible.sum(axis=0)
    mean = (depth * audible).sum(axis=0) / np.maximum(counts, 1)
    return np.where(counts >= 0.5 * audible.shape[0], mean, np.nan)
