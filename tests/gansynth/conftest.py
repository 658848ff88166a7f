"""Mel specgrams of tones of closed form."""

import pytest
from mel_tones import harmonic

from retimbre.gansynth.specgram import waves_to_specgrams


@pytest.fixture(scope="module")
def held_tone():
    return waves_to_specgrams(harmonic()[None])[0]


@pytest.fixture(scope="module")
def pluck():
    """Loses 43 dB a second."""
    return waves_to_specgrams(harmonic(decay=5.0)[None])[0]
