"""Keys on a performer's grid, which may drift, and on scales."""

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.notes import snap_to_scale
from retimbre.notes.keys import SCALES, choose_keys, fit_tuning

RNG = np.random.default_rng(5)
KEYS = RNG.integers(60, 73, 30)
ONSET = np.cumsum(RNG.uniform(0.3, 0.7, len(KEYS)))
NOISE = RNG.normal(0.0, 0.08, len(KEYS))


def keys_of(midi):
    return choose_keys(np.asarray(midi), ONSET, ONSET + 0.25)


@pytest.mark.parametrize("drift", [0.0, 0.5, -0.5, 0.8, -0.8])
def test_intervals_stay_right_while_the_tuning_drifts(drift):
    place = (ONSET - ONSET[0]) / (ONSET[-1] - ONSET[0])
    found = keys_of(KEYS + drift * (place - 0.5) + NOISE)
    assert np.mean(found == KEYS) >= 0.95


def test_a_drift_of_more_than_a_semitone_is_followed_as_far_as_the_sound_allows():
    place = (ONSET - ONSET[0]) / (ONSET[-1] - ONSET[0])
    midi = KEYS + 1.6 * (place - 0.5) + NOISE
    found = keys_of(midi)
    assert np.abs(found - midi).max() <= 1.0 + 1e-9
    assert np.mean(np.diff(found) == np.diff(KEYS)) >= 0.9


@pytest.mark.parametrize("tuning", [-0.45, 0.3, 0.48])
def test_a_steady_tuning_is_no_drift(tuning):
    shift = keys_of(KEYS + tuning + NOISE) - KEYS
    # Near half a semitone either grid is right, but it is one grid.
    assert np.ptp(shift) == 0
    assert abs(shift[0]) <= (1 if abs(tuning) > 0.4 else 0)


def test_pitches_anywhere_take_the_nearest_key():
    found = [
        np.mean(np.abs(keys_of(midi) - midi) <= 0.6)
        for midi in np.random.default_rng(1).uniform(50, 70, (40, len(ONSET)))
    ]
    assert np.mean(found) > 0.98


def test_keys_of_nothing_and_at_the_ends():
    nothing = np.zeros(0)
    assert len(choose_keys(nothing, nothing, nothing)) == 0
    assert fit_tuning(nothing, nothing) == (0.0, 0.0)
    ends = choose_keys(np.array([-0.4, 127.4]), np.array([0.0, 1.0]), np.array([0.5, 1.5]))
    assert ends.min() >= 0
    assert ends.max() <= 127


def test_an_hour_of_notes_is_no_matter():
    n = 12_000
    keys = np.random.default_rng(2).integers(50, 80, n)
    onset = 0.3 * np.arange(n)
    assert (choose_keys(keys + 0.2, onset, onset + 0.25) == keys).all()


def test_snapping_moves_to_the_nearest_key_of_the_scale():
    chromatic = np.arange(60, 72)
    assert snap_to_scale(chromatic, "C", "major").tolist() == (
        [60, 60, 62, 62, 64, 65, 65, 67, 67, 69, 69, 71]
    )
    assert snap_to_scale(np.array([61.6]), "C", "major").tolist() == [62]
    assert snap_to_scale(chromatic, "Bb", "chromatic").tolist() == chromatic.tolist()
    for scale, steps in SCALES.items():
        snapped = snap_to_scale(np.arange(128), "F#", scale)
        assert set((snapped - 6) % 12) == set(steps)
        assert np.abs(snapped - np.arange(128)).max() <= 2
    assert len(snap_to_scale(np.zeros(0), "A", "minor")) == 0


@pytest.mark.parametrize(("tonic", "scale"), [("H", "major"), ("C#b", "major"), ("C", "lydian")])
def test_unknown_names_are_refused(tonic, scale):
    with pytest.raises(ParameterError, match=r"Unknown (tonic|scale)"):
        snap_to_scale(np.array([60]), tonic, scale)
