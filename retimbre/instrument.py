"""Instruments: places in the latent space, and the path that leads past them."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float64Array, FloatArray, IntArray, readonly
from retimbre.errors import ParameterError, check_type

N_MOMENTS = 6
"""A correction changes with time between so many moments after the onset."""

MOST_DB = 10_000.0
"""Weights of single points may well be larger than what they add up to."""

_MOST_PRINTED = 12


@dataclass(frozen=True, eq=False)
class Correction:
    """What recordings of an instrument have beyond its z, see `retimbre.harmonic.correction`.

    A point is a partial of a heard note, at a moment. What is added to another note is the sum of
    all weights, each times the likeness of its point to a partial of that note.

    Attributes
    ----------
    pitches : np.ndarray of float64 [shape=(n_points,), MIDI]
    partials : np.ndarray of float64 [shape=(n_points,), > 0]
        Partial numbers; of groups of partials those of their middles.
    levels, noises : np.ndarray of float64 [shape=(n_points, 6), dB]
        Weights for the levels and for the noise, one per moment.

    Raises
    ------
    ParameterError
        If shapes differ, a number is not finite, a pitch or a partial number is none, or a weight
        is beyond 10,000.
    """

    pitches: Float64Array
    partials: Float64Array
    levels: Float64Array
    noises: Float64Array

    def __post_init__(self) -> None:
        for part in _CORRECTION_PARTS:
            object.__setattr__(self, part, readonly(getattr(self, part), np.float64))
        n = self.pitches.size
        shapes = [getattr(self, part).shape for part in _CORRECTION_PARTS]
        if shapes != [(n,), (n,), (n, N_MOMENTS), (n, N_MOMENTS)]:
            raise ParameterError(f"A correction needs one row per point, given shapes {shapes}.")
        if not all(np.isfinite(getattr(self, part)).all() for part in _CORRECTION_PARTS):
            raise ParameterError("A correction needs finite numbers.")
        if np.any((self.pitches < 0.0) | (self.pitches > 127.0)) or np.any(self.partials <= 0.0):
            raise ParameterError("A correction needs MIDI pitches and partial numbers above 0.")
        if max(np.abs(part).max(initial=0.0) for part in (self.levels, self.noises)) > MOST_DB:
            raise ParameterError(f"A correction needs weights within {MOST_DB:g} dB.")

    def scaled(self, share: float) -> "Correction":
        """Return so much of the correction."""
        return Correction(self.pitches, self.partials, share * self.levels, share * self.noises)

    def plus(self, other: "Correction") -> "Correction":
        """Return what adds both."""
        pairs = ((getattr(self, part), getattr(other, part)) for part in _CORRECTION_PARTS)
        return Correction(*map(np.concatenate, pairs))


_CORRECTION_PARTS = ("pitches", "partials", "levels", "noises")


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
    model : str
        Fingerprint of the generator that it was heard with; empty where that is not known.
    z_at : tuple of (int, np.ndarray [shape=(latent_dim,)])
        Latents that were heard at MIDI pitches, where it was recorded at several. Reserved.
    correction : Correction or None
        What recordings of it have beyond its z.

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
    model: str = ""
    z_at: tuple[tuple[int, FloatArray], ...] = field(default=(), repr=False)
    correction: Correction | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        z = _as_latent(self.z)
        z_at = tuple((int(pitch), _as_latent(other)) for pitch, other in self.z_at)
        if self.correction is not None:
            check_type(self.correction, Correction, "An instrument's correction")
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
        One per instrument, or none.
    corrections : tuple of (Correction or None)
        One per instrument that has a place of its own, or none where no instrument has one.
    places : np.ndarray [shape=(n_instruments,)]
        0 for the first of those, 1 for the second, and so on; what lies on the way between two has
        a place between theirs. By default all have places of their own.
    model : str
        Fingerprint of the generator that they were played with; empty where that is not known.
    """

    z: FloatArray
    times: FloatArray
    names: tuple[str, ...] = ()
    corrections: tuple[Correction | None, ...] = ()
    places: FloatArray = field(default_factory=lambda: np.zeros(0))
    model: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "z", readonly(self.z, np.float64))
        object.__setattr__(self, "times", readonly(self.times, np.float64))
        places = self.places if len(self.places) else np.arange(len(self.times))
        object.__setattr__(self, "places", readonly(places, np.float64))
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

        n_places = int(np.ceil(self.places.max())) + 1
        if self.corrections and len(self.corrections) < n_places:
            raise ParameterError(
                f"Instruments at {n_places} places need a correction or None for each, given "
                f"{len(self.corrections)}."
            )

    @property
    def is_plain(self) -> bool:
        """Whether all have places of their own, as long as no generator has paced their way."""
        return bool(np.array_equal(self.places, np.arange(len(self.times))))

    def corrections_of(self, places: FloatArray) -> "NoteCorrections | None":
        """Return the corrections of notes at some places, None where there is nothing to correct.

        Parameters
        ----------
        places : np.ndarray [shape=(n_notes,)]
        """
        return NoteCorrections(places, self.corrections) if any(self.corrections) else None

    def __repr__(self) -> str:
        places = [f"{time:.3g} s" for time in self.times]
        if self.names:
            places = [f"{name!r} at {at}" for name, at in zip(self.names, places, strict=True)]
        more = len(places) - _MOST_PRINTED
        told = ", ".join(places[:_MOST_PRINTED]) + (f", {more} more" if more > 0 else "")
        return f"<Instruments of {self.z.shape[1]} dimensions: {told}>"


@dataclass(frozen=True, eq=False)
class NoteCorrections:
    """The corrections of some notes, on a way that leads past instruments.

    Attributes
    ----------
    places : np.ndarray [shape=(n_notes,)]
        Where on the way each note is; see `Instruments`.
    corrections : tuple of (Correction or None)
        At the places 0, 1, and so on.
    """

    places: FloatArray
    corrections: tuple[Correction | None, ...]

    def take(self, indices: IntArray) -> "NoteCorrections":
        """Return those of some notes."""
        return NoteCorrections(self.places[indices], self.corrections)

    def of(self, note: int) -> Correction | None:
        """Return the correction of one note: what lies between two instruments has part of both."""
        before = int(self.places[note])
        share = float(self.places[note]) - before
        pair = ((before, 1.0 - share), (before + 1, share))
        parts = [
            correction.scaled(part)
            for place, part in pair
            if part > 0.0 and (correction := self.corrections[place]) is not None
        ]
        return parts[0].plus(parts[1]) if len(parts) == 2 else (parts[0] if parts else None)
