"""What plays and encodes: an exported model folder or a training run, behind one interface."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from retimbre.errors import ModelFormatError
from retimbre.generator.folder import read_config
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.generator.network import Network
from retimbre.harmonic.image import N_BINS, N_FRAMES, features_to_image
from retimbre.harmonic.octave import keep_octave
from retimbre.harmonic.touch import PLAIN_VELOCITY, brighten
from retimbre.instrument import Instruments
from retimbre.io.networks import open_session
from retimbre.like.refine import HeardFeatures, refine_latent
from retimbre.train.data.labels import InstrumentKey
from retimbre.types import Notes

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class Palette:
    """The named instruments of a model.

    Attributes
    ----------
    keys : tuple of InstrumentKey
    names : tuple of str
    z : np.ndarray of float32 [shape=(n, 256)]
        Of rms 1.
    ranges : np.ndarray of int [shape=(n, 2), MIDI]
        Lowest and highest note that was trained.
    """

    keys: tuple[InstrumentKey, ...]
    names: tuple[str, ...]
    z: FloatArray
    ranges: IntArray


class SoundModel(Protocol):
    """What the figures need of a model.

    Attributes
    ----------
    name : str
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    palette : Palette
    """

    name: str
    latent_dim: int
    pitch_range: tuple[int, int]
    palette: Palette

    def generate(self, z: FloatArray, pitches: IntArray, velocities: IntArray) -> FloatArray:
        """Play notes.

        Parameters
        ----------
        z : np.ndarray [shape=(n, 256)]
        pitches : np.ndarray of int [shape=(n,), MIDI]
        velocities : np.ndarray of int [shape=(n,), 1..127]

        Returns
        -------
        features : np.ndarray of float32 [shape=(n, 128, 288)]
        """
        ...

    def encode(self, features: FloatArray, pitches: IntArray) -> FloatArray:
        """Return the latent of notes [shape=(n, 256), rms 1].

        Parameters
        ----------
        features : np.ndarray of float32 [shape=(n, 128, 288)]
        pitches : np.ndarray of int [shape=(n,), MIDI]
        """
        ...


class ExportedModel:
    """A model folder, its networks run by ONNX Runtime.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    n_seen : int
        Notes that it was trained on.
    held_out : frozenset of InstrumentKey
        Those that it was not trained on for the sake of these figures.

    Raises
    ------
    ModelFormatError
        If the folder has no encoder or palette.
    """

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        missing = {"generator", "encoder", "palette"} - config.keys()
        if missing:
            raise ModelFormatError(f"{folder} lacks {', '.join(sorted(missing))}; export it again.")
        self._folder = folder
        self.name = folder.name
        self.n_seen: int = config["notes_seen"]
        self.latent_dim: int = config["latent_dim"]
        self.pitch_range: tuple[int, int] = tuple(config["pitch_range"])
        self.palette = read_palette(folder / config["palette"])
        self.held_out = frozenset(InstrumentKey(*key) for key in config.get("held_out", []))
        self._generator = _open_network(folder / config["generator"])
        self._encoder = _open_network(folder / config["encoder"])

    def generate(self, z: FloatArray, pitches: IntArray, velocities: IntArray) -> FloatArray:
        """Play notes; see `SoundModel`."""
        inputs = {
            "z": z.astype(np.float32),
            "pitch": (pitches - self.pitch_range[0]).astype(np.int64),
            "velocity": (velocities / 127.0).astype(np.float32),
        }
        return self._generator.run(inputs)

    def even_path(self, instruments: Instruments, notes: Notes) -> Instruments:
        """Pace the way between instruments as the main job does."""
        return self._main_jobs.even_path(instruments, notes)

    @cached_property
    def _main_jobs(self) -> HarmonicGenerator:
        return HarmonicGenerator(read_config(self._folder))

    def encode(self, features: FloatArray, pitches: IntArray) -> FloatArray:
        """Return the latents of notes as `HarmonicGenerator.encode` finds them (`SoundModel`)."""
        z = self.encode_at_once(features, pitches)
        return np.stack([self._refine(*note) for note in zip(z, features, pitches, strict=True)])

    def _refine(self, z: FloatArray, features: FloatArray, pitch: int) -> FloatArray:
        def play(z: FloatArray, pitch: int) -> FloatArray:
            return self.generate(z, np.full(len(z), pitch), np.full(len(z), PLAIN_VELOCITY))

        return refine_latent(play, z, [HeardFeatures(features, int(pitch))], self.palette.z)

    def encode_at_once(self, features: FloatArray, pitches: IntArray) -> FloatArray:
        """Return the latents of notes as the encoder gives them."""
        inputs = {
            "features": features.astype(np.float32),
            "pitch": (pitches - self.pitch_range[0]).astype(np.int64),
        }
        return self._encoder.run(inputs)


def read_palette(path: Path) -> Palette:
    """Read the named instruments of a model folder."""
    entries = json.loads(path.read_text(encoding="utf-8"))["instruments"]
    return Palette(
        tuple(InstrumentKey(e["source"], e["bank"], e["program"], e["name"]) for e in entries),
        tuple(e["name"] for e in entries),
        np.array([e["z"] for e in entries], np.float32),
        np.array([e["range"] for e in entries], np.int64),
    )


def _open_network(path: Path) -> Network:
    return Network(open_session(path.read_bytes()))


def place_of(key: InstrumentKey) -> tuple[object, ...]:
    """Return what tells an instrument apart, whatever a palette renamed it to.

    A preset's place in its SoundFont; of a recorded instrument there is only the name.
    """
    return key[:3] if key.program >= 0 else (key.source, key.name)


def batches(n: int, size: int = BATCH_SIZE) -> Iterator[slice]:
    """Split n notes into parts of at most `size`."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def generate_images(
    model: SoundModel, z: FloatArray, pitches: IntArray, velocities: IntArray
) -> FloatArray:
    """Play notes as images [shape=(n, 128, 96, 4)]; for some hundred notes at a time.

    As the main job plays them: in their own octave, and louder is brighter.
    """
    return brighten(generate_plain_images(model, z, pitches, velocities), velocities)


