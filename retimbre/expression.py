"""Pitch and level of each note from the performance and its release.

Harmonic images and GANSynth's specgrams both show a note that is held for 3 s; how a longer one is
held, released and taken to the performer's level is the same for both.
"""

from collections.abc import Sequence

import numpy as np

from retimbre._typing import FloatArray
from retimbre.errors import ParameterError
from retimbre.types import HOP_SECONDS, NoteCurve, Notes
from retimbre.units import midi_to_hz

ENVELOPE_ATTACK = 0.010
"""Length of a note's attack in GANSynth's envelope, in seconds."""

RELEASE_SECONDS = 0.300
"""Length of a plain note's release, as GANSynth's envelope has it."""

UNSTRETCHED_SECONDS = 0.5
"""Held notes follow the image as it is for so long at most, before anything is stretched."""

HOLD_END = 2.9
"""Notes over 3 s use the image up to here [seconds]; its windows see the release soon after."""

STRETCHED_SECONDS = 0.44
"""Changes slower than this are stretched in a held note; faster ones are looped."""

HELD_DB = -30.0
"""With full expression a note is held at its image's levels above this (see `hold_level`)."""

SILENT_DB = -90.0
"""The floor of the images' levels: a note that is held down to here is let die."""

ATTACK_KEPT = 0.040
"""The instrument's first moments keep their own shape, in seconds."""

MAX_BOOST_DB = 24.0
MAX_CUT_DB = 60.0

DAMPING_DB = 6.0
"""A sound that dies away is damped where the performer lies further under it than this."""

LEGATO_SECONDS = 0.060
"""With full expression a note that another follows at once is gone after this time."""

MAX_BEND_CENTS = 1200.0
"""A measured curve further from its note than this is a tracking error."""

_SMOOTHING = np.array([1.0, 3.0, 4.0, 3.0, 1.0]) / 12.0
"""Weights over 50 ms; what is faster in a measured level is the measurement's own."""


def render_curves(
    notes: Notes, curves: Sequence[NoteCurve] | None, expression: float
) -> tuple[list[FloatArray], list[FloatArray | None]]:
    """Return the pitch and the level with which each note is to be played.

    The pitch is interpolated between the plain note and the performer's, in cents. The level stays
    the performer's own: how closely a sound follows it is for the synthesis to say, which knows
    the level that the sound has by itself.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve, optional
        One a note; None (a MIDI file) plays all notes plainly.
    expression : float [0..1]
        0: the MIDI pitch; 1: the measured pitch.

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
    if curves is None:
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


def hold_level(expression: float) -> float:
    """Return the level under which a note is not let die, in dB re its loudest frame.

    Parameters
    ----------
    expression : float [0..1]
        0 lets a plucked string die away; 1 holds it as long as the performer does.
    """
    return SILENT_DB + expression * (HELD_DB - SILENT_DB)


def smooth_level(level_db: FloatArray) -> FloatArray:
    """Smooth a measured level over 50 ms; its loudest moment becomes 0 dB.

    Parameters
    ----------
    level_db : np.ndarray [shape=(n,), dB]
        Every 10 ms; any reference.

    Returns
    -------
    smooth_db : np.ndarray [shape=(n,), dB]
    """
    padded = np.pad(level_db - level_db.max(), len(_SMOOTHING) // 2, mode="edge")
    return np.convolve(padded, _SMOOTHING, mode="valid")


def boost(wanted_db: FloatArray) -> FloatArray:
    """Bend boosts towards 24 dB, so that a string held long still decays; cuts stop at 60 dB.

    Parameters
    ----------
    wanted_db : np.ndarray [shape=(n,), dB]

    Returns
    -------
    gain_db : np.ndarray [shape=(n,), dB]
    """
    bent = MAX_BOOST_DB * np.tanh(np.maximum(wanted_db, 0.0) / MAX_BOOST_DB)
    return np.asarray(bent + np.maximum(np.minimum(wanted_db, 0.0), -MAX_CUT_DB))


def damp_level(target_db: FloatArray, own_db: FloatArray, *, amount: float) -> FloatArray:
    """Return the gain that damps a sound where the performer lets it go.

    Nothing can be given back to a string that was damped, and its own decay is its own: the gain
    only ever falls, and only from where the performer is 6 dB under the sound after the loudest
    moment of both.

    Parameters
    ----------
    target_db, own_db : np.ndarray [shape=(n,), dB <= 0]
        The performer's level and the sound's own at the same moments, both with 0 dB as their
        loudest.
    amount : float [0..1]
        0 leaves the sound alone.

    Returns
    -------
    gain_db : np.ndarray [shape=(n,), dB <= 0]
    """
    under = np.maximum(amount * (target_db + DAMPING_DB - own_db), -MAX_CUT_DB)
    under[: int(target_db.argmax()) + 1] = 0.0
    return np.asarray(np.minimum(np.minimum.accumulate(under), 0.0))


def follow_level(
    target_db: FloatArray, own_db: FloatArray, times: FloatArray, *, amount: float
) -> FloatArray:
    """Return the gain that takes a sound's level to the performer's.

    ``gain = amount * (target - own)``, see `boost`. During the first 40 ms the gain is that at
    40 ms, and so the attack is the instrument's.

    Parameters
    ----------
    target_db : np.ndarray [shape=(n_target,), dB]
        The performer's level every 10 ms from the onset, held after its end; any reference.
    own_db : np.ndarray [shape=(n,), dB]
        The sound's own level at `times`; any reference.
    times : np.ndarray [shape=(n,), seconds]
        Ascending from the onset.
    amount : float [0..1]
        0 leaves the sound alone, 1 follows.

    Returns
    -------
    gain_db : np.ndarray [shape=(n,), dB]
    """
    smooth = smooth_level(target_db)
    target = np.interp(times / HOP_SECONDS, np.arange(len(smooth)), smooth)
    # Levels are relative: both loudest moments are set to 0 dB.
    gain = boost(amount * (target - (own_db - own_db.max())))
    kept = np.interp(ATTACK_KEPT, times, gain)
    return np.asarray(np.where(times < ATTACK_KEPT, kept, gain))


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
