"""Pitch and level of each note from the performance and its release."""

from collections.abc import Sequence

import numpy as np

from retimbre._typing import FloatArray
from retimbre.errors import ParameterError
from retimbre.types import HOP_SECONDS, NoteCurve, Notes
from retimbre.units import midi_to_hz

RELEASE_SECONDS = 0.300
"""Length of a plain note's release, as GANSynth's envelope has it."""

LEGATO_SECONDS = 0.060
"""With full expression a note that another follows at once is gone after this time."""

MAX_BEND_CENTS = 1200.0
"""A measured curve further from its note than this is a tracking error."""


def render_curves(
    notes: Notes, curves: Sequence[NoteCurve] | None, expression: float
) -> tuple[list[FloatArray], list[FloatArray | None]]:
    """Return the pitch and the level with which each note is to be played.

    Both are interpolated between the plain note and the performer's, the pitch in cents.
    The level stays the performer's own: how closely a sound follows it is for the synthesis
    to say, which knows the level that the sound has by itself.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve, optional
        One a note; None (a MIDI file) plays all notes plainly.
    expression : float [0..1]
        0: the MIDI pitch and no level; 1: the measured pitch.

    Returns
    -------
    f0_curves : list of np.ndarray [shape=(n_frames,), Hz]
        Every 10 ms from the onset to the offset or a little beyond; one value where the
        pitch is constant.
    level_curves : list of np.ndarray or None [shape=(n_frames,), dB <= 0]
        On the same grid; None where there is nothing to follow.

    Raises
    ------
    ParameterError
        If there is not one curve a note, or `expression` is outside 0..1.

    Examples
    --------
    >>> notes = Notes(onset=[0.0], offset=[0.02], pitch=[69], velocity=[100])
    >>> curve = NoteCurve(cents=[0.0, 100.0], level_db=[0.0, -6.0])
    >>> f0_curves, _ = render_curves(notes, [curve], 0.5)
    >>> f0_curves[0].round(2)
    array([440.  , 452.89])
    """
    _check(notes, curves, expression)
    if curves is None or expression == 0.0:
        return [midi_to_hz([pitch]) for pitch in notes.pitch], [None] * len(notes)
    f0_curves, level_curves = [], []
    for pitch, duration, curve in zip(notes.pitch, notes.duration, curves, strict=True):
        n_frames = max(1, min(len(curve.cents), int(np.ceil(duration / HOP_SECONDS)) + 1))
        cents = np.clip(curve.cents[:n_frames], -MAX_BEND_CENTS, MAX_BEND_CENTS)
        f0_curves.append(midi_to_hz(pitch + expression * cents / 100.0))
        level_curves.append(np.minimum(curve.level_db[:n_frames], 0.0))
    return f0_curves, list(level_curves)


def release_times(
    notes: Notes, expression: float, *, release: float = RELEASE_SECONDS
) -> FloatArray:
    """Return how long each note rings after its offset.

    Plain notes ring for `release`. A performer's notes give way to the next: with full
    expression a note rings into the gap that follows it, and 60 ms into the next note at most,
    so that one voice stays one voice.

    Parameters
    ----------
    notes : Notes
    expression : float [0..1]
    release : float [seconds, >= 0.06]

    Returns
    -------
    releases : np.ndarray [shape=(n_notes,), seconds]
        The last note has the full `release`, and so has one that sounds on in the next.
    """
    if len(notes) == 0:
        return np.zeros(0)
    gap = np.append(notes.onset[1:], np.inf) - notes.offset
    # Overlapping notes are chords, or another voice: nothing to give way to.
    free = np.where(gap < -LEGATO_SECONDS, release, np.maximum(gap, 0.0) + LEGATO_SECONDS)
    short = np.minimum(free, release)
    return np.asarray(release + expression * (short - release))


def _check(notes: Notes, curves: Sequence[NoteCurve] | None, expression: float) -> None:
    if not 0.0 <= expression <= 1.0:
        raise ParameterError(f"Expression must be between 0 and 1, given {expression}.")
    if curves is None:
        return
    if len(curves) != len(notes):
        raise ParameterError(
            f"Each note needs one curve, given {len(curves)} curves for {len(notes)} notes."
        )
    empty = [i for i, curve in enumerate(curves) if len(curve.cents) == 0]
    if empty:
        raise ParameterError(f"The curve of note {empty[0]} has no frames; give it at least one.")
