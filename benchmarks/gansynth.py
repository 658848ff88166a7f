"""Measure GANSynth's network: `python benchmarks/gansynth.py` writes the section "GANSynth".

The network as written makes all 4 s of every note, in TensorFlow and eight notes at a time, which
is the default of GANSynth's own tool. Here ONNX Runtime makes the frames that a note sounds, four
notes at a time, in the session that the main job opens. Both have the same random weights, which
cost as much as trained ones, and run in turns on the same processors. Then the main job plays a
MIDI file of 1,764 notes with the model, whole processes.
"""

import argparse
import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from process import MIDI_SECONDS, RUNS, run, write_midi
from results import write_section

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FloatArray = npt.NDArray[np.floating[Any]]

N_WRITTEN = 8
N_HERE = 4
SECONDS = (0.25, 0.5, 1.0, 4.0)
"""How long notes are held; the last is as long as the image with its release."""

RELEASE = 0.3
TARGET = {0.5: 3.0}
SEED_RATE = 1764 / 458.7
"""Notes a second of GANSynth's own tool on a laptop, as it reported."""

OWN_MS = 231
"""Milliseconds a note of the network in GANSynth's own code, measured once, batches of 6, on the
two cores of the published table."""

HEAD = """\
GANSynth's generator (`mel_prog_hires`, 7.3 million random weights), {cores} cores, {machine}. As
written: the network in Keras on TensorFlow, float32, all 128 frames, {n_written} notes at a time.
(GANSynth's own code, measured once, in batches of 6, took {own} ms a note on the two cores of the
published table: slower than the network as written here.) Here: ONNX Runtime as the main job opens
it, the frames that the note and its release of 0.3 s sound, {n_here} notes at a time, each pair of
latent and pitch different; the last note is held for 3.7 s, which makes 4 s with its release.
Medians of {repeats} runs in turns; the notes a second are those of network and sound, without
resampling and mixing. Written by `python benchmarks/gansynth.py`.

"""
TAIL = """\
Images differ by at most {difference:.1e} (of -1..1) from those of the network as written. The whole
main job on a MIDI file of {notes:,} notes in {length:.0f} s: {wall:.1f} s (median of
{runs} processes; network {generate:.1f} s, sound {synthesize:.1f} s), {rate:.1f} notes a second.
GANSynth's own tool reported {seed:.2f} on a laptop (1,764 notes of a MIDI file in 458.7 s), whole
notes whatever their length."""
COLUMNS = (
    "note",
    "frames",
    "as written, ms",
    "here, ms",
    "times as fast",
    "target",
    "with its sound, ms",
    "notes a second",
)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written, here = open_networks(folder / "model")
        made = here(128)
        difference = float(np.abs(made - np.asarray(written())[: len(made)]).max())
        rows = [measure(seconds, written, here, repeats) for seconds in SECONDS]
        job = play_file(folder)
    tail = TAIL.format(difference=difference, seed=SEED_RATE, **job)
    head = HEAD.format(
        cores=os.cpu_count(),
        machine=platform.machine(),
        n_written=N_WRITTEN,
        n_here=N_HERE,
        repeats=repeats,
        own=OWN_MS,
    )
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    text = head + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n" + tail
    print(text)
    write_section("GANSynth", text)


def open_networks(folder: Path) -> tuple[Callable[[], Any], Callable[[int], FloatArray]]:
    """Return the network as written, for 8 notes, and that of a model, for 4 of some length.

    Parameters
    ----------
    folder : Path
        Gets the model.
    """
    import tensorflow as tf

    from retimbre.generator.folder import open_mel_generator, read_config
    from retimbre.train.config import CONFIGS
    from retimbre.train.run.trainer import Trainer

    trainer = Trainer(replace(CONFIGS["mel_prog_hires"], mixed_precision=False))
    generator = trainer.networks.generator(6, False)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((N_WRITTEN, 256)).astype(np.float32)
    pitches = rng.integers(0, 61, N_WRITTEN)
    one_hot = np.eye(61, dtype=np.float32)[pitches]
    inputs = [tf.constant(part) for part in (z, one_hot, np.ones((N_WRITTEN, 1), np.float32))]
    play = tf.function(lambda: generator([*inputs, tf.ones(1)], training=False))
    write_model(trainer, folder)
    network = open_mel_generator(read_config(folder))

    def make(n_frames: int) -> FloatArray:
        some = {"z": z[:N_HERE], "pitch": pitches[:N_HERE]}
        return network.run(some, frames=np.array([n_frames]))

    return play, make


def write_model(trainer: Any, folder: Path) -> None:
    """Write a model of the generator's present weights, as an import would."""
    from retimbre.train.export.gansynth_graph import gansynth_graph
    from retimbre.train.export.mel import keras_weights

    graph = gansynth_graph(keras_weights(trainer)).SerializeToString()
    config = {
        "format_version": 2,
        "representation": "mel",
        "sample_rate": 16_000,
        "latent_dim": trainer.config.latent_dim,
        "pitch_range": trainer.config.pitch_range,
        "generator": "generator.onnx",
        "generator_sha256": hashlib.sha256(graph).hexdigest(),
    }
    folder.mkdir()
    (folder / "generator.onnx").write_bytes(graph)
    (folder / "config.json").write_text(json.dumps(config))


def play_file(folder: Path) -> dict[str, float]:
    """Time the whole main job with the model in a folder; return the figures of its sentence."""
    source = folder / "notes.mid"
    write_midi(source)
    runs = [run(source, folder, "-m", str(folder / "model")) for _ in range(RUNS)]
    middle = sorted(runs, key=lambda job: job["wall"])[len(runs) // 2]
    return {
        "notes": middle["notes"],
        "length": MIDI_SECONDS,
        "wall": middle["wall"],
        "runs": len(runs),
        "rate": middle["notes"] / middle["wall"],
        **{part: middle["timings"][part] for part in ("generate", "synthesize")},
    }


def measure(
    seconds: float, written: Callable[[], Any], here: Callable[[int], FloatArray], repeats: int
) -> list[str]:
    """Return a row of the table for notes of a length."""
    from retimbre.gansynth.specgram import denormalize
    from retimbre.gansynth.synthesis import synthesize_specgram
    from retimbre.generator.gansynth import needed_frames

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
    target = f"{TARGET[seconds]:g}" if seconds in TARGET else ""
    figures = (as_written, network, ratio, whole, 1e3 / whole)
    told = [f"{figure:.1f}" for figure in figures]
    name = f"{seconds:g} s" if seconds == durations[0] else f"{seconds:g} s in all"
    return [name, str(n_frames), *told[:3], target, *told[3:]]


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
