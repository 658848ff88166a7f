"""Model folders: their files, read and checked before use.

A model is a folder with ``config.json`` and the files that it names: the generator, and mostly
an encoder and a palette of named instruments. Embedded models lie under ``models/`` and
go by their folder's name.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retimbre.errors import ModelError, ModelFormatError, ModelNotFoundError
from retimbre.generator.hints import CONFIG, not_a_model
from retimbre.generator.network import Network
from retimbre.harmonic.image import N_FEATURES, N_FRAMES
from retimbre.io.networks import MODEL_ROOTS, open_session

HARMONIC, MEL = "harmonic", "mel"
"""What the images of a model are: those of `retimbre.harmonic.image`, or GANSynth's specgrams."""

PITCHES_KEY, PITCHES = "pitches", "MIDI {low}..{high}"
"""What a mel network tells of its pitches, which its ends do not show."""

MEL_RATE = 16_000

Ends = dict[str, tuple[int | str, ...]]
"""Shape of what a network takes or gives, by name; a word stands for any size."""

_WHOLE = ("pitch", "frames")
"""What networks take in whole numbers; everything else is float32."""

FORMAT_VERSION = 2


@dataclass(frozen=True)
class ModelConfig:
    """The settings of a model folder.

    Attributes
    ----------
    folder : Path
    representation : str
        `HARMONIC` or `MEL`.
    sample_rate : int [Hz]
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    files : dict of str to (str, str)
        Name and checksum of ``generator``, ``encoder`` and ``palette``, those that there are.
    """

    folder: Path
    representation: str
    sample_rate: int
    latent_dim: int
    pitch_range: tuple[int, int]
    # A dict has no hash; equality looks at it all the same.
    files: dict[str, tuple[str, str]] = field(hash=False)

    @property
    def name(self) -> str:
        """What messages call the model."""
        return self.folder.name

    def has(self, part: str) -> bool:
        """Tell whether the model has a ``generator``, an ``encoder`` or a ``palette``."""
        return part in self.files

    def path(self, part: str) -> Path:
        """Return the path of one of the model's files."""
        return self.folder / self.files[part][0]

    def read(self, part: str, what: str) -> bytes:
        """Read one of the model's files.

        Parameters
        ----------
        part : str
            A key of `files`.
        what : str
            What messages call it.

        Returns
        -------
        content : bytes

        Raises
        ------
        ModelError
            If the model has no such part.
        ModelFormatError
            If the file is missing or is not what the checksum says.
        """
        if not self.has(part):
            raise ModelError(f"The model {self.name!r} has no {what}; choose one that has with -m.")
        path = self.path(part)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelFormatError(f"The {part} {path} is missing; get the model again.") from error
        if hashlib.sha256(content).hexdigest() != self.files[part][1]:
            raise ModelFormatError(f"The {part} {path} is damaged (wrong checksum); get it again.")
        return content


def model_folders() -> dict[str, Path]:
    """Return the embedded models by name."""
    found: dict[str, Path] = {}
    for root in MODEL_ROOTS:
        for config in sorted(root.glob(f"*/{CONFIG}")):
            found[config.parent.name] = config.parent
    return found


def find_model(model: str | os.PathLike[str]) -> Path:
    """Return the folder of a model.

    Parameters
    ----------
    model : str or path
        A name under ``models/`` or the path of a model folder.

    Returns
    -------
    folder : Path

    Raises
    ------
    ModelNotFoundError
        If there is no such model; the sentence lists the known names, or says what there is at
        the path instead.
    """
    known = model_folders()
    name = os.fspath(model)
    folder = known.get(name, Path(name))
    if not os.path.isfile(folder / CONFIG):
        raise ModelNotFoundError(not_a_model(name, sorted(known)))
    return folder.resolve()


def read_config(folder: Path) -> ModelConfig:
    """Read and check the settings of a model folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    config : ModelConfig

    Raises
    ------
    ModelFormatError
        If the file is no JSON, of another format, or a setting is not what it must be.
    """
    path = folder / CONFIG
    config = _read_json(path)
    given = {name: value for name, value in config.items() if value is not None}
    missing = [name for name in _REQUIRED if name not in given]
    missing += [_sha(part) for part in _PARTS if part in given and _sha(part) not in given]
    if missing:
        raise ModelFormatError(
            f"{path} lacks {', '.join(dict.fromkeys(missing))}; give a model folder written by "
            "'retimbre export', or get the model again."
        )
    version, representation = given.get("format_version"), given.get("representation")
    is_known = type(version) is int and version == FORMAT_VERSION
    if not is_known or representation not in (HARMONIC, MEL):
        raise ModelFormatError(
            f"{path} describes format {version!r}, representation {representation!r}; this "
            f"version reads format {FORMAT_VERSION}, representation {HARMONIC!r} or {MEL!r}."
        )
    for name, (is_valid, wanted) in _FIELDS.items():
        if name in given and not is_valid(given[name]):
            raise ModelFormatError(f"{name} in {path} must be {wanted}, not {given[name]!r}.")
    return ModelConfig(
        folder=folder,
        representation=representation,
        sample_rate=given["sample_rate"],
        latent_dim=given["latent_dim"],
        pitch_range=(given["pitch_range"][0], given["pitch_range"][1]),
        files={part: (given[part], given[_sha(part)]) for part in _PARTS if part in given},
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFormatError(f"{path} cannot be read as JSON ({error}).") from error
    return config if isinstance(config, dict) else {}


def _sha(part: str) -> str:
    return f"{part}_sha256"


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def is_pitch_range(value: object) -> bool:
    """Tell whether a setting is [lowest, highest] MIDI pitch."""
    if not (isinstance(value, list) and len(value) == 2 and all(type(v) is int for v in value)):
        return False
    return bool(0 <= value[0] <= value[1] <= 127)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


_PARTS = ("generator", "encoder", "palette")
_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "sample_rate": (_is_count, "a whole number above 0"),
    "latent_dim": (_is_count, "a whole number above 0"),
    "pitch_range": (is_pitch_range, "[lowest, highest] MIDI pitch within 0..127"),
    **{part: (_is_text, "a file name") for part in _PARTS},
    **{_sha(part): (_is_text, "a checksum") for part in _PARTS},
}
_REQUIRED = ("sample_rate", "latent_dim", "pitch_range", "generator", "generator_sha256")


