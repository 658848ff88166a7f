"""What a model costs: time of its network and size of its folder."""

import time
from pathlib import Path

import numpy as np
from sound_models import BATCH_SIZE, ExportedModel, draw_z
from sound_table import Row

BATCHES = 12
ROUNDS = 20


def time_network(model: ExportedModel) -> float:
    """Return the seconds of a note, the least mean of 12 batches of 32 in 20 rounds."""
    rng = np.random.default_rng(0)
    n = BATCHES * BATCH_SIZE
    z = draw_z(model, n, rng)
    low, high = model.pitch_range
    pitches, velocities = rng.integers(low, high + 1, n), rng.integers(1, 128, n)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        model.generate(z, pitches, velocities)
        times.append((time.perf_counter() - start) / n)
    return min(times)


def folder_megabytes(folder: Path) -> float:
    """Return the size of all files of a folder in MB (10^6 bytes)."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def cost_rows(model: ExportedModel, folder: Path) -> list[Row]:
    """Measure the time of the network and the size of the folder."""
    return [
        Row(
            "network time of a 4 s note",
            f"{1e3 * time_network(model):.2f} ms",
            "<= 2 ms",
            f"2 threads, batches of {BATCH_SIZE}, best of {ROUNDS} rounds of {BATCHES} batches",
        ),
        Row("model folder", f"{folder_megabytes(folder):.1f} MB", "<= 40 MB"),
    ]
