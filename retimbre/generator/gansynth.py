"""Generator for GANSynth's networks, which make mel specgrams.

The network makes all 4 s of a note with the same work a frame [1]_; here it is asked for the frames
that a note sounds, which gives the same samples, and for each (latent, pitch) once.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array, FloatArray, IntArray
from retimbre.errors import ModelError, ParameterError
from retimbre.gansynth.specgram import N_FRAMES, denormalize, specgrams_to_waves
from retimbre.gansynth.synthesis import frames_for_note, synthesize_specgram
from retimbre.generator.folder import ModelConfig, open_mel_generator
from retimbre.generator.playing import ModelGenerator, chunks
from retimbre.generator.score import Score
from retimbre.generator.store import distinct
from retimbre.harmonic.synthesis import Task
from retimbre.harmonic.voice import Piece, Voice
from retimbre.instrument import Instrument, Instruments
from retimbre.like.recordings import Recording
from retimbre.metering.note import measure_loudness
from retimbre.mixing import SILENCE_DB
from retimbre.runtime import single_threaded_blas
from retimbre.types import HOP_SECONDS, Notes
from retimbre.units import db_to_amplitude

CLIP_RATE = 44_100

SKIPPED_SECONDS = 0.060
"""So much of its beginning is left out of a note that is tied or soft."""

FADE_SECONDS = 0.040
"""Such a note rises over this time."""


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
    joins_notes = False

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

    def _find_images(self, score: Score) -> tuple[IntArray, IntArray, IntArray]:
        first, index = distinct(score.z, score.pitch)
        # A note's image is as long as the longest note wants that shares it.
        n_frames = np.zeros(len(first), np.int64)
        played = [_Played.of(voice) for voice in score.voices]
        durations = np.array([own.duration for own in played])
        releases = np.array([voice.release for voice in score.voices])
        needed = needed_frames(durations, releases, [own.ratio for own in played])
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

    def _pieces(self, voice: Voice) -> list[Piece]:
        return [Piece(0, voice.n_samples, np.zeros(1, np.int64))]

    def _sound(self, score: Score, tasks: Iterable[Task]) -> Iterator[Float32Array]:
        import soxr

        for task in tasks:
            voice = score.voices[task.voice]
            played = _Played.of(voice)
            with single_threaded_blas:
                wave = synthesize_specgram(
                    denormalize(task.images[0][0]),
                    duration=played.duration,
                    release=voice.release,
                    ratio=played.ratio,
                    level_db=played.level_db,
                    expression=max(voice.pitch_expression, voice.loudness_expression),
                )[round(played.skipped * self.sample_rate) :]
                _soften(wave, played.fade * self.sample_rate)
                y = np.asarray(soxr.resample(wave, self.sample_rate, self.clip_rate), np.float32)
                y = _of_length(y, voice.n_samples)
                _bring_to(y, voice.notes[0].loudness_db, self.clip_rate)
            yield y

    def _run(self, z: FloatArray, pitches: IntArray, n_frames: int) -> FloatArray:
        inputs = {"z": z, "pitch": (pitches - self.pitch_range[0]).astype(np.int64)}
        return self._network.run(inputs, frames=np.array([n_frames], np.int64))


class _Played(NamedTuple):
    """How a voice of one note is played.

    Attributes
    ----------
    duration : float [seconds]
    ratio : np.ndarray [shape=(n_curve,)]
        How much higher than its key the note is played, every 10 ms.
    level_db : np.ndarray or None [shape=(n_curve,), dB]
    skipped : float [seconds]
        How much of its beginning is left out.
    fade : float [seconds]
        How long it rises.
    """

    duration: float
    ratio: FloatArray
    level_db: FloatArray | None
    skipped: float
    fade: float

    @classmethod
    def of(cls, voice: Voice) -> "_Played":
        """Prepare a voice: the attack of a note that is tied or soft is left out."""
        note = voice.notes[0]
        ratio = note.f0 / note.key_hz
        if note.start == "struck":
            return cls(note.duration, ratio, note.level_db, 0.0, 0.0)
        n = round(SKIPPED_SECONDS / HOP_SECONDS)
        level = None if note.level_db is None else np.pad(note.level_db, (n, 0), mode="edge")
        ratio = ratio if len(ratio) == 1 else np.pad(ratio, (n, 0), mode="edge")
        return cls(note.duration + SKIPPED_SECONDS, ratio, level, SKIPPED_SECONDS, FADE_SECONDS)


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


def _soften(wave: FloatArray, n_samples: float) -> None:
    """Let a wave rise over its first samples, in place."""
    n = min(round(n_samples), len(wave))
    wave[:n] *= np.sin(0.5 * np.pi * np.arange(n) / max(n, 1)) ** 2


def _of_length(y: Float32Array, n_samples: int) -> Float32Array:
    """Cut a wave, or let silence follow it: rounding differs between two rates."""
    return y[:n_samples] if len(y) >= n_samples else np.pad(y, (0, n_samples - len(y)))


def _bring_to(y: Float32Array, loudness_db: float | None, sr: int) -> None:
    """Bring a wave to a loudness, in place; silence stays silence."""
    if loudness_db is None:
        return
    loudness = measure_loudness(y, sr=sr)
    y *= np.float32(db_to_amplitude(loudness_db - loudness) if loudness > SILENCE_DB else 0.0)
