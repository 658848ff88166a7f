"""Changed instruments: all their notes are changed alike, and some are left alone."""

from pathlib import Path

import numpy as np
import pytest
from small_dataset import write_dataset

from retimbre.images.harmonic import (
    BIN_PARTIALS,
    FEATURE_FILL,
    FRAME_TIMES,
    N_BINS,
    feature_mask,
)
from retimbre.images.timeline import BIN_COUNTS
from retimbre.train import augment
from retimbre.train.augment import Decibels
from retimbre.train.dataset import Dataset
from retimbre.units import midi_to_hz


@pytest.fixture
def notes(tmp_path: Path) -> Dataset:
    write_dataset(tmp_path)
    return Dataset(tmp_path)


def steady(n: int, level: float = -20.0) -> Decibels:
    shape = (n, 16, N_BINS)
    return Decibels(np.full(shape, level), np.full(shape, -60.0), np.zeros(shape))


def without_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("UNCHANGED", 1.0), ("SHORT", 0.0), ("NOISY", 0.0)):
        monkeypatch.setattr(augment, name, value)


@pytest.mark.parametrize("n_frames", [8, 128])
def test_an_unchanged_batch_is_the_notes_of_the_dataset(
    notes: Dataset, monkeypatch: pytest.MonkeyPatch, n_frames: int
) -> None:
    without_changes(monkeypatch)
    rng = np.random.default_rng(3)
    heard, wanted = augment.draw_batch(notes, [0, 2], 16, n_frames, rng)
    chosen, first, second = notes.draw_pairs([0, 2], 16, np.random.default_rng(3))
    for made, rows in ((heard, first), (wanted, second)):
        assert made.features.dtype == np.float32
        np.testing.assert_array_equal(made.pitches, notes.pitches[rows])
        np.testing.assert_array_equal(made.velocities, notes.velocities[rows])
        expected = augment.shorten(notes.rows(rows), n_frames)
        mask = feature_mask(notes.pitches[rows])[:, None, :]
        expected = np.where(mask, expected, FEATURE_FILL)
        np.testing.assert_allclose(made.features, expected, atol=1e-5)
    assert set(chosen.tolist()) == {0, 2}


def test_batches_repeat_with_their_seed_and_stay_in_range(notes: Dataset) -> None:
    first = augment.draw_batch(notes, [0, 1, 2], 32, 32, np.random.default_rng(5))
    again = augment.draw_batch(notes, [0, 1, 2], 32, 32, np.random.default_rng(5))
    other = augment.draw_batch(notes, [0, 1, 2], 32, 32, np.random.default_rng(6))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.features, b.features)
    assert not np.array_equal(first[0].features, other[0].features)
    for part in first:
        assert np.isfinite(part.features).all()
        assert np.abs(part.features).max() <= 1.0
        masked = ~feature_mask(part.pitches)[:, None, :]
        assert (np.where(masked, part.features - FEATURE_FILL, 0.0) == 0.0).all()


def test_the_notes_to_be_reproduced_are_neither_cut_nor_noisy(
    notes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augment, "UNCHANGED", 1.0)
    monkeypatch.setattr(augment, "SHORT", 1.0)
    monkeypatch.setattr(augment, "NOISY", 1.0)
    rng = np.random.default_rng(3)
    heard, wanted = augment.draw_batch(notes, [0, 2], 16, 128, rng)
    _, first, second = notes.draw_pairs([0, 2], 16, np.random.default_rng(3))
    mask = feature_mask(notes.pitches[second])[:, None, :]
    expected = np.where(mask, notes.rows(second), FEATURE_FILL)
    np.testing.assert_allclose(wanted.features, expected, atol=1e-5)
    changed = np.abs(heard.features - notes.rows(first)).max(axis=(1, 2))
    assert (changed > 0.1).all()


def test_the_body_is_fixed_in_hertz() -> None:
    waves = np.random.default_rng(0).standard_normal((1, augment.N_WAVES + 1)).repeat(2, axis=0)
    phases = np.random.default_rng(1).random((1, augment.N_WAVES)).repeat(2, axis=0)
    low, high = augment._body_gain(np.array([48, 60]), waves, phases)
    # Partial 2k of the lower note lies where partial k of the one an octave up does.
    np.testing.assert_allclose(low[1:48:2], high[:24], atol=1e-9)
    assert np.ptp(low) > 3.0


def test_a_gain_leaves_the_loudest_frame_at_0_db_and_silence_silent() -> None:
    sound = steady(2)
    sound.level[:, :, 40:] = -90.0
    gain = np.zeros((2, 16, N_BINS))
    gain[:, :, :10] = 12.0
    shifted = augment._shift(sound, gain, np.array([True, False]))
    power = (10.0 ** (shifted.level / 10.0)) @ BIN_COUNTS
    assert 10.0 * np.log10(power[0].max()) == pytest.approx(0.0, abs=0.01)
    assert (shifted.level[0, :, 40:] == -90.0).all()
    np.testing.assert_allclose(shifted.level[0, :, 5] - shifted.level[0, :, 30], 12.0)
    # Noise goes with the partials.
    np.testing.assert_allclose(
        shifted.noise[0, :, 5] - shifted.level[0, :, 5], sound.noise[0, :, 5] - sound.level[0, :, 5]
    )


def test_the_envelope_falls_in_decibels_and_rises_slowly() -> None:
    times = augment.frame_times(128)
    np.testing.assert_allclose(times, FRAME_TIMES)
    falls, rises, none = augment._envelope(
        times, np.array([10.0, 0.0, 0.0]), np.array([0.0, 0.2, 0.0])
    )
    np.testing.assert_allclose(falls, -10.0 * times)
    assert none == pytest.approx(0.0)
    np.testing.assert_allclose(rises[times >= 0.2], 0.0)
    assert rises[times < 0.1].max() < -5.0


def test_two_in_unison_sum_in_power(notes: Dataset) -> None:
    pitch = 62
    own = augment._decibels(notes.rows(np.array([notes.row_at(0, pitch)])))
    other = augment._decibels(notes.rows(np.array([notes.row_at(2, pitch)])))
    both = augment._add_partners(
        own, notes, np.array([pitch]), np.array([2]), np.array([True]), np.array([-6.0])
    )
    expected = 10 * np.log10(10 ** (own.level / 10) + 10 ** ((other.level - 6.0) / 10))
    np.testing.assert_allclose(both.level, expected, rtol=1e-5)
    alone = augment._add_partners(
        own, notes, np.array([pitch]), np.array([2]), np.array([False]), np.array([-6.0])
    )
    np.testing.assert_array_equal(alone.level, own.level)


def test_frame_times_are_the_means_of_the_frames_they_stand_for() -> None:
    assert augment.frame_times(8)[0] == pytest.approx(FRAME_TIMES[:16].mean())
    octave = BIN_PARTIALS[1] * float(midi_to_hz(60)) / float(midi_to_hz(72))
    assert octave == pytest.approx(1.0)