def open_generator(config: ModelConfig) -> Network:
    """Open the generator network of a model.

    Parameters
    ----------
    config : ModelConfig

    Returns
    -------
    network : Network
        Takes ``z`` (n, latent_dim), ``pitch`` (n,) counted from the lowest and, if it knows them,
        ``velocity`` (n,), MIDI / 127; gives ``features`` (n, 128, 288).

    Raises
    ------
    ModelFormatError
        If the file is no such network.
    """
    takes: Ends = {"z": ("n", config.latent_dim), "pitch": ("n",)}
    gives: Ends = {"features": ("n", N_FRAMES, N_FEATURES)}
    return Network(_open_network(config, "generator", takes, gives, may_take={"velocity": ("n",)}))


def open_mel_generator(config: ModelConfig) -> Network:
    """Open the generator network of a model that was GANSynth's.

    Parameters
    ----------
    config : ModelConfig

    Returns
    -------
    network : Network
        Takes ``z`` (n, latent_dim), ``pitch`` (n,) counted from the lowest and ``frames`` (1,), how
        many of the 128 frames are wanted; gives ``specgrams`` (n, frames, 1024, 2).

    Raises
    ------
    ModelFormatError
        If the file is no such network, or one of other pitches or another rate than the model.
    """
    takes: Ends = {"z": ("n", config.latent_dim), "pitch": ("n",), "frames": (1,)}
    gives: Ends = {"specgrams": ("n", "frames", 1024, 2)}
    session = _open_network(config, "generator", takes, gives)
    told = session.get_modelmeta().custom_metadata_map.get(PITCHES_KEY, "no pitch range")
    low, high = config.pitch_range
    if told != PITCHES.format(low=low, high=high) or config.sample_rate != MEL_RATE:
        raise ModelFormatError(
            f"The generator {config.path('generator')} declares {told} at "
            f"{MEL_RATE} Hz, but config.json says MIDI {low}..{high} at {config.sample_rate} Hz; "
            "get or import the model again."
        )
    return Network(session)


def open_encoder(config: ModelConfig) -> Network:
    """Open the encoder network of a model.

    Parameters
    ----------
    config : ModelConfig

    Returns
    -------
    network : Network
        Takes ``features`` (n, 128, 288) and ``pitch`` (n,) counted from the lowest; gives ``z``
        (n, latent_dim).

    Raises
    ------
    ModelError
        If the model has no encoder.
    ModelFormatError
        If the file is no such network.
    """
    takes: Ends = {"features": ("n", N_FRAMES, N_FEATURES), "pitch": ("n",)}
    return Network(_open_network(config, "encoder", takes, {"z": ("n", config.latent_dim)}))


_WHAT = {"generator": "generator", "encoder": "encoder for recorded instruments"}


def _open_network(
    config: ModelConfig, part: str, takes: Ends, gives: Ends, *, may_take: Ends | None = None
) -> Any:
    """Open a network, and see that it takes and gives what it must."""
    graph = config.read(part, _WHAT[part])
    try:
        session = open_session(graph)
    except ModelFormatError as error:
        raise ModelFormatError(
            f"The {part} {config.path(part)} cannot be loaded by ONNX Runtime ({error})."
        ) from error
    ends = [*session.get_inputs(), *session.get_outputs()]
    found = {end.name: (end.type, _sizes(end.shape)) for end in ends}
    takes = takes | {name: s for name, s in (may_take or {}).items() if name in found}
    wanted = {
        name: ("tensor(int64)" if name in _WHOLE else "tensor(float)", _sizes(shape))
        for name, shape in (takes | gives).items()
    }
    if found != wanted:
        must = [
            " and ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in of.items())
            for of in (takes, gives)
        ]
        given = ", ".join(f"{end.name} {end.type} {end.shape}" for end in ends)
        raise ModelFormatError(
            f"The {part} {config.path(part)} must turn {must[0]} into {must[1]}, but it has "
            f"{given}."
        )
    return session


def _sizes(shape: Sequence[int | str | None]) -> list[int | None]:
    """Return the sizes of a shape, None where any will do."""
    return [size if type(size) is int else None for size in shape]
