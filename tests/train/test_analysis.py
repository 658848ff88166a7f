"""Which notes are trained on, and how they are tuned and completed."""

import numpy as np
import pytest

from retimbre.harmonic import image as harmonic
from retimbre.train.data.measure import Reason, analyze_note
from retimbre.units import midi_to_hz

SR = harmonic.SAMPLE_RATE
C4 = float(midi_to_hz(60))


def note(f0, orders, seconds=4.0):
    t = np.arange(round(seconds * SR)) / SR
    return np.sum([0.2 * np.sin(2 * np.pi * k * f0 * t) for k in orders], axis=0).astype("f4")


@pytest.mark.parametrize("cents", [-35.0, 20.0])
def test_a_detuned_note_is_tuned(cents):
    image = analyze_note(note(C4 * 2 ** (cents / 1200), [1, 2, 3]), 60)
    assert harmonic.detune_cents(image) == pytest.approx(0.0, abs=1.0)
    np.testing.assert_allclose(image[40:90, :3, 0], 10 * np.log10(1 / 3), atol=0.1)


@pytest.mark.parametrize(
    ("orders", "is_kept"),
    [([1, 2, 3], True), ([0.5, 1, 1.5, 2], False), ([2, 4, 6], False), ([1.05, 2.1], False)],
    ids=["harmonic", "octave below", "octave above", "80 cents sharp"],
)
def test_only_notes_at_their_pitch_are_kept(orders, is_kept):
    image = analyze_note(note(C4, orders), 60)
    assert (image is not Reason.PITCH) == is_kept


@pytest.mark.parametrize("y", [np.zeros(4 * SR, np.float32), np.zeros(0, np.float32)])
def test_a_silent_note_is_left_out(y):
    assert analyze_note(y, 60) is Reason.SILENT


def test_the_noise_of_16_bits_is_no_reason_to_keep_a_note():
    hiss = np.random.default_rng(0).normal(0, 1e-5, 4 * SR)
    assert analyze_note(hiss, 60) is Reason.SILENT


def test_a_short_note_is_completed():
    whole = analyze_note(note(C4, [1, 2, 3], 3.0), 60)
    y = note(C4, [1, 2, 3], 1.0)
    y[-2000:] *= np.linspace(1.0, 0.0, 2000)
    short = analyze_note(y, 60, seconds=0.95)
    held = harmonic.FRAME_TIMES < 2.9
    np.testing.assert_allclose(short[held, :3, 0], whole[held, :3, 0], atol=0.5)
    # Not completed, it would be silent there.
    assert (analyze_note(y, 60)[56:90, 0, 0] < -60).all()


def test_the_note_is_not_changed():
    y = note(C4, [1, 2, 3])
    y.setflags(write=False)
    before = y.copy()
    analyze_note(y, 60, seconds=2.0)
    np.testing.assert_array_equal(y, before)
