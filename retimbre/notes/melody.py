"""The notes that will be played: of a recording at one threshold, or of a MIDI file."""

from dataclasses import dataclass, replace

import numpy as np

from retimbre import notes
from retimbre.errors import NoPitchError, ParameterError
from retimbre.io import midi
from retimbre.params import NoteParams
from retimbre.result import Analysis
from retimbre.types import HOP_SECONDS, NoteCurve, Notes, PitchTrack


@dataclass(frozen=True, eq=False)
class Melody:
    """Notes ready to be played, and what became of the rest.

    Attributes
    ----------
    notes : Notes
        Inside the model's range.
    curves : tuple of NoteCurve or None
        One a note; None for MIDI.
    folded : int
        How many notes were moved by octaves into the range.
    voiced_seconds : float or None
        Time at or above the threshold; None for MIDI.
    dropped : dict of str to float
        ``short_notes`` (how many were under the minimum length) and ``unvoiced_seconds`` (time
        that has a pitch but lies below the threshold).
    """

    notes: Notes
    curves: tuple[NoteCurve, ...] | None
    folded: int
    voiced_seconds: float | None
    dropped: dict[str, float]


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
    if analysis.pitch is None:
        found, curves = analysis.notes or Notes.empty(), None
        voiced_seconds, dropped = None, {}
        if len(found) == 0:
            raise NoPitchError(f"{analysis.source} contains no notes.")
    else:
        found = _segment(analysis.pitch, params, analysis.source)
        curves = notes.note_curves(analysis.pitch, found)
        voiced_seconds = _voiced_seconds(analysis.pitch, params.confidence)
        dropped = _dropped(analysis.pitch, params, found)
    fitted, folded = midi.fit_notes(
        found,
        transpose=params.transpose,
        pitch_range=playable_range(params.pitch_range, pitch_range),
    )
    return Melody(fitted, curves, folded, voiced_seconds, dropped)


def _segment(track: PitchTrack, params: NoteParams, source: str) -> Notes:
    found = notes.segment_notes(track, params)
    if len(found):
        return found
    if not np.isfinite(track.f0).any():
        raise NoPitchError(f"{source} is silent: no frame has a pitch.")
    voiced_seconds = _voiced_seconds(track, params.confidence)
    if voiced_seconds == 0.0:
        # Rounded down, so that the figure itself is a threshold that works.
        highest = np.floor(track.confidence[np.isfinite(track.f0)].max() * 1000.0) / 1000.0
        raise NoPitchError(
            f"No frame of {source} reaches confidence {params.confidence:g} (the highest is "
            f"{highest:.3f}); lower --confidence, or check --fmin and --fmax (CREPE covers 32.7 to "
            "1975.5 Hz)."
        )
    raise NoPitchError(
        f"{source} is voiced for {voiced_seconds:.2f} s at confidence {params.confidence:g}, but "
        f"no note lasts {params.min_note_length * 1000:g} ms; lower --confidence or "
        "--min-note-length."
    )


def _is_voiced(track: PitchTrack, confidence: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.isfinite(track.f0) & (track.confidence >= confidence)


def _voiced_seconds(track: PitchTrack, confidence: float) -> float:
    # A hundredth has no end in binary; what is counted in them is not told with 16 digits.
    return round(float(np.count_nonzero(_is_voiced(track, confidence)) * HOP_SECONDS), 3)


def _dropped(track: PitchTrack, params: NoteParams, found: Notes) -> dict[str, float]:
    everything = notes.segment_notes(track, replace(params, min_note_length=0.0))
    pitched = np.count_nonzero(np.isfinite(track.f0)) * HOP_SECONDS
    unvoiced = float(pitched - _voiced_seconds(track, params.confidence))
    return {
        "short_notes": max(len(everything) - len(found), 0),
        "unvoiced_seconds": round(unvoiced, 3),
    }
