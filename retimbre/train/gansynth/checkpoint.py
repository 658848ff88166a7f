"""GANSynth's checkpoints [1]_, as its training in TensorFlow 1 leaves them.

A checkpoint is a folder with ``experiment.json``, which holds every setting of the training, and
``stage_00000`` .. ``stage_00012``, the last of which holds the variables. One kind is understood,
that of the configuration ``mel_prog_hires``, of which the published ones are; everything else is
refused by name.

Which settings must be told and which may be missing follows from what GANSynth itself does:
where a setting is missing its loader takes a default. Settings whose default is another network
must be there (`REQUIRED`), or GANSynth could not load the checkpoint either. Those whose
default is the value of ``mel_prog_hires`` may be missing and are checked where they are told
(`CHECKED`).

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019;
   magenta/models/gansynth of Magenta.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.errors import ModelFormatError, ModelNotFoundError
from retimbre.generator.hints import EXPERIMENT
from retimbre.train.framework import need_packages
from retimbre.train.gansynth.weights import (
    GLOBAL_STEP,
    MEL_PROG_HIRES,
    GansynthWeights,
    NetworkSize,
    ReadVariable,
    Shape,
    collect_layers,
    count_images,
    listed,
)

REQUIRED: dict[str, Any] = {
    "fmap_base": 4096,
    "fmap_max": 256,
    "start_height": 2,
    "start_width": 16,
}
"""Settings without which GANSynth takes another network."""

CHECKED: dict[str, Any] = {
    # the network
    "g_fn": "specgram",
    "simple_arch": False,
    "latent_vector_size": 256,
    "kernel_size": 3,
    "fmap_decay": 1.0,
    "num_resolutions": 7,
    "scale_mode": "ALL",
    "scale_base": 2,
    "to_rgb_activation": "tanh",
    # what its images mean
    "data_type": "mel",
    "audio_length": 64000,
    "sample_rate": 16000,
    "data_normalizer": "specgrams_prespecified_normalizer",
    "mag_normalizer_a": 0.0661371661726,
    "mag_normalizer_b": 0.113718730221,
    "p_normalizer_a": 0.8,
    "p_normalizer_b": 0.0,
    # which pitches it was given; only a dataset of the user's own has these
    "train_min_pitch": 24,
    "train_max_pitch": 84,
    # how its resolutions were faded in: by images, not by hours
    "train_time_limit": None,
}
"""Settings that GANSynth takes to be these where they are missing."""

DATASETS = ("nsynth_tfds", "nsynth_tfrecord")
"""Datasets of GANSynth, whose labels are the pitches 24..84."""

STAGE_IMAGES = 800_000
"""Images of each stage in ``mel_prog_hires``, stable or fading in."""


def read_checkpoint(folder: Path, size: NetworkSize = MEL_PROG_HIRES) -> GansynthWeights:
    """Read the averaged generator of a checkpoint of GANSynth.

    Parameters
    ----------
    folder : Path
        With ``experiment.json`` and ``stage_00012``, or this folder of the last stage itself.
    size : NetworkSize

    Returns
    -------
    weights : GansynthWeights

    Raises
    ------
    ModelNotFoundError
        If the folder holds no checkpoint, or TensorFlow is missing, which reads it.
    ModelFormatError
        If it holds one of another kind, or one that is damaged, incomplete or has not yet grown
        to the last resolution.
    """
    folder = folder.resolve()
    is_stage = _stage_number(folder) is not None
    experiment = (folder.parent if is_stage else folder) / EXPERIMENT
    settings = read_settings(experiment)
    check_settings(settings, experiment)
    prefix = _find_prefix(folder)
    shapes, read = _open_variables(prefix)
    step = count_images(shapes, read, str(prefix))
    if step is None:
        raise ModelFormatError(
            f"{prefix} lacks {GLOBAL_STEP}, the number of images seen; import a checkpoint that "
            "GANSynth's training wrote."
        )
    stage = _stage_number(prefix.parent)
    assert stage is not None
    check_progress(stage, step, settings, prefix)
    layers = collect_layers(shapes, read, size, str(prefix))
    return GansynthWeights(size, layers, f"{prefix.parent.name}/{prefix.name}", step)


# ---- experiment.json -------------------------------------------------------------------------


def read_settings(path: Path) -> dict[str, Any]:
    """Read ``experiment.json``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    settings : dict
        Every setting by its name in GANSynth.

    Raises
    ------
    ModelNotFoundError
        If there is no such file.
    ModelFormatError
        If it is no JSON object.
    """
    if not path.is_file():
        raise ModelNotFoundError(
            f"{path} (the training's settings) is missing; get it from where the stage folders "
            "came from."
        )
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFormatError(
            f"{path} cannot be read as JSON ({reason_of(error)}); get it again."
        ) from error
    if not isinstance(settings, dict):
        raise ModelFormatError(
            f"{path} must contain the training's settings by name; use the file that the training "
            "wrote."
        )
    return settings


def check_settings(settings: Mapping[str, Any], path: Path) -> None:
    """Refuse settings of another network, of other images or of other pitches.

    Parameters
    ----------
    settings : dict
    path : Path
        What messages call them.

    Raises
    ------
    ModelFormatError
        If they lack one of `REQUIRED`, or one of them is not that of ``mel_prog_hires``.
    """
    missing = [name for name in REQUIRED if name not in settings]
    if missing:
        raise ModelFormatError(
            f"{path} lacks {listed(missing)}, which determine the network; use the file that its "
            "training wrote."
        )
    wanted = REQUIRED | CHECKED
    other = [
        f"{name} is {settings[name]!r} and not {value!r}"
        for name, value in wanted.items()
        if name in settings and not _is_same(settings[name], value)
    ]
    if other:
        raise ModelFormatError(
            f"{path} does not describe mel_prog_hires, the only configuration that can be "
            f"imported: {listed(other)}."
        )
    is_told = "train_min_pitch" in settings and "train_max_pitch" in settings
    dataset = settings.get("dataset_name", DATASETS[0])
    if not is_told and (dataset not in DATASETS or "train_meta_path" in settings):
        raise ModelFormatError(
            f"{path} does not give the pitches of its dataset {dataset!r}; add train_min_pitch and "
            "train_max_pitch if they are 24 and 84."
        )


def _is_same(value: object, wanted: object) -> bool:
    if isinstance(wanted, float) and isinstance(value, (int, float)):
        return math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-12)
    return type(value) in (type(wanted), float) and value == wanted


def check_progress(stage: int, step: int, settings: Mapping[str, Any], prefix: Path) -> None:
    """Refuse a checkpoint whose images do not yet come from the last resolution alone.

    Parameters
    ----------
    stage : int
        The number of the stage's folder.
    step : int
        Images that the training has shown.
    settings : dict
        Where they do not tell how many images a stage has, those of ``mel_prog_hires`` are
        demanded; GANSynth's defaults (32) are long past by then.
    prefix : Path
        What messages call the checkpoint.

    Raises
    ------
    ModelFormatError
        If an earlier resolution still has a share in them.
    """
    n_blocks = (stage + 1) // 2 + 1
    if n_blocks != MEL_PROG_HIRES.n_blocks:
        raise ModelFormatError(
            f"{prefix} is of stage {stage}; import one of stage 12, which has all resolutions."
        )
    if not settings.get("train_progressive", True):
        return
    images = []
    for name in ("stable_stage_num_images", "transition_stage_num_images"):
        count = settings.get(name, STAGE_IMAGES)
        # JSON knows whole numbers as 800000.0 too.
        is_whole = type(count) is int or (type(count) is float and count.is_integer())
        if not is_whole or count < 1:
            raise ModelFormatError(
                f"{prefix.parent.parent / EXPERIMENT} gives {name} as {count!r}, which is not a "
                "number of images; use the file that the training wrote."
            )
        images.append(int(count))
    needed = (n_blocks - 1) * sum(images)
    if step < needed:
        raise ModelFormatError(
            f"{prefix} has seen {step:,} images and is still fading its last resolution in; "
            f"import one that has seen {needed:,}."
        )


# ---- folders ---------------------------------------------------------------------------------


def _stage_number(folder: Path) -> int | None:
    match = re.fullmatch(r"stage_(\d+)", folder.name)
    return int(match[1]) if match else None


def _find_prefix(folder: Path) -> Path:
    """Return the path of the last checkpoint of a folder or a stage, without its endings."""
    inside = [folder, *folder.glob("stage_*")]
    stages = {n: p for p in inside if (n := _stage_number(p)) is not None and p.is_dir()}
    prefix = next(filter(None, (_latest(stages[n]) for n in sorted(stages, reverse=True))), None)
    if prefix is None:
        raise ModelNotFoundError(
            f"{folder} contains no checkpoint (model.ckpt-...) in stage_00012 or an earlier stage; "
            "get or unpack all of it again."
        )
    return prefix


def _latest(stage: Path) -> Path | None:
    """Return the checkpoint of a stage that its file ``checkpoint`` names, if it has any.

    Only the name counts: the path is one of the machine where the training ran.
    """
    state = stage / "checkpoint"
    if state.is_file():
        text = state.read_text(encoding="utf-8", errors="replace")
        match = re.search(r'^\s*model_checkpoint_path:\s*"([^"]+)"', text, re.MULTILINE)
        if match is None:
            raise ModelFormatError(f"{state} does not name a checkpoint; get it again.")
        prefix = stage / re.split(r"[/\\]", match[1])[-1]
        if not _index(prefix).is_file():
            raise ModelFormatError(
                f"{state} names {prefix.name}, but {_index(prefix).name} is not beside it; get all "
                f"files of that checkpoint."
            )
        return prefix
    indices = sorted(stage.glob("*.index"))
    if len(indices) > 1:
        raise ModelFormatError(
            f"{stage} contains several checkpoints but no file 'checkpoint' that names the last; "
            "get that file, or keep only the last checkpoint."
        )
    return indices[0].with_suffix("") if indices else None


def _index(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


# ---- variables -------------------------------------------------------------------------------


def _open_variables(prefix: Path) -> tuple[dict[str, Shape], ReadVariable]:
    """Return the shapes of all variables of a checkpoint, and what reads one of them."""
    need_packages("Importing", "tensorflow")
    import tensorflow as tf

    # What its reader raises depends on where it finds the damage.
    damages = (tf.errors.OpError, ValueError, LookupError, RuntimeError, OSError)

    @contextmanager
    def readable() -> Iterator[None]:
        try:
            yield
        except damages as error:
            raise ModelFormatError(
                f"{prefix} cannot be read as a TensorFlow checkpoint ({reason_of(error)}); get it "
                "again."
            ) from error

    def read(name: str) -> npt.NDArray[Any]:
        with readable():
            return np.asarray(reader.get_tensor(name))

    with readable():
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
    return {name: tuple(shape) for name, shape in shapes.items()}, read


def reason_of(error: BaseException) -> str:
    """Return the first sentence of what a library's error says."""
    return " ".join(str(error).split()).partition(". ")[0].rstrip(".")
