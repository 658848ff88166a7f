"""Draw what came in beside what was played: `python benchmarks/playing_sheet.py FOLDER`.

    python benchmarks/playing_sheet.py FOLDER [DATA] --inputs legato vocadito --instruments Flute
    PYTHONPATH=TREE python benchmarks/playing_sheet.py FOLDER      # what another tree plays

One picture per input. Above the spectrograms of input and output, with the onsets of notes (white:
struck, yellow: soft, cyan: tied); below them 150 ms around up to six joins, tied ones first, as
spectrogram and waveform, the input's over the output's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from playing_inputs import DATA, RECORDINGS, Input, read_inputs
from playing_measure import TOUCHING_SECONDS
from playing_phrases import PHRASES

import retimbre
from retimbre.types import Melody

COLOURS = {"struck": "white", "soft": "yellow", "tied": "cyan"}
ZOOM_SECONDS = 0.15
N_ZOOMS = 6
RANGE_DB = 80.0
Sound = tuple[np.ndarray, int]


def main() -> None:
    """Draw a picture of each input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("data", nargs="?", type=Path, default=DATA, help="folder of recordings")
    parser.add_argument("--inputs", nargs="+", choices=[*RECORDINGS, *PHRASES], default=[])
    parser.add_argument("--instruments", help="as retimbre -i takes them; random by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="folder that keeps pitch tracks between runs")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    options = {"seed": arguments.seed, "instruments": arguments.instruments}
    settings = retimbre.Settings.from_options(**options)
    for given in read_inputs(arguments.data, arguments.cache, tuple(arguments.inputs)):
        result = retimbre.Session(settings).play(melody_of(given))
        figure = draw(given, (np.asarray(result.y), result.sr))
        figure.suptitle(f"{given.name}; {arguments.instruments or 'random instruments'}")
        figure.savefig(arguments.folder / f"{given.name.replace(' ', '_')}.png", dpi=70)
        plt.close(figure)


def melody_of(given: Input) -> Melody:
    """Return the notes of an input, with their curves."""
    return Melody(
        given.notes,
        tuple(retimbre.note_curves(given.track, given.notes)),
        articulation=given.articulation,
        strength=given.strength,
        source=given.name,
        duration=given.duration,
    )


def joins_drawn(given: Input) -> list[int]:
    """Return the notes whose beginnings are drawn from near: joins without a gap, tied ones first.

    Other beginnings only where there are no such joins.
    """
    notes = given.notes
    gaps = notes.onset - np.concatenate([[-np.inf], notes.offset[:-1]])
    touching = [i for i in range(len(notes)) if gaps[i] <= TOUCHING_SECONDS]
    tied = [i for i in touching if given.articulation[i] == "tied"]
    others = [i for i in touching if i not in tied]
    chosen = tied[:: max(1, -(-len(tied) // N_ZOOMS))] + others or list(range(len(notes)))
    return sorted(chosen[:N_ZOOMS])


def draw(given: Input, played: Sound) -> Figure:
    """Draw an input and what was played."""
    figure = plt.figure(figsize=(26, 17), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.0, 1.5])
    sounds = {"input": (given.y, given.sr), "output": played}
    for axes, (name, sound) in zip(above.subplots(1, 2), sounds.items(), strict=True):
        draw_spectrogram(axes, sound, 2048, 0.0, given.duration)
        for onset, how in zip(given.notes.onset, given.articulation, strict=True):
            axes.axvline(onset, color=COLOURS[how], lw=0.8, alpha=0.7)
        axes.set(title=name, ylabel="Hz")
    joins = joins_drawn(given)
    grid = below.subplots(4, max(len(joins), 1), squeeze=False, height_ratios=[2, 1, 2, 1])
    for column, i in zip(grid.T, joins, strict=False):
        start = float(given.notes.onset[i]) - ZOOM_SECONDS / 2
        for pair, sound in zip((column[:2], column[2:]), sounds.values(), strict=True):
            draw_spectrogram(pair[0], sound, 384, start, ZOOM_SECONDS)
            draw_wave(pair[1], sound, start)
            for axes in pair:
                axes.axvline(0.0, color=COLOURS[given.articulation[i]], lw=1.0, ls=":")
                axes.set_xticks([])
        column[0].set_title(f"{given.articulation[i]}, {given.notes.onset[i]:.2f} s", fontsize=9)
    return figure


def draw_spectrogram(axes: Axes, sound: Sound, size: int, start: float, seconds: float) -> None:
    """Draw a part up to 16 kHz, in dB re the sound's peak; a short one around its middle."""
    y, sr = sound
    shift = start + seconds / 2 if seconds <= ZOOM_SECONDS else 0.0
    part = _part(sound, start - size / sr / 2, seconds + size / sr)
    peak = 20.0 * np.log10(max(float(np.abs(y).max()), 1e-9))
    # The mean of a sine's spectrum under a Hann window, in its own bin.
    power, hz, times = plt.mlab.specgram(
        part, NFFT=size, Fs=sr, noverlap=size * 7 // 8, pad_to=2 * size, mode="magnitude"
    )
    level = 20.0 * np.log10(power + 1e-9)
    times = times - size / sr / 2 + start - shift
    top = level.max() if seconds > ZOOM_SECONDS else peak - 20.0
    axes.pcolormesh(
        times, hz, level, vmin=top - RANGE_DB, vmax=top, cmap="magma", shading="auto",
        rasterized=True,
    )  # fmt: skip
    axes.set(ylim=(0, min(16000, sr / 2)), xlim=(start - shift, start - shift + seconds))


def draw_wave(axes: Axes, sound: Sound, start: float) -> None:
    """Draw 150 ms of a waveform about its middle."""
    part = _part(sound, start, ZOOM_SECONDS)
    axes.plot(np.arange(len(part)) / sound[1] - ZOOM_SECONDS / 2, part, lw=0.5, color="black")
    top = max(float(np.abs(part).max()), 1e-4)
    axes.set(xlim=(-ZOOM_SECONDS / 2, ZOOM_SECONDS / 2), ylim=(-top, top), facecolor="lightgrey")
    axes.set_yticks([])


def _part(sound: Sound, start: float, seconds: float) -> np.ndarray:
    """Return a part, with silence where there is no sound."""
    y, sr = sound
    n, first = round(seconds * sr), round(start * sr)
    part = np.zeros(n)
    low, high = max(first, 0), min(first + n, len(y))
    if high > low:
        part[low - first : high - first] = y[low:high]
    return part


if __name__ == "__main__":
    main()
