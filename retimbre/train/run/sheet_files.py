"""The files of a sample sheet: a picture of images, and notes one after another."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retimbre._typing import FloatArray, IntArray
from retimbre.expression import RELEASE_SECONDS
from retimbre.harmonic.image import N_BINS, N_FRAMES, SAMPLE_RATE, features_to_image
from retimbre.harmonic.synthesis import synthesize_note
from retimbre.io.files import whole_file
from retimbre.units import midi_to_hz

if TYPE_CHECKING:
    from matplotlib.axes import Axes


HELD_SECONDS = 0.9
PEAK = 0.5
GAP = 0.06
"""Between the images of a row, in images."""


@dataclass(frozen=True)
class Panel:
    """A row of images.

    Attributes
    ----------
    label : str
    images : np.ndarray [shape=(n, frames, bins), -1..1]
        Levels; of partials, or log mel power.
    names : list of str
        Of the images, if they have any.
    """

    label: str
    images: FloatArray
    names: list[str] = field(default_factory=list)


def draw_panels(path: Path, title: str, rows: list[Panel]) -> None:
    """Draw rows of images, time to the right and frequency upwards, as a PNG.

    Parameters
    ----------
    path : Path
    title : str
    rows : list of Panel

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure

    n_columns = max(len(row.images) for row in rows)
    size = (1.5 * n_columns + 1.0, 1.4 * len(rows) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=10)
    for row, axes in zip(rows, figure.subplots(len(rows), 1, squeeze=False)[:, 0], strict=True):
        _draw_row(axes, row, n_columns)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=80)


def _draw_row(axes: "Axes", row: Panel, n_columns: int) -> None:
    for column, image in enumerate(row.images):
        axes.imshow(
            image.T,
            extent=(column, column + 1.0 - GAP, 0.0, 1.0),
            origin="lower",
            # Where there are more bins than pixels, none may fall between two of them.
            interpolation="nearest" if image.shape[1] <= N_BINS else "antialiased",
            cmap="magma",
            vmin=-1.0,
            vmax=1.0,
        )
    axes.set(xlim=(0.0, n_columns), ylim=(0.0, 1.0), aspect="auto", yticks=[], frame_on=False)
    axes.set_xticks(np.arange(len(row.names)) + 0.5, row.names, fontsize=6)
    axes.tick_params(length=0)
    axes.set_ylabel(row.label, fontsize=7)


def write_notes(path: Path, features: FloatArray, pitches: IntArray) -> None:
    """Play notes one after another into a WAV file (44.1 kHz, 16 bit).

    Parameters
    ----------
    path : Path
    features : np.ndarray [shape=(n, frames, 288)]
        Each frame stands for as many as make 128.
    pitches : np.ndarray of int [shape=(n,), MIDI]

    Raises
    ------
    ParameterError
        If a feature is not finite.
    WriteError
        If the file cannot be written.
    """
    images = features_to_image(np.repeat(features, N_FRAMES // features.shape[1], axis=1))
    waves = []
    for image, pitch in zip(images, pitches, strict=True):
        wave = synthesize_note(
            image, midi_to_hz(pitch), duration=HELD_SECONDS, release=RELEASE_SECONDS, expression=0.0
        )
        waves.append(at_peak(wave))
    write_waves(path, waves, SAMPLE_RATE)


def at_peak(wave: FloatArray) -> FloatArray:
    """Bring a note to the loudness of all others."""
    return wave * (PEAK / max(float(np.abs(wave).max()), 1e-6))


def write_waves(path: Path, waves: list[FloatArray], sr: int) -> None:
    """Write sounds one after another into a WAV file (16 bit)."""
    import soundfile

    with whole_file(path) as temporary:
        soundfile.write(temporary, np.concatenate(waves), sr, format="WAV")
