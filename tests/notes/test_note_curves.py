"""How a note was played: the curves of its pitch and level."""

import numpy as np
import pytest
from performance import Performance, vibrato

from retimbre.notes import note_curves
from retimbre.types import HOP_SECONDS, Notes

CURVE_TOL_CENTS = 5.0


def _notes(onset: float, offset: float, pitch: int) -> Notes:
    return Notes([onset], [offset], [pitch], [100])


@pytest.mark.parametrize("hz", [4.0, 7.0])
def test_curve_keeps_vibrato(hz: float) -> None:
    played = vibrato(60, 100, hz, 100)
    curve = note_curves(Performance().note(played).track(), _notes(0.0, 0.99, 60))[0]
    assert len(curve.cents) == 100
    assert np.abs(curve.cents - 100 * (played - 60)).max() <= CURVE_TOL_CENTS


def test_curve_keeps_a_slide_and_its_own_grid() -> None:
    played = np.concatenate([np.linspace(58, 60, 12), np.full(38, 60.0)])
    track = Performance().rest(20).note(played).rest(20).track()
    curve = note_curves(track, _notes(0.215, 0.68, 60))[0]
    assert len(curve.cents) == 48
    times = 0.215 + np.arange(46) * HOP_SECONDS
    expected = 100 * (np.interp(times, 0.2 + np.arange(50) * HOP_SECONDS, played) - 60)
    # The corner at the end of the slide is rounded.
    assert np.abs(curve.cents[:46] - expected).max() <= 2 * CURVE_TOL_CENTS
    assert np.abs(curve.cents[:9] - expected[:9]).max() <= CURVE_TOL_CENTS


@pytest.mark.parametrize("n_wrong", [1, 2, 6])
@pytest.mark.parametrize("wrong", [-12.0, 12.0, 19.0])
def test_curve_repairs_octave_jumps(wrong: float, n_wrong: int) -> None:
    played = vibrato(60, 50, 5.0, 80)
    tracked = played.copy()
    tracked[30 : 30 + n_wrong] += wrong
    curve = note_curves(Performance().note(tracked).track(), _notes(0.0, 0.79, 60))[0]
    off = np.abs(curve.cents - 100 * (played - 60))
    # A twelfth cannot be folded back and is bridged by a line: exact outside it only.
    assert off[:28].max() <= CURVE_TOL_CENTS
    assert off[38:].max() <= CURVE_TOL_CENTS
    assert off.max() <= (CURVE_TOL_CENTS if wrong != 19.0 or n_wrong == 1 else 60.0)


def test_curve_removes_a_spike() -> None:
    tracked = np.full(60, 60.0)
    tracked[25] += 0.9
    curve = note_curves(Performance().note(tracked).track(), _notes(0.0, 0.59, 60))[0]
    assert np.abs(curve.cents).max() <= CURVE_TOL_CENTS


def test_curve_bridges_unvoiced_frames() -> None:
    play = Performance().note(60.1, 20).unvoiced(5).rest(3).note(60.3, 20)
    curve = note_curves(play.track(), _notes(0.0, 0.47, 60))[0]
    assert np.isfinite(curve.cents).all()
    assert np.all(np.diff(curve.cents) >= -1.0)
    assert curve.cents[2] == pytest.approx(10, abs=1)
    assert curve.cents[-3] == pytest.approx(30, abs=1)


def test_curve_level_is_relative_to_the_loudest_frame() -> None:
    play = Performance().note(60, 10, level=-30.0).note(60, 20, level=-24.0).rest(10)
    curve = note_curves(play.track(), _notes(0.0, 0.29, 60))[0]
    assert curve.level_db[:10] == pytest.approx(-6.0)
    assert curve.level_db[10:30] == pytest.approx(0.0)


def test_curve_of_a_note_without_pitch_or_beyond_the_track() -> None:
    track = Performance().rest(30).track()
    for notes in (_notes(0.1, 0.2, 60), _notes(5.0, 5.1, 60)):
        curve = note_curves(track, notes)[0]
        assert len(curve.cents) == 11
        assert np.all(curve.cents == 0.0)
