"""What a generator is asked to play, checked."""

import numpy as np
import numpy.typing as npt

from retimbre._typing import IntArray
from retimbre.errors import ParameterError


def check_notes(
    z: npt.ArrayLike,
    pitches: npt.ArrayLike,
    latent_dim: int,
    pitch_range: tuple[int, int],
    model: str,
) -> tuple[npt.NDArray[np.float32], IntArray]:
    """See that latents and pitches fit each other and a model.

    Parameters
    ----------
    z : array_like [shape=(n, latent_dim)]
    pitches : array_like of int [shape=(n,), MIDI]
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    model : str
        What messages call it.

    Returns
    -------
    z : np.ndarray of float32 [shape=(n, latent_dim)]
    pitches : np.ndarray of int [shape=(n,)]

    Raises
    ------
    ParameterError
        If shapes differ, z is not finite, or a pitch is no whole number or out of range.
    """
    z, pitches = np.asarray(z, dtype=np.float32), np.asarray(pitches)
    if z.ndim != 2 or z.shape[1] != latent_dim or pitches.shape != z.shape[:1]:
        raise ParameterError(
            f"Notes need z of shape (n, {latent_dim}) and n pitches, "
            f"given {z.shape} and {pitches.shape}."
        )
    if not np.isfinite(z).all():
        raise ParameterError("Latent vectors must be finite.")
    is_number = pitches.dtype.kind in "iuf"
    odd = pitches[pitches != np.rint(pitches)] if is_number else pitches
    if odd.size:
        raise ParameterError(f"Pitches are whole MIDI numbers, given {odd.tolist()[0]!r}.")
    low, high = pitch_range
    if pitches.size and (pitches.min() < low or pitches.max() > high):
        raise ParameterError(
            f"The model {model!r} plays MIDI {low}..{high}, given "
            f"{pitches.min()}..{pitches.max()}; fold the notes into that range."
        )
    return z, pitches.astype(np.int64)
