"""Measure GANSynth's network: `python benchmarks/gansynth.py` writes the section "GANSynth".

The network as written makes all 4 s of every note, in TensorFlow and eight notes at a time, which
is the default of GANSynth's own tool. Here ONNX Runtime makes the frames that a note sounds, four
notes at a time. Both have the same random weights, which cost as much as trained ones, and run in
turns on the same processors.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from results import write_section

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FloatArray = npt.NDArray[np.floating[Any]]

N_WRITTEN = 8
N_HERE = 4
SECONDS = (0.25, 0.5, 1.0, 4.0)
RELEASE = 0.3
REACH = {0.5: 3.0}
SEED_RATE = 1764 / 458.7
"""Notes a second of GANSynth's own tool on a laptop, as it told."""

HEAD = """\
GANSynth's generator (`mel_prog_hires`, 7.3 million random weights), {cores} cores, {machine}. As
written: TensorFlow, float32, all 128 frames, {n_written} notes at a time. Here: ONNX Runtime, the
frames that the note and its release of 0.3 s sound, {n_here} notes at a time, each pair of latent
and pitch different. Medians of {repeats} runs in turns. Written by `python benchmarks/gansynth.py`.

"""
COLUMNS = (
    "note",
    "frames",
    "as written, ms",
    "here, ms",
    "times as fast",
    "reach",
    "with its sound, ms",
    "notes a second",
)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    written, here = open_networks()
    rows = [measure(seconds, written, here, repeats) for seconds in SECONDS]
    head = HEAD.format(
        cores=os.cpu_count(),
        machine=platform.machine(),
        n_written=N_WRITTEN,
        n_here=N_HERE,
        repeats=repeats,
    )
    tail = (
        f"GANSynth's own tool told of {SEED_RATE:.2f} notes a second on a laptop (1,764 notes of a "
        "MIDI file in 458.7 s), whole notes whatever their length."
    )
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    text = head + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n" + tail
    print(text)
    write_section("GANSynth", text)


def open_networks() -> tuple[Callable[[], Any], Callable[[int], FloatArray]]:
    """Return the network as written, for 8 notes, and the exported one, for 4 of some length."""
    import onnxruntime
    import tensorflow as tf

    from retimbre.train.config import CONFIGS
    from retimbre.train.export_mel import keras_weights
    from retimbre.train.gansynth_graph import gansynth_graph
    from retimbre.train.trainer import Trainer

    trainer = Trainer(replace(CONFIGS["mel_prog_hires"], mixed_precision=False))
    generator = trainer.networks.generator(6, False)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((N_WRITTEN, 256)).astype(np.float32)
    pitches = rng.integers(0, 61, N_WRITTEN)
    one_hot = np.eye(61, dtype=np.float32)[pitches]
    inputs = [tf.constant(part) for part in (z, one_hot, np.ones((N_WRITTEN, 1), np.float32))]
    play = tf.function(lambda: generator([*inputs, tf.ones(1)], training=False))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    graph = gansynth_graph(keras_weights(trainer)).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(n_frames: int) -> FloatArray:
        some = {"z": z[:N_HERE], "pitch": pitches[:N_HERE], "frames": np.array([n_frames])}
        return np.asarray(session.run(None, some)[0])

    difference = float(np.abs(run(128) - np.asarray(play())[:N_HERE]).max())
    print(f"largest difference of any value: {difference:.1e}")
    return play, run


def measure(
    seconds: float, written: Callable[[], Any], here: Callable[[int], FloatArray], repeats: int
) -> list[str]:
    """Return a row of the table for notes of a length."""
    from retimbre.images.mel_notes import synthesize_specgram
    from retimbre.images.melspec import denormalize
    from retimbre.mel_generator import needed_frames

    durations = np.array([min(seconds, 4.0 - RELEASE)])
    (n_frames,) = needed_frames(durations, np.array([RELEASE]), [np.ones(1)])
    images = here(int(n_frames))
    times: dict[str, list[float]] = {"written": [], "here": [], "sound": []}
    for _ in range(repeats):
        times["written"].append(_timed(written) / N_WRITTEN)
        times["here"].append(_timed(lambda: here(int(n_frames))) / N_HERE)
        times["sound"].append(
            _timed(
                lambda: synthesize_specgram(
                    denormalize(images[0]), duration=float(durations[0]), release=RELEASE
                )
            )
        )
    as_written, network, sound = (1e3 * float(np.median(times[k])) for k in times)
    ratio, whole = as_written / network, network + sound
    reach = f"{REACH[seconds]:g}" if seconds in REACH else ""
    figures = (as_written, network, ratio, whole, 1e3 / whole)
    told = [f"{figure:.1f}" for figure in figures]
    return [f"{seconds:g} s", str(n_frames), *told[:3], reach, *told[3:]]


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
