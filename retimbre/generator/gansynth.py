"""Generator for GANSynth's networks, which make mel specgrams.

The network makes all 4 s of a note with the same work a frame [1]_; here it is asked for the frames
that a note sounds, which gives the same samples, and for each (latent, pitch) once.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray, Progress
from retimbre.errors import ModelError, ParameterError
from retimbre.expression import release_times, render_curves
from retimbre.generator.checks import check_notes
from retimbre.generator.folder import ModelConfig, open_mel_generator
from retimbre.generator.palette import Palette, open_palette
from retimbre.runtime import single_threaded_blas, timed
from retimbre.types import Instruments, NoteCurves, Notes
from retimbre.units import midi_to_hz

MakeSpecgrams = Callable[[FloatArray, IntArray, int], FloatArray]
"""Make the images of notes from z (n, latent_dim), pitches (n,) and how many frames."""

BATCH_SIZE = 4
CHUNK_NOTES = 32
CLIP_RATE = 44_100
MAX_FRAMES = 128


class MelGenerator:
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
        starts = range(0, len(z), BATCH_SIZE)
        parts = [slice(start, start + BATCH_SIZE) for start in starts]
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
        pairs, index = distinct_pairs(z, pitches)
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
        expression = 0.0 if curves is None else expression
        f0_curves, level_curves = render_curves(notes, curves, expression)
        releases = release_times(notes, expression)
        spent = {} if timings is None else timings
        z, pitches = self._check(z, notes.pitch)
        if only is not None:
            notes, z, pitches, releases = notes.take(only), z[only], pitches[only], releases[only]
            f0_curves, level_curves = ([c[i] for i in only] for c in (f0_curves, level_curves))
        nominal = midi_to_hz(notes.pitch)
        ratios = [curve / f0 for curve, f0 in zip(f0_curves, nominal, strict=True)]
        n_frames = needed_frames(notes.duration, releases, ratios)
        store = SpecgramStore(self._run, z, pitches, n_frames)
        for start in range(0, len(notes), CHUNK_NOTES):
            stop = min(start + CHUNK_NOTES, len(notes))
            with timed(spent, "generate"):
                images = store.images_of(start, stop)
            for note, image in enumerate(images, start):
                with timed(spent, "synthesize"):
                    wave = self._sound(
                        image,
                        ratios[note],
                        float(notes.duration[note]),
                        float(releases[note]),
                        level_curves[note],
                        expression,
                    )
                yield wave
                if progress is not None:
                    progress(note + 1, len(notes))

    @single_threaded_blas
    def _sound(
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


def distinct_pairs(z: FloatArray, pitches: IntArray) -> tuple[IntArray, IntArray]:
    """Find the notes that share an image.

    Returns
    -------
    first : np.ndarray of int [shape=(n_unique,)]
        The first note of each distinct (z, pitch).
    index : np.ndarray of int [shape=(n,)]
        Which of those each note is.
    """
    keys = np.concatenate([z, pitches[:, None].astype(np.float32)], axis=1)
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, index.reshape(-1)


class SpecgramStore:
    """The images of a long row of notes, made a chunk at a time, as long as they are needed.

    Notes of one (z, pitch) share their image, which is as long as the longest of them wants and
    is kept until the last of them is played. Notes of like length are made together.

    Parameters
    ----------
    make : callable
        Makes images; see `MakeSpecgrams`.
    z : np.ndarray of float32 [shape=(n_notes, latent_dim)]
    pitches : np.ndarray of int [shape=(n_notes,), MIDI]
    n_frames : np.ndarray of int [shape=(n_notes,), 1..128]
    """

    def __init__(
        self, make: MakeSpecgrams, z: FloatArray, pitches: IntArray, n_frames: IntArray
    ) -> None:
        self._make, self._z, self._pitches = make, z, pitches
        self._first, self._index = distinct_pairs(z, pitches)
        self._n_frames = np.zeros(len(self._first), np.int64)
        np.maximum.at(self._n_frames, self._index, n_frames)
        self._last = np.zeros(len(self._first), np.int64)
        self._last[self._index] = np.arange(len(self._index))
        self._held: dict[int, FloatArray] = {}

    def images_of(self, start: int, stop: int) -> Sequence[FloatArray]:
        """Return the images of the notes ``start <= note < stop``; chunks come in order.

        Returns
        -------
        images : list of np.ndarray of float32 [shape=(frames, 1024, 2)]
        """
        wanted = self._index[start:stop]
        new = np.array([i for i in np.unique(wanted) if int(i) not in self._held], np.int64)
        by_length = new[np.argsort(self._n_frames[new], kind="stable")]
        for k in range(0, len(by_length), BATCH_SIZE):
            self._fill(by_length[k : k + BATCH_SIZE])
        images = [self._held[int(i)] for i in wanted]
        self._held = {i: image for i, image in self._held.items() if self._last[i] >= stop}
        return images

    def _fill(self, pairs: IntArray) -> None:
        notes, n_frames = self._first[pairs], self._n_frames[pairs]
        made = self._make(self._z[notes], self._pitches[notes], int(n_frames.max()))
        for pair, image, n in zip(pairs, made, n_frames, strict=True):
            self._held[int(pair)] = image[:n].copy()
