"""The tables of how notes are played: figures of what was measured, before and now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from playing_figures import spectrum_distance
from playing_measure import Measured

STRIKE_DB = 3.0
MORPHS = (
    ("Flute", "Violin"),
    ("Clarinet", "Trumpet"),
    ("Oboe", "French Horns"),
    ("Cello", "Recorder"),
)
"""From the first instrument to the second in one long note."""


def collect(measured: list[Measured], name: str) -> np.ndarray:
    """Return the numbers of a name of all jobs; NaN is left out."""
    values = np.array([v for one in measured for v in one.numbers.get(name, [])], np.float64)
    return values[np.isfinite(values)]


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes
    ----------
    figure : str
        By which it is asked for.
    label, target : str
    cell : callable
        Writes the figure of what was measured; an empty text where nothing was.
    """

    figure: str
    label: str
    target: str
    cell: Callable[[list[Measured]], str]


def _excess(name: str) -> Callable[[list[Measured]], str]:
    def cell(measured: list[Measured]) -> str:
        pair = collect(measured, f"{name} in"), collect(measured, f"{name} out")
        if not len(pair[0]):
            return ""
        means = [float(values.mean()) for values in pair]
        return f"{means[1] - means[0]:+.1f} dB ({means[0]:.1f} in, {means[1]:.1f} out)"

    return cell


def _share(name: str, within: float) -> Callable[[list[Measured]], str]:
    def cell(measured: list[Measured]) -> str:
        values = collect(measured, name)
        return f"{100.0 * np.mean(np.abs(values) <= within):.0f} %" if len(values) else ""

    return cell


def _mean(name: str, form: str) -> Callable[[list[Measured]], str]:
    def cell(measured: list[Measured]) -> str:
        values = collect(measured, name)
        return form.format(float(values.mean())) if len(values) else ""

    return cell


def _clicks(measured: list[Measured]) -> str:
    values = collect(measured, "click")
    if not len(values):
        return ""
    return f"{np.exp(np.log(values).mean()):.2f} ({np.percentile(values, 95):.2f})"


def _decays(measured: list[Measured]) -> str:
    values = collect(measured, "decay")
    if not len(values):
        return ""
    share = np.mean((values >= 0.8) & (values <= 1.2))
    return f"{np.median(values):.2f} ({100.0 * share:.0f} %)"


def _last(instrument: str) -> Callable[[list[Measured]], str]:
    def cell(measured: list[Measured]) -> str:
        named = [one for one in measured if one.job["options"].get("instruments") == instrument]
        values = collect(named, "last")
        return f"{values[np.abs(values).argmax()]:+.1f} dB" if len(values) else ""

    return cell


def _loudness(measured: list[Measured]) -> str:
    means = by_input(measured, "loudness")
    if not means:
        return ""
    values = list(means.values())
    return f"{np.mean(values):.3f} ({min(values):.2f}-{max(values):.2f})"


def by_input(measured: list[Measured], name: str) -> dict[str, float]:
    """Return the mean of a figure for each input that has it."""
    found = {}
    for given in dict.fromkeys(one.job["input"] for one in measured):
        values = collect([one for one in measured if one.job["input"] == given], name)
        if len(values):
            found[given] = float(values.mean())
    return found


def _accuracy(measured: list[Measured]) -> str:
    values = list(by_input(measured, "accuracy").values())
    if not values:
        return ""
    return f"{100.0 * np.mean(values):.1f} % ({100.0 * min(values):.1f} %)"


def _below_crepe(measured: list[Measured]) -> str:
    played, crepe = by_input(measured, "accuracy"), by_input(measured, "CREPE")
    below = [100.0 * (crepe[name] - played[name]) for name in played]
    return f"{np.mean(below):.1f} ({max(below):.1f})" if below else ""


def _morph(first: bool) -> Callable[[list[Measured]], str]:
    """Write how far the end of long notes is from their first or second instrument."""

    def cell(measured: list[Measured]) -> str:
        ends = {
            one.job["options"]["instruments"]: np.array(one.numbers["partials"])
            for one in measured
            if one.job["kind"] == "long"
        }
        distances = [
            spectrum_distance(levels, ends[pair[0 if first else 1].split("@")[0]])
            for names, levels in ends.items()
            if len(pair := names.split(",")) == 2
        ]
        return f"{np.mean(distances):.1f} dB ({max(distances):.1f})" if distances else ""

    return cell


