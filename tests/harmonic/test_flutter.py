"""The texture that is played has the depth, speed and independence that it should have."""

import numpy as np
import pytest

from retimbre.harmonic import flutter
from retimbre.harmonic.flutter import Flutter, flutter_rate, flutter_statistics
from retimbre.harmonic.measurement import measure_image
from retimbre.harmonic.synthesis import synthesize_note
from retimbre.harmonic.texture import separate_texture
from retimbre.units import cents_between

SR = 44100
F0 = 441.0
SECONDS = 60.0
EULER = 0.5772156649
STRENGTHS = np.linspace(0.0, 1.5, 100)
FADED_IN = 1
"""Frames after the first knot, where these notes begin to be laid out."""


def add_flutter(*given, f0, rng):
    """Let partials flutter whose pitch stays."""
    return Flutter(f0, rng).add(*given, f0=np.full(len(given[3]), float(f0)))


def play_levels(depth, *, f0=F0, seconds=SECONDS, orders=None, seed=0):
    """Levels [dB] and deviations of partials of amplitude 1 under a constant texture."""
    orders = np.arange(1.0, 49.0) if orders is None else np.asarray(orders, np.float64)
    _, amplitude, deviation = add_flutter(
        np.ones((len(orders), 2)),
        np.zeros((len(orders), 2)),
        np.full((2, 48), depth),
        np.array([flutter.FADE_END, seconds]),
        orders,
        f0=f0,
        rng=np.random.default_rng(seed),
    )
    return 20.0 * np.log10(amplitude[:, FADED_IN:]), deviation[:, FADED_IN:]


def make_image(depth=0.0, partials=(1,), level=0.0):
    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0] = -90.0
    image[..., 2] = -110.0
    for partial in partials:
        image[:, partial - 1, 0] = level
        image[:, partial - 1, 3] = depth
    return image


def analytic(y, low=0.0, high=SR / 2):
    """The positive frequencies of a signal between two of them."""
    spectrum = np.fft.fft(np.asarray(y, np.float64))
    frequencies = np.fft.fftfreq(len(y), 1.0 / SR)
    spectrum[(frequencies <= low) | (frequencies >= high)] = 0.0
    return np.fft.ifft(2.0 * spectrum)


def median_frequency(levels, step):
    """Frequency below which half of the fluctuation of levels [shape=(n, n_times)] lies."""
    centred = levels - levels.mean(axis=1, keepdims=True)
    power = np.sum(np.abs(np.fft.rfft(centred * np.hanning(levels.shape[1]))) ** 2, axis=0)
    share = np.cumsum(power) / power.sum()
    return np.interp(0.5, share, np.fft.rfftfreq(levels.shape[1], step))


class TestStatistics:
    def test_weak_noise_moves_the_level_by_its_real_part(self):
        depth, mean = flutter_statistics(np.array([0.05]))
        assert depth[0] == pytest.approx(20 / np.log(10) * 0.05 / np.sqrt(2), rel=0.01)
        assert abs(mean[0]) < 1e-3

    def test_strong_noise_is_alone(self):
        # ln |n|^2 has the mean -0.577 and the variance pi^2 / 6 (Rayleigh).
        depth, mean = flutter_statistics(np.array([100.0]))
        assert depth[0] == pytest.approx(10 / np.log(10) * np.pi / np.sqrt(6), abs=0.1)
        assert mean[0] == pytest.approx(40.0 - 10 / np.log(10) * EULER, abs=0.03)

    @pytest.mark.parametrize("strength", [0.4, 0.8, 1.5])
    def test_agrees_with_drawn_noise(self, strength):
        drawn = np.random.default_rng(0).standard_normal((2, 400_000)) / np.sqrt(2)
        level = 20 * np.log10(np.abs(1 + strength * (drawn[0] + 1j * drawn[1])))
        depth, mean = flutter_statistics(np.array([strength]))
        assert depth[0] == pytest.approx(level.std(), abs=0.03)
        assert mean[0] == pytest.approx(level.mean(), abs=0.03)

    def test_deeper_is_stronger(self):
        depth, _ = flutter_statistics(np.linspace(0.0, flutter.MAX_STRENGTH, 61))
        assert np.all(np.diff(depth) > 0.0)


