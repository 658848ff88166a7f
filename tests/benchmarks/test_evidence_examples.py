"""What the evidence of notes is learned from."""

import numpy as np
import pytest

pytest.importorskip("fluidsynth", exc_type=ImportError)

import evidence_examples as examples
from singing import VOICED, Voice, sing


def test_a_note_between_two_frames_begins_at_both():
    y, weight = examples.targets_of(60, np.array([[0.103, 0.3], [0.4, 0.5]]), ("struck", "tied"))
    assert y[10:12, 0] == pytest.approx([0.7, 0.3], abs=1e-6)
    assert y[:, 0].sum() == pytest.approx(2.0)
    assert y[20, 3] == 1.0
    assert y[35, 3] == 0.0
    assert y[10, 1:3].tolist() == [1.0, 0.0]
    assert y[40, 1:3].tolist() == [0.0, 1.0]
    # Articulation is asked only where notes begin, and the edges of a note count less.
    assert weight[20, 1:3].tolist() == [0.0, 0.0]
    assert weight[30, 3] < weight[20, 3]


def test_nothing_is_asked_of_articulation_where_it_is_not_known():
    _, weight = examples.targets_of(40, np.array([[0.1, 0.3]]), ())
    assert not weight[:, 1:3].any()


@pytest.mark.parametrize("k", range(6))
def test_drawn_tracks_have_as_many_onsets_as_notes(k):
    example = examples._drawn_example(np.random.default_rng([k, 7]))
    assert example.x.shape[0] == example.y.shape[0] == 400
    assert np.isfinite(example.x).all()
    onsets = example.y[:, 0].sum()
    assert onsets == pytest.approx(round(onsets), abs=0.01)
    assert onsets >= 2


def test_the_voice_begins_with_a_voiced_consonant():
    onset = 0.5 + np.arange(12.0)
    rng = np.random.default_rng(0)
    sung = sing(onset, onset + 0.6, np.full(12, 60.0), Voice(legato=0.0), rng)
    lead = onset - sung.begun
    assert VOICED
    assert (lead >= 0.0).all()
    assert 0 < np.count_nonzero(lead) < 12
    assert lead.max() <= 0.101


def test_rooms_are_changed_for_every_other_plain_phrase():
    plain, changed = examples._other_rooms("legato", 100), examples._other_rooms("legato", 101)
    assert plain.room == ""
    assert changed.room in {"noise", "reverb", "phone", "webm", "hum"}
    assert examples._other_rooms("reverb", 101).room == "reverb"
