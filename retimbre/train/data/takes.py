"""Recordings that are in a dataset twice: published again, or made into a SoundFont's preset.

The second may be louder, cut, looped, compressed with loss, or labelled with another velocity. What
stays is how each partial moves in the second after the attack: no two takes of one note share it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from retimbre._typing import BoolArray, FloatArray
from retimbre.harmonic.image import BIN_PARTIALS, FRAME_TIMES, N_BINS
from retimbre.train.data.labels import InstrumentKey, NoteLabel
from retimbre.units import midi_to_hz

Parts = Sequence[tuple[npt.NDArray[np.float16], list[NoteLabel]]]

SAME_TAKE_DB = 2.0
"""Notes whose levels differ by less are one take.

Over 2,375 recordings of 104 instruments and MuseScore General: takes that were in two of the
collections lay at 0.1 to 0.4 dB, the nearest two instruments that are not the same at 3.6 dB. A
preset that mixes several recordings is not found: VSCO's violins and MuseScore General's strings
lie 3.3 to 5.5 dB apart."""

MIN_TAKES, MIN_SHARE = 2, 0.25
"""Instruments are copies if so many of their notes, and such a share of those that both have, are
one take: a SoundFont plays the keys between those that were recorded from their neighbours."""

MOVING_APART = 0.5
"""Partials of one take move together: what is left is so small beside how they move."""

_MOMENTS = np.flatnonzero((FRAME_TIMES > 0.08) & (FRAME_TIMES < 1.0))
"""The onset may be cut at another place, and later on a sample is looped."""

_AUDIBLE_DB, _SILENT_DB = -50.0, -60.0
_NEAR_DB = 2.0 * SAME_TAKE_DB
_LEAST_MOMENTS = 3
_LEAST_BINS = 20
_LEAST_PARTIALS = 3
"""One partial that falls evenly is that of any bell."""


def share_takes(parts: Parts, index: Mapping[InstrumentKey, int]) -> BoolArray:
    """Tell which recorded instruments hold the same takes as which others.

    Parameters
    ----------
    parts : sequence of (np.ndarray of float16 [shape=(n, 128, 288)], list of NoteLabel)
        The notes of one pitch are in one part; those of mel spectrograms are not compared.
    index : mapping
        The row of each instrument.

    Returns
    -------
    is_same : np.ndarray of bool [shape=(n_instruments, n_instruments)]
        Symmetric. Two presets are never compared: what they share is told by their keys.
    """
    n_shared = np.zeros((len(index), len(index)), np.int64)
    n_same = n_shared.copy()
    for features, labels in parts:
        if features.ndim != 3:
            continue
        members = np.array([index[label.instrument] for label in labels])
        is_recorded = np.array([label.program < 0 for label in labels])
        if not is_recorded.any():
            continue
        level = (np.asarray(features[:, _MOMENTS, :N_BINS], np.float32) - 1.0) * 45.0
        for row in np.flatnonzero(is_recorded).tolist():
            near = [
                other
                for other in _look_alike(level, row).tolist()
                if members[other] != members[row]
            ]
            others = np.unique(members[members != members[row]])
            same = {int(members[other]) for other in near if _is_same(level, labels, row, other)}
            n_shared[members[row], others] += 1
            n_same[members[row], list(same)] += 1
    is_same = (n_same >= MIN_TAKES) & (n_same >= MIN_SHARE * n_shared)
    return np.asarray(is_same | is_same.T)


def _look_alike(level: FloatArray, row: int) -> npt.NDArray[np.intp]:
    """Return the notes whose mean spectrum is near enough to a note's to be the same take."""
    mean = np.maximum(level, _SILENT_DB).mean(axis=1)
    is_audible = mean[row] > _AUDIBLE_DB
    difference = (mean - mean[row])[:, is_audible]
    if not difference.shape[1]:
        return np.arange(0)
    off = np.abs(difference - np.median(difference, axis=1, keepdims=True)).mean(axis=1)
    return np.flatnonzero(off < _NEAR_DB)


def _is_same(level: FloatArray, labels: list[NoteLabel], row: int, other: int) -> bool:
    """Tell whether two notes are one take, as far as both were heard."""
    pair = labels[row], labels[other]
    moments = FRAME_TIMES[_MOMENTS] < min(label.heard_seconds for label in pair)
    highest = min(label.heard_hz for label in pair) / float(midi_to_hz(pair[0].pitch))
    own, its = (level[i][moments][:, highest >= BIN_PARTIALS] for i in (row, other))
    both = (own > _AUDIBLE_DB) & (its > _AUDIBLE_DB)
    is_little = both.sum() < _LEAST_BINS or both.any(axis=0).sum() < _LEAST_PARTIALS
    if moments.sum() < _LEAST_MOMENTS or is_little:
        return False
    # Either may be louder throughout.
    its = its + np.median(own[both] - its[both])
    heard = np.maximum(own, its) > _AUDIBLE_DB
    difference = np.abs(np.maximum(own, _SILENT_DB) - np.maximum(its, _SILENT_DB))
    return bool(difference[heard].mean() < SAME_TAKE_DB) and _move_alike(own, its, both)


def _move_alike(own: FloatArray, its: FloatArray, both: BoolArray) -> bool:
    """Tell whether partials move together: steady ones, as an organ's, say nothing of takes."""
    count = np.maximum(both.sum(axis=0), 1)

    def moves(level: FloatArray) -> FloatArray:
        kept = np.where(both, level, 0.0)
        return np.asarray((kept - kept.sum(axis=0) / count)[both])

    apart = np.square(moves(own) - moves(its)).mean()
    return bool(apart < MOVING_APART**2 * np.square(moves(own)).mean())
