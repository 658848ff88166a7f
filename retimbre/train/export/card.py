"""The model card: what a model was trained on, how and for how long."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retimbre.train.config import TrainConfig
from retimbre.train.data import changes
from retimbre.train.data.dataset import Dataset
from retimbre.train.run.progress import tell_time
from retimbre.train.run.run_folder import trained_seconds

HEADING = "\n## "
"""From its first heading on a card is kept when a model is exported again into its folder."""


TOLD = ("pitches", "fraction", "seed", "representation")
"""What of a dataset's settings a reader wants to know."""

_IMAGES = {"harmonic": "harmonic note images", "mel": "GANSynth's mel spectrograms"}
_PLAYS = ", velocity as a condition; notes of any length at any sample rate"
_LOSSES = (
    "L1 reconstruction at another pitch and velocity of the same instrument, GAN, auxiliary pitch "
    "classifier, contrastive instrument loss"
)
_EVEN = ", even morphs between two instruments"
_CHANGED = (
    f"{1.0 - changes.UNCHANGED:.0%} of those in a batch changed: between two or in unison, "
    "transposed, another body, profile or envelope"
)
_MEL_LOSSES = "Wasserstein with gradient penalty, auxiliary pitch classifier"
_RANDOM = """
A random latent becomes a blend of a few instruments of the palette; latents of an instrument,
between two, or of an encoded sound are played as they are.
"""


def card_text(
    folder: Path,
    run: Path,
    dataset: Dataset,
    trained: list[int],
    held_out: list[int],
    config: TrainConfig,
    n_seen: int,
    averaged: Sequence[int] = (),
) -> str:
    """Return what MODEL_CARD.md says of a model, and what was added to the one that is there.

    Parameters
    ----------
    folder : Path
        The model.
    run : Path
        Its run, whose stats.jsonl tells the time.
    dataset : Dataset
    trained, held_out : list of int
        Indices into ``dataset.instruments``.
    config : TrainConfig
    n_seen : int
        Notes seen.
    averaged : sequence of int
        Notes seen by earlier networks of the run that the model is the mean of, beside the last.

    Returns
    -------
    text : str
    """
    rows = dataset.rows_within(trained, config.pitch_range)
    pitches = dataset.pitches[np.concatenate([*rows.values()])]
    known = dataset.settings
    velocities = sorted({label.velocity for label in dataset.labels})
    low, high = config.pitch_range
    heard = f"MIDI {pitches.min()}..{pitches.max()}"
    time = tell_time(trained_seconds(run, n_seen))
    is_mel = config.representation == "mel"
    losses = _MEL_LOSSES if is_mel else _LOSSES + (_EVEN if config.path_weight else "")
    lines = {
        "plays": f"MIDI {low}..{high} (in training: {heard}), "
        f"{config.latent_dim} latent dimensions"
        + ("; images of 4 s at 16 kHz" if is_mel else _PLAYS),
        **({"begun from": config.begun_from} if config.begun_from else {}),
        "trained on": f"{len(pitches):,} notes of {len(trained)} instruments "
        f"(velocities {', '.join(map(str, velocities))}) from {_sources(dataset, trained)}",
        "data set": ", ".join(f"{name} {known[name]}" for name in TOLD if name in known),
        "held out": ", ".join(sorted({dataset.instruments[i].name for i in held_out})) or "nothing",
        "how": f"{n_seen:,} notes in batches of {config.batch_size}, "
        f"{time} of wall clock; {_growth(config)}{_averaged(averaged)}",
        "instruments": "as they are" if is_mel else _CHANGED,
        "losses": f"{losses} ({config.adversarial})",
        "settings": f"learning rate {config.peak_learning_rate:g}, {tell_decay(config, n_seen)}"
        f"weights {_weights(config)}, channels {', '.join(map(str, config.channels))}, "
        f"seed {config.seed}",
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    text = (
        f"# {folder.name}\n\nA pitch-conditional GAN on {_IMAGES[config.representation]}.\n\n"
        f"| | |\n|---|---|\n{table}\n" + ("" if is_mel else _RANDOM)
    )
    return text + _kept(folder / "MODEL_CARD.md")


def _growth(config: TrainConfig) -> str:
    """Say how the images came to their size."""
    if config.begun_from:
        return f"the first {config.judge_warmup_notes:,} for the discriminator alone"
    stages = ", ".join(f"{start:,}" for start in config.stage_starts)
    return f"progressive growing to 128 frames, in stages from {stages} notes on"


def _weights(config: TrainConfig) -> str:
    is_mel = config.representation == "mel"
    names = "adversarial pitch " + (
        "gradient_penalty" if is_mel else "reconstruction instrument path key"
    )
    weights = {name: getattr(config, f"{name}_weight") for name in names.split()}
    return " / ".join(f"{weight:g} {name}" for name, weight in weights.items() if weight)


def _averaged(seen: Sequence[int]) -> str:
    if not seen:
        return ""
    return f"; the mean of the networks then and after {' and '.join(f'{n:,}' for n in seen)} notes"


def tell_decay(config: TrainConfig, n_seen: int) -> str:
    """Say how the learning rate came down, if the run has come that far."""
    if not config.decay_notes:
        return ""
    if n_seen < config.total_notes:
        return f"not lowered yet ({config.total_notes:,} notes are planned), "
    return f"lowered over the last {config.decay_notes:,} notes, "


def _sources(dataset: Dataset, trained: list[int]) -> str:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for i in trained:
        found[dataset.instruments[i].source][dataset.label_of(i).licence] += 1
    return "; ".join(
        f"{source} (licence {licence}, {count} instruments)"
        for source, licences in sorted(found.items())
        for licence, count in sorted(licences.items())
    )


def _kept(path: Path) -> str:
    """Return what was written or measured of a model, and not exported."""
    old = path.read_text() if path.is_file() else ""
    return old[old.index(HEADING) :] if HEADING in old else ""
