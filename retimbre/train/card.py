"""The model card: what a model was trained on, how and for how long."""

from collections import Counter
from pathlib import Path

from retimbre.train.config import TrainConfig
from retimbre.train.dataset import Dataset
from retimbre.train.run_folder import trained_seconds

FIGURES = "## Figures"
"""What a card says from here on is kept when a model is exported again into its folder."""


_IMAGES = {"harmonic": "harmonic note images", "mel": "GANSynth's mel spectrograms"}
_PLAYS = ", velocity as a condition; notes of any length at any sample rate"
_LOSSES = (
    "L1 reconstruction at another pitch and velocity of the same instrument, GAN, auxiliary pitch "
    "classifier, contrastive instrument loss"
)
_MEL_LOSSES = "Wasserstein with gradient penalty, auxiliary pitch classifier"
_RANDOM = """
A random latent becomes a blend of a few of the instruments of the palette; latents that point at an
instrument, between two, or at an encoded sound are played as they are.
"""


def write_card(
    folder: Path,
    run: Path,
    dataset: Dataset,
    trained: list[int],
    held_out: list[int],
    config: TrainConfig,
    n_seen: int,
) -> None:
    """Write MODEL_CARD.md into a model folder.

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
    """
    n_notes = sum(len(dataset.notes_of[dataset.instruments[i]]) for i in trained)
    velocities = sorted({label.velocity for label in dataset.labels})
    low, high = config.pitch_range
    hours = trained_seconds(run, n_seen) / 3600.0
    is_mel = config.representation == "mel"
    rows = {
        "plays": f"MIDI {low}..{high}, {config.latent_dim} latent dimensions"
        + ("; images of 4 s at 16 kHz" if is_mel else _PLAYS),
        "trained on": f"{n_notes:,} notes of {len(trained)} instruments "
        f"(velocities {', '.join(map(str, velocities))}) from {_sources(dataset)}",
        "held out": ", ".join(_names(dataset, held_out)) or "nothing",
        "how": f"{n_seen:,} notes in batches of {config.batch_size}, "
        f"{hours:.1f} hours; progressive growing to 128 frames",
        "losses": _MEL_LOSSES if is_mel else _LOSSES,
        "settings": f"learning rate {config.peak_learning_rate:g}, weights {_weights(config)}, "
        f"seed {config.seed}",
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in rows.items())
    path = folder / "MODEL_CARD.md"
    text = (
        f"# {folder.name}\n\nA pitch-conditional GAN on {_IMAGES[config.representation]}.\n\n"
        f"| | |\n|---|---|\n{table}\n" + ("" if is_mel else _RANDOM)
    )
    path.write_text(text + _kept(path))


def _weights(config: TrainConfig) -> str:
    is_mel = config.representation == "mel"
    names = "adversarial pitch " + ("gradient_penalty" if is_mel else "reconstruction instrument")
    return " / ".join(f"{getattr(config, f'{name}_weight'):g} {name}" for name in names.split())


def _sources(dataset: Dataset) -> str:
    licences = {label.source: label.licence for label in dataset.labels}
    counts = Counter(key.source for key in dataset.instruments)
    return "; ".join(
        f"{source} (licence {licences[source]}, {counts[source]} instruments)"
        for source in sorted(counts)
    )


def _names(dataset: Dataset, instruments: list[int]) -> list[str]:
    return sorted({dataset.instruments[i].name for i in instruments})


def _kept(path: Path) -> str:
    """Return the figures of an earlier card: they are measured, not exported."""
    old = path.read_text() if path.is_file() else ""
    return "\n" + old[old.index(FIGURES) :] if FIGURES in old else ""
