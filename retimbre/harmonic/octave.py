"""Keep notes in their octave by raising weak odd partials.

A note without odd partials is a note an octave higher. Layered sounds come close to that, and so do
blends of instruments that no one recorded; a melody whose notes jump by an octave is not the melody
that was sung.
"""

import numpy as np

from retimbre._typing import Float64Array, FloatArray
from retimbre.harmonic.image import LEVEL_FLOOR_DB

KEPT_ODD_SHARE = 0.15

_HELD = slice(8, 96)
"""Frames from 40 ms to 2.7 s after the onset."""

_N_PARTIALS = 24
"""Higher ones say little of the octave."""


def odd_share(images: FloatArray) -> Float64Array:
    """Return the share of the odd ones in the power of a held note's first 24 partials.

    Parameters
    ----------
    images : np.ndarray [shape=(..., 128, 96, 4)]

    Returns
    -------
    shares : np.ndarray [shape=(...), 0..1]
    """
    power = 10.0 ** (images[..., _HELD, :_N_PARTIALS, 0].astype(np.float64) / 10.0)
    return np.asarray(power[..., 0::2].sum(axis=(-2, -1)) / power.sum(axis=(-2, -1)))


def keep_octave(images: FloatArray) -> FloatArray:
    """Raise the odd partials of notes that would be heard an octave higher.

    Where they hold less than 15 % of the power, all odd ones of the first 24 are raised alike, as
    long as the note sounds, until they hold it; the note is then made as loud as it was.

    Parameters
    ----------
    images : np.ndarray of float32 [shape=(n, 128, 96, 4)]

    Returns
    -------
    images : np.ndarray of float32 [shape=(n, 128, 96, 4)]
        Those with enough odd partials are what they were.
    """
    share = np.maximum(odd_share(images), 1e-4)
    lacking = np.flatnonzero(share < KEPT_ODD_SHARE)
    if not len(lacking):
        return images
    out = images.copy()
    own = share[lacking]
    gain = KEPT_ODD_SHARE / (1.0 - KEPT_ODD_SHARE) * (1.0 - own) / own
    # Odd and even together get louder by as much as the even ones' share falls.
    louder_db = 10.0 * np.log10((1.0 - own) / (1.0 - KEPT_ODD_SHARE))
    raised_db = np.zeros((len(lacking), images.shape[2]))
    raised_db[:, 0:_N_PARTIALS:2] = 10.0 * np.log10(gain)[:, None]
    raised_db -= louder_db[:, None]
    level = images[lacking, :, :, 0]
    raised = np.clip(level + raised_db[:, None, :], LEVEL_FLOOR_DB, 0.0)
    out[lacking, :, :, 0] = np.where(level > LEVEL_FLOOR_DB, raised, LEVEL_FLOOR_DB)
    return out
