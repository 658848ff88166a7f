"""A picture of one instrument: five keys, three velocities."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from retimbre.display.panels import FAINT, INK, OUTPUT_COLOURS, colour_bar, draw_levels
from retimbre.display.spectrogram import LogSpectrogram, log_spectrogram
from retimbre.io.files import whole_file
from retimbre.notes.demo import HELD_SECONDS, SLOT_SECONDS, VELOCITIES
from retimbre.result import Result
from retimbre.runtime import single_threaded_blas
from retimbre.units import midi_to_hz, midi_to_note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN_SECONDS = 2.0
"""The note and the first part of its release."""

_TOUCHES = dict(zip(VELOCITIES, ("soft", "medium", "loud"), strict=True))


@single_threaded_blas
def draw_instrument(path: str | os.PathLike[str], result: Result) -> None:
    """Draw the sound of an instrument into a PNG file.

    Each panel is the spectrogram of a note; all have the scale of the loudest.

    Parameters
    ----------
    path : path-like
        Replaced as a whole if it exists.
    result : Result
        A `touch_grid`, played by the one instrument.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    from matplotlib import rc_context

    keys = [int(key) for key in result.notes.pitch[: len(result.notes) // len(VELOCITIES)]]
    cells = _cut(log_spectrogram(result.y, result.sr), len(result.notes))
    name = result.instruments.names[0]
    with rc_context({"font.family": ["DejaVu Sans"]}), warnings.catch_warnings():
        # A name in a script that the font does not have is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = _figure(cells, keys, name, result.report.model)
        with whole_file(path) as unfinished:
            figure.savefig(unfinished, format="png", dpi=130, metadata={"Software": "retimbre"})


def _cut(whole: LogSpectrogram, n: int) -> list[LogSpectrogram]:
    """Cut out the beginning of each slot."""
    per_second = whole.level_db.shape[1] / whole.duration
    width = round(_SHOWN_SECONDS * per_second)
    starts = [round(k * SLOT_SECONDS * per_second) for k in range(n)]
    return [
        replace(whole, level_db=whole.level_db[:, start : start + width], duration=_SHOWN_SECONDS)
        for start in starts
    ]


def _figure(cells: list[LogSpectrogram], keys: Sequence[int], name: str, model: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 8.2), facecolor="white")
    n_rows, n_columns = len(VELOCITIES), len(keys)
    grid = figure.add_gridspec(
        n_rows, n_columns + 1, width_ratios=(*(1,) * n_columns, 0.06),
        left=0.075, right=0.945, top=0.865, bottom=0.075, hspace=0.1, wspace=0.08,
    )  # fmt: skip
    for k, cell in enumerate(cells):
        velocity, key = VELOCITIES[k // n_columns], keys[k % n_columns]
        # The loudest is above.
        row, column = n_rows - 1 - k // n_columns, k % n_columns
        axes = figure.add_subplot(grid[row, column])
        levels = draw_levels(axes, cell, OUTPUT_COLOURS)
        axes.axvline(HELD_SECONDS, color=FAINT, linewidth=0.8, linestyle=":")
        axes.tick_params(labelleft=column == 0, labelbottom=row == n_rows - 1)
        axes.set_xticks(np.arange(0.0, _SHOWN_SECONDS, 0.5))
        axes.xaxis.set_major_formatter(lambda t, _: f"{t:g}")
        axes.set_ylabel(
            f"{_TOUCHES[velocity]}: velocity {velocity}\nHz" if column == 0 else "", color=INK
        )
        if row == 0:
            hz = float(midi_to_hz(key))
            axes.set_title(f"{midi_to_note(key)}, {hz:.0f} Hz", fontsize=11, color=INK, pad=5)
        if row == n_rows - 1:
            axes.set_xlabel("seconds", color=INK)
    colour_bar(levels, figure.add_subplot(grid[:, -1]), "dB re the loudest", [-60, -40, -20, 0])
    _head(figure, name, model)
    return figure


def _head(figure: "Figure", name: str, model: str) -> None:
    said = name.encode(errors="replace").decode()
    figure.text(
        0.075, 0.95, said, fontsize=15, fontweight="bold", color=INK, va="center", parse_math=False
    )
    facts = f"model {model}  ·  the key is let go at the dotted line"
    figure.text(0.945, 0.95, facts, fontsize=10, color=FAINT, ha="right", va="center")
