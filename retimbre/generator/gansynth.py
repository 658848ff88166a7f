"""Generator for GANSynth's networks, which make mel specgrams.

The network makes all 4 s of a note with the same work a frame [1]_; here it is asked for the frames
that a note sounds, which gives the same samples, and for each (latent, pitch) once.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray, Progress
from retimbre.errors import ModelError, ParameterError
from retimbre.generator.folder import ModelConfig, open_mel_generator
from retimbre.generator.palette import Palette, open_palette
from retimbre.generator.playing import Performance, check_notes, chunks, count_waves, prepare
from retimbre.generator.store import ImageStore, distinct
from retimbre.runtime import single_threaded_blas, timed
from retimbre.types import Instruments, NoteCurves, Notes
from retimbre.units import midi_to_hz

BATCH_SIZE = 4
CHUNK_NOTES = 32
CLIP_RATE = 44_100
MAX_FRAMES = 128


class GansynthGenerator:
    """A generator of notes whose network is GANSynth's.

    Parameters
    ----------
    config : ModelConfig
        Of a model folder as ``retimbre import-gansynth`` writes it.

    Attributes
    ----------
    name : str
    sample_rate : int [Hz]
        Of whole notes: 16,000.
    clip_rate : int [Hz]
        Of what `play` gives: 44,100.
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    has_velocity : bool
        False: velocity changes the loudness alone, as in GANSynth.

    Raises
    ------
    ModelFormatError
    """

    has_velocity = False
    clip_rate = CLIP_RATE

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self.name = config.name
        self.sample_rate = config.sample_rate
        self.latent_dim = config.latent_dim
        self.pitch_range = config.pitch_range
        self._network = open_mel_generator(config)

    @property
    def instruments(self) -> Palette:
        """The named instruments of the model.

        Raises
        ------
        ModelError
            If the model has none, as GANSynth's have not.
        """
        return open_palette(self._config)

    def encode(self, y: npt.ArrayLike, sr: int, *, source: str = "the recording") -> FloatArray:
        """Find the place of a recorded instrument: GANSynth's models cannot.

        Raises
        ------
        ModelError
            Always.
        """
        raise ModelError(
            f"The model {self.name!r} has no encoder for recorded instruments; choose one that has "
            "with -m."
        )

    def even_path(self, instruments: Instruments, notes: Notes) -> Instruments:
        """Return the instruments as they are: GANSynth's notes follow the slerp."""
        return instruments

    def generate_specgrams(
        self, z: FloatArray, pitches: IntArray, n_frames: int = 128
    ) -> npt.NDArray[np.float32]:
        """Run the network.

        Parameters
        ----------
        z : np.ndarray [shape=(n, latent_dim)]
            Drawn from N(0, 1), or a slerp between such; its length weighs it against the pitch.
        pitches : np.ndarray of int [shape=(n,), MIDI]
            Inside `pitch_range`.
        n_frames : int [1..128]
            The first so many frames of 32 ms, exactly as in the whole image.

        Returns
        -------
        specgrams : np.ndarray of float32 [shape=(n, n_frames, 1024, 2), -1..1]
            Log mel power and instantaneous frequency, normalised; see `retimbre.gansynth.specgram`.

        Raises
        ------
        ParameterError
            If shapes differ, z is not finite, a pitch is out of range or there is no such number
            of frames.
        """
        z, pitches = self._check(z, pitches)
        if not isinstance(n_frames, int | np.integer) or not 1 <= n_frames <= MAX_FRAMES:
            raise ParameterError(f"A note has 1 to {MAX_FRAMES} whole frames, given {n_frames!r}.")
        if not len(z):
            return np.zeros((0, int(n_frames), 1024, 2), np.float32)
        parts = chunks(len(z), BATCH_SIZE)
        return np.concatenate([self._run(z[part], pitches[part], n_frames) for part in parts])

    @single_threaded_blas
    def generate_samples_from_z(
        self,
        z: FloatArray,
        pitches: IntArray,
        velocities: npt.ArrayLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> npt.NDArray[np.float32]:
        """Generate whole notes, the samples that GANSynth's own code makes.

        Parameters
        ----------
        z : np.ndarray [shape=(n, latent_dim)]
        pitches : np.ndarray of int [shape=(n,), MIDI]
        velocities : array_like, optional
            Not looked at: they change nothing in GANSynth's notes.
        progress : callable, optional
            Called with notes done and notes in all.

        Returns
        -------
        waves : np.ndarray of float32 [shape=(n, 64000)]
            At 16 kHz, neither clipped nor normalised.
        """
        from retimbre.gansynth import specgram as melspec

        z, pitches = self._check(z, pitches)
        waves = np.zeros((len(z), melspec.N_SAMPLES), np.float32)
        pairs, index = distinct(z, pitches)
        for start in range(0, len(pairs), BATCH_SIZE):
            rows = pairs[start : start + BATCH_SIZE]
            images = self._run(z[rows], pitches[rows], melspec.N_FRAMES)
            made = melspec.specgrams_to_waves(melspec.denormalize(images))
            for k, wave in enumerate(made, start):
                waves[index == k] = wave
            if progress is not None:
                progress(min(start + BATCH_SIZE, len(pairs)), len(pairs))
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
        progress: Progress | None = None,
        timings: dict[str, float] | None = None,
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Play notes one after another, with bounded memory.

        Parameters
        ----------
        z : np.ndarray [shape=(n_notes, latent_dim)]
        notes : Notes
        curves : sequence of NoteCurve, optional
            How a performer played them; None plays GANSynth's plain notes.
        expression : float [0..1]
            How much of the performance is kept.
        seed, ids
            Not needed: nothing here is drawn.
        only : np.ndarray of int [shape=(n,)], optional
            Indices of the notes to be played, ascending; by default all.
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
        performance = prepare(notes, curves, expression=expression, seed=seed, ids=ids, only=only)
        z, pitches = self._check(z, notes.pitch)
        if only is not None:
            notes, z, pitches = notes.take(only), z[only], pitches[only]
        nominal = midi_to_hz(notes.pitch)
        ratios = [c / f0 for c, f0 in zip(performance.f0_curves, nominal, strict=True)]
        first, index = distinct(z, pitches)
        # A note's image is as long as the longest note wants that shares it.
        n_frames = np.zeros(len(first), np.int64)
        np.maximum.at(
            n_frames, index, needed_frames(performance.durations, performance.releases, ratios)
        )
        store = ImageStore(index[:, None])
        for part in chunks(len(notes), CHUNK_NOTES):
            with timed(spent, "generate"):
                new = store.missing(part)
                of = first[new]
                store.add(new, self._make_images(z[of], pitches[of], n_frames[new]))
                images = store.take(part)
            waves = self._sound(images, ratios[part], performance.part(part))
            yield from count_waves(waves, part, len(notes), spent, progress)

    def _make_images(
        self, z: FloatArray, pitches: IntArray, n_frames: IntArray
    ) -> list[npt.NDArray[np.float32]]:
        """Return one image per note, of so many frames; those of like length are made together."""
        images = [np.zeros(0, np.float32)] * len(z)
        order = np.argsort(n_frames, kind="stable")
        for part in chunks(len(z), BATCH_SIZE):
            batch = order[part]
            made = self._run(z[batch], pitches[batch], int(n_frames[batch].max()))
            for k, image in zip(batch, made, strict=True):
                images[k] = image[: n_frames[k]]
        return images

    def _sound(
        self, images: list[list[FloatArray]], ratios: list[FloatArray], performance: Performance
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Play notes on their images."""
        for k, (image,) in enumerate(images):
            yield self._sound_note(
                image,
                ratios[k],
                float(performance.durations[k]),
                float(performance.releases[k]),
                performance.level_curves[k],
                performance.expression,
            )

    @single_threaded_blas
    def _sound_note(
        self,
        image: FloatArray,
        ratio: FloatArray,
        duration: float,
        release: float,
        level_db: FloatArray | None,
        expression: float,
    ) -> npt.NDArray[np.float32]:
        import soxr

        from retimbre.gansynth.specgram import denormalize
        from retimbre.gansynth.synthesis import synthesize_specgram

        wave = synthesize_specgram(
            denormalize(image),
            duration=duration,
            release=release,
            ratio=ratio,
            level_db=level_db,
            expression=expression,
        )
        return np.asarray(soxr.resample(wave, self.sample_rate, self.clip_rate), np.float32)

    def _run(self, z: FloatArray, pitches: IntArray, n_frames: int) -> FloatArray:
        inputs = {"z": z, "pitch": (pitches - self.pitch_range[0]).astype(np.int64)}
        return self._network.run(inputs, frames=np.array([n_frames], np.int64))

    def _check(self, z: FloatArray, pitches: IntArray) -> tuple[FloatArray, IntArray]:
        return check_notes(z, pitches, self.latent_dim, self.pitch_range, self.name)


def needed_frames(
    durations: FloatArray, releases: FloatArray, ratios: Sequence[FloatArray]
) -> IntArray:
    """Return how many frames of the image notes need [shape=(n,), 1..128].

    Parameters
    ----------
    durations, releases : np.ndarray [shape=(n,), seconds]
    ratios : sequence of np.ndarray [shape=(n_curve,)]
        How much higher than its pitch each note is played, every 10 ms.
    """
    from retimbre.gansynth.synthesis import frames_for_note

    notes = zip(durations, releases, ratios, strict=True)
    return np.array([frames_for_note(float(d), float(r), c) for d, r, c in notes], np.int64)
