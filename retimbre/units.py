"""Conversions between the units of pitch, time and level.

All functions take scalars or arrays and return float64 arrays (0-d for scalars).
"""

import re

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray

A4_HZ = 440.0
A4_MIDI = 69.0

_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}


def midi_to_note(midi: int) -> str:
    """Return the name of a note; its accidental is a sharp.

    >>> midi_to_note(60), midi_to_note(70)
    ('C4', 'A#4')
    """
    return f"{_NOTES[midi % 12]}{midi // 12 - 1}"


def note_to_midi(name: str) -> int:
    """Convert the name of a note to its MIDI number; C4 is 60.

    Parameters
    ----------
    name : str
        A letter, an accidental and an octave: ``C3``, ``A#4``, ``Bb2``, ``C-1``.

    Returns
    -------
    midi : int

    Raises
    ------
    ValueError
        If `name` is no note.
    """
    match = re.fullmatch(r"([A-Ga-g])([#♯b♭]?)(-?\d+)", name.strip())
    if match is None:
        raise ValueError(f"{name!r} is not a note; write it like C3 or A#4.")
    letter, accidental, octave = match.groups()
    return 12 * (int(octave) + 1) + _NOTES.index(letter.upper()) + _ACCIDENTALS[accidental]


def hz_to_midi(f0: npt.ArrayLike) -> FloatArray:
    """Convert frequency to fractional MIDI pitch: ``69 + 12 log2(f0 / 440)``.

    Parameters
    ----------
    f0 : array_like [Hz]
        Frequencies > 0; NaN stays NaN.

    Returns
    -------
    midi : np.ndarray [same shape, MIDI semitones]
    """
    return A4_MIDI + 12.0 * np.log2(np.asarray(f0, dtype=np.float64) / A4_HZ)


def midi_to_hz(midi: npt.ArrayLike) -> FloatArray:
    """Convert fractional MIDI pitch to frequency: ``440 * 2 ** ((midi - 69) / 12)``.

    Parameters
    ----------
    midi : array_like [MIDI semitones]

    Returns
    -------
    f0 : np.ndarray [same shape, Hz]
    """
    return np.asarray(A4_HZ * 2.0 ** ((np.asarray(midi, dtype=np.float64) - A4_MIDI) / 12.0))


def cents_between(f0: npt.ArrayLike, reference: npt.ArrayLike) -> FloatArray:
    """Return the interval from `reference` to `f0`: ``1200 log2(f0 / reference)``.

    Parameters
    ----------
    f0, reference : array_like [Hz]
        Frequencies > 0.

    Returns
    -------
    cents : np.ndarray [cents]
        Positive where `f0` is higher.
    """
    ratio = np.asarray(f0, dtype=np.float64) / np.asarray(reference, dtype=np.float64)
    return np.asarray(1200.0 * np.log2(ratio))


def frames_to_time(frames: npt.ArrayLike, *, sr: float, hop_length: int) -> FloatArray:
    """Return the centre of frames in seconds: ``frames * hop_length / sr``.

    Parameters
    ----------
    frames : array_like of int
        Frame indices; frame 0 is centred on sample 0.
    sr : float [Hz]
    hop_length : int [samples]

    Returns
    -------
    times : np.ndarray [same shape, seconds]
    """
    return np.asarray(np.asarray(frames, dtype=np.float64) * hop_length / sr)


def db_to_amplitude(level_db: npt.ArrayLike) -> FloatArray:
    """Convert decibels to amplitude: ``10 ** (level_db / 20)``.

    Parameters
    ----------
    level_db : array_like [dB]

    Returns
    -------
    amplitude : np.ndarray [same shape, linear]
    """
    return np.asarray(10.0 ** (np.asarray(level_db, dtype=np.float64) / 20.0))


def amplitude_to_db(amplitude: npt.ArrayLike, *, floor_db: float = -120.0) -> FloatArray:
    """Convert amplitude to decibels: ``20 log10 |amplitude|``, not below `floor_db`.

    Parameters
    ----------
    amplitude : array_like [linear]
    floor_db : float [dB]
        What silence is reported as.

    Returns
    -------
    level_db : np.ndarray [same shape, dB]
    """
    magnitude = np.abs(np.asarray(amplitude, dtype=np.float64))
    return np.asarray(20.0 * np.log10(np.maximum(magnitude, 10.0 ** (floor_db / 20.0))))
