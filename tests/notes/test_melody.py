"""The notes that will be played, and what is told of them."""

import numpy as np
import pytest

from retimbre.notes.melody import find_melody
from retimbre.result import Analysis
from retimbre.settings.params import NoteParams
from retimbre.types import Notes, PitchTrack

N_FRAMES = 300


@pytest.mark.parametrize("n_voiced", [35, 41, 47, 201])
def test_seconds_are_told_in_hundredths(n_voiced):
    assert n_voiced * 0.01 != n_voiced / 100  # the product is told with all its digits
    frames = np.arange(N_FRAMES)
    track = PitchTrack(
        times=0.01 * frames,
        f0=np.full(N_FRAMES, 440.0),
        confidence=np.where(frames < n_voiced, 0.9, 0.1),
        level_db=np.zeros(N_FRAMES),
        onset_strength=np.zeros(N_FRAMES),
    )
    melody = find_melody(Analysis("x", 3.0, pitch=track), NoteParams(), (36, 84))
    assert melody.voiced_seconds == n_voiced / 100
    assert melody.dropped["unvoiced_seconds"] == (N_FRAMES - n_voiced) / 100


def of_midi(*articulation, **options):
    notes = Notes([0.0, 0.5, 0.5], [0.5, 1.0, 1.0], [60, 62, 90], [90, 80, 70])
    analysis = Analysis("x.mid", 1.0, notes=notes, articulation=articulation)
    return find_melody(analysis, NoteParams(**options), (36, 84))


def test_what_a_midi_file_says_of_ties_is_kept():
    melody = of_midi("struck", "tied", "struck")
    assert melody.articulation == ("struck", "tied", "struck")
    assert melody.strength.tolist() == [1.0, 0.0, 1.0]


def test_notes_of_which_nothing_is_known_are_struck():
    melody = of_midi()
    assert melody.articulation == ("struck",) * 3
    assert melody.strength.tolist() == [1.0] * 3


def test_ties_stay_with_their_notes_when_these_are_folded():
    # The highest note comes down past the one that begins with it.
    melody = of_midi("struck", "struck", "tied", pitch_range=(51, 62))
    assert melody.notes.pitch.tolist() == [60, 54, 62]
    assert melody.articulation == ("struck", "tied", "struck")
    assert melody.strength.tolist() == [1.0, 0.0, 1.0]
