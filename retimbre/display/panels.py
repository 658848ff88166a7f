"""What the panels of all pictures share: colours, frames, titles, spectrograms."""

from typing import TYPE_CHECKING, Any

import numpy as np

from retimbre.display.spectrogram import RANGE_DB, LogSpectrogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

INK = "#22223b"
FAINT = "#8d8d9e"
OUTPUT_COLOURS = ("#ffffff", "#fbe6d4", "#f2b28a", "#d5655c", "#8a2a57", "#2a0f33")


def title(axes: "Axes", text: str, facts: str) -> None:
    """Write a name and facts above a panel."""
    axes.set_title(text, loc="left", fontsize=11, fontweight="bold", color=INK, pad=5)
    axes.set_title(facts, loc="right", fontsize=9, color=FAINT, pad=5)


def draw_spectrogram(
    axes: "Axes", bar: "Axes", picture: LogSpectrogram, colours: tuple[str, ...]
) -> None:
    """Draw a spectrogram over seconds and Hz, and beside it the bar of its levels."""
    colour_bar(draw_levels(axes, picture, colours), bar, "dB", [-60, -40, -20, 0])


def draw_levels(axes: "Axes", picture: LogSpectrogram, colours: tuple[str, ...]) -> Any:
    """Draw a spectrogram over seconds and Hz; return what a bar of its levels is made of."""
    n_bins, n_columns = picture.level_db.shape
    mesh = axes.pcolormesh(
        np.linspace(0, picture.duration, n_columns + 1),
        picture.fmin * (picture.fmax / picture.fmin) ** (np.arange(n_bins + 1) / n_bins),
        picture.level_db,
        cmap=colormap(colours),
        vmin=-RANGE_DB,
        vmax=0.0,
        rasterized=True,
    )
    axes.set(yscale="log", ylim=(picture.fmin, picture.fmax))
    axes.set_yticks([50, 100, 200, 500, 1000, 2000, 5000, 10000])
    axes.yaxis.set_major_formatter(lambda f, _: f"{f:g}" if f < 1e3 else f"{f / 1e3:g}k")
    axes.minorticks_off()
    axes.set_ylabel("Hz", color=INK)
    style(axes)
    return mesh


def style(axes: "Axes") -> None:
    """Give a panel light frames."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[:].set_color("#c9c9d6")
    axes.tick_params(colors=INK, labelsize=9, color="#c9c9d6")


def colormap(colours: tuple[str, ...]) -> "Colormap":
    """Return the colours of levels, from soft to loud."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("retimbre", colours)


def colour_bar(mappable: Any, bar: "Axes", label: str, ticks: list[float]) -> None:
    """Draw the scale of a panel's colours beside it."""
    bar.figure.colorbar(mappable, cax=bar, ticks=ticks)
    bar.set_ylabel(label, fontsize=9, color=INK)
    bar.tick_params(labelsize=8, colors=INK, length=0)
    bar.spines[:].set_visible(False)
