"""Notes of sounds with the embedded network and the default settings; the f0 is the true one."""

import numpy as np
import pytest
from hums import dips, hum, steps

from retimbre.notes import segment_notes

REPEATS = 0.3 + 0.5 * np.arange(1, 8)


def keys_of(track, **options):
    return segment_notes(track, **options).pitch.tolist()


@pytest.mark.parametrize(
    ("db", "wide"),
    [(6.0, 0.06), (9.0, 0.1), (12.0, 0.1), (18.0, 0.1), (30.0, 0.1), (30.0, 0.15)],
)
def test_equal_notes_are_found_after_dips(db, wide):
    _, track = hum(4.8, ([0.0, 1.0], [57.0, 57.0]), dips(REPEATS, db, wide))
    notes = segment_notes(track)
    assert notes.pitch.tolist() == [57] * 8
    np.testing.assert_allclose(notes.onset[1:], REPEATS, atol=0.5 * wide + 0.02)


@pytest.mark.parametrize("hz", [0.0, 4.0, 6.0])
def test_a_steady_tone_is_one_note_also_with_tremolo(hz):
    t = np.arange(0.3, 4.3, 0.005)
    level = -2.0 + 2.0 * np.sin(2.0 * np.pi * hz * t)
    at, value = [0.0, 0.28, *t, 4.33], [-90.0, -90.0, *level, -90.0]
    _, track = hum(4.8, ([0.0, 1.0], [57.0, 57.0]), (at, value))
    assert keys_of(track) == [57]


@pytest.mark.parametrize(("step", "missed"), [(1, 2), (2, 0)])
def test_a_trill_at_100_ms_is_its_notes(step, missed):
    keys = [67, 67 + step] * 10 + [67]
    _, track = hum(2.9, steps(keys, 0.1), dips([], 0.0, 0.1, last=2.4))
    found = keys_of(track)
    assert set(found) == {67, 67 + step}
    assert len(keys) - missed <= len(found) <= len(keys)


def test_ti_do_ti_is_three_notes():
    keys = [67, 69, 71, 72, 71, 69, 67]
    _, track = hum(1.5, steps(keys, 0.1), dips([], 0.0, 0.1, last=1.0))
    assert keys_of(track) == keys


def test_fast_notes_are_found_in_a_line():
    keys = [60, 62, 64, 65, 67, 69, 71, 72, 72, 72]
    _, track = hum(1.6, steps(keys, 0.08, 0.01), dips([], 0.0, 0.1, last=1.1))
    found = keys_of(track)
    assert len(found) >= 7
    assert set(found) <= set(keys)
    assert found == sorted(found)


def test_a_note_of_50_ms_is_kept_by_default():
    midi = ([0.8, 0.81, 0.85, 0.86], [60.0, 64.0, 64.0, 62.0])
    _, track = hum(2.0, midi, dips([], 0.0, 0.1, last=1.5))
    assert keys_of(track) == [60, 64, 62]
    assert keys_of(track, min_note_length=0.08) == [60, 62]


@pytest.mark.parametrize("rise", [0.2, 0.5, 0.9])
def test_a_swell_begins_where_it_begins(rise):
    level = ([0.0, 0.29, 0.3, 0.3 + rise, 2.0, 2.03], [-90.0, -90.0, -24.0, 0.0, 0.0, -90.0])
    _, track = hum(2.4, ([0.0, 1.0], [62.0, 62.0]), level)
    notes = segment_notes(track)
    assert notes.pitch.tolist() == [62]
    assert notes.onset[0] == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("scoop", [0.03, 0.05, 0.08])
def test_a_scoop_is_no_note_and_pulls_no_pitch(scoop):
    _, track = hum(1.6, ([0.0, 0.3, 0.3 + scoop], [58.0, 58.0, 60.0]), dips([], 0, 0.1, last=1.1))
    assert keys_of(track) == [60]


def test_a_slow_drift_of_half_a_semitone_is_one_note():
    _, track = hum(3.4, ([0.3, 2.9], [60.0, 60.5]), dips([], 0.0, 0.1, last=2.9))
    assert len(segment_notes(track)) == 1


@pytest.mark.parametrize("slide", [0.1, 0.2, 0.3])
def test_a_slow_slide_leaves_at_most_one_note_between(slide):
    midi = ([0.3, 1.0, 1.0 + slide], [57.0, 57.0, 64.0])
    _, track = hum(2.6, midi, dips([], 0.0, 0.1, last=2.1))
    keys = keys_of(track)
    assert (keys[0], keys[-1]) == (57, 64)
    assert len(keys) <= 3
