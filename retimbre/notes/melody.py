"""Melodies from recordings and MIDI files, fitted to a model."""

from dataclasses import replace

import numpy as np

from retimbre import notes as segmentation
from retimbre._typing import IntArray
from retimbre.errors import NoPitchError, ParameterError
from retimbre.notes.edits import with_pitches
from retimbre.result import Analysis
from retimbre.settings.params import NoteParams, check_pitch_range
from retimbre.types import HOP_SECONDS, Melody, Notes, PitchTrack


def playable_range(asked: tuple[int, int] | None, model: tuple[int, int]) -> tuple[int, int]:
    """Return the part of a range of pitches that a model can play.

    Parameters
    ----------
    asked : (int, int) or None [MIDI]
        None asks for all that there is.
    model : (int, int) [MIDI]
        Of the model.

    Returns
    -------
    low, high : int [MIDI]
        Both included.

    Raises
    ------
    ParameterError
        If less than an octave (12 keys) is left, into which not every note can be folded.
    """
    if asked is None:
        return model
    low, high = max(asked[0], model[0]), min(asked[1], model[1])
    if high - low < 11:
        raise ParameterError(
            f"The pitch range {asked[0]}-{asked[1]} overlaps the model's {model[0]}-{model[1]} by "
            "less than an octave (12 keys); choose a wider one."
        )
    return low, high


def find_melody(analysis: Analysis, params: NoteParams, pitch_range: tuple[int, int]) -> Melody:
    """Take the notes of an input at the threshold of `params` and fit them to a model.

    Parameters
    ----------
    analysis : Analysis
    params : NoteParams
    pitch_range : (int, int) [MIDI]
        What the model can play; see `playable_range`.

    Returns
    -------
    melody : Melody
        With at least one note.

    Raises
    ------
    NoPitchError
        If there is no note to play; says the highest confidence found.
    ParameterError
        As `playable_range` raises.
    """
    found = _of_midi(analysis) if analysis.pitch is None else _of_track(analysis, params)
    return fit_melody(found, playable_range(params.pitch_range, pitch_range), params.transpose)


def fit_melody(melody: Melody, pitch_range: tuple[int, int], transpose: int = 0) -> Melody:
    """Transpose a melody and fold its notes by octaves into a range.

    Parameters
    ----------
    melody : Melody
    pitch_range : (int, int) [MIDI]
        An octave or more.
    transpose : int [semitones]

    Returns
    -------
    melody : Melody
        ``folded`` counts the notes that were moved.
    """
    pitches, folded = fit_pitches(melody.notes.pitch, transpose=transpose, pitch_range=pitch_range)
    # Folding may change the order of the notes of a chord.
    return replace(with_pitches(melody, pitches), folded=melody.folded + folded)


def fit_pitches(
    pitches: IntArray, *, transpose: int = 0, pitch_range: tuple[int, int]
) -> tuple[IntArray, int]:
    """Transpose pitches, then bring those outside a range into it by whole octaves.

    Parameters
    ----------
    pitches : np.ndarray of int [shape=(n_notes,), MIDI]
    transpose : int [semitones]
    pitch_range : (int, int) [MIDI 0..127]
        Lowest and highest pitch, both included; an octave (12 keys) or more.

    Returns
    -------
    pitches : np.ndarray of int [shape=(n_notes,), MIDI]
        In the same order.
    n_folded : int
        How many were outside the range.

    Raises
    ------
    ParameterError
        If the range is smaller than an octave or outside 0..127.
    """
    low, high = pitch_range
    check_pitch_range(low, high)
    moved = pitches + transpose
    # The fewest octaves that reach the range: rounded away from it.
    up = np.maximum(-((moved - low) // 12), 0)
    down = np.maximum(-((high - moved) // 12), 0)
    return moved + 12 * (up - down), int(np.count_nonzero(up + down))


def _of_midi(analysis: Analysis) -> Melody:
    found = analysis.notes or Notes.empty()
    if len(found) == 0:
        raise NoPitchError(f"{analysis.source} contains no notes.")
    return Melody(
        found,
        articulation=analysis.articulation,
        # A tied note has no attack of its own; the others have a whole one.
        strength=np.array([name != "tied" for name in analysis.articulation], np.float64),
        source=analysis.source,
        duration=analysis.duration,
    )


def _of_track(analysis: Analysis, params: NoteParams) -> Melody:
    track = analysis.pitch
    assert track is not None
    found = segmentation.segment(track, params.confidence, params.min_note_length)
    voiced_seconds = _voiced_seconds(track, params.confidence)
    if not len(found.notes):
        raise NoPitchError(_why_none(track, params, analysis.source, voiced_seconds))
    pitched = np.count_nonzero(np.isfinite(track.f0)) * HOP_SECONDS
    return Melody(
        found.notes,
        segmentation.note_curves(track, found.notes, found.articulation),
        articulation=found.articulation,
        strength=found.strength,
        source=analysis.source,
        duration=analysis.duration,
        confidence=params.confidence,
        voiced_seconds=voiced_seconds,
        loudness=analysis.loudness,
        dropped={
            "short_notes": found.n_short,
            "unvoiced_seconds": round(float(pitched - voiced_seconds), 3),
        },
    )


def _why_none(track: PitchTrack, params: NoteParams, source: str, voiced_seconds: float) -> str:
    """Say in a sentence why no note is found."""
    if not np.isfinite(track.f0).any():
        return f"{source} is silent: no frame has a pitch."
    if voiced_seconds == 0.0:
        # Rounded down, so that the figure itself is a threshold that works.
        highest = np.floor(track.confidence[np.isfinite(track.f0)].max() * 1000.0) / 1000.0
        return (
            f"No frame of {source} reaches confidence {params.confidence:g} (the highest is "
            f"{highest:.3f}); lower --confidence, or check --fmin and --fmax (CREPE covers 32.7 to "
            "1975.5 Hz)."
        )
    return (
        f"{source} has a pitch for {voiced_seconds:.2f} s at confidence {params.confidence:g}, but "
        f"no note of {params.min_note_length * 1000:g} ms or more begins and sounds in it (hum and "
        "noise are left out); if there is a melody, lower --confidence or --min-note-length."
    )


def _voiced_seconds(track: PitchTrack, confidence: float) -> float:
    # A hundredth has no end in binary; what is counted in them is not told with 16 digits.
    is_voiced = np.isfinite(track.f0) & (track.confidence >= confidence)
    return round(float(np.count_nonzero(is_voiced) * HOP_SECONDS), 3)
