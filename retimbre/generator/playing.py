"""What playing is, whatever the generator: notes that are checked, prepared and counted."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, FloatArray, IntArray, Progress
from retimbre.errors import ParameterError
from retimbre.expression import release_times, render_curves
from retimbre.generator.folder import ModelConfig
from retimbre.generator.network import Network
from retimbre.generator.palette import Palette, open_palette
from retimbre.generator.store import ImageStore, distinct
from retimbre.harmonic.touch import DEFAULT_VELOCITY
from retimbre.instrument import NoteCorrections
from retimbre.runtime import single_threaded_blas, timed
from retimbre.types import NoteCurves, Notes

N_DIGITS = 12
"""Of a generator's checksum, to tell one model of a name from another."""


@dataclass(frozen=True, eq=False)
class Performance:
    """How each note is to be played.

    Attributes
    ----------
    notes : Notes
    releases : np.ndarray [shape=(n_notes,), seconds]
    f0_curves : list of np.ndarray [shape=(n_frames,), Hz]
    level_curves : list of np.ndarray or None [shape=(n_frames,), dB <= 0]
    expression : float [0..1]
        0 where there is no performer to follow.
    seeds : np.ndarray of int [shape=(n_notes,)]
        Of each note's phases and noise.
    """

    notes: Notes
    releases: FloatArray
    f0_curves: list[FloatArray]
    level_curves: list[FloatArray | None]
    expression: float
    seeds: IntArray

    def take(self, only: IntArray) -> "Performance":
        """Return the performance of the notes of some indices, ascending."""
        return Performance(
            self.notes.take(only),
            self.releases[only],
            [self.f0_curves[i] for i in only],
            [self.level_curves[i] for i in only],
            self.expression,
            self.seeds[only],
        )


def prepare(
    notes: Notes, curves: NoteCurves | None, expression: float, seed: int, ids: IntArray | None
) -> Performance:
    """Find how each note is to be played.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve, optional
        How a performer played them; None plays them plainly.
    expression : float [0..1]
        How much of the performance is kept.
    seed : int
    ids : np.ndarray of int [shape=(n_notes,), >= 0], optional
        Who each note is, by default its place. A note's chance depends on the seed and on this,
        so that it sounds the same whatever notes are played beside it.

    Returns
    -------
    performance : Performance

    Raises
    ------
    ParameterError
        If there is not one curve per note, an id is no whole number from 0 on, or `expression` is
        outside 0..1.
    """
    # Without a performance there is nothing to keep: the notes are GANSynth's plain ones.
    expression = 0.0 if curves is None else expression
    f0_curves, level_curves = render_curves(notes, curves, expression)
    seeds = draw_seeds(seed, np.arange(len(notes)) if ids is None else np.asarray(ids), len(notes))
    releases = release_times(notes, expression)
    return Performance(notes, releases, f0_curves, level_curves, expression, seeds)


def draw_seeds(seed: int, ids: IntArray, n_notes: int) -> IntArray:
    """Return one seed per note [shape=(n_notes,), uint64], from the clip's seed and the note's id.

    Neighbouring seeds share no note's noise, as seed + id would make them.

    Raises
    ------
    ParameterError
        If there is not one id per note, or one is no whole number from 0 on.
    """
    if ids.shape != (n_notes,) or ids.dtype.kind not in "iu" or np.any(ids < 0):
        raise ParameterError(
            f"Notes need one id each, a whole number from 0 on; given {ids.tolist()!r:.60} for "
            f"{n_notes} notes."
        )
    children = (np.random.SeedSequence(seed, spawn_key=(int(own),)) for own in ids)
    drawn = [child.generate_state(1, np.uint64)[0] for child in children]
    return np.array(drawn, np.uint64)


def chunks(n_notes: int, size: int) -> list[slice]:
    """Cut a row of notes into parts of `size` notes; the last may be shorter."""
    return [slice(start, min(start + size, n_notes)) for start in range(0, n_notes, size)]


