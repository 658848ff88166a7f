"""Train the network that says where notes begin: `python benchmarks/train_evidence.py ROOT CACHE`.

ROOT holds recorded notes (see `phrases.py`), CACHE keeps pitch tracks. Writes
`models/notes/evidence.onnx` and says in `models/notes/README.md` how it was made. Takes some
minutes on two cores once the tracks are there; these take half an hour.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from evidence_examples import ONLY, TARGETS, Example, make_examples

from retimbre.notes.evidence import N_FEATURES
from retimbre.train.export.onnx_graph import Graph, finished_model
from retimbre.types import HOP_SECONDS

MODELS = Path(__file__).resolve().parents[1] / "models"

N_NETWORKS = 3
CHANNELS = 32
LAYERS = ((5, 1), (5, 2), (5, 4), (5, 8))
"""Width and dilation of the convolutions: 0.3 s on either side."""

DROPOUT = 0.1
FRAMES, BATCH = 400, 32
LEARNING_RATE = 3e-3
ONSET_WEIGHT, RARE_WEIGHT = 4.0, 2.0
"""Onsets count more than voicing, and a frame that is one more than one that is none."""

SMOOTHING = 0.005
"""Nothing is wanted for certain, or the odds grow without end."""

FloatArray = npt.NDArray[np.float32]


def build() -> keras.Model:
    """Return the network: (n, n_frames, N_FEATURES) to log odds (n, n_frames, 4)."""
    inputs = keras.Input((None, N_FEATURES))
    x = inputs
    for i, (width, dilation) in enumerate(LAYERS):
        conv = keras.layers.Conv1D(
            CHANNELS, width, dilation_rate=dilation, padding="same", activation="relu"
        )
        made = keras.layers.Dropout(DROPOUT)(conv(x))
        x = x + made if i else made
    return keras.Model(inputs, keras.layers.Conv1D(len(TARGETS), 1)(x))


def loss_of(y: tf.Tensor, weight: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the weighted cross entropy."""
    soft = SMOOTHING + (1.0 - 2.0 * SMOOTHING) * y
    cost = tf.nn.sigmoid_cross_entropy_with_logits(labels=soft, logits=logits)
    of_target = tf.constant([ONSET_WEIGHT, 1.0, 1.0, 1.0])
    rare = tf.concat([1.0 + (RARE_WEIGHT - 1.0) * y[..., :1], tf.ones_like(y[..., 1:])], axis=-1)
    return tf.reduce_mean(cost * weight * of_target * rare)


