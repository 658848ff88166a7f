"""One picture of a result: input, pitch, notes, instruments, output.

Five panels share one time axis: the spectrogram of the input, its f0 coloured by confidence with
the notes over it, the evidence of notes, the spectrogram of the output, and the way of the timbre
between instruments. MIDI has neither the first nor the evidence.
"""

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray
from retimbre.display.evidence import draw_evidence
from retimbre.display.panels import (
    FAINT,
    INK,
    OUTPUT_COLOURS,
    colormap,
    colour_bar,
    draw_spectrogram,
    style,
    title,
)
from retimbre.display.spectrogram import LogSpectrogram, log_spectrogram
from retimbre.instrument import Instruments
from retimbre.io.files import whole_file
from retimbre.notes.evidence import find_evidence
from retimbre.result import Result
from retimbre.runtime import single_threaded_blas
from retimbre.settings.stops import MOST_TOLD
from retimbre.types import Notes
from retimbre.units import hz_to_midi, midi_to_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INPUT_COLOURS = ("#ffffff", "#dbe7f0", "#8fb8d0", "#3f7ca6", "#1f3f6e", "#130f2b")
_CONFIDENCE_COLOURS = ("#d9d9e3", "#9d8fc4", "#5a3d99", "#240d52")
_MOST_LABELS = 40
_MANY_NOTES = 300
_FOR_EVER = 1e6


