"""How much of a note's image was recorded, and what was only completed.

A recording ends before the image does, lies in a room's noise, and may hold nothing above some
frequency. What follows its end and what drowns in the room is completed (the note goes on as it
was; the room is silent), so that every image is that of a whole note, and counts a tenth of what
was heard. Above a cut nothing is known: it does not count at all.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from retimbre._typing import BoolArray, FloatArray
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    FRAME_TIMES,
    MIN_WINDOW,
    N_BINS,
    N_PLAIN_FEATURES,
    N_SINGLE,
    NOTE_SECONDS,
    SAMPLE_RATE,
    WINDOW_PERIODS,
)
from retimbre.train.data.labels import InstrumentKey, NoteLabel
from retimbre.units import midi_to_hz

COMPLETED = 0.1
"""What was completed counts so much: enough to tell how a note goes on where nothing else does."""

ROOM_HZ = 62.5 * 2.0 ** np.arange(9)
"""Where the density of a room's noise is told [shape=(9,), Hz]."""

DROWNED_DB = 3.0
"""What is no louder than this above the room, which was subtracted, is not the note's."""

LEAST_ROOMS, SAME_ROOM_DB = 3, 3.0
"""So many notes that differ by no more, in the middle, tell the room of all of an instrument."""

_FRAME_LENGTH = 2048
_LOWEST_CUT_HZ = 3500.0
_BAND_HZ = 500.0
_CUT_DB = 20.0
"""A lossy codec, or a conversion from a lower rate, falls by so much within two bands."""

_NOTHING_DB = -90.0
"""And so far below the loudest band nothing is left above."""

_CUT_MARGIN = 0.95


def count_heard(labels: Sequence[NoteLabel], features: FloatArray) -> FloatArray:
    """Return how much every value of some notes counts.

    Parameters
    ----------
    labels : sequence of NoteLabel [length n]
    features : np.ndarray [shape=(n, 128, 288)]
        As they are in the dataset, at the pitches of their labels.

    Returns
    -------
    heard : np.ndarray of float32 [shape=(n, 128, 288), 0..1]
        1 where the value was recorded, 0.1 where it was completed, 0 above a cut.
    """
    heard = np.ones(features.shape, np.float32)
    for own, label, note in zip(heard, labels, features, strict=True):
        if label.is_heard_whole:
            continue
        if label.room_db:
            level, noise = _drowned(label, note)
            own[_all_features(level, noise)] = COMPLETED
        own[label.heard_seconds <= FRAME_TIMES] = COMPLETED
        if label.heard_hz < SAMPLE_RATE / 2:
            is_cut = BIN_PARTIALS * midi_to_hz(label.pitch) > label.heard_hz
            own[:, _all_features(is_cut, is_cut)] = 0.0
    return heard


def _all_features(level: BoolArray, noise: BoolArray) -> BoolArray:
    """Return what holds of levels for deviations and texture too [shape=(..., 288)]."""
    single = level[..., :N_SINGLE]
    return np.concatenate([level, single, noise, single], axis=-1)


def _drowned(label: NoteLabel, note: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Tell which levels and noise of a note drown in the room [shape=(128, 96)]."""
    f0 = float(midi_to_hz(label.pitch))
    room = np.interp(np.log2(BIN_PARTIALS * f0), np.log2(ROOM_HZ), label.room_db) + DROWNED_DB
    # A Hann window of n samples hears white noise of variance v as a partial of power 6 v / n.
    n_window = max(MIN_WINDOW, WINDOW_PERIODS * SAMPLE_RATE / f0)
    level = (note[:, :N_BINS] - 1.0) * 45.0
    noise = note[:, N_BINS + N_SINGLE : N_PLAIN_FEATURES] * 45.0 - 65.0
    return level < room + 10.0 * np.log10(6.0 / n_window), noise < room


def loudest_power(y: FloatArray, f0: float) -> float:
    """Return about the power of the partials in the loudest frame of a note's image."""
    n = round(max(MIN_WINDOW, WINDOW_PERIODS * SAMPLE_RATE / f0))
    power = np.square(y[: round(NOTE_SECONDS * SAMPLE_RATE)], dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(power)])
    n = min(n, len(total) - 1)
    return float(max(2.0 * (total[n:] - total[:-n]).max() / n, 1e-20))


