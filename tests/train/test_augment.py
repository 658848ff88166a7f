"""Batches of notes: pairs of one instrument, changed alike, some heard worse than they are."""

from pathlib import Path

import numpy as np
import pytest
from small_dataset import write_dataset

from retimbre.harmonic.image import FEATURE_FILL, feature_mask
from retimbre.train.data import batches as augment
from retimbre.train.data import changes
from retimbre.train.data.dataset import Dataset

ALL = ("BODY", "PROFILE", "TRANSPOSED", "DECAY", "SWELL", "UNISON", "BETWEEN")


@pytest.fixture
def notes(tmp_path: Path) -> Dataset:
    write_dataset(tmp_path)
    return Dataset(tmp_path)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch):
    """Set how often what happens; all that is not named does not happen."""

    def set_odds(**odds: float) -> None:
        for name in ALL:
            monkeypatch.setattr(changes, name, odds.pop(name, 0.0))
        monkeypatch.setattr(changes, "UNCHANGED", 0.0)
        for name in ("SHORT", "NOISY"):
            monkeypatch.setattr(augment, name, odds.pop(name, 0.0))
        assert not odds
        # The notes of the small dataset are not at 0 dB; here they stay as loud as they are.
        monkeypatch.setattr(
            changes, "total_levels", lambda level: np.zeros(level.shape[:2], np.float32)
        )

    return set_odds


def drawn_rows(notes: Dataset, instruments: list[int], size: int, seed: int):
    """Rows that `draw_batch` begins with."""
    return notes.draw_pairs(instruments, size, np.random.default_rng(seed))


@pytest.mark.parametrize("n_frames", [8, 128])
def test_an_unchanged_batch_is_the_notes_of_the_dataset(
    notes: Dataset, only, monkeypatch: pytest.MonkeyPatch, n_frames: int
) -> None:
    only()
    monkeypatch.setattr(changes, "UNCHANGED", 1.0)
    heard, wanted = augment.draw_batch(notes, [0, 2], 16, n_frames, np.random.default_rng(3))
    chosen, first, second = drawn_rows(notes, [0, 2], 16, 3)
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
    first = augment.draw_batch(notes, [0, 1, 2], 64, 32, np.random.default_rng(5))
    again = augment.draw_batch(notes, [0, 1, 2], 64, 32, np.random.default_rng(5))
    other = augment.draw_batch(notes, [0, 1, 2], 64, 32, np.random.default_rng(6))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.features, b.features)
    assert not np.array_equal(first[0].features, other[0].features)
    for part in first:
        assert part.features.dtype == np.float32
        assert np.isfinite(part.features).all()
        assert np.abs(part.features).max() <= 1.0
        masked = ~feature_mask(part.pitches)[:, None, :]
        assert (np.where(masked, part.features - FEATURE_FILL, 0.0) == 0.0).all()


def test_the_notes_to_be_reproduced_are_neither_cut_nor_noisy(notes: Dataset, only) -> None:
    only(SHORT=1.0, NOISY=1.0)
    heard, wanted = augment.draw_batch(notes, [0, 2], 16, 128, np.random.default_rng(3))
    _, first, second = drawn_rows(notes, [0, 2], 16, 3)
    mask = feature_mask(notes.pitches[second])[:, None, :]
    expected = np.where(mask, notes.rows(second), FEATURE_FILL)
    np.testing.assert_allclose(wanted.features, expected, atol=1e-5)
    changed = np.abs(heard.features - notes.rows(first)).max(axis=(1, 2))
    assert (changed > 0.1).all()


def test_a_transposed_instrument_plays_its_notes_elsewhere(notes: Dataset, only) -> None:
    only(TRANSPOSED=1.0)
    span = (int(notes.pitches.min()), int(notes.pitches.max()))
    rng = np.random.default_rng(3)
    heard, wanted = augment.draw_batch(notes, [0, 2], 64, 128, rng, pitch_range=span)
    _, first, second = drawn_rows(notes, [0, 2], 64, 3)
    steps = heard.pitches - notes.pitches[first]
    np.testing.assert_array_equal(wanted.pitches - notes.pitches[second], steps)
    assert (steps != 0).any()
    assert np.abs(steps).max() <= changes.MAX_STEPS
    for made, rows in ((heard, first), (wanted, second)):
        assert made.pitches.min() >= span[0]
        assert made.pitches.max() <= span[1]
        mask = feature_mask(made.pitches) & feature_mask(notes.pitches[rows])
        expected = np.where(mask[:, None, :], notes.rows(rows), made.features)
        np.testing.assert_allclose(made.features, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["UNISON", "BETWEEN"])
def test_a_second_instrument_joins_both_notes_or_neither(notes: Dataset, only, kind: str) -> None:
    only(**{kind: 1.0})
    heard, wanted = augment.draw_batch(notes, [0, 2], 64, 128, np.random.default_rng(3))
    _, first, second = drawn_rows(notes, [0, 2], 64, 3)
    differs = [
        np.abs(made.features - notes.rows(rows))[:, :, :20].max(axis=(1, 2)) > 1e-3
        for made, rows in ((heard, first), (wanted, second))
    ]
    np.testing.assert_array_equal(*differs)
    assert differs[0].any()


def test_a_partner_without_one_of_the_notes_stays_out(notes: Dataset, only) -> None:
    only(UNISON=1.0)
    drawn = changes.draw_changes([2], 2, np.random.default_rng(0))
    there = int(notes.pitches[notes.notes_of[notes.instruments[2]][0]])
    rows = augment._find_partners(notes, drawn, np.array([[there, there], [there, 127]]))
    assert rows[:, 0].tolist() == [notes.row_at(2, there)] * 2
    assert rows[:, 1].tolist() == [-1, -1]


@pytest.mark.parametrize("kind", ["UNISON", "BETWEEN"])
def test_no_instrument_that_is_held_out_is_heard(notes: Dataset, only, kind: str) -> None:
    only(**{kind: 1.0})
    batches = augment.draw_batch(notes, [0, 2], 64, 128, np.random.default_rng(3))
    for made in batches:
        level = made.features[:, 50, :96]
        # Every instrument of the small dataset has eight bins of its own.
        for instrument, is_trained in enumerate([True, False, True, False]):
            own = level[:, 8 * (instrument + 1) : 8 * (instrument + 2)]
            assert (own.max() > -1.0) == is_trained
