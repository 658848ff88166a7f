"""The protocol that all generators follow."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy.typing as npt

from retimbre._typing import Float32Array, FloatArray, IntArray, Progress
from retimbre.harmonic.synthesis import Sound
from retimbre.instrument import Instrument, Instruments, NoteCorrections
from retimbre.like.recordings import Recording
from retimbre.settings.params import RenderParams
from retimbre.types import Melody, NoteCurves, Notes

if TYPE_CHECKING:
    from retimbre.generator.palette import Palette


@runtime_checkable
class Generator(Protocol):
    """A pitch-conditional generator of notes: latent vectors and pitches in, sounds out.

    `retimbre.load_generator` opens one: a `HarmonicGenerator`, or a `GansynthGenerator` where the
    networks are GANSynth's.

    Attributes
    ----------
    name : str
    fingerprint : str
        The name and the checksum of the generator: no other makes the same of a z.
    sample_rate, clip_rate : int [Hz]
        Of whole notes, and of what `play` gives.
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    instruments : Palette
        The named instruments of the model; asking a model without any raises a ModelError.
    """

    name: str
    fingerprint: str
    sample_rate: int
    clip_rate: int
    latent_dim: int
    pitch_range: tuple[int, int]

    # isinstance would read the palette, and fail where there is none (Python 3.11).
    if TYPE_CHECKING:

        @property
        def instruments(self) -> Palette:
            """The named instruments of the model."""

    def encode(self, y: npt.ArrayLike, sr: int, *, source: str = ...) -> FloatArray:
        """Find the latent [shape=(latent_dim,)] of an instrument in a recording of it.

        Raises
        ------
        ModelError
            If the model has no encoder.
        """

    def hear(self, recordings: Sequence[Recording], *, name: str = ...) -> Instrument:
        """Find an instrument by recordings of it, each with its rate and what it is called.

        Raises
        ------
        ModelError
            If the model has no encoder.
        """

    def even_path(self, instruments: Instruments, notes: Notes) -> Instruments:
        """Pace the way between instruments so that the timbre of notes changes evenly on it.

        A generator that follows plain slerps returns the instruments as they are.
        """

    def generate_samples_from_z(
        self,
        z: FloatArray,
        pitches: IntArray,
        velocities: npt.ArrayLike | None = ...,
        *,
        progress: Progress | None = ...,
    ) -> Float32Array:
        """Generate whole notes of 4 s [shape=(n, 4 * sample_rate)]."""

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
        corrections: NoteCorrections | None = ...,
        progress: Progress | None = ...,
        timings: dict[str, float] | None = ...,
    ) -> Iterator[Float32Array]:
        """Play notes one after another, each with its release, with bounded memory.

        A note's noise depends on `seed` and on its own id [shape=(n_notes,), >= 0] alone; without
        `ids` it is the note's place.
        """

    def perform(
        self,
        melody: Melody,
        path: Instruments,
        params: RenderParams | None = ...,
        *,
        seed: int = ...,
        start: float = ...,
        stop: float = ...,
        progress: Progress | None = ...,
        timings: dict[str, float] | None = ...,
    ) -> Iterator[Sound]:
        """Play a melody with instruments that change on the way, with bounded memory.

        Yields stretches of sound with their places in the clip, each note at its loudness; those
        of different notes overlap and are to be added up.
        """
