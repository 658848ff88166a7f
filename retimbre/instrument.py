"""Instruments: places in the latent space, and the path that leads past them."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, readonly
from retimbre.errors import ParameterError

_MOST_PRINTED = 12


@dataclass(frozen=True, eq=False)
class Instrument:
    """An instrument: a place in the latent space, and what is known of it.

    How a z becomes a sound is written in `retimbre.generator.harmonic`.

    Attributes
    ----------
    z : np.ndarray [shape=(latent_dim,)]
        Its place; read-only, and too long to be printed.
    name : str
        Empty where it has none.
    brightness : float [Hz]
        Spectral centroid of the first second of middle C at velocity 80. This and the other
        descriptors are NaN where they are not known.
    attack : float [seconds]
        From the onset to within 3 dB of the loudest.
    decay : float [dB per second]
        While held; 0 for a sustained sound.
    noisiness : float [dB]
        Power of the noise re that of the partials.
    range : (int, int) or None [MIDI]
        Lowest and highest note that the model heard of it; it plays all others too.
    source : str
        What it was learned from.
    bank, program : int
        MIDI bank and program there; -1 where there are none.
    licence : str
        Of the source.
    z_at : tuple of (int, np.ndarray [shape=(latent_dim,)])
        Latents that were heard at MIDI pitches, where it was recorded at several. Reserved.
    correction : object
        What a recording has beyond its z. Reserved.

    Raises
    ------
    ParameterError
        If a z is not one row of finite numbers, or those of `z_at` differ from it in length.
    """

    z: FloatArray = field(repr=False)
    name: str = ""
    brightness: float = math.nan
    attack: float = math.nan
    decay: float = math.nan
    noisiness: float = math.nan
    range: tuple[int, int] | None = None
    source: str = ""
    bank: int = -1
    program: int = -1
    licence: str = "unknown"
    z_at: tuple[tuple[int, FloatArray], ...] = field(default=(), repr=False)
    correction: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        z = _as_latent(self.z)
        z_at = tuple((int(pitch), _as_latent(other)) for pitch, other in self.z_at)
        if any(other.shape != z.shape for _, other in z_at):
            raise ParameterError(
                f"An instrument's z_at must have {len(z)} numbers each, as its z has."
            )
        object.__setattr__(self, "z", z)
        object.__setattr__(self, "z_at", z_at)


def _as_latent(z: npt.ArrayLike) -> FloatArray:
    """Return a read-only copy of one latent vector; float32 stays float32."""
    try:
        given = np.asarray(z)
        row = readonly(given, np.float32 if given.dtype == np.float32 else np.float64)
    except (TypeError, ValueError):
        raise ParameterError("An instrument's z must be an array of numbers.") from None
    if row.ndim != 1 or not row.size or not np.isfinite(row).all():
        what = f"shape {row.shape}" if row.ndim != 1 or not row.size else "NaN or infinity"
        raise ParameterError(
            f"An instrument's z must be one row of finite numbers, given {what}; take one row "
            "of an array of several."
        )
    return row


@dataclass(frozen=True, eq=False)
class Instruments:
    """Latent vectors placed in time: the path that the timbre takes.

    Attributes
    ----------
    z : np.ndarray [shape=(n_instruments, latent_dim)]
    times : np.ndarray [shape=(n_instruments,), seconds]
        Ascending.
    names : tuple of str
        One an instrument, or none where they are random.
    """

    z: FloatArray
    times: FloatArray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "z", readonly(self.z, np.float64))
        object.__setattr__(self, "times", readonly(self.times, np.float64))
        if self.z.ndim != 2 or self.times.shape != self.z.shape[:1] or len(self.times) == 0:
            raise ParameterError(
                "Instruments need z of shape (n, latent_dim) and n >= 1 times, "
                f"given {self.z.shape} and {self.times.shape}."
            )
        if np.any(np.diff(self.times) < 0):
            raise ParameterError("Instruments need ascending times.")
        if len(self.names) not in (0, len(self.times)):
            raise ParameterError(
                f"Instruments need a name each or none, given {len(self.names)} names "
                f"for {len(self.times)}."
            )

    def __repr__(self) -> str:
        places = [f"{time:.3g} s" for time in self.times]
        if self.names:
            places = [f"{name!r} at {at}" for name, at in zip(self.names, places, strict=True)]
        more = len(places) - _MOST_PRINTED
        told = ", ".join(places[:_MOST_PRINTED]) + (f", {more} more" if more > 0 else "")
        return f"<Instruments of {self.z.shape[1]} dimensions: {told}>"
