"""What playing is, whatever the generator: notes that are checked, prepared and counted."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from retimbre import latent
from retimbre._typing import BoolArray, Float32Array, FloatArray, IntArray, Progress
from retimbre.errors import ParameterError
from retimbre.generator.folder import ModelConfig
from retimbre.generator.network import Network
from retimbre.generator.palette import Palette, open_palette
from retimbre.generator.score import (
    Part,
    Score,
    chunks_of,
    draw_seeds,
    rows_between,
    tell_of_ties,
    write_score,
)
from retimbre.generator.store import ImageStore, distinct
from retimbre.harmonic.synthesis import Sound, Task
from retimbre.harmonic.touch import DEFAULT_VELOCITY
from retimbre.harmonic.voice import Piece, Voice
from retimbre.instrument import Instruments, NoteCorrections
from retimbre.mixing import velocity_gain_db
from retimbre.runtime import single_threaded_blas, timed
from retimbre.settings.params import RenderParams
from retimbre.types import Melody, NoteCurves, Notes

N_DIGITS = 12
"""Of a generator's checksum, to tell one model of a name from another."""


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
        So many images are made at once, and so many are kept ready.
    joins_notes : bool
        Whether tied notes can sound as one, and long ones change.
    """

    has_velocity: bool
    joins_notes: bool
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
        """Play notes one after another, each struck, with bounded memory.

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
            A note with its release, at `clip_rate`, as loud as it is generated.
        """
        z, _ = self._check(z, notes.pitch)
        params = RenderParams(expression=expression, articulation="never")
        part = Part(notes, curves, (), params, draw_seeds(seed, ids, len(notes)))
        score = write_score(part, self.clip_rate, joins=False, morphs=lambda _: False)
        score = replace(score, z=z, corrections=corrections)
        chosen = range(len(notes)) if only is None else [int(k) for k in only]
        pieces: list[Float32Array] = []
        for v, piece, y in self._play_voices(score, chosen, progress, timings):
            pieces.append(y)
            if piece.stop == score.voices[v].n_samples:
                yield pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
                pieces = []

    def perform(
        self,
        melody: Melody,
        path: Instruments,
        params: RenderParams | None = None,
        *,
        seed: int = 0,
        start: float = 0.0,
        stop: float = np.inf,
        progress: Progress | None = None,
        timings: dict[str, float] | None = None,
    ) -> Iterator[Sound]:
        """Play a melody with instruments that change on the way, with bounded memory.

        Notes that are tied sound as one; long notes go on along the path while they last. Each
        note is brought to one loudness and then to its velocity.

        Parameters
        ----------
        melody : Melody
            Inside `pitch_range`.
        path : Instruments
        params : RenderParams, optional
            How much of the performance is kept.
        seed : int
            Of the noise and the phases.
        start, stop : float [seconds]
            Voices that do not sound in between are left out.
        progress : callable, optional
            Called with notes done and notes in all.
        timings : dict, optional
            Seconds spent are added under "generate" and "synthesize".

        Yields
        ------
        sound : Sound
            The pieces of all voices, at `clip_rate`; those of different voices overlap.
        """
        notes = melody.notes
        part = Part(
            notes,
            melody.curves,
            melody.articulation,
            params or RenderParams(),
            draw_seeds(seed, melody.ids, len(notes)),
            velocity_gain_db(notes.velocity),
        )
        changes = self._changes_within(notes, path)
        joins = self.joins_notes
        score = write_score(part, self.clip_rate, joins=joins, morphs=lambda k: bool(changes[k]))
        if not self.joins_notes:
            tell_of_ties(self.name, score)
        z, _ = self._check(latent.get_z_notes(score.time, path), score.pitch)
        corrections = path.corrections_of(latent.get_places(score.time, path))
        score = replace(score, z=z, corrections=corrections)
        ends = score.starts + [voice.n_samples for voice in score.voices]
        first, last = start * self.clip_rate, stop * self.clip_rate
        chosen = np.flatnonzero((score.starts < last) & (ends > first)).tolist()
        for v, piece, y in self._play_voices(score, chosen, progress, timings):
            yield Sound(int(score.starts[v]) + piece.start, y)

    def _changes_within(self, notes: Notes, path: Instruments) -> BoolArray:
        """Tell in which notes the instrument changes while they last."""
        if not self.joins_notes or not len(notes):
            return np.zeros(len(notes), bool)
        ends = [latent.get_z_notes(times, path) for times in (notes.onset, notes.offset)]
        passed = np.searchsorted(path.times, notes.offset) > np.searchsorted(
            path.times, notes.onset, side="right"
        )
        return np.asarray(np.any(ends[0] != ends[1], axis=1) | passed)

    def _play_voices(
        self,
        score: Score,
        chosen: Sequence[int],
        progress: Progress | None,
        timings: dict[str, float] | None,
    ) -> Iterator[tuple[int, Piece, Float32Array]]:
        """Play some voices of a score, piece by piece."""
        spent = {} if timings is None else timings
        plan = [(v, piece) for v in chosen for piece in self._pieces(score.voices[v])]
        waves = self._sound(score, self._tasks(score, plan, spent))
        n_notes, done = sum(len(score.members[v]) for v in chosen), 0
        for v, piece in plan:
            before = spent.get("generate", 0.0)
            with timed(spent, "synthesize"):
                wave = next(waves)
            # What was generated meanwhile is counted there.
            spent["synthesize"] -= spent.get("generate", 0.0) - before
            yield v, piece, wave
            if piece.stop == score.voices[v].n_samples:
                done += len(score.members[v])
                if progress is not None:
                    progress(done, n_notes)

    def _tasks(
        self, score: Score, plan: Sequence[tuple[int, Piece]], spent: dict[str, float]
    ) -> Iterator[Task]:
        """Give pieces the images that they need, made some at a time."""
        first, amounts, index = self._find_images(score)
        rows = [rows_between(score, v, piece.images) for v, piece in plan]
        store = ImageStore([index[own] for own in rows])
        for part in chunks_of([len(own) for own in rows], self.chunk_size):
            with timed(spent, "generate"):
                new = store.missing(part)
                of = first[new]
                images = self._make_images(score.z[of], score.pitch[of], amounts[new])
                if score.corrections is not None:
                    images = self._correct(images, score.pitch[of], score.corrections.take(of))
                store.add(new, images)
                given = store.take(part)
            for (v, piece), layers in zip(plan[part], given, strict=True):
                yield Task(v, piece, dict(zip(piece.images.tolist(), layers, strict=True)))

    def _pieces(self, voice: Voice) -> list[Piece]:
        """Cut the sound of a voice into pieces that are made one after another."""
        return voice.pieces()

    @abstractmethod
    def _whole_notes(
        self, z: FloatArray, pitches: IntArray, velocities: IntArray
    ) -> Iterable[Float32Array]:
        """Generate whole notes at once, `batch_size` at most."""

    @abstractmethod
    def _find_images(self, score: Score) -> tuple[IntArray, IntArray, IntArray]:
        """Find the images that a score needs.

        Returns
        -------
        first : np.ndarray of int [shape=(n_unique,)]
            A row of each image.
        amounts : np.ndarray of int [shape=(n_unique,)]
            What else `_make_images` wants to know.
        index : np.ndarray of int [shape=(n_rows, n_layers)]
            Which of the images each row has.
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
    def _sound(self, score: Score, tasks: Iterable[Task]) -> Iterator[Float32Array]:
        """Play pieces of voices on their images, in their order."""

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
