"""Do notes sound at the pitch that was asked? Two trackers that are not ours listen.

pYIN [1]_ judges, since it covers all 88 keys and errs less on real notes; Swift-F0 is asked on the
keys that it covers.

References
----------
.. [1] Mauch and Dixon, "pYIN: A Fundamental Frequency Estimator Using Probabilistic Threshold
   Distributions", ICASSP 2014.
"""

import csv
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_models import SoundModel, draw_z, generate_images
from sound_notes import RealNotes, Renderer
from sound_table import Row, share

from retimbre.harmonic.image import SAMPLE_RATE
from retimbre.harmonic.synthesis import synthesize_plain
from retimbre.units import cents_between, midi_to_hz

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

TOLERANCE_CENTS = 20.0
SWIFT_KEYS = (31, 95)
"""Keys that Swift-F0 can hear with half a semitone to spare: it covers 46.875 to 2093.75 Hz."""

HEARD_SECONDS = 1.2
LOUD_DB = 30.0
"""Frames further below the loudest say nothing of the pitch."""

PYIN_RANGE = (22.0, 4800.0)
PYIN_OVERSAMPLING = 2
PYIN_FRAME = 16384
PYIN_HOP = 4096
"""Two frames a tenth of a second at 88.2 kHz: C8 has ten samples a period at 44.1 kHz, too few."""

