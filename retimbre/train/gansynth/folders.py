"""Which folder holds a checkpoint of GANSynth, found from what people name instead of it."""

import os
from pathlib import Path

from retimbre.errors import ModelNotFoundError
from retimbre.generator.hints import EXPERIMENT, MANIFEST, N_NAMED, SHARDS, is_gansynth

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z")


def find_folder(path: Path) -> Path:
    """Return the folder of a checkpoint of GANSynth or of Magenta.js weights.

    Parameters
    ----------
    path : Path
        The folder, or its ``experiment.json`` or ``weights_manifest.json``.

    Returns
    -------
    folder : Path
        What is in it is not checked yet; see `is_js`.

    Raises
    ------
    ModelNotFoundError
        If there is no such folder; the sentence names the one that may have been meant.
    """
    if os.path.isfile(path):
        if path.name not in (EXPERIMENT, MANIFEST):
            raise ModelNotFoundError(_not_a_folder(path))
        path = path.parent
    if not os.path.isdir(path):
        # Of a checkpoint people know the name without endings, which is no file.
        is_prefix = os.path.isfile(f"{path}.index")
        meant = f"give the folder {path.parent}" if is_prefix else "give the folder of a checkpoint"
        raise ModelNotFoundError(f"No folder named {path}; {meant}.")
    if not is_gansynth(path):
        raise ModelNotFoundError(_not_a_checkpoint(path))
    has_list = any((path / name).is_file() for name in (EXPERIMENT, MANIFEST))
    if not has_list and any(path.glob(SHARDS)):
        raise ModelNotFoundError(
            f"{path} contains Magenta.js weights without their list {MANIFEST}; get it from where "
            "they came from."
        )
    return path


def is_js(folder: Path) -> bool:
    """Tell whether a folder that was found holds Magenta.js weights."""
    return (folder / MANIFEST).is_file() and not (folder / EXPERIMENT).is_file()


def _not_a_folder(file: Path) -> str:
    if file.suffix.lower() in ARCHIVES:
        return f"{file} is a file; unpack it and give the resulting folder."
    if is_gansynth(file.parent):
        return f"{file} is a file; give its folder {file.parent}."
    return f"{file} is a file; give the folder of a checkpoint."


def _not_a_checkpoint(folder: Path) -> str:
    inside = [path for path in sorted(folder.glob("*")) if os.path.isdir(path)]
    meant = [str(path) for path in inside if is_gansynth(path)][:N_NAMED]
    if meant:
        return f"{folder} is not a checkpoint. Did you mean {' or '.join(meant)}?"
    return (
        f"{folder} is not a checkpoint; give a folder with {EXPERIMENT} and the stage folders, or "
        f"one of Magenta.js weights ({MANIFEST})."
    )
