"""Generator for GANSynth's networks, which make mel specgrams.

The network makes all 4 s of a note with the same work a frame [1]_; here it is asked for the frames
that a note sounds, which gives the same samples, and for each (latent, pitch) once.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, FloatArray, IntArray
from retimbre.errors import ModelError, ParameterError
from retimbre.gansynth.specgram import N_FRAMES, denormalize, specgrams_to_waves
from retimbre.gansynth.synthesis import frames_for_note, synthesize_specgram
from retimbre.generator.folder import ModelConfig, open_mel_generator
from retimbre.generator.playing import ModelGenerator, Performance, chunks
from retimbre.generator.store import distinct
from retimbre.instrument import Instrument, Instruments, NoteCorrections
from retimbre.like.recordings import Recording
from retimbre.runtime import single_threaded_blas
from retimbre.types import Notes
from retimbre.units import midi_to_hz

CLIP_RATE = 44_100


class GansynthGenerator(ModelGenerator):
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
    batch_size = 4
    chunk_size = 32

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, open_mel_generator(config), CLIP_RATE)

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

    def hear(self, recordings: Sequence[Recording], *, name: str = "") -> Instrument:
        """Find a recorded instrument: GANSynth's models cannot.

        Raises
        ------
        ModelError
            Always.
        """
        return Instrument(self.encode(*recordings[0][:2]))

    def even_path(self, instruments: Instruments, notes: Notes) -> Instruments:
        """Return the instruments as they are: GANSynth's notes follow the slerp."""
        return instruments

    def generate_specgrams(
        self, z: FloatArray, pitches: IntArray, n_frames: int = 128
    ) -> Float32Array:
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
        if not isinstance(n_frames, int | np.integer) or not 1 <= n_frames <= N_FRAMES:
            raise ParameterError(f"A note has 1 to {N_FRAMES} whole frames, given {n_frames!r}.")
        if not len(z):
            return np.zeros((0, int(n_frames), 1024, 2), np.float32)
        parts = chunks(len(z), self.batch_size)
        return np.concatenate([self._run(z[part], pitches[part], n_frames) for part in parts])

    def _whole_notes(
        self, z: FloatArray, pitches: IntArray, velocities: IntArray
    ) -> Iterable[Float32Array]:
        return specgrams_to_waves(denormalize(self._run(z, pitches, N_FRAMES)))

    def _find_images(
        self, z: FloatArray, performance: Performance, corrections: NoteCorrections | None
    ) -> tuple[IntArray, IntArray, IntArray]:
        notes = performance.notes
        first, index = distinct(z, notes.pitch)
        # A note's image is as long as the longest note wants that shares it.
        n_frames = np.zeros(len(first), np.int64)
        needed = needed_frames(notes.duration, performance.releases, _ratios(performance))
        np.maximum.at(n_frames, index, needed)
        return first, n_frames, index[:, None]

    def _make_images(
        self, z: FloatArray, pitches: IntArray, n_frames: IntArray
    ) -> list[Float32Array]:
        """Return one image per note, of so many frames; those of like length are made together."""
        images = [np.zeros(0, np.float32)] * len(z)
        order = np.argsort(n_frames, kind="stable")
        for part in chunks(len(z), self.batch_size):
            batch = order[part]
            made = self._run(z[batch], pitches[batch], int(n_frames[batch].max()))
            for k, image in zip(batch, made, strict=True):
                images[k] = image[: n_frames[k]]
        return images

    def _sound(
        self, images: list[list[FloatArray]], performance: Performance
    ) -> Iterator[Float32Array]:
        import soxr

        ratios = _ratios(performance)
        for k, (image,) in enumerate(images):
            with single_threaded_blas:
                wave = synthesize_specgram(
                    denormalize(image),
                    duration=float(performance.notes.duration[k]),
                    release=float(performance.releases[k]),
                    ratio=ratios[k],
                    level_db=performance.level_curves[k],
                    expression=performance.expression,
                )
                y = np.asarray(soxr.resample(wave, self.sample_rate, self.clip_rate), np.float32)
            yield y

    def _run(self, z: FloatArray, pitches: IntArray, n_frames: int) -> FloatArray:
        inputs = {"z": z, "pitch": (pitches - self.pitch_range[0]).astype(np.int64)}
        return self._network.run(inputs, frames=np.array([n_frames], np.int64))


def _ratios(performance: Performance) -> list[FloatArray]:
    """Return how much higher than its pitch each note is played, every 10 ms."""
    nominal = midi_to_hz(performance.notes.pitch)
    return [curve / f0 for curve, f0 in zip(performance.f0_curves, nominal, strict=True)]


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
    notes = zip(durations, releases, ratios, strict=True)
    return np.array([frames_for_note(float(d), float(r), c) for d, r, c in notes], np.int64)