class ModelGenerator(ABC):
    """What the generators of all model folders share: a `retimbre.generator.Generator`.

    A subclass makes the images of notes with its network, and sounds from them.

    Parameters
    ----------
    config : ModelConfig
    network : Network
    clip_rate : int [Hz]

    Attributes
    ----------
    batch_size, chunk_size : int
        So many images are made, and so many notes are played, at once.
    """

    has_velocity: bool
    batch_size: int
    chunk_size: int

    def __init__(self, config: ModelConfig, network: Network, clip_rate: int) -> None:
        self._config = config
        self._network = network
        self.name = config.name
        self.fingerprint = f"{config.name} {config.files['generator'][1][:N_DIGITS]}"
        self.sample_rate = config.sample_rate
        self.clip_rate = clip_rate
        self.latent_dim = config.latent_dim
        self.pitch_range = config.pitch_range

    @cached_property
    def instruments(self) -> Palette:
        """The named instruments of the model, read when first used.

        Raises
        ------
        ModelError
            If the model has none, as GANSynth's have not.
        ModelFormatError
            If its palette is damaged.
        """
        return open_palette(self._config)

    @single_threaded_blas
    def generate_samples_from_z(
        self,
        z: FloatArray,
        pitches: IntArray,
        velocities: npt.ArrayLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> Float32Array:
        """Generate whole notes: held for 3 s, released for 1 s.

        Parameters
        ----------
        z : np.ndarray [shape=(n, latent_dim)]
        pitches : np.ndarray of int [shape=(n,), MIDI]
            Inside `pitch_range`.
        velocities : array_like of int [shape=(n,) or (), 1..127], optional
            How hard the notes are played, 100 by default. A model without velocities, as those of
            GANSynth are, ignores them.
        progress : callable, optional
            Called with notes done and notes in all.

        Returns
        -------
        waves : np.ndarray of float32 [shape=(n, 4 * sample_rate)]
            Harmonic notes lie in -1..1; GANSynth's are the samples that its own code makes, at
            16 kHz, neither clipped nor normalised.

        Raises
        ------
        ParameterError
            If shapes differ, z is not finite, or a pitch or a velocity is out of range.
        """
        z, pitches = self._check(z, pitches)
        struck = self._check_velocities(velocities, len(z))
        first, index = distinct(z, pitches, struck)
        waves = np.zeros((len(z), 4 * self.sample_rate), np.float32)
        for part in chunks(len(first), self.batch_size):
            rows = first[part]
            made = self._whole_notes(z[rows], pitches[rows], struck[rows])
            for k, wave in enumerate(made, part.start):
                waves[index == k] = wave
            if progress is not None:
                progress(part.stop, len(first))
        return waves

    def play(
        self,
        z: FloatArray,
        notes: Notes,
        curves: NoteCurves | None = None,
        *,
        expression: float = 1.0,
        seed: int = 0,
        ids: IntArray | None = None,
        only: IntArray | None = None,
        corrections: NoteCorrections | None = None,
        progress: Progress | None = None,
        timings: dict[str, float] | None = None,
    ) -> Iterator[Float32Array]:
        """Play notes one after another, with bounded memory.

        Louder is brighter, where the model knows velocities: each note has the timbre of its
        velocity (in steps of 8), and the duller one of a lower velocity where the performer's
        level curve falls.

        Parameters
        ----------
        z : np.ndarray [shape=(n_notes, latent_dim)]
        notes : Notes
        curves : sequence of NoteCurve, optional
            How a performer played them; None plays them plainly.
        expression : float [0..1]
            How much of the performance is kept.
        seed : int
            Of the noise and the phases; GANSynth's notes have none to draw.
        ids : np.ndarray of int [shape=(n_notes,), >= 0], optional
            Who each note is, by default its place: a note of one id and seed draws the same noise
            and phases, whatever notes stand before it.
        only : np.ndarray of int [shape=(n,)], optional
            Indices of the notes to be played, ascending; by default all.
        corrections : NoteCorrections, optional
            What notes have beyond their z. GANSynth's have no place for it.
        progress : callable, optional
            Called with notes done and notes in all.
        timings : dict, optional
            Seconds spent are added under "generate" and "synthesize".

        Yields
        ------
        wave : np.ndarray of float32 [shape=(n_samples,)]
            A note with its release, at `clip_rate`.
        """
        spent = {} if timings is None else timings
        performance = prepare(notes, curves, expression, seed, ids)
        z, _ = self._check(z, notes.pitch)
        if only is not None:
            # Taken from among all others: a release depends on when the next note begins.
            z, performance = z[only], performance.take(only)
            corrections = corrections.take(only) if corrections is not None else None
        notes = performance.notes
        first, amounts, index = self._find_images(z, performance, corrections)
        store = ImageStore(index)
        for part in chunks(len(notes), self.chunk_size):
            with timed(spent, "generate"):
                new = store.missing(part)
                of = first[new]
                images = self._make_images(z[of], notes.pitch[of], amounts[new])
                if corrections is not None:
                    images = self._correct(images, notes.pitch[of], corrections.take(of))
                store.add(new, images)
                held = store.take(part)
            played = np.arange(part.start, part.stop)
            waves = self._sound(held, performance.take(played))
            for done in played + 1:
                with timed(spent, "synthesize"):
                    wave = next(waves)
                yield wave
                if progress is not None:
                    progress(int(done), len(notes))

    @abstractmethod
    def _whole_notes(
        self, z: FloatArray, pitches: IntArray, velocities: IntArray
    ) -> Iterable[Float32Array]:
        """Generate whole notes at once, `batch_size` at most."""

    @abstractmethod
    def _find_images(
        self, z: FloatArray, performance: Performance, corrections: NoteCorrections | None
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Find the images that notes need.

        Returns
        -------
        first : np.ndarray of int [shape=(n_unique,)]
            A note of each image.
        amounts : np.ndarray of int [shape=(n_unique,)]
            What else `_make_images` wants to know.
        index : np.ndarray of int [shape=(n_notes, n_layers)]
            Which of the images each note has.
        """

    @abstractmethod
    def _make_images(
        self, z: FloatArray, pitches: IntArray, amounts: IntArray
    ) -> Iterable[FloatArray]:
        """Make images, `batch_size` at a time."""

    def _correct(
        self, images: Iterable[FloatArray], pitches: IntArray, corrections: NoteCorrections
    ) -> Iterable[FloatArray]:
        """Add their corrections to images."""
        return images

    @abstractmethod
    def _sound(
        self, images: list[list[FloatArray]], performance: Performance
    ) -> Iterator[Float32Array]:
        """Play notes on their images."""

    def _check(self, z: FloatArray, pitches: IntArray) -> tuple[Float32Array, IntArray]:
        """Return latents and pitches that fit each other and the model.

        Raises
        ------
        ParameterError
            If shapes differ, z is not finite, or a pitch is no whole number or out of range.
        """
        z, pitches = np.asarray(z, dtype=np.float32), np.asarray(pitches)
        if z.ndim != 2 or z.shape[1] != self.latent_dim or pitches.shape != z.shape[:1]:
            raise ParameterError(
                f"Notes need z of shape (n, {self.latent_dim}) and n pitches, "
                f"given {z.shape} and {pitches.shape}."
            )
        if not np.isfinite(z).all():
            raise ParameterError("Latent vectors must be finite.")
        is_number = pitches.dtype.kind in "iuf"
        odd = pitches[pitches != np.rint(pitches)] if is_number else pitches
        if odd.size:
            raise ParameterError(f"Pitches are whole MIDI numbers, given {odd.tolist()[0]!r}.")
        low, high = self.pitch_range
        if pitches.size and (pitches.min() < low or pitches.max() > high):
            raise ParameterError(
                f"The model {self.name!r} plays MIDI {low}..{high}, "
                f"given {pitches.min()}..{pitches.max()}; fold the notes into it."
            )
        return z, pitches.astype(np.int64)

    def _check_velocities(self, velocities: npt.ArrayLike | None, n: int) -> IntArray:
        """Return one velocity a note; all alike where the model does not know them."""
        given = np.asarray(DEFAULT_VELOCITY if velocities is None else velocities)
        if given.shape not in ((), (n,)):
            raise ParameterError(
                f"Notes need one velocity each, or one for all; given shape {given.shape} for {n} "
                "notes."
            )
        if given.size and not (given.min() >= 1 and given.max() <= 127):
            raise ParameterError(
                f"Velocities must be in 1..127, given {given.min()}..{given.max()}."
            )
        return np.broadcast_to(given if self.has_velocity else DEFAULT_VELOCITY, n)