class TestLevels:
    @pytest.mark.parametrize("depth", [0.3, 1.0, 2.5, 4.0, 5.0])
    def test_have_the_depth_of_the_image_around_the_same_mean(self, depth):
        levels, _ = play_levels(depth)
        assert np.sqrt(np.mean(levels.std(axis=1) ** 2)) == pytest.approx(depth, rel=0.05)
        assert levels.mean() == pytest.approx(0.0, abs=0.02 * depth)

    def test_groups_keep_their_power(self):
        levels, _ = play_levels(4.0, f0=50.0, orders=np.arange(100, 300))
        assert levels.std() == pytest.approx(4.0, rel=0.05)
        assert 10 * np.log10(np.mean(10 ** (levels / 10))) == pytest.approx(0.0, abs=0.15)

    @pytest.mark.parametrize("orders", [np.arange(1, 49), np.arange(200, 248)])
    def test_partials_are_independent(self, orders):
        levels, _ = play_levels(3.0, f0=60.0, orders=orders, seconds=20.0)
        correlation = np.corrcoef(levels)[~np.eye(len(levels), dtype=bool)]
        assert np.abs(correlation).max() < 0.75
        assert np.sqrt(np.mean(correlation**2)) < 0.25
        assert abs(correlation.mean()) < 0.02

    def test_texture_changes_over_the_note(self):
        orders = np.arange(1.0, 49.0)
        _, amplitude, _ = add_flutter(
            np.ones((48, 4)),
            np.zeros((48, 4)),
            np.array([0.0, 0.0, 4.0, 4.0])[:, None] * np.ones(48),
            np.array([0.0, 20.0, 20.1, 40.0]),
            orders,
            f0=F0,
            rng=np.random.default_rng(0),
        )
        levels = 20 * np.log10(amplitude)
        assert np.abs(levels[:, :4000]).max() < 1e-5
        assert levels[:, 4030:].std() == pytest.approx(4.0, rel=0.06)

    def test_amplitudes_and_deviations_are_read_between_the_knots(self):
        orders = np.array([2.0, 9.0])
        times, amplitude, deviation = add_flutter(
            np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 1.0]]),
            np.array([[0.0, 0.1, 0.1], [0.0, 0.0, 0.2]]),
            np.zeros((3, 48)),
            np.array([0.0, 0.1, 0.5]),
            orders,
            f0=F0,
            rng=np.random.default_rng(0),
        )
        np.testing.assert_allclose(np.diff(times), 0.005)
        np.testing.assert_allclose(
            amplitude[0], np.interp(times, [0.0, 0.1, 0.5], [0, 1, 0]), atol=1e-6
        )
        np.testing.assert_allclose(deviation[1], np.interp(times, [0.1, 0.5], [0, 0.2]), atol=1e-6)


