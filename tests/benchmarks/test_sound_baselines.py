"""Playing unseen instruments without a network: notes whose best answer is known."""

import numpy as np
import pytest
import sound_baselines
from sound_metrics import level_error
from sound_notes import RealNotes
from test_sound_figures import FakeDataset


class WithRows(FakeDataset):
    """Finds notes by instrument and pitch."""

    def row_at(self, instrument: int, pitch: int) -> int | None:
        key = self.instruments[instrument]
        rows = [r for r in self.notes_of[key] if self.pitches[r] == pitch]
        return int(rows[0]) if rows else None


@pytest.fixture
def real() -> RealNotes:
    return RealNotes(WithRows(), list(range(9)), [9, 10, 11])


def test_the_heard_levels_cost_what_they_differ_by(real: RealNotes) -> None:
    sources, targets = real.draw_pairs([9, 10], 12, np.random.default_rng(0))
    found = sound_baselines.copy_errors(real, sources, targets)
    # Only where the other pitch has fewer partials do the levels of these instruments differ.
    same = sources.pitches == targets.pitches
    higher = sources.pitches <= targets.pitches
    assert found[higher & ~same] == pytest.approx(0.0, abs=0.05)
    assert (found >= 0.0).all()


def test_an_instrument_that_was_trained_costs_nothing_to_find(real: RealNotes) -> None:
    sources, targets = real.draw_pairs([3], 6, np.random.default_rng(1))
    for errors in sound_baselines.nearest_errors(real, sources, targets):
        np.testing.assert_allclose(errors, 0.0, atol=1e-6)


def test_the_answer_is_never_worse_than_the_ear(real: RealNotes) -> None:
    sources, targets = real.draw_pairs(real.held_out, 10, np.random.default_rng(2))
    by_ear, by_answer = sound_baselines.nearest_errors(real, sources, targets)
    assert (by_answer <= by_ear).all()
    assert by_answer.min() > 0.5
    row = int(targets.rows[0])
    reference = real.levels_at(np.array([row]))[0]
    others = [real.dataset.row_at(i, int(targets.pitches[0])) for i in real.trained]
    errors = [
        level_error(level, reference, int(targets.pitches[0]))
        for level in real.levels_at(np.array(others))
    ]
    assert by_answer[0] == pytest.approx(min(errors))


def test_rows_tell_all_three(real: RealNotes) -> None:
    rows = sound_baselines.baseline_rows(real, n=6, seed=0)
    assert [float(row.measured.split()[0]) >= 0.0 for row in rows] == [True] * 3
    assert all("without a network" in row.figure for row in rows)
