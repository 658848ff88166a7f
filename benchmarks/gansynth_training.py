"""Show GANSynth's network learning at its low resolutions, in an hour and a quarter of two cores.

    retimbre train datasets/mel runs/mel --config benchmarks/gansynth_training.json
    python benchmarks/gansynth_training.py datasets/mel runs/mel

The settings are those of ``mel_prog_hires`` but for shorter stages. The second command writes the
section "GANSynth, trained here" and draws docs/gansynth_training.png. Random notes are compared
with real ones by two measures that the training does not know: the sliced Wasserstein distance of
their images, and how often a classifier of real notes hears the pitch that was asked for.
"""

import argparse
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from results import write_section

from retimbre.train.config import CONFIGS, TrainConfig
from retimbre.train.data.batches import average_pool
from retimbre.train.data.dataset import Dataset
from retimbre.train.export.harmonic import load_run
from retimbre.train.networks.representation import find_representation
from retimbre.train.run.player import Player
from retimbre.train.run.trainer import Trainer
from retimbre.train.schedule import Moment

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

FIGURE = Path(__file__).parents[1] / "docs" / "gansynth_training.png"
N_DIRECTIONS = 512
N_RANDOM = 1000
N_SHOWN = 8
SEED = 0
UNTOLD = ("total_notes", "seed", "sheet_notes", "reconstruction_weight", "path_weight")
"""Settings that say nothing of how a run learns, or only of one with an encoder."""


class Images(NamedTuple):
    """Images of notes of one resolution, and their pitches."""

    images: FloatArray
    pitches: IntArray


def main() -> None:
    """Measure, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args()
    dataset, trainer = Dataset(arguments.dataset), load_run(arguments.run)
    # As it was trained: what is opened computes in float32.
    config, n_seen = TrainConfig.load(arguments.run / "config.json"), int(trainer.n_seen)
    moment = config.moment(n_seen)
    shape = find_representation(config.representation).shapes[moment.stage]
    halves = real_halves(dataset, shape)
    trained = random_notes(trainer, moment, halves[0].pitches)
    untrained = random_notes(
        Trainer(replace(config, mixed_precision=False)), moment, trained.pitches
    )
    rows = [
        measure("real notes of other instruments", halves[1], halves[0]),
        measure(f"random notes, {n_seen:,} notes trained on", trained, halves[0]),
        measure("random notes, untrained", untrained, halves[0]),
    ]
    stats = read_stats(arguments.run)
    text = describe(dataset, config, stats, shape, rows)
    print(text)
    draw(FIGURE, stats, trained, halves[0], untrained)
    write_section("GANSynth, trained here", text)


def real_halves(dataset: Dataset, shape: tuple[int, ...]) -> tuple[Images, Images]:
    """Return all real notes, averaged to a resolution, in two halves by instrument."""
    rng = np.random.default_rng(SEED)
    names = rng.permutation(len(dataset.instruments))
    halves = []
    for part in np.array_split(names, 2):
        rows = np.concatenate([dataset.notes_of[dataset.instruments[i]] for i in part])
        pooled = [
            average_pool(dataset.rows(rows[k : k + 16]), shape) for k in range(0, len(rows), 16)
        ]
        halves.append(Images(np.concatenate(pooled), dataset.pitches[rows]))
    return halves[0], halves[1]


def random_notes(trainer: Trainer, moment: Moment, pitches: IntArray) -> Images:
    """Return what a generator makes of random latents at pitches drawn from some."""
    rng = np.random.default_rng(SEED)
    player = Player(trainer, moment)
    drawn = rng.choice(pitches, N_RANDOM)
    z = rng.standard_normal((N_RANDOM, trainer.config.latent_dim))
    made = [
        player.generate(z[k : k + 50], drawn[k : k + 50], np.full(50, 80 / 127))
        for k in range(0, N_RANDOM, 50)
    ]
    return Images(np.concatenate(made), drawn)


def measure(name: str, notes: Images, real: Images) -> tuple[str, str, str]:
    """Return a row: what it is, the distance to real notes, how often the pitch is heard."""
    distance = sliced_wasserstein(notes.images, real.images)
    return name, f"{distance:.4f}", f"{100 * heard_pitches(notes, real):.1f} %"


def sliced_wasserstein(images: FloatArray, real: FloatArray) -> float:
    """Return the mean distance of two sets of images along random directions.

    Parameters
    ----------
    images, real : np.ndarray [shape=(n, ...)]
        As many notes as the smaller set has are drawn from the other.
    """
    rng = np.random.default_rng(SEED)
    n = min(len(images), len(real))
    directions = rng.standard_normal((images[0].size, N_DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    sorted_sets = [
        np.sort(x[rng.permutation(len(x))[:n]].reshape(n, -1) @ directions, axis=0)
        for x in (images, real)
    ]
    return float(np.abs(sorted_sets[0] - sorted_sets[1]).mean())


def heard_pitches(notes: Images, real: Images) -> float:
    """Return how often a linear classifier trained on real notes hears the pitch of others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    classifier.fit(real.images.reshape(len(real.images), -1), real.pitches)
    return float(classifier.score(notes.images.reshape(len(notes.images), -1), notes.pitches))


