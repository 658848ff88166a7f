"""Figures of playing: signals whose bursts, dips, decays, loudness and spectra are known."""

import numpy as np
import playing_figures as figures
import pytest
from playing_inputs import of_phrase
from playing_measure import PitchOf, joins_of, measure_joins, measure_pitch, measure_strikes
from playing_phrases import PHRASES, SR, Tone, make_phrase

JOIN = 0.5
PARTS = figures.around(JOIN, 0.0, 1.0)
T = np.arange(SR) / SR


def _tone(hz=440.0, n=1):
    return sum(np.sin(2.0 * np.pi * k * hz * T) / k for k in range(1, n + 1))


def _with_burst(gain_db):
    """Return a steady sound above 5 kHz that is louder for 40 ms from the join on."""
    steady = np.random.default_rng(0).standard_normal(SR)
    high = figures.high_pass(steady, SR)
    near = (T >= JOIN) & (T < JOIN + figures.BURST_SECONDS)
    return high * np.where(near, 10.0 ** (gain_db / 20.0), 1.0)


@pytest.mark.parametrize("gain_db", [-6.0, 0.0, 6.0, 12.0])
def test_a_burst_is_as_high_as_it_was_made(gain_db):
    y = _with_burst(gain_db)
    assert figures.burst_db(y, y, SR, JOIN, PARTS) == pytest.approx(gain_db, abs=0.7)


def test_nothing_above_5_khz_is_no_burst():
    y = _tone()
    assert figures.burst_db(y, figures.high_pass(y, SR), SR, JOIN, PARTS) == pytest.approx(0.0)