def vary(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a clip's features as another recording, register or tracker would give them."""
    x = x.copy()
    pitched = x[:, 12]
    if rng.random() < 0.5:
        x[:, 13] += (rng.normal(0.0, 0.3) * pitched).astype(np.float32)
    if rng.random() < 0.3:
        x[:, 0] += np.float32(rng.normal(0.0, 0.15))
    if rng.random() < 0.2:
        x[:, 9] *= np.float32(rng.uniform(0.8, 1.0))
    if rng.random() < 0.2:
        x[:, 5:9] *= np.float32(rng.uniform(0.6, 1.3))
    if rng.random() < 0.05:
        x[:, 5:9] = 0.0
    return x


def draw_batch(
    examples: list[Example], shares: npt.NDArray[np.float64], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cut pieces of 4 s out of clips; what lies behind a short clip's end counts nothing."""
    x = np.zeros((BATCH, FRAMES, N_FEATURES), np.float32)
    y, weight = np.zeros((2, BATCH, FRAMES, len(TARGETS)), np.float32)
    for b, k in enumerate(rng.choice(len(examples), BATCH, p=shares)):
        example = examples[k]
        first = int(rng.integers(0, max(len(example.x) - FRAMES, 0) + 1))
        piece = slice(first, first + FRAMES)
        n = min(len(example.x) - first, FRAMES)
        x[b, :n] = vary(example.x[piece], rng)
        y[b, :n], weight[b, :n] = example.y[piece], example.weight[piece]
    return x, y, weight


def train(examples: list[Example], held: list[Example], steps: int, seed: int) -> keras.Model:
    """Return a trained network; `held` are only scored."""
    keras.utils.set_random_seed(seed)
    model, rng = build(), np.random.default_rng(seed)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    optimizer = keras.optimizers.Adam(rate)
    lengths = np.array([len(example.x) for example in examples], float)

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(y, weight, model(x, training=True))
        slopes = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(slopes, model.trainable_variables, strict=True))
        return loss

    seen = []
    for k in range(1, steps + 1):
        seen.append(float(step(*draw_batch(examples, lengths / lengths.sum(), rng))))
        if k % 500 == 0 or k == steps:
            losses = [loss_of(e.y[None], e.weight[None], model(e.x[None])) for e in held]
            told = f", held {np.mean(losses):.4f}" if held else ""
            print(f"step {k}: {np.mean(seen[-500:]):.4f}{told}", flush=True)
    return model


def to_onnx(models: Sequence[keras.Model]) -> bytes:
    """Write the mean of networks for (n_frames, N_FEATURES) to (n_frames, 4)."""
    graph = Graph()
    x = graph.node("Unsqueeze", graph.node("Transpose", "features", perm=[1, 0]), graph.integers(0))
    answers = [_add_network(graph, x, model) for model in models]
    mean = graph.node("Mean", *answers)
    squeezed = graph.node("Squeeze", mean, graph.integers(0))
    graph.node("Transpose", squeezed, perm=[1, 0], name="evidence")
    inputs = {"features": ["n_frames", N_FEATURES]}
    outputs = {"evidence": ["n_frames", len(TARGETS)]}
    written: bytes = finished_model(graph, "evidence", inputs, outputs).SerializeToString()
    return written


def _add_network(graph: Graph, x: str, model: keras.Model) -> str:
    """Add the layers of one network; return the name of its odds (1, 4, n_frames)."""
    convs = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D)]
    for i, ((width, dilation), layer) in enumerate(zip((*LAYERS, (1, 1)), convs, strict=True)):
        kernel, bias = layer.get_weights()
        pad = dilation * (width // 2)
        made = graph.node(
            "Conv",
            x,
            graph.constant(kernel.transpose(2, 1, 0)),
            graph.constant(bias),
            pads=[pad, pad],
            dilations=[dilation],
        )
        if i == len(LAYERS):
            return made
        made = graph.node("Relu", made)
        x = graph.node("Add", x, made) if i else made
    return x


CARD = """\
# Evidence of notes

`evidence.onnx` says for every 10 ms of a pitch track, as log odds, whether a note begins there,
whether it is struck or tied, and whether a note sounds (`retimbre/notes/evidence.py`). It is the
mean of {n_networks} networks of {n_weights:,} weights: four convolutions over time, {channels}
channels each, that see 0.3 s on either side. Written by `benchmarks/train_evidence.py`.

Each was trained for {steps:,} steps on {n} clips, {minutes:.0f} minutes (the last without what only
the networks learn from: deep dips, turns, trills, slow slides, snatches of fast notes): melodies
put together from recorded single notes of real instruments (free libraries, see docs/training.md),
melodies rendered with FluidR3_GM, a synthetic singer, clips without a note, and tracks drawn by
hand. No clip, recorded instrument or tune of the test sets in `benchmarks/` is among them; the
SoundFont of the rendered test melodies, MuseScore General, shares samples with FluidR3. Every
twelfth clip was held out: loss {loss:.4f} there.
"""


def main() -> None:
    """Make the examples, train, write the network and its card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of recorded single notes")
    parser.add_argument("cache", type=Path, help="folder that keeps pitch tracks between runs")
    parser.add_argument("--phrases", type=int, default=15, help="per kind")
    parser.add_argument("--melodies", type=int, default=2, help="per style")
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=MODELS / "notes")
    arguments = parser.parse_args()
    examples = []
    for example in make_examples(
        arguments.root, arguments.cache, arguments.phrases, arguments.melodies
    ):
        examples.append(example)
        if len(examples) % 20 == 0:
            print(f"{len(examples)} clips, the last {example.name}", flush=True)
    held = examples[::12]
    learned = [example for i, example in enumerate(examples) if i % 12]
    models = [
        train(learned, held, arguments.steps, seed)
        for seed in range(arguments.seed, arguments.seed + N_NETWORKS)
    ]
    # One that has not learned the kinds that are not scored: together they hear singing better.
    plain = [example for example in learned if not example.name.startswith(ONLY)]
    models.append(train(plain, held, arguments.steps, arguments.seed + 1))
    write(arguments.out, models, examples, held, arguments.steps)


def write(
    folder: Path,
    models: Sequence[keras.Model],
    examples: Sequence[Example],
    held: Sequence[Example],
    steps: int,
) -> None:
    """Write the networks and their card."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence.onnx").write_bytes(to_onnx(models))
    losses = [float(loss_of(e.y[None], e.weight[None], m(e.x[None]))) for m in models for e in held]
    card = CARD.format(
        n_networks=len(models),
        n_weights=models[0].count_params(),
        channels=CHANNELS,
        steps=steps,
        n=len(examples) - len(held),
        minutes=sum(len(example.x) for example in examples) * HOP_SECONDS / 60.0,
        loss=np.mean(losses),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
