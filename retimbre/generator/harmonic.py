"""Generator for networks that make harmonic note images.

How a z becomes an instrument
-----------------------------
The exported network first brings any z to where it was trained (``retimbre.train.networks.prior``).
With d dimensions, ``u = z / |z|`` and the unit vectors ``p_i`` of all trained instruments, which
the network holds as a constant:

- cosines ``c_i = p_i . u``;
- a blend ``b``: the direction of ``sum_i softmax(5 sqrt(d) c)_i p_i``;
- how much of z itself is kept, ``k = sigmoid((max_i c_i - 0.5) / 0.05)``;
- what is played: ``sqrt(d)`` times the direction of ``k u + (1 - k) b``.

A random z ~ N(0, I) has ``c_i`` around 0 +- 1/16 in 256 dimensions, so that ``k`` is near 0: it
becomes a blend in which the one to three instruments that are nearest to it make up most. A z that
points at an instrument, at a slerp between two or at an encoded recording is kept as it is. The
length of z counts for nothing.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, FloatArray, IntArray, Progress
from retimbre.generator.folder import ModelConfig, open_encoder, open_generator
from retimbre.generator.morph import even_out
from retimbre.generator.network import Network
from retimbre.generator.playing import ModelGenerator, chunks
from retimbre.generator.score import Score
from retimbre.generator.store import NoteImages, distinct
from retimbre.harmonic.correction import Difference, correct, fit_correction
from retimbre.harmonic.image import N_FEATURES, N_FRAMES, bin_mask, features_to_image
from retimbre.harmonic.octave import keep_octave
from retimbre.harmonic.synthesis import Task, synthesize_plain, synthesize_voices
from retimbre.harmonic.touch import (
    DEFAULT_VELOCITY,
    PLAIN_VELOCITY,
    brighten,
    image_velocities,
)
from retimbre.instrument import Instrument, Instruments, NoteCorrections
from retimbre.like.recordings import MOST_SEARCHED, Recording, hear_recordings
from retimbre.like.refine import HeardFeatures, refine_latent
from retimbre.runtime import single_threaded_blas
from retimbre.types import Notes


class HarmonicGenerator(ModelGenerator):
    """A pitch-conditional generator of notes, after GANSynth [1]_.

    The head of this module says how a z becomes an instrument.

    Parameters
    ----------
    config : ModelConfig
        Of a model folder as ``retimbre export`` writes it.

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

    batch_size = 32
    chunk_size = 128
    joins_notes = True

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, open_generator(config), config.sample_rate)
        self.has_velocity = "velocity" in self._network.inputs

    def encode(
        self, y: npt.ArrayLike, sr: int, *, source: str = "the recording"
    ) -> npt.NDArray[np.float32]:
        """Find the place of an instrument by a recording of it.

        Parameters
        ----------
        y, sr, source
            As in `hear`.

        Returns
        -------
        z : np.ndarray of float32 [shape=(latent_dim,)]
            That of the instrument that `hear` returns, of rms 1; without its correction.
        """
        return self.hear([(y, sr, source)]).z.astype(np.float32)

    @single_threaded_blas
    def hear(self, recordings: Sequence[Recording], *, name: str = "") -> Instrument:
        """Find an instrument by recordings of it.

        Parameters
        ----------
        recordings : sequence of (array_like, int, str)
            Samples [shape=(n_samples,) or (channels, n_samples)] of 0.3 s or more, their rate [Hz]
            and what messages call them. Clear notes are heard, one per key and at most 8 of a
            recording; silence around them does no harm.
        name : str
            Of the instrument.

        Returns
        -------
        instrument : Instrument
            Its z is the encoder's answer. Where the model has a palette, that is refined by
            listening to the generator (`retimbre.like.refine`), and what of the notes is still
            missing becomes the correction (`retimbre.harmonic.correction`).

        Raises
        ------
        ModelError
            If the model has no encoder.
        ParameterError
            If samples or rates are no audio, or all notes lie outside `pitch_range`.
        AudioError
            If the recordings are too short.
        NoPitchError
            If they are silent or no steady pitch is heard.
        """
        encoder = self._encoder
        notes = hear_recordings(recordings, self.pitch_range)
        pitches = np.array([note.pitch for note in notes], np.int64)
        features = np.stack([note.features for note in notes])
        answers = encoder.run({"features": features, "pitch": pitches - self.pitch_range[0]})
        middle = answers.mean(axis=0)
        z = middle / np.sqrt(np.mean(np.square(middle)))
        correction = None
        if self._config.has("palette"):
            palette = np.stack(list(self.instruments.values()))
            found = [HeardFeatures(note.features, note.pitch) for note in notes[:MOST_SEARCHED]]
            z = refine_latent(self._play_plainly, z, found, palette)
            struck = np.full(len(notes), PLAIN_VELOCITY)
            made = self._make_images(np.repeat(z[None], len(notes), axis=0), pitches, struck)
            correction = fit_correction(
                [
                    Difference(note.pitch, note.seconds, note.image, image, note.is_dry)
                    for note, image in zip(notes, made, strict=True)
                ]
            )
        ends = (int(pitches.min()), int(pitches.max()))
        source = ", ".join(os.path.basename(source) for _, _, source in recordings)
        return Instrument(
            z, name, range=ends, source=source, model=self.fingerprint, correction=correction
        )

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
            More latents on the same arcs, see `retimbre.generator.morph.even_out`.
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
        images = self._make_images(z[first], pitches[first], struck[first], progress=progress)
        return NoteImages(images, index)

    def _whole_notes(
        self, z: FloatArray, pitches: IntArray, velocities: IntArray
    ) -> Iterable[Float32Array]:
        images = self._make_images(z, pitches, velocities)
        notes = zip(images, pitches, strict=True)
        return (synthesize_plain(image, float(key), sr=self.sample_rate) for image, key in notes)

    def _find_images(self, score: Score) -> tuple[IntArray, IntArray, IntArray]:
        velocities = self._velocities_of(score)
        rows = np.repeat(np.arange(len(score.z)), velocities.shape[1])
        struck = velocities.reshape(-1)
        places = np.zeros(len(score.z)) if score.corrections is None else score.corrections.places
        first, index = distinct(score.z[rows], score.pitch[rows], struck, places[rows])
        return rows[first], struck[first], index.reshape(velocities.shape)

    def _correct(
        self, images: Iterable[FloatArray], pitches: IntArray, corrections: NoteCorrections
    ) -> Iterable[FloatArray]:
        for note, (image, pitch) in enumerate(zip(images, pitches, strict=True)):
            own = corrections.of(note)
            yield image if own is None else correct(image, own, float(pitch))

    def _sound(self, score: Score, tasks: Iterable[Task]) -> Iterator[Float32Array]:
        return synthesize_voices(score.voices, tasks)

    @cached_property
    def _encoder(self) -> Network:
        return open_encoder(self._config)

    def _velocities_of(self, score: Score) -> IntArray:
        """Return the velocities of each row's images [shape=(n_rows, n_layers)]."""
        if not self.has_velocity:
            return np.full((len(score.z), 1), DEFAULT_VELOCITY)
        return image_velocities(score.velocity, with_softer=score.with_softer)

    def _play_plainly(self, z: FloatArray, pitch: int) -> FloatArray:
        """Return the features of latents at one pitch, as a recorded note is taken to be played."""
        n = len(z)
        return self._run(z, np.full(n, pitch), np.full(n, PLAIN_VELOCITY))

    def _play_levels(self, z: FloatArray, *, pitch: int) -> FloatArray:
        """Return the levels of latents at one pitch [shape=(n, 128 * n_bins), dB]."""
        levels = features_to_image(self._play_plainly(z.astype(np.float32), pitch))[..., 0]
        return np.asarray(levels[..., bin_mask(pitch)].reshape(len(z), -1))

    @single_threaded_blas
    def _make_images(
        self,
        z: FloatArray,
        pitches: IntArray,
        velocities: IntArray,
        *,
        progress: Progress | None = None,
    ) -> FloatArray:
        """Return one image per note [shape=(n, 128, 96, 4)], made in batches."""
        features = np.zeros((len(z), N_FRAMES, N_FEATURES), np.float32)
        for part in chunks(len(z), self.batch_size):
            features[part] = self._run(z[part], pitches[part], velocities[part])
            if progress is not None:
                progress(part.stop, len(z))
        images = keep_octave(features_to_image(features))
        return brighten(images, velocities) if self.has_velocity else images

    def _run(self, z: FloatArray, pitches: IntArray, velocities: IntArray) -> FloatArray:
        inputs = {"z": z, "pitch": (pitches - self.pitch_range[0]).astype(np.int64)}
        if self.has_velocity:
            inputs["velocity"] = (velocities / 127.0).astype(np.float32)
        return self._network.run(inputs)
