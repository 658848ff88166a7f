import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.expression import HELD_DB, hold_level, release_times, render_curves
from retimbre.harmonic.image import LEVEL_FLOOR_DB
from retimbre.types import NoteCurve, Notes
from retimbre.units import cents_between, midi_to_hz

NOTES = Notes([0.0, 0.5], [0.5, 1.0], [69, 57], [100, 100])


def make_curves():
    times = np.arange(51) * 0.01
    vibrato = 40.0 * np.sin(2 * np.pi * 5 * times)
    return [
        NoteCurve(cents=vibrato, level_db=-10.0 * times),
        NoteCurve(cents=-vibrato, level_db=np.zeros(51)),
    ]


@pytest.mark.parametrize("expression", [0.25, 0.5, 1.0])
def test_cents_are_scaled(expression):
    curves = make_curves()
    f0_curves, level_curves = render_curves(NOTES, curves, expression)
    for f0, level, pitch, curve in zip(f0_curves, level_curves, NOTES.pitch, curves, strict=True):
        cents = cents_between(f0, midi_to_hz(pitch))
        np.testing.assert_allclose(cents, expression * curve.cents, atol=1e-6)
        np.testing.assert_array_equal(level, curve.level_db)


def test_without_expression_the_pitch_is_that_of_the_key():
    f0_curves, level_curves = render_curves(NOTES, make_curves(), 0.0)
    for f0, hz in zip(f0_curves, (440.0, 220.0), strict=True):
        np.testing.assert_allclose(f0, hz)
    assert all(level is not None for level in level_curves)


def test_without_a_performance_notes_have_one_pitch_and_no_level():
    f0_curves, level_curves = render_curves(NOTES, None, 1.0)
    assert [f0.tolist() for f0 in f0_curves] == [[pytest.approx(440.0)], [pytest.approx(220.0)]]
    assert level_curves == [None, None]


def test_curves_end_with_their_notes():
    curve = NoteCurve(cents=np.zeros(500), level_db=np.zeros(500))
    f0_curves, level_curves = render_curves(NOTES, [curve, curve], 1.0)
    assert [len(f0) for f0 in f0_curves] == [51, 51]
    assert [len(level) for level in level_curves] == [51, 51]


def test_errors_of_the_tracker_are_bounded():
    curve = NoteCurve(cents=[0.0, 5000.0, -5000.0], level_db=[0.0, 3.0, -3.0])
    f0_curves, level_curves = render_curves(NOTES, [curve, curve], 1.0)
    np.testing.assert_allclose(f0_curves[0], [440.0, 880.0, 220.0])
    assert level_curves[0].max() == 0.0


def test_no_notes():
    assert render_curves(Notes.empty(), [], 1.0) == ([], [])
    assert release_times(Notes.empty(), 1.0).shape == (0,)


def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match="1 curves for 2 notes"):
        render_curves(NOTES, make_curves()[:1], 1.0)
    with pytest.raises(ParameterError, match=r"given 1\.2"):
        render_curves(NOTES, make_curves(), 1.2)
    empty = NoteCurve(cents=[], level_db=[])
    with pytest.raises(ParameterError, match="note 1 has no frames"):
        render_curves(NOTES, [make_curves()[0], empty], 1.0)


def test_notes_are_held_as_far_as_they_are_expressive():
    levels = [hold_level(expression) for expression in (0.0, 0.5, 1.0)]
    assert levels == [LEVEL_FLOOR_DB, (LEVEL_FLOOR_DB + HELD_DB) / 2, HELD_DB]


class TestRelease:
    NOTES = Notes([0.0, 1.0, 2.1, 4.0, 4.0], [1.0, 2.0, 3.0, 5.0, 6.0], [60] * 5, [90] * 5)

    def test_plain_notes_ring_alike(self):
        np.testing.assert_allclose(release_times(self.NOTES, 0.0), 0.3)

    def test_performed_notes_give_way_to_the_next(self):
        # Legato; a gap of 0.1 s; a gap longer than the release; a chord; the last.
        expected = [0.06, 0.16, 0.3, 0.3, 0.3]
        np.testing.assert_allclose(release_times(self.NOTES, 1.0), expected)
        halfway = release_times(self.NOTES, 0.5)
        np.testing.assert_allclose(halfway, 0.5 * (np.array(expected) + 0.3))
