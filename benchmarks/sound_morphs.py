"""Morphs between named instruments: how evenly the sound changes on the way."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sound_metrics import step_ratio
from sound_models import ExportedModel, SoundModel, draw_z, generate_levels
from sound_table import Row

from retimbre.harmonic.image import LEVEL_FLOOR_DB
from retimbre.instrument import Instruments
from retimbre.latent import get_z_notes, slerp
from retimbre.types import Notes

FloatArray = npt.NDArray[np.floating[Any]]

PITCH = 60
VELOCITY = 80
STEPS = 50
SMOOTH_RATIO = 3.0
ELSEWHERE = ((48, 80), (72, 80), (84, 80), (60, 40), (60, 120))
"""MIDI pitches and velocities."""

FLOORS = (LEVEL_FLOOR_DB, -60.0)


def path_rows(model: ExportedModel, *, n: int, seed: int) -> list[Row]:
    """Measure the steps between two instruments of the palette: on slerps, and as played."""
    rng = np.random.default_rng([seed, 6])
    z = model.palette.z
    pairs = [z[rng.choice(len(z), 2, replace=False)] for _ in range(n)]
    slerps = [slerp(*pair, np.linspace(0.0, 1.0, STEPS + 1)) for pair in pairs]
    morphs = [play_morph(model, pair) for pair in pairs]
    rows = [
        _row(f"slerp of {STEPS} steps, {_above(floor)}", _ratios(model, slerps, floor_db=floor))
        for floor in FLOORS
    ]
    for floor in FLOORS:
        found = _ratios(model, morphs, floor_db=floor)
        rows.append(_row(f"morph of {STEPS} steps as it is played, {_above(floor)}", found))
    # Some of the pairs tell how far the evenness reaches from where the pace was found.
    some = morphs[: max(n // 4, 1)]
    for pitch, velocity in ELSEWHERE:
        found = _ratios(model, some, pitch, velocity)
        where = f"paced at MIDI {PITCH}, played at MIDI {pitch}, velocity {velocity}"
        rows.append(_row(f"the same morph {where}", found, is_asked=False))
    random = [play_morph(model, draw_z(model, 2, rng)) for _ in some]
    found = _ratios(model, random)
    rows.append(_row("morph as it is played between random instruments", found, is_asked=False))
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


def _ratios(
    model: SoundModel,
    paths: list[FloatArray],
    pitch: int = PITCH,
    velocity: int = VELOCITY,
    *,
    floor_db: float = LEVEL_FLOOR_DB,
) -> FloatArray:
    """Return the largest over the mean step of each path."""
    found = []
    for z in paths:
        levels = generate_levels(model, z, np.full(len(z), pitch), np.full(len(z), velocity))
        found.append(step_ratio(levels, pitch, floor_db=floor_db))
    return np.array(found)


def _above(floor_db: float) -> str:
    return f"largest over mean step, above {floor_db:.0f} dB"


def _row(figure: str, ratios: FloatArray, *, is_asked: bool = True) -> Row:
    smooth = 100.0 * np.mean(ratios <= SMOOTH_RATIO)
    return Row(
        figure,
        f"{ratios.max():.2f}",
        f"<= {SMOOTH_RATIO:.0f}" if is_asked else "",
        f"largest of {len(ratios)} pairs; median {np.median(ratios):.2f}, 99th percentile "
        f"{np.quantile(ratios, 0.99):.2f}, {smooth:.1f} % of the pairs <= {SMOOTH_RATIO:.0f}",
    )
