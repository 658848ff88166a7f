"""How images are blended: softer ones, those of tied notes, those of a note that changes."""

import numpy as np
import pytest

from retimbre.expression import ATTACK_KEPT
from retimbre.harmonic.blend import blend
from retimbre.harmonic.image import FRAME_TIMES, LEVEL_FLOOR_DB
from retimbre.harmonic.voice import Voice, VoiceNote

SR = 44100
SPAN_DB = 12.0
F0 = 440.0


def flat(second_db, level=0.0, fall=0.0):
    """Return an image of two partials, the second so far under the first, that may die away."""
    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0], image[..., 2] = LEVEL_FLOOR_DB, -110.0
    image[:, 0, 0] = level - fall * FRAME_TIMES
    image[:, 1, 0] = image[:, 0, 0] + second_db
    return image


def lay_out(voice, images):
    points = np.arange(voice.n_samples // 64 + 2) * 64 / SR
    return blend(voice, images, points, np.linspace(0.0, SR / 2, 9)), points


def softened(curve, duration, *, fall=0.0, amount=1.0):
    """Return when, and how much of a softer image each moment has, by the second partial."""
    level = np.asarray(curve, dtype=float)
    note = VoiceNote(0.0, duration, np.full(2, F0), F0, level, softer_db=SPAN_DB)
    voice = Voice((note,), 0.1, SR, 1.0, amount)
    images = {0: [flat(-10.0, fall=fall), flat(-30.0, fall=fall)]}
    laid, _ = lay_out(voice, images)
    level = laid.frames.level
    return laid.times, (level[:, 1] - level[:, 0] + 10.0) / -20.0


def at(times, values, seconds):
    return np.interp(seconds, times, values)


def test_softer_image_takes_over_by_decibels():
    # 6 dB a second, down from the first: 12 dB after two.
    times, share = softened(-6.0 * np.arange(300) / 100.0, 3.0)
    for seconds, wanted in ((0.5, 0.25), (1.0, 0.5), (1.5, 0.75), (2.0, 1.0), (2.9, 1.0)):
        assert at(times, share, seconds) == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_curve_is_followed_as_much_as_it_is_asked(amount):
    times, share = softened(np.repeat([0.0, -6.0], 100), 2.0, amount=amount)
    assert at(times, share, 1.6) == pytest.approx(0.5 * amount, abs=0.01)
    assert at(times, share, 0.5) == pytest.approx(0.0, abs=0.01)


def test_release_goes_on_from_the_end():
    times, share = softened(np.repeat([0.0, -6.0], 50), 1.0)
    np.testing.assert_allclose(share[times >= 1.0], 0.5, atol=0.02)


def test_attack_is_the_instruments_own():
    """A performer's level comes up over some frames; a string that is struck does not."""
    curve = np.concatenate([np.linspace(-40.0, 0.0, 10), np.zeros(90)])
    times, share = softened(curve, 1.0)
    assert np.ptp(share[times < ATTACK_KEPT]) < 1e-6
    assert at(times, share, 0.5) == pytest.approx(0.0, abs=1e-6)


def test_an_instrument_that_dies_away_is_not_softened_for_it():
    times, share = softened(-10.0 * np.arange(300) / 100.0, 3.0, fall=10.0)
    assert share[times < 2.8].max() < 0.03


def test_a_long_note_is_softened_where_the_performer_is_soft():
    times, share = softened(np.repeat([0.0, -12.0], 500), 10.0)
    assert at(times, share, 4.9) < 0.05
    assert at(times, share, 5.2) > 0.95


@pytest.mark.parametrize("duration", [0.004, 0.02, 0.1])
def test_a_short_note_has_what_was_heard_of_it(duration):
    _, share = softened([-6.0, -6.0, 0.0], duration)
    assert np.isfinite(share).all()


def tied(first, second, *, seconds=0.5, **second_note):
    """Lay out two notes of which the second is tied to the first."""
    notes = (
        VoiceNote(0.0, seconds, np.array([F0]), F0),
        VoiceNote(seconds, seconds, np.array([1.5 * F0]), 1.5 * F0, start="tied", **second_note),
    )
    voice = Voice(notes, 0.1, SR)
    laid, points = lay_out(voice, {0: [first], 1: [second]})
    return voice, laid, points


def test_partials_glide_to_the_next_notes_image():
    _, laid, _ = tied(flat(-10.0), flat(-30.0))
    second = laid.frames.level[:, 1] - laid.frames.level[:, 0]
    assert at(laid.times, second, 0.46) == pytest.approx(-10.0, abs=0.1)
    assert at(laid.times, second, 0.54) == pytest.approx(-30.0, abs=0.1)
    inside = (laid.times > 0.475) & (laid.times < 0.525)
    assert np.all(np.diff(second[inside]) < 0.0)
    assert np.abs(np.diff(second[inside])).max() < 6.0


def test_pitch_glides_at_a_join_and_meets_the_middle_at_the_onset():
    voice, _, points = tied(flat(-10.0), flat(-10.0))
    f0 = voice.f0_at(points)
    cents = 1200.0 * np.log2(f0 / F0)
    assert np.interp(0.5, points, cents) == pytest.approx(351.0, abs=15.0)
    assert np.abs(np.diff(cents)).max() < 40.0
    assert np.interp(0.47, points, cents) == pytest.approx(0.0, abs=1.0)


def test_a_tied_note_has_new_energy_on_an_instrument_that_dies_away():
    _, laid, _ = tied(flat(-10.0, fall=40.0), flat(-10.0, fall=40.0))
    level = laid.frames.level[:, 0]
    assert at(laid.times, level, 0.47) < -17.0
    assert at(laid.times, level, 0.53) > -10.0


def test_an_attack_is_left_out_where_a_note_is_tied():
    """A burst of noise in the first 30 ms is heard where a note is struck alone."""
    knock = flat(-10.0)
    knock[FRAME_TIMES < 0.03, :, 2] = -20.0
    _, laid, _ = tied(flat(-10.0), knock)
    assert laid.noise[laid.times > 0.4].max() < -100.0


def test_gain_goes_from_note_to_note():
    _, laid, points = tied(flat(-10.0), flat(-10.0), loudness_db=-20.0)
    assert np.interp(0.4, points, laid.gain_db) == pytest.approx(0.0, abs=0.01)
    assert np.interp(0.8, points, laid.gain_db) < -10.0
    assert np.abs(np.diff(laid.gain_db)).max() < 2.0


def test_a_note_goes_through_its_images():
    moments = np.array([0.0, 1.0, 2.0])
    note = VoiceNote(0.0, 2.0, np.array([F0]), F0, moments=moments)
    images = {k: [flat(second)] for k, second in enumerate((-10.0, -20.0, -40.0))}
    laid, _ = lay_out(Voice((note,), 0.1, SR), images)
    second = laid.frames.level[:, 1] - laid.frames.level[:, 0]
    for seconds, wanted in ((0.0, -10.0), (0.5, -15.0), (1.0, -20.0), (1.5, -30.0), (2.0, -40.0)):
        assert at(laid.times, second, seconds) == pytest.approx(wanted, abs=0.1)


def test_images_are_only_read():
    images = [flat(-10.0), flat(-30.0)]
    for image in images:
        image.setflags(write=False)
    note = VoiceNote(0.0, 1.0, np.array([F0]), F0, np.linspace(0.0, -20.0, 100), softer_db=SPAN_DB)
    lay_out(Voice((note,), 0.1, SR), {0: images})
