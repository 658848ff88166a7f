"""Corrections against instruments of known resonances."""

import numpy as np
import pytest

from retimbre.harmonic.correction import MAX_DB, Difference, correct, correction_at, fit_correction
from retimbre.harmonic.image import BIN_PARTIALS, FRAME_TIMES, bin_mask
from retimbre.harmonic.layout import instrument_level
from retimbre.units import midi_to_hz

DULL_DB = -6.0
"""Each octave of partials is so much softer than the one below."""


def plain_image(pitch):
    """A note of a dull instrument without noise."""
    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0] = np.where(bin_mask(pitch), DULL_DB * np.log2(BIN_PARTIALS) - 10.0, -90.0)
    image[..., 2] = -110.0
    return image


def resonant_image(pitch, height=10.0, hz=1200.0):
    """The same with a resonance at some frequency, in Hz and not in partials."""
    image = plain_image(pitch)
    octaves = np.log2(BIN_PARTIALS * float(midi_to_hz(pitch)) / hz)
    image[..., 0] += np.where(bin_mask(pitch), height * np.exp(-0.5 * (octaves / 0.4) ** 2), 0.0)
    return image


def heard(*pitches, seconds=3.0, image=resonant_image):
    return fit_correction([Difference(p, seconds, image(p), plain_image(p)) for p in pitches])


def error(image, pitch):
    audible = bin_mask(pitch) & (resonant_image(pitch)[..., 0] > -60.0)
    return float(np.abs(image[..., 0] - resonant_image(pitch)[..., 0])[audible].mean())


def test_a_resonance_stays_where_it_is_when_the_pitch_moves():
    correction = heard(57)
    errors = {p: error(correct(plain_image(p), correction, p), p) for p in (57, 60, 64)}
    plain = {p: error(plain_image(p), p) for p in errors}
    assert errors[57] < 0.3 * plain[57]
    assert errors[60] < 0.7 * plain[60]
    assert errors[64] < 0.9 * plain[64]


def test_several_notes_say_more():
    one, both = heard(52), heard(52, 64)
    for pitch in (57, 60):
        once, twice = (error(correct(plain_image(pitch), c, pitch), pitch) for c in (one, both))
        assert twice < once


def test_far_from_what_was_heard_nothing_changes():
    levels, noises = correction_at(heard(40), 100)
    assert np.abs(levels).max() < 0.1
    assert np.abs(noises).max() < 0.1


def test_nothing_gets_much_louder():
    huge = heard(60, image=lambda pitch: resonant_image(pitch, height=80.0))
    levels, _ = correction_at(huge, 60)
    assert levels.max() == MAX_DB
    image = plain_image(60)
    louder = instrument_level(correct(image, huge, 60)).max() - instrument_level(image).max()
    assert louder < 3.1


def test_what_is_silent_stays_silent():
    image = plain_image(60)
    image[60:] = -90.0
    image[60:, :, 1:] = 0.0
    corrected = correct(image, heard(60), 60)
    np.testing.assert_array_equal(corrected[60:, :, 0], -90.0)


def test_after_a_short_note_its_end_holds_on():
    levels, _ = correction_at(heard(60, seconds=0.4), 60)
    late = np.argmin(np.abs(FRAME_TIMES - 2.0))
    early = np.argmin(np.abs(FRAME_TIMES - 0.3))
    np.testing.assert_allclose(levels[late], levels[early], atol=1e-9)


def test_a_decay_is_corrected_over_time():
    def dying(pitch):
        image = plain_image(pitch)
        image[..., 0] -= 8.0 * FRAME_TIMES[:, None]
        return image

    levels, _ = correction_at(heard(60, image=dying), 60)
    at = [np.argmin(np.abs(FRAME_TIMES - t)) for t in (0.1, 1.0, 2.9)]
    first, second, third = levels[at, 2]
    assert abs(first) < 3.0
    assert third < second - 4.0 < first - 8.0


def test_partials_that_drown_in_noise_say_nothing():
    def noisy(pitch):
        image = resonant_image(pitch, height=-20.0)
        image[..., 2] = 0.0
        return image

    assert np.abs(correction_at(heard(60, image=noisy), 60)[0]).max() < 0.5


def test_nothing_heard_is_no_correction():
    assert fit_correction([]) is None
    silent = np.full((128, 96, 4), -90.0, np.float32)
    silent[..., 2] = -110.0
    assert fit_correction([Difference(60, 1.0, silent, silent)]) is None


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_corrections_add_up(share):
    one, other = heard(57), heard(64, image=lambda p: resonant_image(p, -6.0, 600.0))
    mixed = one.scaled(1.0 - share).plus(other.scaled(share))
    expected = (1.0 - share) * correction_at(one, 60)[0] + share * correction_at(other, 60)[0]
    np.testing.assert_allclose(correction_at(mixed, 60)[0], expected, atol=1e-6)


def test_noise_that_may_be_the_rooms_is_not_added():
    def noisy(pitch, added=20.0):
        image = plain_image(pitch)
        image[..., 2] = -90.0 + added
        return image

    def added(is_dry, db):
        found = fit_correction([Difference(60, 3.0, noisy(60, db), noisy(60, 0.0), is_dry)])
        return 0.0 if found is None else correction_at(found, 60)[1][:, :40]

    assert np.min(added(True, 20.0)) > 5.0
    assert np.max(added(False, 20.0)) == 0.0
    assert np.max(added(False, -8.0)) < -2.0
