"""Several models beside each other: `python benchmarks/sound_beside.py MODEL ... --dataset FOLDER`.

Unseen instruments are those that all the models held out: they are heard and played at another
pitch, as in sound.py. Random instruments are compared with the real ones of the first model's
palette. The step from key to key is the mean change of level between two neighbouring keys of one
instrument, over what sounds in either.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from results import merge_rows
from sound_models import EncodedOnce, ExportedModel, draw_z, generate_images, place_of
from sound_notes import RealNotes
from sound_random import measure_bins, measure_spread
from sound_reconstruction import OCTAVE, corrected_errors, rebuild

from retimbre._typing import FloatArray
from retimbre.errors import ParameterError
from retimbre.generator.folder import find_model
from retimbre.harmonic.image import LEVEL_FLOOR_DB
from retimbre.train.data.dataset import Dataset

KEYS = np.arange(36, 97)
VELOCITY = 80
SOUNDING_DB = -60.0
COLUMNS = (
    "model",
    "notes seen",
    "unseen presets, another pitch: z alone, corrected",
    "heard within an octave",
    "diversity",
    "different bins of 50",
    "step from key to key, random: mean, largest",
    "step from key to key, palette: mean, largest",
)


@dataclass(frozen=True)
class Steps:
    """How much instruments change from one key to the next, in dB."""

    mean: float
    largest: float

    def __str__(self) -> str:
        return f"{self.mean:.2f}, {self.largest:.1f} dB"


def key_steps(levels: FloatArray) -> FloatArray:
    """Return the mean change of level from each key to the next.

    Parameters
    ----------
    levels : np.ndarray [shape=(n_keys, 128, 96), dB]
        Of one instrument at neighbouring keys.

    Returns
    -------
    steps : np.ndarray [shape=(n_keys - 1,), dB]
        Over the partials and moments at which either key is above -60 dB; 0 where neither is.
    """
    sounds = np.maximum(levels[1:], levels[:-1]) > SOUNDING_DB
    change: FloatArray = np.abs(np.diff(levels, axis=0)) * sounds
    n = np.maximum(sounds.sum(axis=(1, 2)), 1)
    return np.asarray(change.sum(axis=(1, 2)) / n)


def measure_steps(model: ExportedModel, z: FloatArray) -> Steps:
    """Play each latent on MIDI 36 to 96 and return its steps from key to key.

    Parameters
    ----------
    model : ExportedModel
    z : np.ndarray [shape=(n, 256)]
    """
    found = []
    for row in z:
        latents = np.repeat(row[None], len(KEYS), axis=0)
        images = generate_images(model, latents, KEYS, np.full(len(KEYS), VELOCITY))
        found.append(key_steps(images[..., 0]))
    return Steps(float(np.mean(found)), float(np.max(found)))


def measure(model: ExportedModel, real: RealNotes, *, n: int, seed: int) -> tuple[str, ...]:
    """Return a model's row of the table, after its name.

    Parameters
    ----------
    model : ExportedModel
    real : RealNotes
        The same for all models.
    n : int
        Pairs of unseen notes.
    seed : int
    """
    sources, targets = real.draw_pairs(real.held_out, n, np.random.default_rng([seed, 1]))
    encoded = EncodedOnce(model, model.encode(real.features(sources), sources.pitches))
    alone = rebuild(encoded, real, sources, targets).separated
    corrected = corrected_errors(encoded, real, sources, targets)
    near = np.abs(sources.pitches - targets.pitches) <= OCTAVE
    spread = measure_spread(model, real, n=300, seed=seed, floor_db=LEVEL_FLOOR_DB)
    bins = measure_bins(model, real, n=2000, seed=seed)
    rng = np.random.default_rng([seed, 6])
    n_instruments = min(40, len(model.palette.z))
    named = model.palette.z[rng.choice(len(model.palette.z), n_instruments, replace=False)]
    return (
        f"{model.n_seen}",
        f"{np.nanmean(alone):.2f}, {np.nanmean(corrected):.2f} dB",
        f"{np.nanmean(alone[near]):.2f}, {np.nanmean(corrected[near]):.2f} dB",
        f"{spread.ratio:.2f}",
        f"{bins.random}",
        f"{measure_steps(model, draw_z(model, n_instruments, rng))}",
        f"{measure_steps(model, named)}",
    )


def main() -> None:
    """Measure the models and write the section "Models beside each other"."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="names or folders")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--print-only", action="store_true", help="do not write the results")
    arguments = parser.parse_args()
    models = [ExportedModel(find_model(name)) for name in arguments.models]
    real = split_notes(models, Dataset(arguments.dataset))
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for model in models:
        start = time.perf_counter()
        row = measure(model, real, n=arguments.pairs, seed=arguments.seed)
        lines.append(f"| {' | '.join((model.name, *row))} |")
        print(lines[-1], f"({time.perf_counter() - start:.0f} s)", file=sys.stderr, flush=True)
        if not arguments.print_only:
            merge_rows("Models beside each other", _head(arguments, real), "\n".join(lines))
    print("\n".join(lines))


def split_notes(models: Sequence[ExportedModel], dataset: Dataset) -> RealNotes:
    """Tell the real instruments of the first palette from those that every model held out.

    Raises
    ------
    ParameterError
        If the data set has none of the one or of the other.
    """
    held_out = frozenset.intersection(*(model.held_out for model in models))
    known = {place_of(key) for key in models[0].palette.keys}
    unseen = [i for i, key in enumerate(dataset.instruments) if key in held_out]
    seen = [i for i, key in enumerate(dataset.instruments) if place_of(key) in known]
    if not seen or not unseen:
        raise ParameterError(
            f"The data set has {len(seen)} instruments of the palette of {models[0].name!r} and "
            f"{len(unseen)} that all models held out; name the data set of the first model."
        )
    return RealNotes(dataset, seen, unseen)


def _head(arguments: argparse.Namespace, real: RealNotes) -> str:
    return (
        f"{arguments.pairs} pairs of notes of {len(real.held_out)} presets that every model "
        "held out, and 40 random latents\nand 40 of each palette on MIDI 36 to 96; written by\n"
        "`python benchmarks/sound_beside.py MODEL ... --dataset DATASET`. Level error on audible "
        "partials; corrected:\nwith the heard note's correction. Diversity: mean distance of two "
        "random instruments over that of two\nof the first model's real ones, levels above "
        f"{LEVEL_FLOOR_DB:.0f} dB."
    )


if __name__ == "__main__":
    main()
