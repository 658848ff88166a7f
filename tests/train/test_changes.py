"""Changed instruments: all their notes are changed alike, in dB, and silence stays silent."""

from pathlib import Path

import numpy as np
import pytest
from small_dataset import write_dataset

from retimbre.harmonic.image import BIN_PARTIALS, FRAME_TIMES, N_BINS
from retimbre.harmonic.layout import BIN_COUNTS
from retimbre.train.data import changes
from retimbre.train.data.changes import Changes, Decibels
from retimbre.train.data.dataset import Dataset
from retimbre.units import midi_to_hz


@pytest.fixture
def notes(tmp_path: Path) -> Dataset:
    write_dataset(tmp_path)
    return Dataset(tmp_path)


def no_changes(n: int, **others: object) -> Changes:
    """Changes that do nothing but what is named."""
    waves, phases = np.zeros((n, changes.N_WAVES + 1)), np.zeros((n, changes.N_WAVES))
    none, zeros = np.zeros(n, bool), np.zeros(n)
    made = Changes(
        is_changed=np.ones(n, bool),
        body=waves,
        body_phases=phases,
        profile=waves,
        profile_phases=phases,
        steps=np.zeros(n, int),
        fall=zeros,
        swell=zeros,
        partners=np.zeros(n, int),
        is_unison=none,
        is_between=none,
        balance=zeros,
        share=zeros,
    )
    return made._replace(**others)


def steady(n: int, level: float = -20.0) -> Decibels:
    shape = (n, 16, N_BINS)
    parts = (np.full(shape, level), np.full(shape, -60.0), np.zeros(shape))
    return Decibels(*(part.astype(np.float32) for part in parts))


def test_every_change_is_drawn_about_as_often_as_it_should_be() -> None:
    drawn = changes.draw_changes([3, 5], 20_000, np.random.default_rng(0))
    share = 1.0 - changes.UNCHANGED
    assert drawn.is_changed.mean() == pytest.approx(share, abs=0.02)
    for part, probability in (
        (drawn.body[:, 0] != 0, changes.BODY),
        (drawn.profile[:, -1] != 0, changes.PROFILE),
        (drawn.steps != 0, changes.TRANSPOSED * 14 / 15),
        (drawn.fall > 0, changes.DECAY),
        (drawn.swell > 0, changes.SWELL),
        (drawn.is_unison, changes.UNISON),
        (drawn.is_between, changes.BETWEEN),
    ):
        assert part.mean() == pytest.approx(share * probability, abs=0.02)
        assert not part[~drawn.is_changed].any()
    assert not (drawn.is_unison & drawn.is_between).any()
    assert set(drawn.partners.tolist()) == {3, 5}
    assert drawn.body[drawn.body[:, 0] != 0, 0].std() == pytest.approx(changes.BODY_DB, rel=0.1)


def test_the_body_is_fixed_in_hertz() -> None:
    rng = np.random.default_rng(0)
    body = rng.standard_normal((1, changes.N_WAVES + 1)).repeat(2, axis=0) * 3.0
    phases = rng.random((1, changes.N_WAVES)).repeat(2, axis=0)
    drawn = no_changes(2, body=body, body_phases=phases)
    low, high = changes.gain_of(drawn, np.array([48, 60]), np.zeros(1))[:, 0]
    # Partial 2k of the lower note lies where partial k of the one an octave up does.
    np.testing.assert_allclose(low[1:48:2], high[:24], atol=1e-4)
    assert np.ptp(low) > 3.0


def test_the_profile_is_fixed_in_partials() -> None:
    profile = np.zeros((2, changes.N_WAVES + 1))
    profile[:, 0], profile[:, -1] = 2.0, 5.0
    drawn = no_changes(2, profile=profile)
    low, high = changes.gain_of(drawn, np.array([40, 77]), np.zeros(1))[:, 0]
    np.testing.assert_allclose(low, high)
    wave = 2.0 * np.sin(2.0 * np.pi * np.log2(BIN_PARTIALS) / 10.0)
    np.testing.assert_allclose(low[:48:2] - wave[:48:2], 5.0, atol=1e-5)
    np.testing.assert_allclose(low[1:48:2] - wave[1:48:2], -5.0, atol=1e-5)
    # A group of partials holds odd and even ones.
    np.testing.assert_allclose(low[48:], wave[48:], atol=1e-5)


