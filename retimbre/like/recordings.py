"""Hear the notes of one instrument in a recording or in several."""

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retimbre.errors import AudioError, ParameterError
from retimbre.like.hearing import HeardNote, hear_notes

logger = logging.getLogger("retimbre")

MOST_NOTES_IN_ALL = 16
"""So many notes of several recordings are taken."""

MOST_SEARCHED = 4
"""By so many a latent is refined."""

Recording = tuple[npt.ArrayLike, int, str]
"""Samples, their rate, and what messages call them."""


def hear_recordings(
    recordings: Sequence[Recording], pitch_range: tuple[int, int]
) -> list[HeardNote]:
    """Take the clear notes of several recordings of one instrument.

    Parameters
    ----------
    recordings : sequence of (array_like, int, str)
        One at least; see `hear_notes` for samples and rates.
    pitch_range : (int, int) [MIDI, inclusive]

    Returns
    -------
    notes : list of HeardNote
        Those of one recording as `hear_notes` returns them. Of several at most
        `MOST_NOTES_IN_ALL`, from all over the range that was heard; so are the first
        `MOST_SEARCHED` of them.

    Raises
    ------
    AudioError, ParameterError
        If a recording is no audio, or no note of any can be used. Where others can, that is logged.
    """
    if not recordings or not all(isinstance(one, tuple) and len(one) == 3 for one in recordings):
        raise ParameterError(
            "An instrument is heard in a list of recordings, each (samples, rate, name), given "
            f"{recordings!r:.60}."
        )
    heard: list[HeardNote] = []
    refused: list[Exception] = []
    for y, sr, source in recordings:
        try:
            heard += hear_notes(y, sr, pitch_range=pitch_range, source=source)
        except (AudioError, ParameterError) as error:
            refused.append(error)
    if not heard:
        raise refused[0]
    for reason in refused:
        logger.warning("Left out: %s", reason)
    if len(recordings) == 1:
        return heard
    heard.sort(key=lambda note: note.pitch)
    kept = _spread(heard, MOST_NOTES_IN_ALL)
    if len(kept) < len(heard):
        logger.info("Using %d of %d notes, from all over the range.", len(kept), len(heard))
    first = _spread(kept, MOST_SEARCHED)
    return first + [note for note in kept if note not in first]


def _spread(notes: list[HeardNote], most: int) -> list[HeardNote]:
    """Return some of the notes, from one end of them to the other."""
    places = np.linspace(0, len(notes) - 1, min(len(notes), most))
    return [notes[int(place)] for place in np.rint(places)]
