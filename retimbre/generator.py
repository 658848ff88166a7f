"""The generator: random vectors and pitches in, the sounds of notes out.

A model is a folder with ``config.json`` and the exported network. Embedded models lie under
``models/`` and go by their folder's name.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.cores import count_cores
from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.expression import release_times, render_curves
from retimbre.images.harmonic import N_FEATURES, N_FRAMES, features_to_image
from retimbre.images.synthesis import synthesize_notes, synthesize_plain
from retimbre.timing import timed
from retimbre.types import NoteCurves, Notes

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]
Progress = Callable[[int, int], None]

FORMAT_VERSION = 1
BATCH_SIZE = 32
CHUNK_NOTES = 256
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, eq=False)
class NoteImages:
    """Images of notes; notes of one latent and pitch share theirs.

    Attributes
    ----------
    images : np.ndarray of float32 [shape=(n_unique, 128, 96, 3)]
        See `retimbre.images.harmonic`.
    index : np.ndarray of int64 [shape=(n_notes,)]
        Which image each note has.
    """

    images: FloatArray
    index: IntArray


def model_folders() -> dict[str, Path]:
    """Return the embedded models by name."""
    found: dict[str, Path] = {}
    # In a checkout models/ lies beside the package; a wheel carries it inside.
    for root in (_PACKAGE.parent / "models", _PACKAGE / "models"):
        for config in sorted(root.glob("*/config.json")):
            found[config.parent.name] = config.parent
    return found


def load_generator(model: str | os.PathLike[str] = "default") -> "Generator":
    """Open a model; opening one twice gives the same object.

    Parameters
    ----------
    model : str or path
        A name under ``models/`` or the path of a model folder.

    Returns
    -------
    generator : Generator

    Raises
    ------
    ModelNotFoundError
        If there is no such model; the sentence lists the known names.
    ModelFormatError
        If the folder holds something else than a model, or a damaged one.
    """
    known = model_folders()
    name = os.fspath(model)
    folder = known.get(name, Path(name))
    if not (folder / "config.json").is_file():
        raise ModelNotFoundError(
            f"There is no model {name!r}; the known ones are {', '.join(sorted(known)) or 'none'}, "
            "or give the path of a model folder."
        )
    return _open(folder.resolve())


@lru_cache(maxsize=4)
def _open(folder: Path) -> "Generator":
    return Generator(folder)


class Generator:
    """A pitch-conditional generator of notes, after GANSynth [1]_.

    Parameters
    ----------
    folder : Path
        A model folder as ``retimbre export`` writes it.

    Attributes
    ----------
    name : str
    sample_rate : int [Hz]
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]

    Raises
    ------
    ModelFormatError

    References
    ----------
    .. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
    """

    def __init__(self, folder: Path) -> None:
        config = _read_config(folder)
        self.name = folder.name
        self.sample_rate: int = config["sample_rate"]
        self.latent_dim: int = config["latent_dim"]
        self.pitch_range: tuple[int, int] = tuple(config["pitch_range"])
        network = folder / config["generator"]
        self._session = _open_network(network, config["generator_sha256"])
        _check_network(network, self._session, self.latent_dim)

    def generate_images(
        self, z: FloatArray, pitches: IntArray, *, progress: Progress | None = None
    ) -> NoteImages:
        """Generate the images of notes, each distinct (z, pitch) once.

        Parameters
        ----------
        z : np.ndarray [shape=(n, latent_dim)]
        pitches : np.ndarray of int [shape=(n,), MIDI]
            Inside `pitch_range`.
        progress : callable, optional
            Called with notes done and notes in all.

        Returns
        -------
        images : NoteImages

        Raises
        ------
        ParameterError
            If shapes differ, z is not finite, or a pitch is outside the model's range.
        """
        z, pitches = self._check(z, pitches)
        first, index = _distinct(z, pitches)
        features = np.empty((len(first), N_FRAMES, N_FEATURES), np.float32)
        for start in range(0, len(first), BATCH_SIZE):
            rows = first[start : start + BATCH_SIZE]
            features[start : start + len(rows)] = self._run(z[rows], pitches[rows])
            if progress is not None:
                progress(min(start + BATCH_SIZE, len(first)), len(first))
        return NoteImages(features_to_image(features), index)

    def generate_samples_from_z(
        self, z: FloatArray, pitches: IntArray, *, progress: Progress | None = None
    ) -> npt.NDArray[np.float32]:
        """Generate whole notes: held for 3 s, released for 1 s.

        Parameters
        ----------
        z : np.ndarray [shape=(n, latent_dim)]
        pitches : np.ndarray of int [shape=(n,), MIDI]
        progress : callable, optional

        Returns
        -------
        waves : np.ndarray of float32 [shape=(n, 4 * sample_rate), -1..1]
        """
        found = self.generate_images(z, pitches, progress=progress)
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
        progress: Progress | None = None,
        timings: dict[str, float] | None = None,
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Play notes one after another, with bounded memory.

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
        # Neighbouring seeds share no note's noise, as seed + note would make them.
        seeds = np.random.SeedSequence(seed).generate_state(len(notes), np.uint64)
        spent = {} if timings is None else timings
        store = _ImageStore(self, *self._check(z, notes.pitch))
        for start in range(0, len(notes), CHUNK_NOTES):
            part = slice(start, min(start + CHUNK_NOTES, len(notes)))
            with timed(spent, "generate"):
                found = store.images_of(part.start, part.stop)
            waves = synthesize_notes(
                found.images,
                found.index,
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

    def _run(self, z: FloatArray, pitches: IntArray) -> FloatArray:
        inputs = {"z": z, "pitch": (pitches - self.pitch_range[0]).astype(np.int64)}
        return np.asarray(self._session.run(["features"], inputs)[0])

    def _check(self, z: FloatArray, pitches: IntArray) -> tuple[FloatArray, IntArray]:
        z = np.asarray(z, dtype=np.float32)
        pitches = np.asarray(pitches)
        if z.ndim != 2 or z.shape[1] != self.latent_dim or pitches.shape != z.shape[:1]:
            raise ParameterError(
                f"Notes need z of shape (n, {self.latent_dim}) and n pitches, "
                f"given {z.shape} and {pitches.shape}."
            )
        if not np.isfinite(z).all():
            raise ParameterError("Latent vectors must be finite.")
        low, high = self.pitch_range
        if pitches.size and (pitches.min() < low or pitches.max() > high):
            raise ParameterError(
                f"The model {self.name!r} plays MIDI {low}..{high}, "
                f"given {pitches.min()}..{pitches.max()}; fold the notes into it."
            )
        return z, pitches


class _ImageStore:
    """The images of a long row of notes, made a chunk at a time.

    An image is kept as long as a later note needs it, so that a melody on one instrument has
    each key generated once and a melody on many instruments does not fill the memory.
    """

    def __init__(self, generator: Generator, z: FloatArray, pitches: IntArray) -> None:
        self._generator = generator
        self._z, self._pitches = z, pitches
        self._first, self._index = _distinct(z, pitches)
        self._last = np.zeros(len(self._first), np.int64)
        self._last[self._index] = np.arange(len(self._index))
        self._held: dict[int, FloatArray] = {}

    def images_of(self, start: int, stop: int) -> NoteImages:
        """Return the images of the notes ``start <= note < stop``; chunks come in order."""
        wanted, index = np.unique(self._index[start:stop], return_inverse=True)
        new = [int(i) for i in wanted if int(i) not in self._held]
        rows = self._first[new]
        made = self._generator.generate_images(self._z[rows], self._pitches[rows])
        self._held.update((i, made.images[j]) for i, j in zip(new, made.index, strict=True))
        images = np.stack([self._held[int(i)] for i in wanted])
        self._held = {i: image for i, image in self._held.items() if self._last[i] >= stop}
        return NoteImages(images, index.reshape(-1))


def _distinct(z: FloatArray, pitches: IntArray) -> tuple[IntArray, IntArray]:
    """Return the first note of each distinct (z, pitch), and which of those each note is."""
    keys = np.concatenate([z, pitches[:, None].astype(np.float32)], axis=1)
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, index.reshape(-1)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFormatError(f"{path} cannot be read as JSON ({error}).") from error
    missing = _FIELDS.keys() - config.keys() if isinstance(config, dict) else _FIELDS
    if missing:
        raise ModelFormatError(f"{path} lacks {', '.join(sorted(missing))}.")
    if config.get("format_version") != FORMAT_VERSION or config.get("representation") != "harmonic":
        raise ModelFormatError(
            f"{path} describes format {config.get('format_version')!r}, representation "
            f"{config.get('representation')!r}; this version reads format {FORMAT_VERSION}, "
            "representation 'harmonic'."
        )
    for name, (is_valid, wanted) in _FIELDS.items():
        if not is_valid(config[name]):
            raise ModelFormatError(f"{path} must give {name} as {wanted}, not {config[name]!r}.")
    return config


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _is_pitch_range(value: object) -> bool:
    if not (isinstance(value, list) and len(value) == 2 and all(type(v) is int for v in value)):
        return False
    return bool(0 <= value[0] <= value[1] <= 127)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "sample_rate": (_is_count, "a whole number above 0"),
    "latent_dim": (_is_count, "a whole number above 0"),
    "pitch_range": (_is_pitch_range, "[lowest, highest] MIDI pitch within 0..127"),
    "generator": (_is_text, "the name of a file"),
    "generator_sha256": (_is_text, "a checksum"),
}


def _open_network(path: Path, sha256: str) -> Any:
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise ModelFormatError(f"The network {path} is missing; get the model again.") from error
    if hashlib.sha256(graph).hexdigest() != sha256:
        raise ModelFormatError(f"The network {path} is damaged (wrong checksum); get it again.")
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as ort

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count_cores()
    # Spinning threads would starve the synthesis that runs beside the network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime's classes have no base of their own.
    except (
        ort.Fail,
        ort.InvalidArgument,
        ort.InvalidGraph,
        ort.InvalidProtobuf,
        ort.NotImplemented,
        ort.RuntimeException,
    ) as error:
        raise ModelFormatError(
            f"The network {path} is none that ONNX Runtime can run ({error})."
        ) from error


def _check_network(path: Path, session: Any, latent_dim: int) -> None:
    """See that a network takes (z, pitch) and gives features, for any number of notes."""
    wanted = {
        "z": ("tensor(float)", [latent_dim]),
        "pitch": ("tensor(int64)", []),
        "features": ("tensor(float)", [N_FRAMES, N_FEATURES]),
    }
    ends = [*session.get_inputs(), *session.get_outputs()]
    # A number in the place of the notes would fix how many there are.
    found = {e.name: (e.type, e.shape[1:]) for e in ends if e.shape and type(e.shape[0]) is not int}
    if found != wanted or len(ends) != len(wanted):
        given = ", ".join(f"{e.name} {e.type} {e.shape}" for e in ends)
        raise ModelFormatError(
            f"The network {path} must turn z (n, {latent_dim}) and pitch (n,) into features "
            f"(n, {N_FRAMES}, {N_FEATURES}), and has {given}."
        )