def generate_plain_images(
    model: SoundModel, z: FloatArray, pitches: IntArray, velocities: IntArray
) -> FloatArray:
    """Play notes as `generate_images` does, with the brightness that the network gives them."""
    return keep_octave(features_to_image(model.generate(z, pitches, velocities)))


def generate_levels(
    model: SoundModel, z: FloatArray, pitches: IntArray, velocities: IntArray
) -> FloatArray:
    """Play notes and keep the levels that the network gives, a batch at a time.

    Returns
    -------
    levels : np.ndarray of float32 [shape=(n, 128, 96), dB]
    """
    levels = np.empty((len(z), N_FRAMES, N_BINS), np.float32)
    for part in batches(len(z), 4 * BATCH_SIZE):
        levels[part] = levels_of(model.generate(z[part], pitches[part], velocities[part]))
    return levels


def levels_of(features: FloatArray) -> FloatArray:
    """Return the levels of features [shape=(n, 128, 96), dB]."""
    return np.asarray(features_to_image(features)[..., 0])


class EncodedOnce:
    """A model that has heard some notes already, so that several figures share the search.

    Parameters
    ----------
    model : SoundModel
    z : np.ndarray [shape=(n, 256)]
        What `encode` returns for these notes.
    """

    def __init__(self, model: SoundModel, z: FloatArray) -> None:
        self._model = model
        self._z = z
        self.name = model.name
        self.latent_dim = model.latent_dim
        self.pitch_range = model.pitch_range
        self.palette = model.palette

    def generate(self, z: FloatArray, pitches: IntArray, velocities: IntArray) -> FloatArray:
        """Play notes; see `SoundModel`."""
        return self._model.generate(z, pitches, velocities)

    def encode(self, features: FloatArray, pitches: IntArray) -> FloatArray:
        """Return the latents of the notes that were heard, which these must be."""
        if len(pitches) != len(self._z):
            raise ValueError(f"{len(pitches)} notes; {len(self._z)} were heard.")
        return self._z


def draw_z(model: SoundModel, n: int, rng: np.random.Generator) -> FloatArray:
    """Draw random instruments as the main job does [shape=(n, 256)]."""
    return rng.standard_normal((n, model.latent_dim)).astype(np.float32)
