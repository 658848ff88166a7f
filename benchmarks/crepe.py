"""CREPE: how exact and how fast, against the network as written in Keras on TensorFlow.

    python benchmarks/crepe.py            # exactness, speed, start-up, decoding: some minutes
    python benchmarks/crepe.py --hour     # and an hour of sound through the full network

Writes its section of RESULTS.md. The recording of the golden track is looked for beside the
repository and its row is left out without it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np
import numpy.typing as npt
from results import write_section

from retimbre.pitch import estimate_pitch
from retimbre.pitch.crepe.decoding import PeakDecoder, ViterbiDecoder, average_bins, bins_to_hz
from retimbre.pitch.crepe.first_layer import normalize_frames
from retimbre.pitch.crepe.network import CrepeNetwork, count_frames, load_network
from retimbre.pitch.crepe.weights import find_weights, load_weights
from retimbre.settings.params import PitchParams

Array = npt.NDArray[Any]
Row = tuple[object, ...]

SR = 16000
FILTERS = (1024, 128, 128, 128, 256, 512)
WIDTHS = (512, 64, 64, 64, 64, 64)
BATCH = 128
ROUNDS = 5
GOLDEN = Path(__file__).parents[2] / "shared" / "data" / "sms-tools"


def main() -> None:
    """Measure everything and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hour", action="store_true", help="also measure an hour of sound")
    arguments = parser.parse_args()
    parts = [
        "Largest difference of any activation to the network as written (Keras on TensorFlow), on "
        "frames of tones, noise, silence, clipping, offset and near silence; milliseconds a frame "
        f"of both, in turns in one process, on {os.cpu_count()} cores; best of {ROUNDS} rounds. "
        "The network alone: frames normalised in double precision for both; the original takes "
        "means in single precision, which shows where a frame has a large offset.",
        table(
            ("network", "difference", "of the network alone", "as written", "retimbre", "ratio"),
            compare_networks(),
        ),
        "Whole process: start Python, read the weights, prepare them, track the pitch.",
        table(("network", "sound", "whole process", "of it imports, weights"), measure_processes()),
        "Pitch by decoding, full network: share of frames within 50 cents, in melodies with leaps "
        "(4 timbres, notes of 80 to 400 ms, vibrato, reverberation, noise), f0 known exactly.",
        table(("decoding", "within 50 cents", "within 50 ms of a leap"), list(compare_decoders())),
    ]
    if GOLDEN.is_dir():
        parts += [
            "Against the original code's own track (tiny network, frames of confidence > 0.5).",
            table(("frames", "largest deviation"), [compare_golden()]),
        ]
    if arguments.hour:
        parts += ["One hour of sound.", table(("network", "seconds", "peak memory"), [run_hour()])]
    write_section("CREPE: exactness and speed", "\n\n".join(parts))


def table(header: Row, rows: list[Row]) -> str:
    """Return a markdown table, and show it."""
    lines = [header, ("---",) * len(header), *rows]
    text = "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
    print(text, flush=True)
    return text


# --- The network as written ---------------------------------------------------------------------


def build_as_written(capacity: str) -> Any:
    """Return the Keras model of the original code with the original weights."""
    import keras
    from keras import layers

    divisor = {"full": 1, "tiny": 8}[capacity]
    model = keras.Sequential([keras.Input((1024,)), layers.Reshape((1024, 1, 1))])
    for index, (filters, width) in enumerate(zip(FILTERS, WIDTHS, strict=True), start=1):
        stride = 4 if index == 1 else 1
        model.add(
            layers.Conv2D(
                filters // divisor,
                (width, 1),
                strides=(stride, 1),
                padding="same",
                activation="relu",
                name=f"conv{index}",
            )
        )
        model.add(layers.BatchNormalization(name=f"conv{index}-BN"))
        model.add(layers.MaxPool2D((2, 1)))
    model.add(layers.Permute((2, 1, 3)))
    model.add(layers.Flatten())
    model.add(layers.Dense(360, activation="sigmoid", name="classifier"))
    with h5py.File(find_weights(capacity)) as file:
        for layer in model.layers:
            if layer.weights:
                group = next(iter(file[layer.name].values()))
                arrays = [group[f"{w.name}:0"][...].reshape(w.shape) for w in layer.weights]
                layer.set_weights(arrays)
    return model


def as_written_runner(capacity: str) -> Callable[[Array], Array]:
    """Return a function from raw frames to activations."""
    import tensorflow as tf

    model = build_as_written(capacity)
    run = tf.function(lambda x: model(x, training=False), reduce_retracing=True)

    def activation(frames: Array) -> Array:
        frames = frames - frames.mean(axis=1, keepdims=True)
        frames = frames / np.clip(frames.std(axis=1, keepdims=True), 1e-8, None)
        return np.asarray(run(tf.constant(frames, tf.float32)))

    return activation


