"""What a model costs: time of its network and size of its folder."""

import time
from pathlib import Path

import numpy as np
from sound_models import ExportedModel, draw_z
from sound_table import Row

from retimbre.runtime import count_cores

N_NOTES = 384
ROUNDS = 20


def time_network(model: ExportedModel) -> float:
    """Return the seconds of a note, the least mean of 384 notes in 20 rounds."""
    rng = np.random.default_rng(0)
    n = N_NOTES
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
            f"{count_cores()} cores, best of {ROUNDS} rounds of {N_NOTES} notes",
        ),
        Row("model folder", f"{folder_megabytes(folder):.1f} MB", "<= 40 MB"),
    ]
