"""Write notes and pitch tracks as CSV."""

import os

import numpy as np

from retimbre.io.files import write_text
from retimbre.types import Notes, PitchTrack


def save_notes_csv(path: str | os.PathLike[str], notes: Notes) -> None:
    """Write notes as CSV: a header, then onset, offset [seconds], pitch [MIDI], velocity.

    Parameters
    ----------
    path : str or path-like
    notes : Notes

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    columns = zip(notes.onset, notes.offset, notes.pitch, notes.velocity, strict=True)
    rows = [f"{on:.6f},{off:.6f},{pitch},{velocity}\n" for on, off, pitch, velocity in columns]
    write_text(path, "onset,offset,pitch,velocity\n" + "".join(rows))


def save_f0_csv(path: str | os.PathLike[str], track: PitchTrack) -> None:
    """Write a pitch track as CREPE does: a header, then time [s], frequency [Hz], confidence.

    Parameters
    ----------
    path : str or path-like
    track : PitchTrack
        Frames without a pitch (NaN) are written with frequency 0 and confidence 0.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    has_pitch = np.isfinite(track.f0)
    f0 = np.where(has_pitch, track.f0, 0.0)
    confidence = np.where(has_pitch, track.confidence, 0.0)
    columns = zip(track.times, f0, confidence, strict=True)
    rows = [f"{time:.2f},{hz:.3f},{sure:.6f}\n" for time, hz, sure in columns]
    write_text(path, "time,frequency,confidence\n" + "".join(rows))
