"""What speaks for notes, and how it is read."""

from dataclasses import replace

import numpy as np
import pytest
from performance import Performance

from retimbre.notes import segment
from retimbre.notes.costs import reach_threshold
from retimbre.notes.evidence import N_FEATURES, Evidence, features_of, find_evidence
from retimbre.notes.onsets import FULL_RISE_DB, articulations, join_octave_slips, onset_times
from retimbre.types import HOP_SECONDS, PitchTrack

NONE = -8.0


def evidence_of(n, **peaks):
    """Return evidence of nothing but what is given as {frame: log odds}."""
    columns = {name: np.full(n, NONE) for name in Evidence._fields}
    for name, values in peaks.items():
        for frame, odds in values.items():
            columns[name][frame] = odds
    return Evidence(**columns)


def performed():
    play = Performance().rest(30).note(60, 40, attack=12.0).note(63, 30)
    return play.rest(20).note(64, 25, level=-32.0, attack=9.0).rest(20).track()


def test_features_do_not_depend_on_the_gain():
    track = performed()
    quieter = replace(
        track,
        level_db=track.level_db - 17.0,
        detail=track.detail - np.float32([17.0, 17.0, 0, 0, 0, 0]),
    )
    np.testing.assert_allclose(features_of(quieter), features_of(track), atol=1e-5)


def test_features_are_of_the_order_of_one_whatever_the_track():
    rng = np.random.default_rng(0)
    n = 300
    wild = PitchTrack(
        np.arange(n) * HOP_SECONDS,
        np.where(rng.random(n) < 0.3, np.nan, 30 * 80 ** rng.random(n)),
        rng.random(n),
        -120 * rng.random(n),
        60 * rng.random(n),
    )
    unpitched = replace(wild, f0=np.full(n, np.nan), confidence=np.zeros(n))
    for track in (wild, unpitched):
        x = features_of(track)
        assert x.shape == (n, N_FEATURES)
        assert np.isfinite(x).all()
        assert np.abs(x).max() <= 4.0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_the_shortest_tracks_have_evidence(n):
    values = np.ones(n)
    track = PitchTrack(np.arange(n) * HOP_SECONDS, 440 * values, values, -20 * values, values)
    assert [len(column) for column in find_evidence(track)] == [n] * 4


def test_evidence_speaks_for_what_was_performed():
    track = performed()
    evidence = find_evidence(track)
    inside = np.isfinite(track.f0)
    assert np.median(evidence.voiced[inside]) > 1.0
    assert evidence.voiced[5:25].max() < 0.0
    for frame in (30, 70, 120):
        assert evidence.onset[frame - 2 : frame + 3].max() > 0.0
    assert evidence.onset[40:60].max() < -1.0


def test_an_onset_lies_between_frames_where_both_have_some_of_it():
    evidence = evidence_of(60, onset={20: 3.0, 21: 3.0, 40: 6.0})
    found = onset_times(evidence, np.array([[19, 38], [39, 55]]))
    np.testing.assert_allclose(found, [20.5, 40.0], atol=0.01)


def test_a_note_is_tied_only_to_one_that_it_follows_at_once():
    track = performed()
    evidence = evidence_of(
        len(track), struck={30: 4.0, 90: NONE}, tied={70: 3.0, 90: 3.0}, onset={30: 4.0}
    )
    onset, offset = np.array([0.30, 0.70, 0.90]), np.array([0.70, 0.80, 1.0])
    names, _ = articulations(track, evidence, onset, offset)
    assert names == ("struck", "tied", "soft")


def test_strength_is_the_rise_of_the_level():
    quiet, loud = -20.0 - 0.5 * FULL_RISE_DB, -20.0
    track = Performance().note(60, 40, level=quiet).note(60, 40, level=loud, attack=9.0).track()
    evidence = evidence_of(len(track), struck={0: 3.0, 40: 3.0})
    _, strength = articulations(track, evidence, np.array([0.1, 0.4]), np.array([0.4, 0.8]))
    np.testing.assert_allclose(strength, [0.0, 0.5], atol=0.01)
    assert articulations(track, evidence, np.zeros(0), np.zeros(0))[0] == ()


def test_a_struck_octave_stays_and_a_slip_is_joined():
    track = Performance().note(60, 40).note(72, 8).note(60, 30).track()
    segments = np.array([[0, 40], [40, 48], [48, 78]])
    joined = join_octave_slips(track, evidence_of(len(track)), segments)
    assert joined.tolist() == [[0, 78]]
    kept = join_octave_slips(track, evidence_of(len(track), struck={40: 2.0, 48: 2.0}), segments)
    assert kept.tolist() == segments.tolist()


def test_evidence_alone_makes_no_note():
    track = Performance().note(60, 40, confidence=0.4).note(62, 40, confidence=0.8).track()
    reached = reach_threshold(track, np.array([[0, 40], [40, 80]]), 0.5)
    assert reached.tolist() == [False, True]


def test_a_segmentation_says_how_each_note_begins():
    found = segment(performed(), 0.5, 0.04)
    assert found.notes.pitch.tolist() == [60, 63, 64]
    assert found.articulation == ("struck", "tied", "struck")
    assert len(found.strength) == 3
    assert ((found.strength >= 0.0) & (found.strength <= 1.0)).all()
    assert found.n_short == 0