class TestSpeed:
    def test_rates_follow_the_frequency(self):
        assert flutter_rate(1000.0) == pytest.approx(4.0)
        assert flutter_rate(250.0) == pytest.approx(4.0 * 0.25**0.7)
        assert flutter_rate(20.0) == pytest.approx(0.707, abs=0.001)
        assert flutter_rate(16000.0) == pytest.approx(8.0, abs=0.001)

    @pytest.mark.parametrize("frequency", [200.0, 500.0, 1000.0, 3000.0])
    def test_spectrum(self, frequency):
        orders = np.arange(1, 49)
        spectra = []
        for order in orders:
            levels, _ = play_levels(
                0.5, f0=frequency / order, orders=[order], seconds=20.0, seed=order
            )
            spectra.append(levels[0])
        levels = np.array(spectra)
        f = np.arange(0.0, 50.0, 0.01)
        slow = np.exp(-0.5 * (2 * np.pi * 0.16 * f) ** 2)
        share = np.cumsum(np.exp(-f / flutter_rate(frequency)) * (1 - slow) ** 2)
        expected = np.interp(0.5, share / share[-1], f)
        # The rates that are kept ready differ by a factor of 1.41.
        assert median_frequency(levels, 0.005) == pytest.approx(expected, rel=0.2)
        power = np.sum(np.abs(np.fft.rfft(levels * np.hanning(levels.shape[1]))) ** 2, axis=0)
        frequencies = np.fft.rfftfreq(levels.shape[1], 0.005)
        assert power[(frequencies > 0.1) & (frequencies < 0.5)].sum() < 0.05 * power[8:].sum()
        assert power[frequencies > 12.0 * flutter_rate(frequency)].sum() < 1e-3 * power.sum()

    @pytest.mark.parametrize("duration", [3.0, 20.0])
    def test_is_natural_however_long_the_note(self, duration):
        image, window, medians = make_image(3.0), round(0.02 * SR), []
        for seed in range(round(60 / duration)):
            y = synthesize_note(image, F0, duration=duration, expression=0.0, seed=seed)
            envelope = np.abs(analytic(y))[round(0.2 * SR) : round((duration - 0.2) * SR)]
            envelope = envelope[: len(envelope) // window * window].reshape(-1, window)
            medians.append(median_frequency(20 * np.log10(envelope.mean(axis=1))[None], 0.02))
        levels, _ = play_levels(3.0, orders=[1.0], seconds=80.0)
        assert np.mean(medians) == pytest.approx(median_frequency(levels, 0.005), rel=0.15)


class TestPitch:
    def test_amplitude_and_frequency_move_together(self):
        # As in beating: d(ln z)/dt is analytic, and where the level is low the frequency swings.
        levels, deviation = play_levels(4.0, seconds=30.0)
        weak, strong = levels < -6.0, levels > 0.0
        assert np.abs(deviation[weak]).mean() > 2.0 * np.abs(deviation[strong]).mean()

    def test_the_sum_of_a_steady_tone_and_noise_comes_out(self):
        depth = 2.0
        levels, deviation = play_levels(depth, f0=1000.0, orders=[1.0])
        turns = np.concatenate([[0.0], np.cumsum(0.5 * (deviation[0, 1:] + deviation[0, :-1]))])
        product = 10 ** (levels[0] / 20) * np.exp(2j * np.pi * 1000.0 * 0.005 * turns)
        tone = product.mean()
        # Half of the noise moves the amplitude; the other half is heard only through the phase.
        strength = np.interp(depth, flutter_statistics(STRENGTHS)[0], STRENGTHS)
        assert np.mean(np.abs(product - tone) ** 2) / np.abs(tone) ** 2 == pytest.approx(
            strength**2, rel=0.1
        )

    @pytest.mark.parametrize("f0", [110.0, 441.0])
    @pytest.mark.parametrize("depth", [3.0, 5.0])
    def test_the_fundamental_is_in_tune_on_average(self, f0, depth):
        cents = []
        for seed in range(12):
            y = synthesize_note(make_image(depth, (1, 2, 3)), f0, duration=2.5, seed=seed)
            phase = np.unwrap(np.angle(analytic(y, 0.5 * f0, 1.5 * f0)))
            start, end = round(0.2 * SR), round(2.4 * SR)
            cents.append(cents_between((phase[end] - phase[start]) / (2 * np.pi * 2.2), f0))
        assert np.abs(np.mean(cents)) < 2.0
        assert np.abs(cents).max() < 8.0


class TestNotes:
    def test_without_texture_nothing_is_drawn(self, monkeypatch):
        image = make_image(partials=(1, 2, 9))
        expected = synthesize_note(image, F0, duration=0.3, seed=3)

        def fail(*args, **kwargs):
            raise AssertionError

        monkeypatch.setattr(flutter.Flutter, "add", fail)
        np.testing.assert_array_equal(synthesize_note(image, F0, duration=0.3, seed=3), expected)
        image[:, 1, 3] = 1.0
        with pytest.raises(AssertionError):
            synthesize_note(image, F0, duration=0.3, seed=3)

    def test_only_partials_with_texture_flutter(self):
        image = make_image(partials=(1, 5, 9))
        image[..., 2] = -60.0
        plain = synthesize_note(image, F0, duration=1.0)
        image[:, 4, 3] = 4.0
        difference = synthesize_note(image, F0, duration=1.0) - plain
        spectrum = np.abs(np.fft.rfft(difference * np.hanning(len(difference)))) ** 2
        frequencies = np.fft.rfftfreq(len(difference), 1 / SR)
        fifth = np.abs(frequencies - 5 * F0) < 0.5 * F0
        assert spectrum[~fifth].sum() < 1e-5 * spectrum.sum()
        assert spectrum.sum() > 1.0

    def test_the_attack_is_the_images_own(self):
        partials = (1, 2, 3, 4, 5)
        plain = synthesize_note(make_image(0.0, partials), F0, duration=1.0)
        fluttering = synthesize_note(make_image(5.0, partials), F0, duration=1.0)
        first, rest = slice(0, round(0.015 * SR)), slice(round(0.2 * SR), SR)
        np.testing.assert_allclose(fluttering[first], plain[first], atol=1e-3)
        assert np.abs(fluttering[rest] - plain[rest]).max() > 0.5

    def test_seeds(self):
        image = make_image(4.0, range(1, 20), -20.0)
        one, again, other = (
            synthesize_note(image, F0, duration=1.0, seed=seed) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(one, again)
        first, second = (np.abs(analytic(y, 0.5 * F0, 1.5 * F0)) for y in (one, other))
        assert np.abs(first - second)[SR // 2 : SR].max() > 0.2 * first.max()

    @pytest.mark.parametrize("duration", [0.001, 0.03, 0.5, 7.3])
    def test_any_length(self, duration):
        y = synthesize_note(make_image(5.0, range(1, 30), -20.0), F0, duration=duration)
        assert len(y) == round(duration * SR) + round(0.3 * SR)
        assert np.isfinite(y).all()
        assert y[0] == 0.0
        assert abs(y[-1]) < 1e-6

    @pytest.mark.parametrize("depth", [1.0, 2.5, 4.0])
    def test_analysed_again_it_is_the_same_texture(self, depth):
        image = make_image(depth, range(1, 31), -30.0)
        measured = []
        for seed in range(4):
            y = synthesize_note(image, F0, duration=3.0, release=1.0, expression=0.0, seed=seed)
            again = separate_texture(measure_image(y, F0))
            measured.append(again[40:100, :30, 3].mean())
        # A tenth of the flutter is slow enough to be measured as level.
        assert np.mean(measured) == pytest.approx(depth, rel=0.15)
