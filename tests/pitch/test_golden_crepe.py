"""The original code's own output for a recording, where that recording lies beside the project."""

import os
from pathlib import Path

import numpy as np
import pytest

from retimbre.pitch import estimate_pitch
from retimbre.settings.params import PitchParams

ROOT = Path(__file__).parents[2]
GOLDEN = Path(os.environ.get("RETIMBRE_GOLDEN") or ROOT.parent / "shared" / "data" / "sms-tools")
ENDING = "_crepe_tiny_f0.csv"

# Where the original is sure.
GOLDEN_CENTS = 0.1
GOLDEN_CONFIDENCE = 0.5


@pytest.mark.parametrize("viterbi", [False, True])
def test_tiny_network_gives_the_original_track(viterbi):
    import soundfile

    tracks = sorted(GOLDEN.glob(f"*{ENDING}"))
    if not tracks:
        pytest.skip("the recordings are not here")
    for csv in tracks:
        name = csv.name.removesuffix(ENDING)
        y, sr = soundfile.read(GOLDEN / f"{name}.wav", dtype="float32")
        times, f0, confidence = np.genfromtxt(csv, delimiter=",", skip_header=1, unpack=True)
        track = estimate_pitch(y, sr, PitchParams(capacity="tiny", viterbi=viterbi))
        np.testing.assert_allclose(track.times, times, rtol=0, atol=1e-9, err_msg=name)
        sure = confidence > GOLDEN_CONFIDENCE
        assert sure.sum() > 200, name
        off = np.abs(1200.0 * np.log2(track.f0[sure] / f0[sure]))
        assert off.max() < GOLDEN_CENTS, name
        np.testing.assert_allclose(track.confidence, confidence, rtol=0, atol=1e-3, err_msg=name)