AGREED_CENTS = 30.0
VELOCITIES = (40, 80, 120)


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """Return the value at which half of the weight is reached; NaN without weight."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    if len(total) == 0 or not total[-1] > 0.0:
        return float("nan")
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def is_loud(y: FloatArray, times: FloatArray, sr: float, *, seconds: float = 0.05) -> Any:
    """Tell at which times a sound is within 30 dB of its loudest.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
    times : np.ndarray [shape=(n_frames,), seconds]
    sr : float [Hz]
    seconds : float
        Length of the windows whose power is compared.

    Returns
    -------
    loud : np.ndarray of bool [shape=(n_frames,)]
    """
    energy = np.concatenate([[0.0], np.cumsum(y.astype(np.float64) ** 2)])
    edges = np.clip(np.round(np.add.outer([-0.5, 0.5], times / seconds) * seconds * sr), 0, len(y))
    low, high = edges.astype(np.int64)
    power = (energy[high] - energy[low]) / np.maximum(high - low, 1)
    return power >= power.max() * 10.0 ** (-LOUD_DB / 10.0)


@lru_cache(maxsize=1)
def _swift() -> Any:
    from swift_f0 import SwiftF0

    return SwiftF0()


def hear_swift(y: FloatArray, sr: int = SAMPLE_RATE) -> float:
    """Return the pitch that Swift-F0 hears in a note, in Hz; NaN where it hears none."""
    y = y[: round(HEARD_SECONDS * sr)]
    found = _swift().detect(y, sr)
    loud = is_loud(y, np.asarray(found.timestamps), sr)
    pitch = np.asarray(found.pitch_hz, np.float64)[loud]
    return weighted_median(pitch, np.asarray(found.confidence, np.float64)[loud])


def hear_pyin(y: FloatArray, sr: int = SAMPLE_RATE) -> float:
    """Return the pitch that pYIN hears in a note, in Hz."""
    import librosa
    import soxr

    rate = PYIN_OVERSAMPLING * sr
    y = np.asarray(soxr.resample(y[: round(HEARD_SECONDS * sr)], sr, rate))
    low, high = PYIN_RANGE
    with warnings.catch_warnings():
        # Silent ends make it divide by zero; their frames are not looked at.
        warnings.simplefilter("ignore", RuntimeWarning)
        pitch, _, voiced = librosa.pyin(
            y,
            sr=rate,
            fmin=low,
            fmax=high,
            frame_length=PYIN_FRAME,
            hop_length=PYIN_HOP,
            fill_na=None,
        )
    loud = is_loud(y, np.arange(len(pitch)) * PYIN_HOP / rate, rate)
    return weighted_median(pitch[loud], voiced[loud] + 1e-6)


@dataclass(frozen=True, eq=False)
class HeardPitches:
    """What both trackers hear of some notes.

    Attributes
    ----------
    asked : np.ndarray of int [shape=(n,), MIDI]
    swift, pyin : np.ndarray [shape=(n,), cents]
        Above the asked pitch; NaN where none was heard, and of Swift-F0 outside its keys.
    """

    asked: IntArray
    swift: FloatArray
    pyin: FloatArray


def hear_pitches(waves: Sequence[FloatArray], asked: IntArray) -> HeardPitches:
    """Let both trackers hear notes (44.1 kHz)."""
    f0 = midi_to_hz(asked)
    covered = (asked >= SWIFT_KEYS[0]) & (asked <= SWIFT_KEYS[1])
    swift = np.full(len(asked), np.nan)
    swift[covered] = [hear_swift(y) for y, is_heard in zip(waves, covered, strict=True) if is_heard]
    pyin = np.array([hear_pyin(y) for y in waves])
    return HeardPitches(asked, cents_between(swift, f0), cents_between(pyin, f0))


def is_in_tune(cents: FloatArray) -> list[bool]:
    """Tell which deviations are within 20 cents; an unheard pitch (NaN) is not."""
    return [bool(abs(value) <= TOLERANCE_CENTS) for value in cents]


def _row(name: str, heard: HeardPitches, target: str, more: str = "") -> Row:
    covered = np.isfinite(heard.swift)
    either = np.fmin(np.abs(heard.swift), np.abs(heard.pyin))
    agreed = np.abs(heard.swift - heard.pyin) <= AGREED_CENTS
    elsewhere = agreed & (np.abs(heard.pyin) > AGREED_CENTS)
    return Row(
        f"pitch within {TOLERANCE_CENTS:.0f} cents, {name}",
        share(is_in_tune(heard.pyin)),
        target,
        f"by pYIN; by Swift-F0 on MIDI {SWIFT_KEYS[0]}..{SWIFT_KEYS[1]} "
        f"{share(is_in_tune(heard.swift[covered]))}; by one of the two "
        f"{share(is_in_tune(either))}; both hear one and the same other pitch in "
        f"{int(elsewhere.sum())}{more}",
    )


def random_pitches(model: SoundModel, *, n: int, seed: int) -> HeardPitches:
    """Play random instruments over the whole range and hear their pitches."""
    rng = np.random.default_rng([seed, 7])
    low, high = model.pitch_range
    # Every key as often as any other, in random order of the instruments.
    pitches = np.linspace(low, high + 1, n, endpoint=False).astype(np.int64)
    images = generate_images(model, draw_z(model, n, rng), pitches, rng.choice(VELOCITIES, n))
    waves = [synthesize_plain(i, p) for i, p in zip(images, pitches.tolist(), strict=True)]
    return hear_pitches(waves, pitches)


def real_pitches(real: RealNotes, renderer: Renderer, *, n: int, seed: int) -> HeardPitches:
    """Hear real notes: what the trackers themselves are worth."""
    notes = real.draw(real.trained, n, np.random.default_rng([seed, 8])).by_pitch()
    waves = [renderer.wave(real.label(row)) for row in notes.rows.tolist()]
    return hear_pitches(waves, notes.pitches)


def write_failures(path: Path, heard: HeardPitches) -> None:
    """Write the notes that pYIN does not hear in tune: what was asked and what was heard."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["midi", "swift_f0_cents", "pyin_cents"])
        for i, is_good in enumerate(is_in_tune(heard.pyin)):
            if not is_good:
                cents = (f"{heard.swift[i]:.1f}", f"{heard.pyin[i]:.1f}")
                writer.writerow([int(heard.asked[i]), *cents])


def pitch_rows(
    model: SoundModel,
    real: RealNotes,
    renderer: Renderer,
    failures: Path | None,
    *,
    n: int,
    seed: int,
) -> list[Row]:
    """Measure the pitch of random instruments, and of real notes as the trackers' control."""
    made = random_pitches(model, n=n, seed=seed)
    if failures is not None:
        write_failures(failures, made)
    truth = real_pitches(real, renderer, n=max(2 * n // 5, 1), seed=seed)
    more = f"; the others are in {failures.name}" if failures else ""
    return [
        _row("random instruments over the whole range", made, "99.5 %", more),
        _row("real notes (the trackers' control)", truth, ""),
    ]