def test_the_high_pass_takes_5_khz_and_above():
    low, high = (figures.high_pass(_tone(hz), SR)[SR // 4 : -SR // 4] for hz in (3000.0, 8000.0))
    assert np.sqrt(np.mean(high**2)) == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert np.sqrt(np.mean(low**2)) < 0.01


@pytest.mark.parametrize("depth_db", [0.0, 3.0, 10.0])
def test_a_dip_is_as_deep_as_it_was_made(depth_db):
    gain = np.where(np.abs(T - JOIN) < 0.03, -depth_db, 0.0)
    y = 10.0 ** (gain / 20.0) * _tone()
    assert figures.dip_db(y, SR, JOIN, PARTS) == pytest.approx(depth_db, abs=0.2)


def test_a_step_of_level_is_no_dip_where_it_goes_straight():
    y = 10.0 ** (np.interp(T, [0.4, 0.6], [0.0, -6.0]) / 20.0) * _tone()
    assert figures.dip_db(y, SR, JOIN, PARTS) == pytest.approx(0.0, abs=0.7)


def test_a_click_shows_in_the_third_difference():
    smooth = _tone()
    assert figures.third_difference_ratio(smooth, SR, JOIN, PARTS) == pytest.approx(1.0, abs=0.05)
    # A jump from 0 to 1 has the third differences 1, -2, 1.
    jumped = smooth + (T >= JOIN)
    inside = np.abs(np.diff(smooth, 3)).max()
    ratio = figures.third_difference_ratio(jumped, SR, JOIN, PARTS)
    assert ratio == pytest.approx(2.0 / inside, rel=0.05)


def test_loudness_goes_together_or_against():
    swell = np.sin(2.0 * np.pi * 2.0 * T)
    one, same, against = (
        (10.0 ** (6.0 * sign * swell / 20.0) * _tone(hz), SR)
        for sign, hz in ((1, 440.0), (1, 990.0), (-1, 440.0))
    )
    inside = np.array([[0.0, 1.0]])
    assert figures.loudness_correlation(one, same, inside) > 0.99
    assert figures.loudness_correlation(one, against, inside) < -0.99
    assert figures.loudness_spread(*one, inside) == pytest.approx(6.0 / np.sqrt(2.0), rel=0.05)


@pytest.mark.parametrize("sr", [44100, 48000])
def test_k_weighting_is_that_of_the_standard(sr):
    # BS.1770-4: 997 Hz at full scale is -3.01 LKFS, after an offset of 0.691 dB.
    y = np.sin(2.0 * np.pi * 997.0 * np.arange(sr) / sr)
    power = np.mean(np.square(figures.k_weighted(y, sr)[sr // 2 :]))
    assert -0.691 + 10.0 * np.log10(power) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("rate", [0.0, 12.0, 60.0])
def test_the_rate_of_a_decay_is_read(rate):
    y = 10.0 ** (-rate * T / 20.0) * _tone()
    assert figures.decay_rate(y, SR, 0.1, 0.9) == pytest.approx(rate, abs=0.3)


def test_a_decay_is_read_as_far_as_it_is_heard():
    y = 10.0 ** (-np.minimum(200.0 * T, 70.0) / 20.0) * _tone()
    assert figures.decay_rate(y, SR, 0.0, 0.9) == pytest.approx(200.0, rel=0.03)


def test_spectra_differ_by_what_partials_do_and_not_by_loudness():
    y = _tone(220.0, 8)
    bright = y + np.sin(2.0 * np.pi * 220.0 * T) * (10.0 ** (8.0 / 20.0) - 1.0)
    one, louder, other = (figures.partial_levels(x, SR, 220.0) for x in (y, 3.0 * y, bright))
    assert one[0] - one[1] == pytest.approx(6.02, abs=0.1)
    assert figures.spectrum_distance(one, louder) == pytest.approx(0.0, abs=1e-6)
    # One of eight partials is 8 dB up.
    assert figures.spectrum_distance(one, other) == pytest.approx(1.0, abs=0.05)


def _joined(how):
    return make_phrase([Tone(0.3, 0.9, 60.0), Tone(0.9, 1.5, 64.0, how, burst_db=6.0)])


def test_a_phrase_played_as_it_is_has_no_excess_and_one_with_strikes_has():
    tied, struck = (of_phrase(how, _joined(how)) for how in ("tied", "struck"))
    assert len(joins_of(tied)) == 1
    assert joins_of(struck) == []
    same = measure_joins(tied, tied.y.astype(float), SR)
    assert same["tied out"] == pytest.approx(same["tied in"])
    assert same["dip"] == pytest.approx([0.0])
    other = measure_joins(tied, struck.y.astype(float), SR)
    assert other["tied out"][0] > other["tied in"][0] + 6.0
    assert other["dip"][0] > 1.0
    assert other["click"][0] > 2.0 * same["click"][0]


@pytest.mark.parametrize("louder_db", [0.0, 9.0])
def test_a_strike_is_compared_with_its_own(louder_db):
    given = of_phrase("struck", make_phrase([Tone(0.3, 0.9, 60.0, burst_db=0.0)]))
    plain = given.y[round(0.3 * SR) :].astype(float)
    t = np.arange(len(plain)) / SR
    performed = plain * 10.0 ** (np.interp(t, [0.04, 0.06], [louder_db, 0.0]) / 20.0)
    found = measure_strikes(SR, {0: (performed, plain)})
    assert found["strike"] == pytest.approx([louder_db], abs=0.5)


@pytest.mark.parametrize("cents", [0.0, 40.0, -80.0])
def test_partials_say_how_far_they_lie_from_a_curve(cents):
    times = np.arange(200) * 0.01
    f0 = 220.0 * 2.0 ** (np.clip(times - 0.9, 0.0, 0.1) * 10.0 * 5.0 / 12.0)
    t = np.arange(2 * SR) / SR
    turns = np.cumsum(np.interp(t, times, f0) * 2.0 ** (cents / 1200.0)) / SR
    y = sum(np.cos(2.0 * np.pi * k * turns) / k for k in range(1, 6))
    off = figures.deviation_cents(y, SR, np.linspace(0.85, 1.05, 9), times, f0)
    np.testing.assert_allclose(off, cents, atol=5.0)


def test_pitch_is_compared_where_it_is_heard():
    given = of_phrase("tied", _joined("tied"))
    times = np.arange(0.0, 1.4, 0.0116)
    f0 = np.interp(times, given.track.times, np.nan_to_num(given.track.f0, nan=100.0))
    heard = PitchOf(times, f0, (times > 0.32) & (times < 1.4))
    y = given.y.astype(float)
    assert np.mean(measure_pitch(given, heard, y, SR, heard)["near joins"]) == 1.0
    # Played a semitone sharp from the middle of the join on.
    speed = np.where(np.arange(len(y)) > 0.9 * SR, 2.0 ** (1.0 / 12.0), 1.0)
    sharp = np.interp(np.cumsum(speed), np.arange(len(y)), y)
    close = np.mean(measure_pitch(given, heard, sharp, SR, heard)["near joins"])
    assert close == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("name", PHRASES)
def test_a_phrase_has_the_pitch_and_the_notes_that_it_says(name):
    phrase = PHRASES[name]()
    given = of_phrase(name, phrase)
    assert np.isfinite(phrase.y).all()
    assert 0.05 < np.abs(phrase.y).max() < 1.0
    assert len(given.notes) == len(phrase.tones)
    for tone in phrase.tones:
        middle = 0.5 * (tone.onset + tone.offset)
        n = min(round(0.05 * SR), round(0.4 * (tone.offset - tone.onset) * SR))
        part = phrase.y[round(middle * SR) - n : round(middle * SR) + n].astype(float)
        assert figures.level_db(part, SR, 0.0, 1.0) > -60.0
        f0 = phrase.f0[round(middle / 0.01)]
        lag = np.arange(round(0.7 * SR / f0), round(1.4 * SR / f0))
        likeness = [part[: -int(k)] @ part[int(k) :] / (len(part) - k) for k in lag]
        assert abs(1200 * np.log2(SR / lag[np.argmax(likeness)] / f0)) < 60.0
        quiet = phrase.y[: round((phrase.tones[0].onset - 0.01) * SR)]
        assert figures.level_db(part, SR, 0.0, 1.0) > figures.level_db(quiet, SR, 0.0, 1.0) + 20.0
