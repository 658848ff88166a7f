"""Generators: sounds of notes from latent vectors and pitches."""

import os
from functools import lru_cache
from pathlib import Path

from retimbre.generator.folder import MEL, find_model, read_config
from retimbre.generator.protocol import NoteGenerator


def load_generator(model: str | os.PathLike[str] = "default") -> NoteGenerator:
    """Open a model; opening one twice gives the same object.

    Parameters
    ----------
    model : str or path
        A name under ``models/`` or the path of a model folder.

    Returns
    -------
    generator : Generator or MelGenerator

    Raises
    ------
    ModelNotFoundError
        If there is no such model; the sentence lists the known names.
    ModelFormatError
        If the folder holds something else than a model, or a damaged one.
    """
    folder = find_model(model)
    return _open(folder, tuple(sorted(read_config(folder).files.items())))


@lru_cache(maxsize=4)
def _open(folder: Path, files: tuple[tuple[str, tuple[str, str]], ...]) -> NoteGenerator:
    """Open a model once, and again where its files are others now."""
    config = read_config(folder)
    if config.representation == MEL:
        from retimbre.generator.gansynth import MelGenerator

        return MelGenerator(config)
    from retimbre.generator.harmonic import Generator

    return Generator(folder)
