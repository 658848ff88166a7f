"""Figures of found notes against the truth about phrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import mir_eval
import numpy as np
import numpy.typing as npt
from phrase_segment import Found
from phrase_tunes import DIPS_DB
from phrases import Phrase

if TYPE_CHECKING:
    from melodies import Melody

FloatArray = npt.NDArray[np.float64]

LENGTHS_MS = ((40, 60), (60, 80), (80, 100), (100, 200), (200, 5000))
PLAIN = "plain"


@dataclass(frozen=True, eq=False)
class Outcome:
    """One phrase and what was found in it.

    Attributes
    ----------
    phrase : Phrase
    found : Found
    f, f_offsets : float [0..1]
        mir_eval's note F without and with offsets.
    pairs : np.ndarray of int [shape=(n_pairs, 2)]
        True and found notes that belong together, offsets not looked at.
    """

    phrase: Phrase | Melody
    found: Found
    f: float
    f_offsets: float
    pairs: npt.NDArray[np.int64]


def outcome_of(phrase: Phrase | Melody, found: Found) -> Outcome:
    """Match found notes to true ones."""
    if len(found.pitch_hz) == 0 or len(phrase.pitch_hz) == 0:
        return Outcome(phrase, found, 0.0, 0.0, np.zeros((0, 2), np.int64))
    scored = mir_eval.transcription
    notes = (phrase.intervals, phrase.pitch_hz, found.intervals, found.pitch_hz)
    f, with_offsets = (
        float(scored.precision_recall_f1_overlap(*notes, offset_ratio=ratio)[2])
        for ratio in (None, 0.2)
    )
    pairs = scored.match_notes(*notes, offset_ratio=None)
    return Outcome(phrase, found, f, with_offsets, np.array(pairs, np.int64).reshape(-1, 2))


def bias_ms(outcomes: list[Outcome], edge: int) -> float:
    """Return the median of found minus true onsets (edge 0) or offsets (edge 1) [ms]."""
    late = [
        o.found.intervals[o.pairs[:, 1], edge] - o.phrase.intervals[o.pairs[:, 0], edge]
        for o in outcomes
    ]
    together = np.concatenate(late) if late else np.zeros(0)
    return 1000.0 * float(np.median(together)) if len(together) else float("nan")


def _matched(outcome: Outcome) -> npt.NDArray[np.bool_]:
    return np.isin(np.arange(len(outcome.phrase.pitch_hz)), outcome.pairs[:, 0])


def repeats_found(outcomes: list[Outcome]) -> dict[str, tuple[int, int]]:
    """Return how many repeated notes were found, and how many there are, by dip and attack."""
    counts: dict[str, tuple[int, int]] = {}
    for dip in DIPS_DB:
        for articulation in ("soft", "struck"):
            hits, n = 0, 0
            for o in outcomes:
                kind = np.array(o.phrase.articulation) == articulation
                chosen = kind & (o.phrase.dip_db == dip)
                hits, n = hits + int(_matched(o)[chosen].sum()), n + int(chosen.sum())
            counts[f"{dip:g} dB, {articulation}"] = hits, n
    return counts


def lengths_found(outcomes: list[Outcome]) -> dict[str, tuple[int, int]]:
    """Return how many notes were found, and how many there are, by length."""
    counts: dict[str, tuple[int, int]] = {}
    for low, high in LENGTHS_MS:
        hits, n = 0, 0
        for o in outcomes:
            ms = 1000.0 * np.diff(o.phrase.intervals, axis=1)[:, 0]
            chosen = (ms >= low) & (ms < high)
            hits, n = hits + int(_matched(o)[chosen].sum()), n + int(chosen.sum())
        counts[f"{low}-{high} ms" if high < 1000 else f"over {low} ms"] = hits, n
    return counts


def invented(outcomes: list[Outcome]) -> dict[str, tuple[int, int]]:
    """Return how many notes too many were found on steady tones, and how many tones there are.

    A found note is too many where its middle lies in a tone that has another one already.
    """
    counts: dict[str, tuple[int, int]] = {}
    for o in outcomes:
        middle = o.found.intervals.mean(axis=1)
        for (start, end), manner in zip(o.phrase.intervals, o.phrase.manner, strict=True):
            n_inside = int(((middle > start) & (middle < end)).sum())
            more, n = counts.get(manner, (0, 0))
            counts[manner] = more + max(n_inside - 1, 0), n + 1
    return counts


def ghosts_a_minute(outcomes: list[Outcome]) -> dict[str, float]:
    """Return the notes found a minute in clips without notes, by kind."""
    kinds = dict.fromkeys(o.phrase.group for o in outcomes)
    rates = {}
    for kind in kinds:
        chosen = [o for o in outcomes if o.phrase.group == kind]
        minutes = sum(len(o.phrase.y) / o.phrase.sr for o in chosen) / 60.0
        rates[kind] = sum(len(o.found.pitch_hz) for o in chosen) / minutes
    return rates


def articulation_f(outcomes: list[Outcome]) -> float:
    """Return the mean F of "struck" and "tied" over notes found that are either; NaN if untold."""
    told, true = [], []
    for o in outcomes:
        if len(o.found.articulation) == len(o.found.pitch_hz) > 0:
            told += list(o.found.articulation[o.pairs[:, 1]])
            true += [o.phrase.articulation[k] for k in o.pairs[:, 0]]
    rows = [(t, f) for t, f in zip(true, told, strict=True) if t != "soft"]
    scores = []
    for name in ("struck", "tied"):
        n_true, n_told = (sum(row[k] == name for row in rows) for k in (0, 1))
        if n_true:
            hits = sum(row == (name, name) for row in rows)
            scores.append(2.0 * hits / (n_true + n_told))
    return float(np.mean(scores)) if scores else float("nan")
