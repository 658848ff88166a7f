"""How a note sounds when it is played harder or softer.

How hard a note is struck changes its timbre and not only its level. A note has the image of its
own velocity and that of a softer one; while the performer plays below the note's own level, the
softer takes over, as far as the law of velocities says: half the velocity is 12 dB down.
"""

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    LEVEL_FLOOR_DB,
    NOISE_FLOOR_DB,
)
from retimbre.harmonic.layout import BIN_COUNTS

DEFAULT_VELOCITY = 100
"""Of a note of which nothing is said."""

VELOCITY_STEP = 8
"""Notes whose velocities round to the same multiple share their image."""

SOFTEST = 20
"""No softer image is made to fade towards."""

PLAIN_VELOCITY = 80
"""At which an instrument has the spectrum that its model gives it."""

BRIGHTNESS_DB = 0.1
"""So many dB an octave above the fundamental for each dB that a note is louder.

Many sampled instruments only change their level with the velocity, and so would a model that was
trained on them; this makes all of them do what most instruments do."""


def brighten(images: FloatArray, velocities: IntArray) -> FloatArray:
    """Tilt the spectra of notes by how hard they are played.

    Partial k gets ``0.1 log2(k)`` dB for every dB that the note is louder than one of velocity
    80, by the law of velocities (40 log10 of their ratio); the noise around it as much.

    Parameters
    ----------
    images : np.ndarray of float32 [shape=(n, 128, 96, 4)]
        The loudest frame of each at 0 dB.
    velocities : np.ndarray of int [shape=(n,), 1..127]

    Returns
    -------
    tilted : np.ndarray of float32 [shape=(n, 128, 96, 4)]
        Each as loud in its loudest frame as it was; silence is silent.
    """
    louder_db = 40.0 * np.log10(np.asarray(velocities) / PLAIN_VELOCITY)
    gain = (BRIGHTNESS_DB * louder_db[:, None] * np.log2(BIN_PARTIALS)).astype(np.float32)
    level = images[..., 0]
    tilted = level + gain[:, None, :]
    gain = gain[:, None, :] - (_loudest_db(tilted) - _loudest_db(level))[:, None, None]
    out = images.copy()
    for channel, floor in ((0, LEVEL_FLOOR_DB), (2, NOISE_FLOOR_DB)):
        part = images[..., channel]
        out[..., channel] = np.where(part > floor, np.maximum(part + gain, floor), floor)
    return out


def _loudest_db(level: FloatArray) -> FloatArray:
    """Return the level of all partials in the loudest frame of each note [shape=(n,), dB]."""
    power = np.exp(level * np.float32(np.log(10.0) / 10.0)) @ BIN_COUNTS.astype(np.float32)
    return np.asarray(10.0 * np.log10(power.max(axis=1)))


def image_velocities(velocities: IntArray, *, with_softer: bool) -> IntArray:
    """Return the velocities at which the images of notes are made.

    Parameters
    ----------
    velocities : np.ndarray of int [shape=(n,), 1..127]
    with_softer : bool
        Whether the notes have level curves to follow.

    Returns
    -------
    layers : np.ndarray of int64 [shape=(n, 1) or (n, 2), 1..127]
        In steps of 8: the note's own and, at its side, half of it, 20 at least.

    Examples
    --------
    >>> image_velocities(np.array([100, 30, 3, 127]), with_softer=True).tolist()
    [[96, 48], [32, 20], [8, 8], [127, 64]]
    """
    own = np.clip(VELOCITY_STEP * np.rint(np.asarray(velocities) / VELOCITY_STEP), 8, 127)
    softer = np.minimum(np.maximum(np.rint(own / 2), SOFTEST), own)
    layers = [own, softer] if with_softer else [own]
    return np.stack(layers, axis=1).astype(np.int64)
