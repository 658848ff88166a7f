"""The noise of a room: measured where nothing plays, and taken away."""

import numpy as np
import pytest

from retimbre.like.denoise import (
    FRAME_LENGTH,
    HOP_LENGTH,
    LEAST_FRAMES,
    room_spectrum,
    subtract_room,
)

SR = 44100
ROOM = 1e-3


def level_db(y):
    return 10.0 * np.log10(np.mean(np.square(y)))


@pytest.fixture
def recording(rng):
    """A second of room, a second of a tone, a second of room; and where the tone is."""
    y = ROOM * rng.standard_normal(3 * SR)
    playing = np.zeros(3 * SR, bool)
    playing[SR : 2 * SR] = True
    tone = 0.3 * np.sin(2.0 * np.pi * 440.0 * np.arange(SR) / SR)
    y[playing] += tone
    return y, playing, tone


def test_white_noise_has_its_variance_in_every_bin(recording):
    y, playing, _ = recording
    power = room_spectrum(y, playing)
    # The window's squares add up to half its length. Only the quieter half is believed.
    wanted = ROOM**2 * FRAME_LENGTH / 2
    assert power.shape == (FRAME_LENGTH // 2 + 1,)
    assert np.mean(power[1:-1]) == pytest.approx(wanted, rel=0.05)


def test_echoes_are_not_taken_for_the_room(recording):
    y, playing, tone = recording
    echo = 0.03 * tone * np.exp(-np.arange(SR) / SR / 0.05)
    y[2 * SR :] += echo
    quiet = room_spectrum(y, playing)
    assert quiet[20:22].max() < 30.0 * ROOM**2 * FRAME_LENGTH / 2


def test_noise_is_taken_away_and_the_tone_stays(recording):
    y, playing, tone = recording
    note = y[playing]
    quieter = subtract_room(note, room_spectrum(y, playing))
    assert quieter.dtype == np.float32
    assert level_db(quieter - tone) < level_db(note - tone) - 10.0
    inside = slice(FRAME_LENGTH, -FRAME_LENGTH)
    assert level_db(quieter[inside]) == pytest.approx(level_db(tone[inside]), abs=0.02)


def test_without_noise_nothing_changes(rng):
    y = rng.standard_normal(10000)
    silence = np.zeros(FRAME_LENGTH // 2 + 1)
    np.testing.assert_allclose(subtract_room(y, silence), y, atol=1e-5)


@pytest.mark.parametrize("n", [1, 100, FRAME_LENGTH, 5000])
def test_length_is_kept(n):
    assert subtract_room(np.ones(n), np.zeros(FRAME_LENGTH // 2 + 1)).shape == (n,)


def test_too_little_room_is_none():
    few = FRAME_LENGTH + (LEAST_FRAMES - 2) * HOP_LENGTH
    y = np.ones(few + SR)
    playing = np.arange(len(y)) >= few
    assert room_spectrum(y, playing) is None
    assert room_spectrum(y[:100], playing[:100]) is None
    assert room_spectrum(y, np.arange(len(y)) >= few + HOP_LENGTH) is not None
