"""The original code's own output for a recording, where that recording lies beside the project."""

from pathlib import Path

import numpy as np
import pytest

from retimbre.pitch import estimate_pitch
from retimbre.settings.params import PitchParams

GOLDEN = Path(__file__).parents[2].parent / "shared" / "data" / "sms-tools"

# Where the original is sure.
GOLDEN_CENTS = 0.1
GOLDEN_CONFIDENCE = 0.5


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the recordings are not here")
@pytest.mark.parametrize("viterbi", [False, True])
def test_tiny_network_gives_the_original_track(viterbi):
    import soundfile

    y, sr = soundfile.read(GOLDEN / "vignesh.wav", dtype="float32")
    csv = GOLDEN / "vignesh_crepe_tiny_f0.csv"
    times, f0, confidence = np.genfromtxt(csv, delimiter=",", skip_header=1, unpack=True)
    track = estimate_pitch(y, sr, PitchParams(capacity="tiny", viterbi=viterbi))
    np.testing.assert_allclose(track.times, times, rtol=0, atol=1e-9)
    sure = confidence > GOLDEN_CONFIDENCE
    assert sure.sum() > 200
    assert np.abs(1200.0 * np.log2(track.f0[sure] / f0[sure])).max() < GOLDEN_CENTS
    np.testing.assert_allclose(track.confidence, confidence, rtol=0, atol=1e-3)
