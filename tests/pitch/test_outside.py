"""Pitches above and below CREPE's range: found at another speed, or reported."""

import logging

import numpy as np
import pytest

from retimbre.pitch import estimate_pitch
from retimbre.pitch.crepe.network import SAMPLE_RATE
from retimbre.pitch.outside import _find_above, _find_below, _stretches, hear_outside
from retimbre.settings.params import PitchParams
from retimbre.types import HOP_SECONDS, PitchTrack

SR = SAMPLE_RATE


def tones(*hz, seconds=0.4, partials=((1, 1.0),)):
    """Sing tones one after another, 50 ms apart."""
    t = np.arange(round(seconds * SR)) / SR
    fade = np.minimum(1.0, np.minimum(t, t[::-1]) / 0.02)
    rest = np.zeros(round(0.05 * SR))
    parts = [
        part
        for f in hz
        for part in (fade * sum(a * np.sin(2 * np.pi * k * f * t) for k, a in partials), rest)
    ]
    y = np.concatenate(parts)
    noise = 1e-4 * np.random.default_rng(0).standard_normal(len(y))
    return (0.5 * y / np.abs(y).max() + noise).astype(np.float32)


def middles(track, n):
    """Return the frames in the middle of tones."""
    return [round((0.45 * i + 0.2) / HOP_SECONDS) for i in range(n)]


def track_like(y, f0, confidence):
    n = len(y) // (SR // 100)
    return PitchTrack(
        np.arange(n) * HOP_SECONDS,
        np.full(n, f0),
        np.full(n, confidence),
        np.full(n, -10.0),
        np.zeros(n),
    )


def test_whistles_above_and_basses_below_the_range_are_heard():
    high, low = (1500.0, 2200.0, 3100.0), (30.87, 55.0)
    track = estimate_pitch(tones(*high), SR)
    found = track.f0[middles(track, 3)]
    assert np.abs(12 * np.log2(found / high)).max() < 0.3
    assert track.confidence[middles(track, 3)].min() > 0.5
    track = estimate_pitch(tones(*low, partials=[(k, 1 / k) for k in range(1, 15)]), SR)
    assert np.abs(12 * np.log2(track.f0[middles(track, 2)] / low)).max() < 0.3


def test_a_narrower_range_is_kept():
    track = estimate_pitch(tones(2200.0), SR, PitchParams(fmax=1000.0))
    assert np.nanmax(track.f0) <= 1000.0


@pytest.mark.parametrize("hz", [33.0, 110.0, 880.0, 1900.0])
def test_nothing_inside_the_range_lies_outside(hz):
    y = tones(hz, partials=((1, 1.0), (2, 0.5), (3, 0.3), (4, 0.2)))
    track = track_like(y, hz, 0.9)
    loud = np.ones(len(track), bool)
    assert not _find_above(y, SR, track, loud).any()
    assert not _find_below(y, SR, track, loud).any()


def test_a_pitch_without_a_sound_gives_way_to_one_that_sounds():
    y = tones(2400.0)
    found = _find_above(y, SR, track_like(y, 300.0, 0.9), np.ones(len(y) // 160, bool))
    assert found[5:35].all()
    # The octave below may be a flageolet's missing first partial; a sure one stands.
    assert not _find_above(y, SR, track_like(y, 1200.0, 0.9), np.ones(len(y) // 160, bool)).any()


def test_what_stays_unheard_is_reported_with_a_remedy(caplog):
    y = tones(2400.0)
    track = track_like(y, 1800.0, 0.1)

    def deaf(y):
        n = len(y) // 160 + 1
        return np.full(n, 500.0), np.full(n, 0.05)

    with caplog.at_level(logging.WARNING):
        heard = hear_outside(y, SR, track, deaf, below=True, above=True)
    assert heard.confidence.max() <= 0.1
    assert "s of loud sound lie above 1975.5 Hz" in caplog.text
    assert "an octave lower" in caplog.text


def test_silence_is_left_alone():
    n = 50
    nothing = PitchTrack(
        np.arange(n) * HOP_SECONDS,
        np.full(n, np.nan),
        np.zeros(n),
        np.full(n, -120.0),
        np.zeros(n),
    )
    assert hear_outside(
        np.zeros(n * 160, np.float32), SR, nothing, None, below=True, above=True
    ) is (nothing)


def test_stretches_bridge_holes_and_leave_out_scraps():
    outside = np.zeros(60, bool)
    outside[5:15] = outside[18:25] = outside[40:42] = True
    assert _stretches(outside) == [(5, 25)]
