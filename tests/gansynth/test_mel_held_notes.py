"""Notes from mel specgrams that last longer than the image: closed-form tones."""

import numpy as np
import pytest
from mel_tones import (
    CENT_TOLERANCE,
    LEVEL_TOLERANCE_DB,
    STEP_TOLERANCE,
    cents_off,
    harmonic,
    largest_step,
    level_db,
    vibrato,
)

from retimbre.gansynth.hold import MIN_FRAMES
from retimbre.gansynth.specgram import N_SAMPLES, SAMPLE_RATE, waves_to_specgrams
from retimbre.gansynth.synthesis import synthesize_specgram


@pytest.mark.parametrize("curves", [{}, {"ratio": vibrato()}, {"level_db": np.zeros(1000)}])
def test_held_notes_sound_on(held_tone, curves):
    y = synthesize_specgram(held_tone, duration=10.0, **curves)
    plain = synthesize_specgram(held_tone, duration=2.9)
    assert len(y) == round(10.3 * SAMPLE_RATE)
    assert cents_off(y, curves.get("ratio", np.ones(1000)), 0.1, 9.9) < 2.0 * CENT_TOLERANCE
    levels = level_db(y, 0.1, 9.9)
    assert np.abs(levels - np.median(level_db(plain, 0.1, 2.8))).max() < LEVEL_TOLERANCE_DB
    assert largest_step(y) < STEP_TOLERANCE * largest_step(plain)
    assert np.abs(y[-3:]).max() < 1e-3


def test_a_held_note_begins_as_a_plain_one(held_tone):
    y = synthesize_specgram(held_tone, duration=5.0)
    plain = synthesize_specgram(held_tone, duration=2.9)
    start = slice(0, round(0.4 * SAMPLE_RATE))
    np.testing.assert_allclose(y[start], plain[start], atol=1e-5)


def test_a_long_decay_is_stretched():
    specgram = waves_to_specgrams(harmonic(decay=1.0)[None])[0]
    levels = level_db(synthesize_specgram(specgram, duration=8.0), 0.3, 7.8)
    # 8.7 dB a second up to 2.9 s: 25 dB, over 8 s.
    assert np.all(np.diff(levels[::20]) < 0.3)
    assert levels[0] - levels[-1] == pytest.approx(8.686 * 2.6, abs=2.5)


def test_a_dying_note_is_held_for_a_performer(pluck):
    alone = level_db(synthesize_specgram(pluck, duration=2.0), 0.1, 1.9)
    assert alone[0] - alone[-1] > 60.0
    followed = synthesize_specgram(pluck, duration=2.0, level_db=np.zeros(300))
    assert np.ptp(level_db(followed, 0.1, 1.9)) < 16.0
    assert largest_step(followed) < STEP_TOLERANCE * largest_step(
        synthesize_specgram(pluck, duration=2.0)
    )


@pytest.mark.parametrize("n_frames", [10, 40])
def test_few_frames_are_held(held_tone, n_frames):
    y = synthesize_specgram(held_tone[:n_frames], duration=2.0)
    assert np.ptp(level_db(y, 0.1, 1.9)) < 1.0
    assert cents_off(y, np.ones(1000), 0.2, 1.8) < 5.0


def test_the_fewest_frames_sound(held_tone):
    y = synthesize_specgram(held_tone[:MIN_FRAMES], duration=2.0)
    assert np.isfinite(y).all()
    assert level_db(y, 0.1, 1.9).min() > -30.0


def test_silence_stays_silent():
    silence = waves_to_specgrams(np.zeros((1, N_SAMPLES)))[0]
    for curves in ({}, {"ratio": vibrato(), "level_db": np.zeros(100)}):
        y = synthesize_specgram(silence, duration=6.0, **curves)
        assert np.abs(y).max() < 1e-3
