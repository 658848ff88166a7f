"""The notes that will be played, and what is told of them."""

import numpy as np
import pytest

from retimbre.notes.melody import find_melody
from retimbre.result import Analysis
from retimbre.settings.params import NoteParams
from retimbre.types import PitchTrack

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
