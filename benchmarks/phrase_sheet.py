"""Draw phrases, what is true of them and what was found: `python benchmarks/phrase_sheet.py`.

    python benchmarks/phrase_sheet.py ROOT FOLDER --set dev --cache CACHE --kinds legato

A sheet a kind: three phrases, each with its spectrogram, the true notes as boxes (white: struck,
yellow: soft, cyan: tied), the notes found as red lines, and the level of 5 ms below.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from notes import cached_track
from phrase_segment import Found, find_notes
from phrases import KINDS, Phrase, make_phrases

from retimbre.settings.params import PitchParams

COLOURS = {"struck": "white", "soft": "yellow", "tied": "cyan"}


def main() -> None:
    """Draw a sheet for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of recorded single notes")
    parser.add_argument("folder", type=Path, help="where the sheets go")
    parser.add_argument("--set", choices=("dev", "test"), default="dev")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS])
    parser.add_argument("--cache", type=Path, help="folder that keeps pitch tracks between runs")
    parser.add_argument("--first", type=int, default=0, help="number of the first phrase drawn")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for kind in arguments.kinds:
        phrases = list(make_phrases(arguments.set, arguments.root, (kind,)))
        phrases = phrases[arguments.first :][:3]
        figure, axes = plt.subplots(
            2 * len(phrases), 1, figsize=(22, 15), height_ratios=[3, 1] * len(phrases)
        )
        for k, phrase in enumerate(phrases):
            found = find_notes(cached_track(phrase, PitchParams(), arguments.cache))
            _draw(axes[2 * k], phrase, found)
            _draw_level(axes[2 * k + 1], phrase, found)
        figure.tight_layout()
        figure.savefig(arguments.folder / f"{kind.replace(' ', '_')}.png", dpi=65)
        plt.close(figure)


def _draw(axes: Axes, phrase: Phrase, found: Found) -> None:
    """Draw a spectrogram about the notes, with the notes."""
    n = 2048 if phrase.sr > 20000 else 512
    axes.specgram(
        phrase.y, NFFT=n, Fs=phrase.sr, noverlap=n * 7 // 8, pad_to=2 * n, vmin=-130, vmax=-40
    )
    for (start, end), hz, how in zip(
        phrase.intervals, phrase.pitch_hz, phrase.articulation, strict=True
    ):
        box = ([start, end, end, start, start], [hz * r for r in (0.94, 0.94, 1.06, 1.06, 0.94)])
        axes.plot(*box, color=COLOURS[how], lw=1.2)
    for (start, end), hz in zip(found.intervals, found.pitch_hz, strict=True):
        axes.plot([start, end], [hz, hz], color="red", lw=1.5, marker="|", ms=11)
    lowest, highest = phrase.pitch_hz.min(), phrase.pitch_hz.max()
    axes.set(ylim=(0.6 * lowest, 2.4 * highest), xlim=(0, len(phrase.y) / phrase.sr), yscale="log")
    axes.set_title(f"{phrase.name}, {phrase.instrument}", loc="left", fontsize=9)


def _draw_level(axes: Axes, phrase: Phrase, found: Found) -> None:
    """Draw the level with the true onsets (green), true offsets (black) and found onsets (red)."""
    hop = round(0.0025 * phrase.sr)
    power = np.square(phrase.y[: len(phrase.y) // hop * hop]).reshape(-1, hop).mean(axis=1)
    power = np.convolve(power, [0.5, 0.5], mode="same")
    axes.plot((np.arange(len(power)) + 0.5) * 0.0025, 10 * np.log10(power + 1e-9), lw=0.8)
    axes.vlines(phrase.intervals[:, 0], -60, -5, color="green", lw=1.2)
    axes.vlines(phrase.intervals[:, 1], -60, -40, color="black", lw=1.0)
    axes.vlines(found.intervals[:, 0], -25, 0, color="red", lw=0.8)
    axes.set(xlim=(0, len(phrase.y) / phrase.sr), ylim=(-65, 0))


if __name__ == "__main__":
    main()
