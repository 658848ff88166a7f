"""The protocol that all generators follow."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray, Progress
from retimbre.generator.palette import Palette
from retimbre.types import Instruments, NoteCurves, Notes


class NoteGenerator(Protocol):
    """What plays notes: `generator.Generator`, or `mel_generator.MelGenerator`.

    Attributes
    ----------
    name : str
    sample_rate, clip_rate : int [Hz]
        Of whole notes, and of what `play` gives.
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    """

    name: str
    sample_rate: int
    clip_rate: int
    latent_dim: int
    pitch_range: tuple[int, int]

    @property
    def instruments(self) -> Palette:
        """See `retimbre.generator.harmonic.Generator.instruments`."""

    def encode(self, y: npt.ArrayLike, sr: int, *, source: str = ...) -> FloatArray:
        """See `retimbre.generator.harmonic.Generator.encode`."""

    def even_path(self, instruments: Instruments, notes: Notes) -> Instruments:
        """See `retimbre.generator.harmonic.Generator.even_path`; plain slerps are allowed."""

    def generate_samples_from_z(
        self,
        z: FloatArray,
        pitches: IntArray,
        velocities: npt.ArrayLike | None = ...,
        *,
        progress: Progress | None = ...,
    ) -> npt.NDArray[np.float32]:
        """See `retimbre.generator.harmonic.Generator.generate_samples_from_z`."""

    def play(
        self,
        z: FloatArray,
        notes: Notes,
        curves: NoteCurves | None = ...,
        *,
        expression: float = ...,
        seed: int = ...,
        ids: IntArray | None = ...,
        only: IntArray | None = ...,
        progress: Progress | None = ...,
        timings: dict[str, float] | None = ...,
    ) -> Iterator[npt.NDArray[np.float32]]:
        """See `retimbre.generator.harmonic.Generator.play`."""
