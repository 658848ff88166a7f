"""Generator for networks that make harmonic note images."""

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray, Progress
from retimbre.errors import ParameterError
from retimbre.expression import release_times, render_curves
from retimbre.generator.checks import check_notes
from retimbre.generator.folder import (
    open_encoder,
    open_generator,
    read_config,
)
from retimbre.generator.network import Network
from retimbre.generator.palette import Palette, open_palette
from retimbre.generator.store import (
    DEFAULT_VELOCITY,
    ImageStore,
    NoteImages,
    SoftenedImages,
    distinct,
    image_velocities,
    note_seed,
)
from retimbre.harmonic.image import N_FEATURES, N_FRAMES, bin_mask, features_to_image
from retimbre.harmonic.octave import keep_octave
from retimbre.harmonic.synthesis import synthesize_notes, synthesize_plain
from retimbre.harmonic.touch import PLAIN_VELOCITY, brighten
from retimbre.like.hearing import hear_note
from retimbre.like.refine import refine_latent
from retimbre.morph import even_out
from retimbre.runtime import single_threaded_blas, timed
from retimbre.types import Instruments, NoteCurves, Notes

BATCH_SIZE = 32
CHUNK_NOTES = 128


class Generator:
    """A pitch-conditional generator of notes, after GANSynth [1]_.

    Parameters
    ----------
    folder : Path
        A model folder as ``retimbre export`` writes it.

    Attributes
    ----------
    name : str
    sample_rate, clip_rate : int [Hz]
        Of whole notes and of what `play` gives: the same.
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    has_velocity : bool
        Whether a note sounds brighter when it is played louder.
    instruments : Palette
        The named instruments: ``generator.instruments["Flute"]`` is a z. Read when first used.

    Raises
    ------
    ModelFormatError

    References
    ----------
    .. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
    """

    def __init__(self, folder: Path) -> None:
        self._config = read_config(folder)
        self.name = self._config.name
        self.sample_rate = self.clip_rate = self._config.sample_rate
        self.latent_dim = self._config.latent_dim
        self.pitch_range = self._config.pitch_range
        self._network = open_generator(self._config)
        self.has_velocity = "velocity" in self._network.inputs

    @cached_property
    def instruments(self) -> Palette:
        """The named instruments of the model.

        Raises
        ------
        ModelError
            If the model has none.
        ModelFormatError
            If its palette is damaged.
        """
        return open_palette(self._config)

    @single_threaded_blas
    def encode(
        self, y: npt.ArrayLike, sr: int, *, source: str = "the recording"
    ) -> npt.NDArray[np.float32]:
        """Find the place of an instrument by one recorded note of it.

        Parameters
        ----------
        y : array_like [shape=(n_samples,) or (channels, n_samples)]
            A recording of 0.3 s or more; of several notes the clearest is taken. Silence
            around it does no harm.
        sr : int [Hz]
        source : str
            What messages call the recording.

        Returns
        -------
        z : np.ndarray of float32 [shape=(latent_dim,)]
            Of rms 1. Where the model has a palette, the encoder's answer is refined by listening to
            the generator, see `retimbre.like.refine`.

        Raises
        ------
        ModelError
            If the model has no encoder.
        ParameterError
            If `y` or `sr` is no audio, or the note lies outside `pitch_range`.
        AudioError
            If the recording is too short.
        NoPitchError
            If it is silent or no steady pitch is heard.
        """
        encoder = self._encoder
        note = hear_note(y, sr, pitch_range=self.pitch_range, source=source)
        inputs = {
            "features": note.features[None],
            "pitch": np.array([note.pitch - self.pitch_range[0]], np.int64),
        }
        found: npt.NDArray[np.float32] = encoder.run(inputs)[0]
        if not self._config.has("palette"):
            return found
        play = partial(self._play_plainly, pitch=note.pitch)
        palette = np.stack(list(self.instruments.values()))
        return refine_latent(play, found, note.features, note.pitch, palette)

    @single_threaded_blas
    def even_path(self, instruments: Instruments, notes: Notes) -> Instruments:
        """Pace the way between instruments so that the timbre of notes changes evenly on it.

        Parameters
        ----------
        instruments : Instruments
        notes : Notes
            Inside `pitch_range`.

        Returns
        -------
        path : Instruments
            More latents on the same arcs, see `retimbre.morph.even_out`.
        """
        return even_out(instruments, notes, self._play_levels)

    @single_threaded_blas
    def generate_images(
        self,
        z: FloatArray,
        pitches: IntArray,
        velocities: npt.ArrayLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> NoteImages:
        """Generate the images of notes, each distinct (z, pitch, velocity) once.

        Parameters
        ----------
        z : np.ndarray [shape=(n, latent_dim)]
        pitches : np.ndarray of int [shape=(n,), MIDI]
            Inside `pitch_range`.
        velocities : array_like of int [shape=(n,) or (), 1..127], optional
            How hard the notes are played, 100 by default. They change the timbre; the loudest
            frame of an image lies at 0 dB all the same. A model without velocities ignores them.
        progress : callable, optional
            Called with notes done and notes in all.

        Returns
        -------
        images : NoteImages

        Raises
        ------
        ParameterError
            If shapes differ, z is not finite, or a pitch or a velocity is out of range.
        """
        z, pitches = self._check(z, pitches)
        struck = self._check_velocities(velocities, len(z))
        first, index = distinct(z, pitches, struck)
        batches = []
        for start in range(0, len(first), BATCH_SIZE):
            rows = first[start : start + BATCH_SIZE]
            batches.append(self._run(z[rows], pitches[rows], struck[rows]))
            if progress is not None:
                progress(min(start + BATCH_SIZE, len(first)), len(first))
        shape = (0, N_FRAMES, N_FEATURES)
        features = np.concatenate(batches) if batches else np.zeros(shape, np.float32)
        images = keep_octave(features_to_image(features))
        if self.has_velocity:
            images = brighten(images, struck[first])
        return NoteImages(images, index)

    @single_threaded_blas
    def generate_samples_from_z(
        self,
        z: FloatArray,
        pitches: IntArray,
        velocities: npt.ArrayLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> npt.NDArray[np.float32]:
        """Generate whole notes: held for 3 s, released for 1 s.

        Parameters
        ----------
        z : np.ndarray [shape=(n, latent_dim)]
        pitches : np.ndarray of int [shape=(n,), MIDI]
        velocities : array_like of int [shape=(n,) or (), 1..127], optional
            As in `generate_images`.
        progress : callable, optional

        Returns
        -------
        waves : np.ndarray of float32 [shape=(n, 4 * sample_rate), -1..1]
        """
        found = self.generate_images(z, pitches, velocities, progress=progress)
        pitch_of = np.zeros(len(found.images), np.int64)
        pitch_of[found.index] = pitches
        waves = [
            synthesize_plain(image, float(pitch), sr=self.sample_rate)
            for image, pitch in zip(found.images, pitch_of, strict=True)
        ]
        return np.stack(waves)[found.index] if waves else np.zeros((0, 4 * self.sample_rate), "f4")

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
        progress: Progress | None = None,
        timings: dict[str, float] | None = None,
    ) -> Iterator[npt.NDArray[np.float32]]:
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
            Of the noise and the phases.
        ids : np.ndarray of int [shape=(n_notes,)], optional
            What tells the notes apart: a note's noise is drawn by the seed and its id. By default
            their indices.
        only : np.ndarray of int [shape=(n,)], optional
            Indices of the notes to be played, ascending; by default all.
        progress : callable, optional
            Called with notes done and notes in all.
        timings : dict, optional
            Seconds spent are added under "generate" and "synthesize".

        Yields
        ------
        wave : np.ndarray of float32 [shape=(n_samples,)]
            A note with its release.
        """
        # Without a performance there is nothing to keep: the notes are GANSynth's plain ones.
        expression = 0.0 if curves is None else expression
        f0_curves, level_curves = render_curves(notes, curves, expression)
        releases = release_times(notes, expression)
        names = range(len(notes)) if ids is None else ids
        seeds = np.array([note_seed(seed, int(name)) for name in names], np.uint64)
        z, _ = self._check(z, notes.pitch)
        if only is not None:
            notes, z, releases, seeds = notes.take(only), z[only], releases[only], seeds[only]
            f0_curves, level_curves = ([c[i] for i in only] for c in (f0_curves, level_curves))
        spent = {} if timings is None else timings
        velocities = self._image_velocities(notes, with_softer=expression > 0.0)
        store = ImageStore(self.generate_images, *self._check(z, notes.pitch), velocities)
        for start in range(0, len(notes), CHUNK_NOTES):
            part = slice(start, min(start + CHUNK_NOTES, len(notes)))
            with timed(spent, "generate"):
                images = SoftenedImages(
                    *store.images_of(part.start, part.stop),
                    velocities[part],
                    notes.duration[part],
                    level_curves[part],
                    expression=expression,
                )
            waves = synthesize_notes(
                images,
                range(part.stop - part.start),
                f0_curves[part],
                notes.duration[part],
                releases=releases[part],
                level_curves=level_curves[part],
                expression=expression,
                sr=self.sample_rate,
                seeds=seeds[part],
            )
            for done in range(part.start + 1, part.stop + 1):
                with timed(spent, "synthesize"):
                    wave = next(waves)
                yield wave
                if progress is not None:
                    progress(done, len(notes))

    @cached_property
    def _encoder(self) -> Network:
        return open_encoder(self._config)

    def _image_velocities(self, notes: Notes, *, with_softer: bool) -> IntArray:
        if not self.has_velocity:
            return np.full((len(notes), 1), DEFAULT_VELOCITY)
        return image_velocities(notes.velocity, with_softer=with_softer)

    def _play_plainly(self, z: FloatArray, *, pitch: int) -> FloatArray:
        """Return the features of latents at one pitch, as a recorded note is taken to be played."""
        n = len(z)
        return self._run(z, np.full(n, pitch), np.full(n, PLAIN_VELOCITY))

    def _play_levels(self, z: FloatArray, *, pitch: int) -> FloatArray:
        """Return the levels of latents at one pitch [shape=(n, 128 * n_bins), dB]."""
        levels = features_to_image(self._play_plainly(z.astype(np.float32), pitch=pitch))[..., 0]
        return np.asarray(levels[..., bin_mask(pitch)].reshape(len(z), -1))

    def _run(self, z: FloatArray, pitches: IntArray, velocities: IntArray) -> FloatArray:
        inputs = {"z": z, "pitch": (pitches - self.pitch_range[0]).astype(np.int64)}
        if self.has_velocity:
            inputs["velocity"] = (velocities / 127.0).astype(np.float32)
        return self._network.run(inputs)

    def _check(self, z: FloatArray, pitches: IntArray) -> tuple[FloatArray, IntArray]:
        return check_notes(z, pitches, self.latent_dim, self.pitch_range, self.name)

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
