"""Morphs between named instruments: how evenly the sound changes on the way."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sound_metrics import step_ratio
from sound_models import ExportedModel, SoundModel, generate_levels
from sound_table import Row

from retimbre.images.harmonic import LEVEL_FLOOR_DB
from retimbre.latent import get_z_notes, slerp
from retimbre.types import Instruments, Notes

FloatArray = npt.NDArray[np.floating[Any]]

PITCH = 60
OTHER_PITCH = 72
VELOCITY = 80
STEPS = 50
SMOOTH_RATIO = 3.0
FLOORS = (LEVEL_FLOOR_DB, -60.0)


def path_rows(model: ExportedModel, *, n: int, seed: int) -> list[Row]:
    """Measure the steps of morphs between random pairs of the palette: slerps, and as played."""
    rng = np.random.default_rng([seed, 6])
    z = model.palette.z
    pairs = [z[rng.choice(len(z), 2, replace=False)] for _ in range(n)]
    slerps, morphs, others = [], [], []
    for pair in pairs:
        slerps.append(_step_ratios(model, slerp(*pair, np.linspace(0.0, 1.0, STEPS + 1)), PITCH))
        played = play_morph(model, pair)
        morphs.append(_step_ratios(model, played, PITCH))
        others.append(_step_ratios(model, played, OTHER_PITCH))
    rows = [
        _row(f"slerp of {STEPS} steps", floor, ratios)
        for floor, ratios in zip(FLOORS, np.transpose(slerps), strict=True)
    ]
    for floor, ratios, there in zip(
        FLOORS, np.transpose(morphs), np.transpose(others), strict=True
    ):
        remark = f"; the same way at MIDI {OTHER_PITCH}: largest {there.max():.2f}"
        rows.append(_row(f"morph of {STEPS} steps as it is played", floor, ratios, remark))
    return rows


def play_morph(model: ExportedModel, pair: FloatArray, n: int = STEPS + 1) -> FloatArray:
    """Return the latents of `n` notes between two instruments [shape=(n, latent_dim)].

    Parameters
    ----------
    model : ExportedModel
    pair : np.ndarray [shape=(2, latent_dim)]
    n : int
    """
    onset = np.arange(float(n))
    notes = Notes(onset, onset + 1.0, np.full(n, PITCH), np.full(n, VELOCITY))
    path = model.even_path(Instruments(pair, onset[[0, -1]]), notes)
    return get_z_notes(onset, path)


def _step_ratios(model: SoundModel, z: FloatArray, pitch: int) -> list[float]:
    """Return the largest over the mean step of a path, above each of the floors."""
    levels = generate_levels(model, z, np.full(len(z), pitch), np.full(len(z), VELOCITY))
    return [step_ratio(levels, pitch, floor_db=floor) for floor in FLOORS]


def _row(path: str, floor_db: float, ratios: FloatArray, remark: str = "") -> Row:
    smooth = 100.0 * np.mean(ratios <= SMOOTH_RATIO)
    return Row(
        f"{path}, largest over mean step, above {floor_db:.0f} dB",
        f"{ratios.max():.2f}",
        f"<= {SMOOTH_RATIO:.0f}",
        f"largest of {len(ratios)} pairs of the palette at MIDI {PITCH}; median "
        f"{np.median(ratios):.2f}, 99th percentile {np.quantile(ratios, 0.99):.2f}, "
        f"{smooth:.1f} % of the pairs <= {SMOOTH_RATIO:.0f}{remark}",
    )
