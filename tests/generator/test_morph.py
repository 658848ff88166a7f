"""Even morphs: how fast the sound changes on its way, by closed-form sounds."""

import numpy as np
import pytest

from retimbre.generator.morph import even_out, walk
from retimbre.instrument import Instruments
from retimbre.latent import get_z_notes, slerp
from retimbre.types import Notes

A, B = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def angle(z):
    return np.arctan2(z[:, 1], z[:, 0]) / (0.5 * np.pi)


def sudden(z, pitch=60):
    """A sound that jumps by 40 dB within a thirtieth of the way."""
    return 20.0 * np.tanh(60.0 * (angle(z) - 0.37))[:, None] * np.ones(5)


def largest_step(levels):
    steps = np.abs(np.diff(levels[:, 0]))
    return steps.max() / steps.mean()


def test_a_sudden_change_is_spread_over_the_way():
    fractions, changed = walk(A, B, sudden)
    t = np.linspace(0.0, 1.0, 51)
    assert largest_step(sudden(slerp(A, B, t))) > 10.0
    assert largest_step(sudden(slerp(A, B, np.interp(t, changed, fractions)))) < 2.5
    assert len(fractions) < 40
    assert (fractions[0], fractions[-1], changed[0], changed[-1]) == (0.0, 1.0, 0.0, 1.0)


def test_an_even_change_keeps_its_pace():
    fractions, changed = walk(A, B, lambda z: 40.0 * angle(z)[:, None])
    np.testing.assert_allclose(changed, fractions, atol=1e-12)


def test_without_a_change_the_pace_is_the_slerps():
    fractions, changed = walk(A, A, lambda z: np.zeros((len(z), 3)))
    np.testing.assert_array_equal(changed, fractions)


def notes_at(*onsets, pitch=60):
    n = len(onsets)
    return Notes(np.array(onsets), np.array(onsets) + 0.1, np.full(n, pitch), np.full(n, 100))


def test_notes_follow_the_even_way_and_instruments_stay():
    instruments = Instruments(np.stack([A, B, A]), np.array([0.0, 10.0, 20.0]), ("a", "b", "a"))
    onsets = np.linspace(0.0, 10.0, 51)
    path = even_out(instruments, notes_at(*onsets), sudden)
    levels = sudden(get_z_notes(onsets, path))
    assert largest_step(levels) < 2.5
    np.testing.assert_allclose(get_z_notes([10.0, 20.0], path), [B, A], atol=1e-12)
    # Nothing begins between the second and the third: nothing is played there.
    assert (path.times > 10.0).sum() == 1


def test_the_change_is_that_at_the_pitch_of_the_notes():
    played = []

    def play(z, pitch):
        played.append(pitch)
        return sudden(z)

    instruments = Instruments(np.stack([A, B]), np.array([0.0, 1.0]))
    even_out(instruments, notes_at(0.2, 0.4, 0.6, pitch=72), play)
    assert set(played) == {72}


@pytest.mark.parametrize("times", [[0.0], [1.0, 1.0]])
def test_paths_without_a_way_are_kept(times):
    instruments = Instruments(np.stack([A, B])[: len(times)], np.array(times))
    path = even_out(instruments, notes_at(0.5, 1.0), sudden)
    np.testing.assert_array_equal(path.times, instruments.times)
    np.testing.assert_array_equal(path.z, instruments.z)
