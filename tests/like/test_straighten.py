"""A note at one pitch throughout: against sines whose phase is known."""

import numpy as np
import pytest

from retimbre.like.straighten import straighten

SR = 44100
EDGE = 500
"""Samples at either end that the resampler's filter bends."""


def error_db(found, wanted):
    inner = slice(EDGE, min(len(found), len(wanted)) - EDGE)
    difference = np.asarray(found, dtype=np.float64)[inner] - wanted[inner]
    return 10.0 * np.log10(np.mean(difference**2) / np.mean(wanted[inner] ** 2))


@pytest.mark.parametrize("f", [440.0, 5000.0, 10000.0, 18000.0])
@pytest.mark.parametrize("cents", [-40.0, 0.0, 25.0])
def test_a_mistuned_note_is_moved_in_frequency(f, cents):
    t = np.arange(SR) / SR
    y = np.sin(2.0 * np.pi * f * t)
    found = straighten(y, SR, [0.0], [440.0 * 2.0 ** (cents / 1200.0)], 440.0)
    assert found.dtype == np.float32
    assert len(found) == pytest.approx(SR * 2.0 ** (cents / 1200.0), abs=2)
    moved = f * 2.0 ** (-cents / 1200.0)
    wanted = np.sin(2.0 * np.pi * moved * np.arange(len(found)) / SR)
    assert error_db(found, wanted) < -100.0


def test_vibrato_and_slides_are_taken_out():
    t = np.arange(2 * SR) / SR
    semitones = 0.8 * np.sin(2.0 * np.pi * 5.5 * t) + np.minimum(t, 1.0) - 1.0
    f0 = 220.0 * 2.0 ** (semitones / 12.0)
    turns = np.concatenate([[0.0], np.cumsum(0.5 * (f0[1:] + f0[:-1]))]) / SR
    y = sum(0.5**k * np.sin(2.0 * np.pi * k * turns) for k in (1, 2, 5))
    found = straighten(y, SR, t[::441], f0[::441], 220.0)
    now = np.arange(len(found)) / SR
    wanted = sum(0.5**k * np.sin(2.0 * np.pi * k * 220.0 * now) for k in (1, 2, 5))
    # The curve is read every 10 ms and straight between: the phase wanders by a hundredth.
    assert error_db(found, wanted) < -30.0
    assert len(found) == pytest.approx(turns[-1] / 220.0 * SR, abs=3)


def test_nothing_stays_nothing():
    assert straighten(np.zeros(0, np.float32), SR, [0.0], [440.0], 440.0).shape == (0,)


def test_input_is_not_changed():
    y = np.ones(1000, np.float32)
    y.setflags(write=False)
    straighten(y, SR, [0.0], [450.0], 440.0)
