"""Suggestions for paths that are not model folders."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

CONFIG = "config.json"
EXPERIMENT = "experiment.json"
"""The settings in a checkpoint of GANSynth."""

MANIFEST = "weights_manifest.json"
"""The list of the weights in a folder of Magenta.js."""

SHARDS = "group*-shard*"
"""Their files."""

N_NAMED = 5
"""How many folders a message names."""


def is_gansynth(folder: Path) -> bool:
    """Tell whether a folder looks like a checkpoint of GANSynth or like weights of Magenta.js.

    Parameters
    ----------
    folder : Path
        A stage of a checkpoint counts too, and so does either where a file is missing.
    """
    if any(os.path.isfile(folder / name) for name in (EXPERIMENT, MANIFEST)) or is_stage(folder):
        return True
    return any(map(is_stage, folder.glob("stage_*"))) or any(folder.glob(SHARDS))


def is_stage(folder: Path) -> bool:
    """Tell whether a folder is called like a stage of GANSynth's training."""
    # The shell's "." has a name only when it is resolved.
    name = os.path.basename(os.path.realpath(folder))
    return re.fullmatch(r"stage_\d+", name) is not None and os.path.isdir(folder)


def not_a_model(name: str, known: Sequence[str]) -> str:
    """Say what a path is that is no model folder, and what to name instead.

    Parameters
    ----------
    name : str
        What was asked for: no known name, and no folder with a ``config.json``.
    known : sequence of str
        The names of the embedded models.

    Returns
    -------
    message : str
        One sentence.
    """
    names = ", ".join(known) or "none"
    is_file = os.path.isfile(name)
    folder = Path(name).parent if is_file else Path(name)
    default = Path("models", folder.name)
    # Where an import puts a checkpoint of this name if nothing else is said.
    beside = default if folder.name and _is_config(default / CONFIG) else None
    if not is_file and not (name and os.path.isdir(name)):
        if beside:
            return f"No model named {name!r}. Did you mean {beside}?"
        return f"No model named {name!r}; use one of {names}, or the path of a model folder."
    if is_file and os.path.isfile(folder / CONFIG):
        return f"{name!r} is a file; give its folder, {str(folder)!r}."
    if is_gansynth(folder):
        if beside:
            return f"{str(folder)!r} is a GANSynth checkpoint; use the model {beside} instead."
        quoted = f'"{folder}"' if " " in str(folder) else folder
        return (
            f"{str(folder)!r} is a GANSynth checkpoint; import it first with 'retimbre "
            f"import-gansynth {quoted}'."
        )
    if is_file:
        return f"{name!r} is a file; give a model folder or a known model ({names})."
    inside = _models_in(folder)
    if inside:
        return (
            f"The folder {name!r} is not a model; use one of the models in it: {', '.join(inside)}."
        )
    return (
        f"The folder {name!r} is not a model ({CONFIG} is missing); give a model folder or a known "
        f"model ({names})."
    )


def _models_in(folder: Path) -> list[str]:
    """Return the first model folders in a folder; those in runs of training lie one deeper."""
    found = sorted(
        config.parent
        for pattern in (f"*/{CONFIG}", f"*/model/{CONFIG}")
        for config in folder.glob(pattern)
        if _is_config(config)
    )
    return [str(path) for path in found[:N_NAMED]]


def _is_config(path: Path) -> bool:
    """Tell a model's config from others of this name without all of its checks."""
    try:
        return '"generator_sha256"' in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