ROWS = (
    Row(
        "joins", "1. burst above 5 kHz at tied joins, output re input", "<= 1.5 dB", _excess("tied")
    ),
    Row("joins", "1b. at all joins without a gap, struck ones too", "", _excess("joined")),
    Row(
        "strikes",
        "2. strikes whose burst is within 3 dB of the instrument's own",
        ">= 90 %",
        _share("strike", STRIKE_DB),
    ),
    Row(
        "joins",
        "3. dip at tied joins deeper than the input's",
        "<= 1 dB",
        _mean("dip", "{:.1f} dB"),
    ),
    Row(
        "joins",
        "3b. third difference at tied joins re inside notes (of 95 % at most)",
        "<= 1.5",
        _clicks,
    ),
    Row(
        "pitch",
        "4. frames within 50 cents of the input, 60 ms around tied joins",
        ">= 0.95",
        _mean("near joins", "{:.3f}"),
    ),
    Row(
        "decay",
        "5. decay of struck instruments over their own, median (notes in 0.8-1.2)",
        "0.8-1.2",
        _decays,
    ),
    Row(
        "decay",
        "5b. last of eight tied notes re the first, Marimba, furthest of the seeds",
        "within 6 dB",
        _last("Marimba"),
    ),
    Row(
        "decay",
        "5c. the same, Grand Piano",
        "within 6 dB",
        _last("Grand Piano"),
    ),
    Row(
        "loudness",
        "6. correlation of loudness in and out, sustained instruments (inputs)",
        ">= 0.95",
        _loudness,
    ),
    Row("pitch", "7. raw pitch accuracy, mean of recordings (worst)", "", _accuracy),
    Row(
        "pitch",
        "7b. CREPE's own on the input less that, points (largest)",
        "<= 0.5 (1.0)",
        _below_crepe,
    ),
    Row(
        "morph",
        "8. end of a note of 20 s re the second instrument (largest)",
        "<= 1.5 dB",
        _morph(first=False),
    ),
    Row("morph", "8b. the same, re the first instrument", "", _morph(first=True)),
)


def table_of_figures(before: list[Measured], now: list[Measured], only: set[str]) -> list[str]:
    """Return the rows of the table of figures, those that were measured."""
    lines = []
    for row in ROWS:
        cells = row.cell(before), row.cell(now)
        if row.figure in only and any(cells):
            lines.append(f"| {row.label} | {cells[0]} | {cells[1]} | {row.target} |")
    return lines


def table_of_inputs(before: list[Measured], now: list[Measured]) -> list[str]:
    """Return a table with a row per input: bursts, dips, loudness, pitch; before / now."""
    lines = [
        "| input | tied joins | burst in | burst out, dB | dip deeper, dB | click | strikes "
        "within 3 dB | loudness | near joins | accuracy, % | CREPE's, % |",
        "|---" * 11 + "|",
    ]
    for name in dict.fromkeys(one.job["input"] for one in now if one.job["kind"] == "phrase"):
        pair = [[one for one in side if one.job["input"] == name] for side in (before, now)]

        def both(cell: Callable[[list[Measured]], str], pair: list[list[Measured]] = pair) -> str:
            cells = [cell(side) for side in pair]
            return f"{cells[0]} / {cells[1]}" if any(cells) else "-"

        n_joins = max((len(one.numbers.get("dip", [])) for one in pair[1]), default=0)
        cells = [
            str(n_joins),
            _mean("tied in", "{:.1f}")(pair[1]) or "-",
            both(_mean("tied out", "{:.1f}")),
            both(_mean("dip", "{:.1f}")),
            both(_clicks),
            both(_share("strike", STRIKE_DB)),
            both(_mean("loudness", "{:.3f}")),
            both(_mean("near joins", "{:.3f}")),
            both(lambda side: _percent(side, "accuracy")),
            _percent(pair[1], "CREPE") or "-",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _percent(measured: list[Measured], name: str) -> str:
    values = collect(measured, name)
    return f"{100.0 * values.mean():.1f}" if len(values) else ""