def test_the_envelope_falls_in_decibels_and_rises_slowly() -> None:
    times = changes.frame_times(128)
    np.testing.assert_allclose(times, FRAME_TIMES)
    drawn = no_changes(3, fall=np.array([10.0, 0.0, 0.0]), swell=np.array([0.0, 0.2, 0.0]))
    falls, rises, none = changes.gain_of(drawn, np.full(3, 60), times)[:, :, 7]
    np.testing.assert_allclose(falls, -10.0 * times, atol=1e-5)
    np.testing.assert_allclose(none, 0.0, atol=1e-6)
    np.testing.assert_allclose(rises[times >= 0.2], 0.0, atol=1e-6)
    assert rises[times < 0.1].max() < -5.0


def test_a_gain_leaves_the_loudest_frame_at_0_db_and_silence_silent() -> None:
    sound = steady(2)
    sound.level[:, :, 40:] = -90.0
    sound.noise[:, :, 40:] = -110.0
    gain = np.zeros((2, 16, N_BINS), np.float32)
    gain[:, :, :10] = 12.0
    shifted = changes.add_gain(sound, gain, np.array([True, False]))
    power = (10.0 ** (shifted.level / 10.0)) @ BIN_COUNTS
    assert 10.0 * np.log10(power[0].max()) == pytest.approx(0.0, abs=0.01)
    assert (shifted.level[0, :, 40:] == -90.0).all()
    assert (shifted.noise[0, :, 40:] == -110.0).all()
    np.testing.assert_allclose(shifted.level[0, :, 5] - shifted.level[0, :, 30], 12.0, rtol=1e-5)
    # Noise goes with the partials; what is not changed keeps its loudness.
    np.testing.assert_allclose(
        shifted.noise[0, :, 5] - shifted.level[0, :, 5],
        sound.noise[0, :, 5] - sound.level[0, :, 5],
        rtol=1e-5,
    )
    np.testing.assert_array_equal(shifted.level[1, :, 30], sound.level[1, :, 30])
    np.testing.assert_array_equal(sound.level[:, :, :40], -20.0)


def test_two_in_unison_sum_in_power_and_one_between_is_a_mean_of_decibels(notes: Dataset) -> None:
    own, other = (
        changes.to_decibels(notes.rows(np.array([notes.row_at(i, 62)] * 2))) for i in (0, 2)
    )
    drawn = no_changes(
        2,
        is_unison=np.array([True, False]),
        is_between=np.array([False, True]),
        balance=np.array([-6.0, 0.0]),
        share=np.array([0.0, 0.3]),
    )
    # With balance 0 between.
    joined = changes.join(own, other, drawn)
    for part in ("level", "noise"):
        a, b = getattr(own, part), getattr(other, part)
        floor = {"level": -90.0, "noise": -110.0}[part]
        powers = [np.where(x[0] > floor, 10 ** (x[0] / 10), 0.0) for x in (a, b)]
        both = 10 * np.log10(np.maximum(powers[0] + 10**-0.6 * powers[1], 10 ** (floor / 10)))
        np.testing.assert_allclose(getattr(joined, part)[0], both, rtol=1e-4)
        np.testing.assert_allclose(getattr(joined, part)[1], 0.7 * a[1] + 0.3 * b[1], rtol=1e-4)
    np.testing.assert_allclose(joined.rest[1], 0.7 * own.rest[1] + 0.3 * other.rest[1], atol=1e-5)
    power = [10 ** (x[0, :, :48] / 10) for x in (own.level, other.level - 6.0)]
    share = np.tile(power[1] / (power[0] + power[1]), 2)
    expected = own.rest[0] + share * (other.rest[0] - own.rest[0])
    np.testing.assert_allclose(joined.rest[0], expected, atol=1e-5)


def test_decibels_are_features_and_back(notes: Dataset) -> None:
    rows = np.arange(4)
    features = notes.rows(rows)
    made = changes.to_features(changes.to_decibels(features), notes.pitches[rows])
    sounding = made != changes.FEATURE_FILL
    np.testing.assert_allclose(made[sounding], features[sounding], atol=1e-5)


def test_frame_times_are_the_means_of_the_frames_they_stand_for() -> None:
    assert changes.frame_times(8)[0] == pytest.approx(FRAME_TIMES[:16].mean())
    octave = BIN_PARTIALS[1] * float(midi_to_hz(60)) / float(midi_to_hz(72))
    assert octave == pytest.approx(1.0)