def plot_result(
    path: str | os.PathLike[str],
    result: Result,
    y_in: FloatArray | None = None,
    sr_in: int | None = None,
) -> None:
    """Draw a result and the recording that it was made from into a PNG file.

    Parameters
    ----------
    path : path-like
        Replaced as a whole if it exists.
    result : Result
    y_in : np.ndarray [shape=(n_samples,)], optional
        The recording; its panel is left out where there is none (MIDI).
    sr_in : int [Hz]

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    picture = None if y_in is None or sr_in is None else log_spectrogram(y_in, sr_in)
    draw_result(path, result, picture)


@single_threaded_blas
def draw_result(
    path: str | os.PathLike[str], result: Result, picture: LogSpectrogram | None = None
) -> None:
    """Do as `plot_result` from a spectrogram of the input that is measured already.

    Parameters
    ----------
    path : path-like
    result : Result
    picture : LogSpectrogram, optional
    """
    from matplotlib import rc_context

    with rc_context({"font.family": ["DejaVu Sans"]}), warnings.catch_warnings():
        # A name in a script that the font does not have is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = _figure(result, picture)
        with whole_file(path) as unfinished:
            figure.savefig(unfinished, format="png", dpi=130, metadata={"Software": "retimbre"})


def _figure(result: Result, picture: LogSpectrogram | None) -> "Figure":
    from matplotlib.figure import Figure

    heights = {"input": 2.6, "notes": 3.4, "evidence": 1.0, "output": 2.6, "timbre": 1.5}
    if picture is None:
        del heights["input"]
    if result.pitch is None:
        del heights["evidence"]
    figure = Figure(figsize=(14, 1.2 + 1.02 * sum(heights.values())), facecolor="white")
    grid = figure.add_gridspec(
        len(heights), 2, height_ratios=list(heights.values()), width_ratios=(1, 0.012),
        left=0.065, right=0.935, top=1 - 0.75 / figure.get_figheight(), bottom=0.062,
        hspace=0.28, wspace=0.025,
    )  # fmt: skip
    axes = {name: figure.add_subplot(grid[row, 0]) for row, name in enumerate(heights)}
    bars = {name: figure.add_subplot(grid[row, 1]) for row, name in enumerate(heights)}
    output = log_spectrogram(result.y, result.sr)
    if picture is not None:
        draw_spectrogram(axes["input"], bars["input"], picture, _INPUT_COLOURS)
        sr, seconds = result.report.input_sample_rate, result.report.input_duration
        title(axes["input"], "input", f"{seconds:.1f} s at {sr} Hz" if sr and seconds else "")
    _draw_notes(axes["notes"], bars["notes"], result)
    if result.pitch is not None:
        evidence = find_evidence(result.pitch)
        draw_evidence(axes["evidence"], result.pitch, evidence, result.notes)
        title(axes["evidence"], "evidence", "")
        style(axes["evidence"])
        bars["evidence"].set_axis_off()
    draw_spectrogram(axes["output"], bars["output"], output, OUTPUT_COLOURS)
    title(axes["output"], "output", f"{output.duration:.1f} s at {result.sr} Hz")
    _draw_timbre(axes["timbre"], result.instruments, result.notes)
    bars["timbre"].set_axis_off()
    _share_time(axes, max(output.duration, picture.duration if picture else 0.0))
    _head(figure, result)
    return figure


def _head(figure: "Figure", result: Result) -> None:
    report = result.report
    # A name of bytes that are no text is drawn with question marks in their places.
    name = os.path.basename(report.input).encode(errors="replace").decode()
    facts = [f"model {report.model}", f"seed {report.seed}"]
    y = 1 - 0.3 / figure.get_figheight()
    figure.text(
        0.065, y, name, fontsize=15, fontweight="bold", color=INK, va="center", parse_math=False
    )
    figure.text(0.935, y, "  ·  ".join(facts), fontsize=10, color=FAINT, ha="right", va="center")


def _draw_notes(axes: "Axes", bar: "Axes", result: Result) -> None:
    low, high = _draw_f0(axes, bar, result)
    notes = result.notes
    _draw_note_bars(axes, notes, _note_colours(notes, result.instruments))
    low, high = min(low, notes.pitch.min() - 2.5), max(high, notes.pitch.max() + 2.5)
    axes.set_ylim(low, high)
    axes.set_yticks(*_note_ticks(low, high))
    axes.grid(axis="y", color="#ececf2", linewidth=0.8)
    axes.set_axisbelow(True)
    style(axes)
    _note_legend(axes, has_f0=result.pitch is not None)
    confidence = result.report.confidence
    at = "" if confidence is None else f" at confidence {confidence:g}"
    counted = f"{len(notes)} note{'s' * (len(notes) != 1)}{at}"
    title(axes, "notes" if result.pitch is None else "pitch and notes", counted)


def _note_legend(axes: "Axes", *, has_f0: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    f0 = Line2D([], [], color=_CONFIDENCE_COLOURS[-2], linewidth=2.5, label="f0")
    note = Patch(facecolor="#cfd6ee", edgecolor="#7f93d6", label="note, in its timbre's colour")
    axes.legend(
        handles=[f0, note] if has_f0 else [note], loc="lower center", bbox_to_anchor=(0.5, 0.985),
        ncols=2, frameon=False, fontsize=9, labelcolor=FAINT, handlelength=1.4,
    )  # fmt: skip


def _note_ticks(low: float, high: float) -> tuple[list[int], list[str]]:
    """Choose which notes of a range [MIDI] are labelled: as many as there is room for."""
    span = high - low
    classes = {0, 2, 4, 5, 7, 9, 11} if span < 22 else {0, 4, 7} if span < 60 else {0}
    pitches = [p for p in range(int(np.ceil(low)), int(high) + 1) if p % 12 in classes]
    return pitches, [midi_to_note(p) for p in pitches]


def _draw_f0(axes: "Axes", bar: "Axes", result: Result) -> tuple[float, float]:
    """Draw the pitch track; return the range [MIDI] of what became notes."""
    if result.pitch is None:
        bar.set_axis_off()
        return np.inf, -np.inf
    track = result.pitch
    # The sure ones on top.
    order = np.argsort(track.confidence, kind="stable")
    order = order[np.isfinite(track.f0[order])]
    midi = hz_to_midi(track.f0[order])
    dots = axes.scatter(
        track.times[order],
        midi,
        c=track.confidence[order],
        cmap=colormap(_CONFIDENCE_COLOURS),
        vmin=0.0,
        vmax=1.0,
        s=float(np.clip(300.0 / max(track.times[-1], 1.0), 1.0, 5.0)),
        linewidths=0,
        zorder=3,
        rasterized=True,
    )
    colour_bar(dots, bar, "confidence", [0, 0.25, 0.5, 0.75, 1])
    played = midi[_is_inside(track.times[order], result.notes)]
    if played.size == 0:
        return np.inf, -np.inf
    return float(np.percentile(played, 1) - 3.0), float(np.percentile(played, 99) + 3.0)


def _is_inside(times: FloatArray, notes: Notes) -> npt.NDArray[np.bool_]:
    """Tell which times lie inside a note."""
    n_begun = np.searchsorted(notes.onset, times, side="right")
    n_ended = np.searchsorted(np.sort(notes.offset), times, side="right")
    return np.asarray(n_begun > n_ended)


def _draw_note_bars(axes: "Axes", notes: Notes, colours: FloatArray) -> None:
    from matplotlib.collections import PolyCollection

    times = np.stack([notes.onset, notes.offset, notes.offset, notes.onset], axis=1)
    pitches = notes.pitch[:, None] + np.array([-0.4, -0.4, 0.4, 0.4])
    corners = list(np.stack([times, pitches], axis=2))
    faces = np.concatenate([colours, np.full((len(notes), 1), 0.55)], axis=1)
    axes.add_collection(
        PolyCollection(corners, facecolors=faces, edgecolors=colours, linewidths=0.9, zorder=2)
    )


def _draw_timbre(axes: "Axes", instruments: Instruments, notes: Notes) -> None:
    """Draw the share of each instrument over time and, below, the mixture that each note got.

    The share is of the way from one instrument to the next: an even pace, whatever latents lie
    there, since `Generator.even_path` places them so that the sound changes evenly.
    """
    times, n = instruments.times, len(instruments.times)
    colours = _to_rgb(_instrument_colours(instruments))
    # Before the first and behind the last of them nothing changes.
    edges = [min(0.0, times[0]), *times, times[-1] + _FOR_EVER]
    for k in range(n):
        share = np.eye(n)[k][np.clip(np.arange(-1, n + 1), 0, n - 1)]
        around = slice(0 if k == 0 else k, n + 2 if k == n - 1 else k + 3)
        axes.fill_between(
            edges[around], share[around], color=colours[k], alpha=0.8, linewidth=0, zorder=2
        )
    _label_instruments(axes, instruments)
    axes.broken_barh(
        list(zip(notes.onset, notes.duration, strict=True)),
        (-0.42, 0.3),
        facecolors=_note_colours(notes, instruments),
        edgecolors="white",
        linewidths=0.3 if len(notes) < _MANY_NOTES else 0.0,
        zorder=2,
    )
    axes.set_ylim(-0.5, 1.02)
    axes.set_yticks([-0.27, 0.5], ["notes", "share"])
    axes.tick_params(axis="y", length=0)
    style(axes)
    steps = np.diff(times)
    is_even = n > 1 and np.ptp(steps) < 0.01 * steps.mean()
    seconds = f", one every {steps.mean():.2g} s" if is_even else ""
    kind = "random" if _are_random(instruments) else "chosen"
    shares = "; share: of the way from one to the next, at an even pace" * (n > 1)
    title(axes, "instruments", f"{n} {kind} instrument{'s' * (n > 1)}{seconds}{shares}")


def _are_random(instruments: Instruments) -> bool:
    return all(name.startswith("random:") for name in instruments.names)


def _label_instruments(axes: "Axes", instruments: Instruments) -> None:
    """Write the instruments' names or numbers at their times."""
    n = len(instruments.times)
    # The words of many random ones would run into each other.
    has_names = bool(instruments.names) and not (n > MOST_TOLD and _are_random(instruments))
    labels = instruments.names if has_names else [str(k + 1) for k in range(n)]
    ends = instruments.times[[0, -1]]
    breaks = (np.diff(instruments.times, prepend=ends[0], append=ends[1]) == 0.0) & (n > 1)
    for k in range(0, n, -(-n // _MOST_LABELS)):
        side = "left" if breaks[k] else "right" if breaks[k + 1] else "center"
        # One alone has no place of its own.
        place = (0.5 if n == 1 else instruments.times[k], 0.5)
        axes.annotate(
            f" {labels[k]} ", place, xycoords=("axes fraction" if n == 1 else "data", "data"),
            ha=side, va="center", color="white", zorder=4, parse_math=False,
            fontsize=(9 if has_names else 11) if n < _MOST_LABELS else 8,
            fontweight="bold", annotation_clip=n > 1,
        )  # fmt: skip


def _instrument_colours(instruments: Instruments) -> FloatArray:
    """Return colours that differ from their neighbours [shape=(n, 3), Oklab].

    Instruments of one name have one colour.
    """
    n = len(instruments.times)
    first = [instruments.names.index(name) for name in instruments.names] or list(range(n))
    # Steps of the golden angle: any few in a row lie far apart on the colour circle.
    hue = np.deg2rad(250.0 + 137.508 * np.array(first))
    return np.stack([np.full(n, 0.74), 0.125 * np.cos(hue), 0.125 * np.sin(hue)], axis=1)


def _note_colours(notes: Notes, instruments: Instruments) -> FloatArray:
    """Mix the colours of the two instruments around each onset [shape=(n_notes, 3), sRGB]."""
    colours = _instrument_colours(instruments)
    mixed = [np.interp(notes.onset, instruments.times, channel) for channel in colours.T]
    return _to_rgb(np.stack(mixed, axis=1))


def _to_rgb(oklab: FloatArray) -> FloatArray:
    """Convert Oklab to sRGB [shape=(n, 3), 0..1]; Björn Ottosson's matrices (2020)."""
    to_lms = np.array([[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728],
                       [1, -0.0894841775, -1.2914855480]])  # fmt: skip
    to_linear = np.array([[4.0767416621, -3.3077115913, 0.2309699292],
                          [-1.2684380046, 2.6097574011, -0.3413193965],
                          [-0.0041960863, -0.7034186147, 1.7076147010]])  # fmt: skip
    linear = np.clip((oklab @ to_lms.T) ** 3 @ to_linear.T, 0.0, 1.0)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    return np.asarray(np.clip(np.where(linear <= 0.0031308, 12.92 * linear, curved), 0.0, 1.0))


def _share_time(axes: dict[str, "Axes"], duration: float) -> None:
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    is_long = duration > 120.0
    minute = 60.0 * max(round(duration / 600.0), 0.5)
    for name, panel in axes.items():
        panel.set_xlim(0.0, duration)
        panel.tick_params(axis="x", labelbottom=name == "timbre")
        panel.xaxis.set_major_locator(
            MultipleLocator(minute) if is_long else MaxNLocator(10, steps=[1, 2, 5, 10])
        )
    last = axes["timbre"]
    last.set_xlabel("minutes : seconds" if is_long else "seconds", color=INK)
    if is_long:
        last.xaxis.set_major_formatter(lambda t, _: f"{t // 60:.0f}:{t % 60:02.0f}")
