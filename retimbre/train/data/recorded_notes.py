"""Measuring a recorded note: where it is, whether it is at its label's pitch, what was heard."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from retimbre import pitch as tracking
from retimbre._typing import FloatArray
from retimbre.errors import ReadError
from retimbre.harmonic.hold import heard_until
from retimbre.harmonic.image import HOLD_SECONDS, NOTE_SECONDS, SAMPLE_RATE
from retimbre.io import audio
from retimbre.like.denoise import FRAME_LENGTH, room_spectrum, subtract_room
from retimbre.like.ends import NoteEnds, find_ends
from retimbre.train.data.heard import find_cut, loudest_power, room_levels
from retimbre.train.data.labels import NoteLabel
from retimbre.train.data.measure import SILENT_PEAK, Ear, Reason, analyze_note, calm_seconds
from retimbre.train.data.recordings import DEFAULT_VELOCITY, Recording
from retimbre.units import hz_to_midi, midi_to_hz

Take = Callable[[FloatArray, int, float | None, Ear | None], FloatArray | Reason]
"""Measures a note from its samples, its pitch, when it ends, and by ear."""

MAX_SECONDS = 20.0
"""So much of a file is read."""

SHORTEST_SECONDS = 0.3
LAID_OUT_SECONDS = 0.05
"""A note that is held for 3 s, give or take this, stays as it is."""

FADE_SECONDS = 0.03

BEFORE_SECONDS, ECHO_SECONDS = 0.05, 0.25
"""So long before and after a note the room is not heard alone."""

RING_BINS = 31
"""Narrower peaks (650 Hz) in the spectrum of a room are notes that ring on."""

PEAKED = 8.0
STEADY_DB_PER_SECOND = 6.0
LEAST_ROOM_FRAMES = 4
"""A room is no more peaked than this and stays as loud, over frames of 0.1 s."""

MAX_OFF_CENTS = 60.0
"""Farther from its label a note is refused."""

OCTAVE_CENTS = 1000.0
SURE = 0.5
"""A tracker of less confidence has heard nothing."""

ATTACK_SECONDS, LISTENED_SECONDS = 0.1, 0.6
"""CREPE hears so much of a note after so much."""


def read_note(path: Path) -> tuple[FloatArray, int]:
    """Read a recording as it is trained on.

    Parameters
    ----------
    path : Path

    Returns
    -------
    y : np.ndarray of float32 [shape=(n,)]
        Its mono mix (see `retimbre.io.audio.stream_blocks`) at 44.1 kHz, at most 20 s.
    sr : int [Hz]
        The rate that it was recorded at; above half of it there is nothing.

    Raises
    ------
    ReadError
        If it does not exist or may not be read.
    DecodeError
        If it holds no audio.
    """
    y, sr = audio.load(path, duration=MAX_SECONDS)
    return audio.resample(y, sr, SAMPLE_RATE), sr


def analyze_recording(
    recording: Recording, pitch: int, take: Take = analyze_note
) -> tuple[NoteLabel, FloatArray | Reason]:
    """Measure a recorded note as if it were held for 3 s.

    Parameters
    ----------
    recording : Recording
    pitch : int [MIDI]
    take : callable
        What measures it; see `Take`.

    Returns
    -------
    label : NoteLabel
        With how much of the note was heard.
    measured : np.ndarray, or Reason
        Why it cannot be used.
    """
    velocity = recording.velocity or DEFAULT_VELOCITY
    label = NoteLabel(recording.source, -1, -1, recording.name, pitch, velocity)
    label = replace(label, has_velocity=recording.velocity is not None)
    try:
        y, sr = read_note(recording.path)
    except ReadError:
        return label, Reason.UNREADABLE
    label = replace(label, sample_rate=sr, heard_hz=find_cut(y, sr))
    if recording.is_laid_out or np.abs(y).max(initial=0.0) < SILENT_PEAK:
        return label, take(y, pitch, None, hear_cents)
    ends = find_ends(y, SAMPLE_RATE, np.array([0.0, len(y) / SAMPLE_RATE]))
    if ends.end - ends.onset < SHORTEST_SECONDS:
        return label, Reason.SHORT
    y, room_db, loudest_db = _without_room(y, ends, float(midi_to_hz(pitch)))
    seconds = min(ends.release, ends.end - FADE_SECONDS) - ends.onset
    is_laid_out = abs(seconds - HOLD_SECONDS) < LAID_OUT_SECONDS
    calm = NOTE_SECONDS if is_laid_out else heard_until(calm_seconds(seconds))
    label = replace(
        label, heard_seconds=round(calm, 3), room_db=room_db, loudest_db=round(loudest_db, 1)
    )
    return label, take(y, pitch, None if is_laid_out else seconds, hear_cents)


def hear_cents(y: FloatArray, pitch: int) -> float | Reason:
    """Hear how far a note lies from its label, by CREPE.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        At 44.1 kHz, from the onset.
    pitch : int [MIDI]

    Returns
    -------
    cents : float, or Reason
        Why it is refused: no clear pitch, more than 60 cents off, or an octave and more.
    """
    # CREPE knows no pitch below C1 and above B6: such a note is played faster or more slowly.
    speed = 2.0 if pitch < 30 else 0.25 if pitch > 90 else 1.0
    first = round(ATTACK_SECONDS * SAMPLE_RATE)
    held = y[first : first + round(speed * LISTENED_SECONDS * SAMPLE_RATE)]
    track = tracking.estimate_pitch(held, round(speed * SAMPLE_RATE))
    sure = np.isfinite(track.f0) & (track.confidence >= SURE)
    if not sure.any() or np.median(track.confidence[np.isfinite(track.f0)]) < SURE:
        return Reason.PITCH
    cents = 100.0 * (float(np.median(hz_to_midi(track.f0[sure] / speed))) - pitch)
    if abs(cents) <= MAX_OFF_CENTS:
        return cents
    return Reason.OCTAVE if abs(cents) > OCTAVE_CENTS else Reason.PITCH


def _without_room(
    y: FloatArray, ends: NoteEnds, f0: float
) -> tuple[FloatArray, tuple[float, ...], float]:
    """Cut a note out and take away the room where it is heard alone.

    Returns
    -------
    cut : np.ndarray [shape=(n,)]
    room_db, loudest_db
        As a `NoteLabel` has them.
    """
    floor = _room(y, ends)
    cut = y[round(ends.onset * SAMPLE_RATE) : round(ends.end * SAMPLE_RATE)].copy()
    room_db: tuple[float, ...] = ()
    loudest = loudest_power(cut, f0)
    if floor is not None:
        room_db = room_levels(floor, loudest)
        cut = subtract_room(cut, floor)
    # Where a note is cut off it clicks, and its noise would be measured as that.
    n_fade = round(FADE_SECONDS * SAMPLE_RATE)
    cut[-n_fade:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(n_fade, dtype=np.float32) / n_fade)
    return cut, room_db, float(10.0 * np.log10(loudest))


def _room(y: FloatArray, ends: NoteEnds) -> FloatArray | None:
    """Measure the room's noise after a note, if that is what is heard there.

    What still falls, or is peaked, is the note that rings on.

    Returns
    -------
    power : np.ndarray [shape=(1025,)], or None
        As `retimbre.like.denoise.room_spectrum` has it.
    """
    after = ends.end + ECHO_SECONDS
    rest = y[round(after * SAMPLE_RATE) :]
    n = len(rest) // (2 * FRAME_LENGTH)
    if n < LEAST_ROOM_FRAMES or not rest.any():
        return None
    power = np.square(rest[: 2 * n * FRAME_LENGTH].reshape(n, -1), dtype=np.float64).mean(axis=1)
    level = 10.0 * np.log10(np.maximum(power, 1e-20))
    fall = np.polyfit(np.arange(n) * (2 * FRAME_LENGTH / SAMPLE_RATE), level, 1)[0]
    now = np.arange(len(y)) / SAMPLE_RATE
    room = room_spectrum(y, (now > ends.onset - BEFORE_SECONDS) & (now < after))
    if room is None or abs(fall) > STEADY_DB_PER_SECOND:
        return None
    half = RING_BINS // 2
    around = np.lib.stride_tricks.sliding_window_view(np.pad(room, half, mode="edge"), RING_BINS)
    floor = np.minimum(room, np.median(around, axis=1))
    return None if room.sum() > PEAKED * floor.sum() else floor