# --- Exactness and speed ------------------------------------------------------------------------


def compare_networks() -> list[Row]:
    """Return difference and speed of both networks."""
    rows: list[Row] = []
    for capacity in ("full", "tiny"):
        reference, network = as_written_runner(capacity), load_network(capacity)
        frames = frames_of_all_kinds()
        activation = network.activation(frames)
        whole = np.abs(activation - reference(frames)).max()
        alone = np.abs(activation - reference(normalize_frames(frames))).max()
        written, ours = race(reference, network)
        speeds = f"{written:.2f} ms", f"{ours:.2f} ms", f"{written / ours:.1f}"
        rows.append((capacity, f"{whole:.1e}", f"{alone:.1e}", *speeds))
    return rows


def race(reference: Callable[[Array], Array], network: CrepeNetwork) -> tuple[float, float]:
    """Return milliseconds a frame as written and restructured, the best of some turns."""
    n_frames = 4 * BATCH
    signal = 0.1 * np.random.default_rng(0).standard_normal(160 * (n_frames - 1))
    signal = signal.astype(np.float32)
    wanted = np.ones(count_frames(len(signal)), dtype=bool)
    frames = cut_frames(signal)[:BATCH]
    written, ours = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        reference(frames)
        written.append((time.perf_counter() - start) / BATCH)
        start = time.perf_counter()
        for _ in network.activations_of(signal, wanted):
            pass
        ours.append((time.perf_counter() - start) / len(wanted))
    return 1e3 * min(written[1:]), 1e3 * min(ours[1:])


def frames_of_all_kinds() -> Array:
    """Return frames [shape=(n_frames, 1024)] of every kind that may come."""
    rng = np.random.default_rng(7)
    t = np.arange(1024) / SR
    frames = []
    for f0 in np.geomspace(35.0, 1900.0, 12):
        tone = 0.3 * np.sin(2 * np.pi * f0 * t) + 0.1 * np.sin(4 * np.pi * f0 * t + 1.0)
        noise = 0.05 * rng.standard_normal(1024)
        frames += [tone, tone + noise, np.clip(20 * tone, -1, 1), 0.9 + 1e-3 * tone, 1e-5 * tone]
        frames += [np.where(t < 0.04, 1e-4, 1.0) * tone, noise]
    return np.array([*frames, np.zeros(1024), np.full(1024, 0.25)], dtype=np.float32)


def cut_frames(signal: Array) -> Array:
    """Return the frames of a signal as the original code cuts them."""
    padded = np.pad(signal, (512, 512))
    return np.lib.stride_tricks.sliding_window_view(padded, 1024)[::160]


def compare_golden() -> Row:
    """Return the number of frames and the largest deviation from the original's track."""
    import soundfile

    y, sr = soundfile.read(GOLDEN / "vignesh.wav", dtype="float32")
    csv = GOLDEN / "vignesh_crepe_tiny_f0.csv"
    _, f0, confidence = np.genfromtxt(csv, delimiter=",", skip_header=1, unpack=True)
    track = estimate_pitch(y, sr, PitchParams(capacity="tiny"))
    sure = confidence > 0.5
    cents = np.abs(1200.0 * np.log2(track.f0[sure] / f0[sure]))
    return int(sure.sum()), f"{cents.max():.3f} cents"


# --- Whole processes ----------------------------------------------------------------------------

PROCESS = """
import time; start = time.perf_counter()
import numpy as np
from retimbre.settings.params import PitchParams
from retimbre.pitch import estimate_pitch
from retimbre.pitch.crepe.network import load_network
load_network({capacity!r})
loaded = time.perf_counter() - start
t = np.arange(441000) / 44100
y = np.tile(np.float32(0.3 * np.sin(2 * np.pi * 220 * t * (1 + 0.1 * t))), {seconds} // 10)
estimate_pitch(y, 44100, PitchParams(capacity={capacity!r}))
peak = [s for s in open('/proc/self/status') if s.startswith('VmHWM')][0].split()[1]
print(loaded, int(peak) / 1024)
"""


def run_process(capacity: str, seconds: int) -> tuple[float, float, float]:
    """Return seconds of the whole process, seconds until it could begin, and peak MiB."""
    script = PROCESS.format(capacity=capacity, seconds=seconds)
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    loaded, peak = result.stdout.split()
    return time.perf_counter() - start, float(loaded), float(peak)


def measure_processes() -> list[Row]:
    """Return the best of three processes for each network."""
    rows: list[Row] = []
    for capacity in ("full", "tiny"):
        total, loaded, peak = min(run_process(capacity, 10) for _ in range(3))
        rows.append((capacity, f"10 s, {peak:.0f} MiB", f"{total:.2f} s", f"{loaded:.2f} s"))
    return rows


