"""Frames held beyond an image, without the mel bins: closed-form partials in linear bins."""

import numpy as np
import pytest

from retimbre.gansynth.hold import find_hold_end, hold_frames, last_held_frame
from retimbre.gansynth.specgram import HOP, N_BINS, N_SAMPLES, SAMPLE_RATE, overlap_add

T = np.arange(N_SAMPLES) / SAMPLE_RATE


def steady_polar(n_frames, turn):
    """One partial in bin 100 that turns by so many half turns a frame; its sides lag behind."""
    magnitude = np.full((n_frames, N_BINS), 1e-3, np.float32)
    magnitude[:, 98:103] = [0.2, 0.7, 1.0, 0.7, 0.2]
    phase = turn * np.arange(n_frames, dtype=np.float64)[:, None] + np.zeros(N_BINS)
    phase[:, 99:102] += [1.0, 0.0, -1.0]
    return magnitude, phase


@pytest.mark.parametrize("turn", [0.31, -0.85])
def test_phases_go_on_whichever_way_frames_run(turn):
    magnitude, phase = steady_polar(60, turn)
    held, went_on = hold_frames(magnitude, phase, end=55, release=200.0, n_frames=220)
    assert held.shape == went_on.shape == (220, N_BINS)
    np.testing.assert_allclose(held, magnitude[:1].repeat(220, axis=0), rtol=1e-5)
    wanted = steady_polar(220, turn)[1]
    off = went_on[:, 98:103] - wanted[:, 98:103]
    np.testing.assert_allclose(off - 2.0 * np.rint(0.5 * off), 0.0, atol=1e-9)


def test_each_step_back_turns_as_far_as_the_step_there(rng):
    magnitude, _ = steady_polar(60, 0.0)
    turns = rng.uniform(-1.0, 1.0, 60)
    phase = np.cumsum(turns)[:, None] + np.zeros(N_BINS)
    went_on = hold_frames(magnitude, phase, end=55, release=70.0, n_frames=80)[1][:, 100]
    # Forth to frame 55, then back as far as frame 31.
    wanted = np.cumsum(np.concatenate([turns[:56], turns[55:31:-1]]))
    off = went_on - wanted
    np.testing.assert_allclose(off - 2.0 * np.rint(0.5 * off), 0.0, atol=1e-9)


def test_a_beat_keeps_its_depth_and_speed():
    y = np.sin(2.0 * np.pi * 520.0 * T) + 0.5 * np.sin(2.0 * np.pi * 526.0 * T)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(2048) / 2048)
    frames = np.lib.stride_tricks.sliding_window_view(y, 2048)[::HOP] * window
    stft = np.fft.rfft(frames)[:, 1:]
    polar = np.abs(stft).astype(np.float32), np.angle(stft) / np.pi
    held = overlap_add(*hold_frames(*polar, end=94, release=310.0, n_frames=310))
    power = np.convolve(held.astype(np.float64) ** 2, np.ones(480) / 480, mode="same")
    levels = 10.0 * np.log10(power[3 * SAMPLE_RATE : 9 * SAMPLE_RATE : 80])
    assert np.percentile(levels, 98) == pytest.approx(20 * np.log10(1.5 / np.sqrt(2)), abs=1.0)
    assert np.percentile(levels, 2) == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=2.0)
    beats = np.abs(np.fft.rfft((levels - levels.mean()) * np.hanning(len(levels))))
    assert np.argmax(beats) / (len(levels) * 0.005) == pytest.approx(6.0, abs=0.3)


def test_bins_turn_with_their_peak():
    # The sides' own steps are off by a little; alone, they would drift away from the peak.
    magnitude, phase = steady_polar(60, 0.31)
    phase[:, 99] += 0.02 * np.arange(60)
    went_on = hold_frames(magnitude, phase, end=55, release=900.0, n_frames=900)[1]
    off = went_on[:, 99] - went_on[:, 100]
    off = np.abs(off - 1.0 - 2.0 * np.rint(0.5 * (off - 1.0)))
    assert off.max() <= 0.02 * 55 + 1e-9


def test_nothing_gets_louder_by_being_held(rng):
    magnitude = np.exp(rng.standard_normal((100, N_BINS))).astype(np.float32)
    held = hold_frames(magnitude, np.zeros((100, N_BINS)), end=94, release=300.0, n_frames=320)[0]
    assert np.all(held <= magnitude.max(axis=0) * 1.0001)
    np.testing.assert_allclose(held[:19], magnitude[:19], rtol=1e-5)


def test_where_a_note_can_be_held():
    assert last_held_frame(128) == 4 + int(2.9 * SAMPLE_RATE / HOP)
    assert last_held_frame(50) == 49
    magnitude = np.ones((128, N_BINS), np.float32)
    assert find_hold_end(magnitude, -30.0) == last_held_frame(128)
    magnitude[40:] = 0.01
    assert find_hold_end(magnitude, -30.0) == 39
    assert find_hold_end(magnitude, -50.0) == last_held_frame(128)
