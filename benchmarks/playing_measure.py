"""Measure what was played of one job: joins, strikes, loudness, pitch, decay, the end's spectrum.

Each function returns lists of numbers by name; a row of the table is the mean, or another figure,
of the lists of all jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
from playing_figures import (
    FloatArray,
    around,
    burst_db,
    decay_rate,
    deviation_cents,
    dip_db,
    high_pass,
    levels,
    loudness_correlation,
    loudness_spread,
    partial_levels,
    third_difference_ratio,
)
from playing_inputs import Input

import retimbre

TOUCHING_SECONDS = 0.02
"""Tied notes with a longer gap between them are not joined without one."""

PYIN_SR = 22050
PYIN_HOP = 256
EDGE_SECONDS = 0.03
JOIN_SECONDS = 0.06
LOUD_DB = 50.0
CLOSE_CENTS = 50.0
MOVING_DB = 3.0
"""Inputs whose loudness spreads less have none to be followed."""

END_SECONDS = (18.5, 19.5)
"""Of a long note, from its onset on: where its spectrum is compared."""

Numbers = dict[str, list[float]]


@dataclass(frozen=True, eq=False)
class PitchOf:
    """A pitch track by pYIN.

    Attributes
    ----------
    times : np.ndarray [shape=(n_frames,), seconds]
    f0 : np.ndarray [shape=(n_frames,), Hz]
        Everywhere.
    voiced : np.ndarray of bool [shape=(n_frames,)]
    """

    times: FloatArray
    f0: FloatArray
    voiced: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of a job.

    Attributes
    ----------
    job : dict
    numbers : dict of str to list of float
    """

    job: dict[str, Any]
    numbers: Numbers = field(default_factory=dict)


def track_pitch(given: Input, y: FloatArray, sr: int) -> PitchOf:
    """Track an input, or what was played of it, from 14 semitones under to 14 over its notes."""
    low = np.asarray(retimbre.resample(np.asarray(y, np.float32), sr, PYIN_SR))
    fmin = max(40.0, 440.0 * 2.0 ** ((given.notes.pitch.min() - 14 - 69) / 12.0))
    fmax = min(4200.0, 440.0 * 2.0 ** ((given.notes.pitch.max() + 14 - 69) / 12.0))
    f0, voiced, _ = librosa.pyin(
        low, sr=PYIN_SR, fmin=fmin, fmax=fmax, hop_length=PYIN_HOP, fill_na=None
    )
    return PitchOf(np.arange(len(f0)) * PYIN_HOP / PYIN_SR, f0, voiced)


def joins_of(given: Input, tied: bool = True) -> list[tuple[float, list[tuple[float, float]]]]:
    """Return the joins without a gap, tied or all: their times, and the parts around them."""
    notes, found = given.notes, []
    for i in range(1, len(notes)):
        time = float(notes.onset[i])
        touches = time - notes.offset[i - 1] <= TOUCHING_SECONDS
        parts = around(time, float(notes.onset[i - 1]), float(notes.offset[i]))
        if (given.articulation[i] == "tied" or not tied) and touches and parts:
            found.append((time, parts))
    return found


def measure_joins(given: Input, y: FloatArray, sr: int) -> Numbers:
    """Compare joins in what was played with those of the input."""
    found: Numbers = {"dip": [], "click": []}
    sounds = {"in": (given.y.astype(np.float64), given.sr), "out": (y, sr)}
    for way, (sound, rate) in sounds.items():
        high = high_pass(sound, rate)
        for label, tied in (("tied", True), ("joined", False)):
            found[f"{label} {way}"] = [
                burst_db(sound, high, rate, time, parts) for time, parts in joins_of(given, tied)
            ]
    for time, parts in joins_of(given):
        deeper = dip_db(y, sr, time, parts) - dip_db(given.y, given.sr, time, parts)
        found["dip"].append(deeper)
        found["click"].append(third_difference_ratio(y, sr, time, parts))
    return found


def struck_notes(given: Input) -> list[int]:
    """Return the notes that the input strikes and that are long enough to be compared."""
    pairs = enumerate(zip(given.articulation, given.notes.duration, strict=True))
    return [i for i, (how, seconds) in pairs if how == "struck" and seconds >= 0.09]


def measure_strikes(sr: int, alone: dict[int, tuple[FloatArray, FloatArray]]) -> Numbers:
    """Compare struck notes as they are performed with the same notes played plainly."""
    found: Numbers = {"strike": []}
    for performed, plain in alone.values():
        end = min(len(plain) / sr - 0.3, 0.16)
        bursts = [burst_db(y, high_pass(y, sr), sr, 0.0, [(0.06, end)]) for y in (performed, plain)]
        found["strike"].append(bursts[0] - bursts[1])
    return found