def run_hour() -> Row:
    """Return network, seconds and peak memory of one hour of sound."""
    total, _, peak = run_process("full", 3600)
    return "full", f"{total:.0f} s", f"{peak:.0f} MiB"


# --- Decoding -----------------------------------------------------------------------------------


def compare_decoders() -> Iterator[Row]:
    """Yield the pitch accuracy of three ways to decode the same activations."""
    melodies = [sing_melody(seed) for seed in range(8)]
    network = load_network("full")
    analysed = []
    for signal, f0, is_leap in melodies:
        wanted = np.ones(count_frames(len(signal)), dtype=bool)
        blocks = [a for _, a in network.activations_of(signal, wanted)]
        analysed.append((np.concatenate(blocks), f0, is_leap))
    for name, decode in (
        ("highest activation", decode_peaks),
        ("Viterbi of the original code", decode_as_original),
        ("Viterbi of retimbre", decode_path),
    ):
        right = [np.abs(1200 * np.log2(bins_to_hz(decode(a)) / f0)) < 50 for a, f0, _ in analysed]
        near = [r[is_leap] for r, (_, _, is_leap) in zip(right, analysed, strict=True)]
        yield name, f"{np.concatenate(right).mean():.3f}", f"{np.concatenate(near).mean():.3f}"


def sing_melody(seed: int) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Return a melody at 16 kHz, its f0 at each frame, and which frames are near a leap."""
    rng = np.random.default_rng(seed)
    midi, parts, starts = 60, [], []
    for _ in range(30):
        step = int(rng.choice([-12, -7, -5, -2, -1, 1, 2, 5, 7, 12]))
        midi = midi + step if 45 <= midi + step <= 80 else midi - step
        t = np.arange(round(SR * rng.choice([0.08, 0.12, 0.2, 0.4]))) / SR
        starts.append(sum(map(len, parts)) / SR)
        vibrato = 0.4 * np.sin(2 * np.pi * 5.5 * t) * (t > 0.15)
        parts.append(440.0 * 2.0 ** ((midi - 69 + vibrato) / 12.0))
    f0 = np.concatenate(parts)
    phase = 2 * np.pi * np.cumsum(f0) / SR
    k = np.arange(1, 25)
    gains = (1 / k, np.where(k == 1, 0.1, 1 / k), k % 2 / k + 0.02, np.exp(-((k - 3.5) ** 2) / 4))
    dry = sum(
        g * np.sin(i * phase) * (i * f0 < 7500) for i, g in zip(k, gains[seed % 4], strict=True)
    )
    dry = dry / np.abs(dry).max()
    tail = rng.standard_normal(SR // 3) * np.exp(-np.arange(SR // 3) / (0.08 * SR))
    signal = dry + 0.02 * np.convolve(dry, tail)[: len(dry)]
    signal += (0.003, 0.1)[seed // 4] * rng.standard_normal(len(dry))
    n_frames = count_frames(len(signal))
    times = np.arange(n_frames) * 0.01
    is_leap = (np.abs(times[:, None] - np.array(starts[1:])) < 0.05).any(axis=1)
    f0_at_frames = f0[np.minimum(np.arange(n_frames) * 160, len(f0) - 1)]
    return (0.5 * signal).astype(np.float32), f0_at_frames, is_leap


def decode_peaks(activation: Array) -> Array:
    """Return the bins of the highest activations."""
    return PeakDecoder(slice(0, 360)).push(activation, np.zeros(len(activation), dtype=bool))


def decode_path(activation: Array) -> Array:
    """Return the bins along the path of retimbre."""
    decoder = ViterbiDecoder(slice(0, 360))
    decided = decoder.push(activation, np.zeros(len(activation), dtype=bool))
    return np.concatenate([decided, decoder.finish()])


def decode_as_original(activation: Array) -> Array:
    """Return the bins along the path of the original code's hidden Markov model.

    It sees which bin is the highest: the right one with probability 0.1, else any. It moves by
    less than 12 bins a frame.
    """
    bins = np.arange(360)
    transition = np.maximum(12 - np.abs(bins[:, None] - bins), 0)
    with np.errstate(divide="ignore"):
        log_transition = np.log(transition / transition.sum(axis=1, keepdims=True))
    log_emission = np.log(0.1 * np.eye(360) + 0.9 / 360)
    seen = activation.argmax(axis=1)
    scores, sources = log_emission[seen[0]], []
    for peak in seen[1:]:
        arriving = scores[:, None] + log_transition
        sources.append(arriving.argmax(axis=0))
        scores = arriving.max(axis=0) + log_emission[peak]
    path = [int(scores.argmax())]
    for source in reversed(sources):
        path.append(int(source[path[-1]]))
    return average_bins(activation, np.array(path[::-1]))


if __name__ == "__main__":
    load_weights("tiny")  # fails at once, and with a sentence, where the weights are missing
    main()
