"""Generators: sounds of notes from latent vectors and pitches."""

import os
from functools import lru_cache

from retimbre.generator.folder import MEL, ModelConfig, find_model, read_config
from retimbre.generator.protocol import Generator

__all__ = ["Generator", "load_generator"]


def load_generator(model: str | os.PathLike[str] = "default") -> Generator:
    """Open a model; opening one twice gives the same object.

    Parameters
    ----------
    model : str or path
        A name under ``models/`` or the path of a model folder.

    Returns
    -------
    generator : HarmonicGenerator or GansynthGenerator

    Raises
    ------
    ModelNotFoundError
        If there is no such model; the sentence lists the known names.
    ModelFormatError
        If the folder holds something else than a model, or a damaged one.
    """
    return _open(read_config(find_model(model)))


@lru_cache(maxsize=4)
def _open(config: ModelConfig) -> Generator:
    """Open a model once, and again where its settings or its files are others now."""
    if config.representation == MEL:
        from retimbre.generator.gansynth import GansynthGenerator

        return GansynthGenerator(config)
    from retimbre.generator.harmonic import HarmonicGenerator

    return HarmonicGenerator(config)