def measure_pitch(given: Input, heard: PitchOf, y: FloatArray, sr: int, played: PitchOf) -> Numbers:
    """Compare the pitch that is played with the input's, by one tracker.

    Frames count that the tracker calls voiced in the input, that lie inside a note without its
    first and last 30 ms, and where the output is within 50 dB of its peak. Near joins, where a
    tracker's windows reach over both notes, the partials' own frequencies are compared with the
    track: the true one of a phrase, CREPE's of a recording.
    """
    level = levels(np.pad(y, round(0.02 * sr)), sr, 0.04, PYIN_HOP / PYIN_SR)
    n = min(len(heard.times), len(played.times), len(level))
    times = heard.times[:n]
    peak_db = 20.0 * np.log10(max(float(np.abs(y).max()), 1e-9))
    chosen = heard.voiced[:n] & (level[:n] >= peak_db - LOUD_DB)
    track = given.track
    nearest = np.clip(np.rint(times / 0.01).astype(int), 0, len(track) - 1)
    known = np.nan_to_num(track.f0[nearest], nan=1.0)
    close_out = _cents(played.f0[:n], heard.f0[:n]) < CLOSE_CENTS
    close_known = _cents(known, heard.f0[:n]) < CLOSE_CENTS
    inside = chosen & _inside(times, given)
    joins = np.array([time for time, _ in joins_of(given)])
    near = chosen & np.any(np.abs(times[:, None] - joins[None, :]) <= JOIN_SECONDS, axis=1)
    off = deviation_cents(y, sr, times[near], track.times, track.f0)
    sure = track.confidence[nearest][near] >= 0.5
    close = np.abs(off)[sure & np.isfinite(off)] < CLOSE_CENTS
    found: Numbers = {"near joins": close.astype(float).tolist()}
    if not given.is_known and inside.any():
        found |= {
            "accuracy": [float(close_out[inside].mean())],
            "CREPE": [float(close_known[inside].mean())],
        }
    return found


def _cents(one: FloatArray, two: FloatArray) -> FloatArray:
    return np.asarray(np.abs(1200.0 * np.log2(one / two)))


def _inside(times: FloatArray, given: Input) -> npt.NDArray[np.bool_]:
    """Say which times lie in a note, its edges left out."""
    onset, offset = given.notes.onset[None, :], given.notes.offset[None, :]
    at = times[:, None]
    return np.any((at >= onset + EDGE_SECONDS) & (at <= offset - EDGE_SECONDS), axis=1)


def measure(job: dict[str, Any], given: Input, file: Path, heard: PitchOf | None) -> Measured:
    """Measure what a tree played of a job; `heard` is the pitch of the input where it is wanted."""
    with np.load(file) as made:
        y, sr = made["y"].astype(np.float64), int(made["sr"])
        chosen = [int(name.split("_")[1]) for name in made.files if name.startswith("own_")]
        plain = {i: made[f"own_{i}"].astype(np.float64) for i in chosen}
        alone = {i: (made[f"performed_{i}"].astype(np.float64), plain[i]) for i in chosen}
    onset = given.notes.onset
    if job["kind"] == "held":
        seconds = float(given.notes.duration.min())
        rates = [
            (decay_rate(y, sr, float(onset[i]), seconds), decay_rate(own, sr, 0.0, seconds))
            for i, own in plain.items()
        ]
        decays = {"decay": [out / own for out, own in rates]}
        return Measured(job, decays | measure_strikes(sr, alone))
    if job["kind"] == "run":
        ends = [_loudest(y, sr, *given.notes.intervals[i]) for i in (0, -1)]
        return Measured(job, {"last": [ends[1] - ends[0]]})
    if job["kind"] == "long":
        part = y[round((onset[0] + END_SECONDS[0]) * sr) : round((onset[0] + END_SECONDS[1]) * sr)]
        return Measured(job, {"partials": partial_levels(part, sr, _f0_at_end(given)).tolist()})
    numbers = measure_joins(given, y, sr) | measure_strikes(sr, alone)
    if "instruments" in job["options"]:
        sounds = (given.y.astype(np.float64), float(given.sr)), (y, float(sr))
        if loudness_spread(*sounds[0], given.notes.intervals) >= MOVING_DB:
            numbers["loudness"] = [loudness_correlation(*sounds, given.notes.intervals)]
    if heard is not None:
        numbers |= measure_pitch(given, heard, y, sr, track_pitch(given, y, sr))
    return Measured(job, numbers)


def _loudest(y: FloatArray, sr: int, start: float, stop: float) -> float:
    return float(levels(y[round(start * sr) : round(stop * sr)], sr, 0.05, 0.005).max())


def _f0_at_end(given: Input) -> float:
    return float(given.track.f0[round((given.notes.onset[0] + np.mean(END_SECONDS)) / 0.01)])