def room_levels(power: FloatArray, reference: float) -> tuple[float, ...]:
    """Return the density of a room's noise as `NoteLabel.room_db` tells it.

    Parameters
    ----------
    power : np.ndarray [shape=(1025,)]
        As `retimbre.like.denoise.room_spectrum` measures it.
    reference : float
        Power of the note's loudest frame.
    """
    # Squared, its window adds up to half its length.
    density = power / (0.5 * _FRAME_LENGTH)
    frequencies = np.arange(len(power)) * (SAMPLE_RATE / _FRAME_LENGTH)
    octave = np.rint(np.log2(np.maximum(frequencies, 1.0) / ROOM_HZ[0]))
    levels = [density[octave == i].mean() for i in range(len(ROOM_HZ))]
    decibels = 10.0 * np.log10(np.maximum(levels, 1e-20) / reference)
    return tuple(round(float(value), 1) for value in decibels)


def share_rooms(labels: Sequence[NoteLabel]) -> list[NoteLabel]:
    """Return labels of which those without a room have that of their instrument's other notes.

    Most recordings end with their note. Those of one instrument were made in one room, which is
    known where some of them go on for longer and agree on how loud it is. They do not where every
    note was made equally loud afterwards.

    Parameters
    ----------
    labels : sequence of NoteLabel

    Returns
    -------
    labels : list of NoteLabel
        In the same order.
    """
    heard: dict[InstrumentKey, list[FloatArray]] = defaultdict(list)
    for label in labels:
        if label.room_db and label.loudest_db is not None:
            heard[label.instrument].append(np.array(label.room_db) + label.loudest_db)
    rooms = {key: np.median(found, axis=0) for key, found in heard.items() if _agree(found)}
    return [
        label
        if label.room_db or label.loudest_db is None or label.instrument not in rooms
        else replace(label, room_db=tuple(rooms[label.instrument] - label.loudest_db))
        for label in labels
    ]


def _agree(rooms: list[FloatArray]) -> bool:
    """Tell whether several notes were heard in one room."""
    off = np.abs(np.array(rooms) - np.median(rooms, axis=0))
    return len(rooms) >= LEAST_ROOMS and bool(np.median(off) <= SAME_ROOM_DB)


def find_cut(y: FloatArray, sr: int) -> float:
    """Return above which frequency a recording holds nothing: its rate's, or its codec's.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        At 44.1 kHz.
    sr : int [Hz]
        The rate that it was recorded at.

    Returns
    -------
    cut : float [Hz]
        22,050 where there is no such frequency.
    """
    highest = min(sr, SAMPLE_RATE) / 2 * (1.0 if sr >= SAMPLE_RATE else _CUT_MARGIN)
    if len(y) < _FRAME_LENGTH:
        return highest
    starts = np.arange(0, len(y) - _FRAME_LENGTH + 1, _FRAME_LENGTH)
    frames = y[starts[:, None] + np.arange(_FRAME_LENGTH)] * np.hanning(_FRAME_LENGTH)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
    n_bands = int(SAMPLE_RATE / 2 / _BAND_HZ)
    edges = np.rint(np.arange(n_bands + 1) * _BAND_HZ * _FRAME_LENGTH / SAMPLE_RATE).astype(int)
    # The median: what lies between partials falls off a codec's edge too, or it is no edge.
    bands = [np.median(power[a:b]) for a, b in pairwise(edges)]
    level = 10.0 * np.log10(np.maximum(bands, 1e-20))
    level -= level.max()
    for band in range(round(_LOWEST_CUT_HZ / _BAND_HZ), n_bands - 2):
        above = level[band + 2 :].max()
        if above < min(_NOTHING_DB, level[band] - _CUT_DB):
            return min(highest, float((band + 1) * _BAND_HZ * _CUT_MARGIN))
    return highest