def read_stats(run: Path) -> dict[str, FloatArray]:
    """Return the lines of stats.jsonl as arrays by name."""
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return {name: np.array([line[name] for line in lines]) for name in lines[0]}


def describe(
    dataset: Dataset,
    config: TrainConfig,
    stats: dict[str, FloatArray],
    shape: tuple[int, ...],
    rows: list[tuple[str, str, str]],
) -> str:
    """Return the section."""
    n_pitches = len(np.unique(dataset.pitches))
    first, last = (float(stats["pitch_fake"][part].mean()) for part in (slice(5), slice(-5, None)))
    minutes, shown = stats["seconds"][-1] / 60, stats["n_seen"][-1]
    head = (
        f"{settings_of(config)}. {len(dataset.labels):,} notes of {len(dataset.instruments)} "
        f"instruments on {n_pitches} pitches; {shown:,.0f} notes shown, the last ones with "
        f"{shape[0]} x {shape[1]} points; {minutes:.0f} minutes of two cores shared with other "
        f"work. The cross entropy of the random notes' pitches fell from {first:.2f} to "
        f"{last:.2f} nats (by chance {np.log(n_pitches):.2f}). Distance: sliced Wasserstein to the "
        "real notes of one half of the instruments. Pitch heard: by a logistic regression trained "
        "on the same half. The run has seen notes of both halves, so its random ones may lie "
        "nearer to one half than the other half does. Written by "
        "`python benchmarks/gansynth_training.py DATASET RUN` after "
        "`retimbre train DATASET RUN --config benchmarks/gansynth_training.json`.\n\n"
    )
    columns = ("notes", "distance to real notes", "pitch heard")
    lines = [columns, ("---",) * len(columns), *rows]
    return head + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def settings_of(config: TrainConfig) -> str:
    """Say what the settings of a run are beside those of ``mel_prog_hires``.

    Parameters
    ----------
    config : TrainConfig
        In the mel representation.

    Returns
    -------
    text : str
        The begin of a sentence, which names every setting that is another one.
    """
    plain = CONFIGS["mel_prog_hires"]
    parts = [f"batches of {config.batch_size}", "bfloat16" if config.mixed_precision else "float32"]
    if (config.stage_starts, config.fade_notes) != (plain.stage_starts, plain.fade_notes):
        shapes = find_representation(config.representation).shapes
        begun = [
            f"{height} x {width} points from note {start:,} on"
            for (height, width), start in zip(shapes, config.stage_starts, strict=True)
            if start < config.total_notes
        ]
        parts.append(
            f"stages shortened to {', '.join(begun)}, faded in over {config.fade_notes:,} notes "
            f"(there each stage is {plain.fade_notes:,} notes long)"
        )
    told = {"stage_starts", "fade_notes", "batch_size", "mixed_precision", *UNTOLD}
    for name, value in asdict(config).items():
        if name not in told and value != getattr(plain, name):
            parts.append(f"{name} {value} (there {getattr(plain, name)})")
    return f"`mel_prog_hires` with {', '.join(parts)}"


def draw(
    path: Path, stats: dict[str, FloatArray], trained: Images, real: Images, untrained: Images
) -> None:
    """Draw the course of the losses, and images of random and real notes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(2, 3))
    left, right = np.ravel(upper.subplots(1, 2))
    seen = stats["n_seen"] / 1000
    left.plot(seen, stats["pitch_fake"], label="random notes")
    left.plot(seen, stats["pitch_real"], label="real notes")
    left.set(title="Cross entropy of the pitch (nats)", xlabel="thousands of notes", ylim=(0, None))
    left.axhline(math.log(len(set(real.pitches))), color="gray", ls="--", label="by chance")
    left.legend()
    right.plot(seen, -stats["discriminator"])
    right.axhline(0.0, color="gray", linewidth=0.8)
    right.set(title="Wasserstein distance by the critic", xlabel="thousands of notes")
    for axes in (left, right):
        for start in seen[1:][np.diff(stats["stage"]) > 0]:
            axes.axvline(start, color="gray", linewidth=0.8)
    titled = {"real": real, "trained": trained, "untrained": untrained}
    rng = np.random.default_rng(SEED)
    everywhere = sorted(set(real.pitches) & set(trained.pitches) & set(untrained.pitches))
    pitches = np.sort(rng.choice(everywhere, N_SHOWN, replace=False))
    for (title, notes), line in zip(titled.items(), lower.subplots(3, N_SHOWN), strict=True):
        shown = [rng.choice(np.flatnonzero(notes.pitches == pitch)) for pitch in pitches]
        for k, axes in zip(shown, line, strict=True):
            axes.imshow(
                notes.images[k, :, :, 0].T,
                **{"origin": "lower", "aspect": "auto", "cmap": "magma", "vmin": -1, "vmax": 1},
            )
            axes.set(xticks=[], yticks=[], title=f"MIDI {notes.pitches[k]}")
        line[0].set_ylabel(title)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
