"""The synthesis of notes: measured tones, times, levels and noise."""

import numpy as np
import pytest
from plain_images import make_image

from retimbre.errors import ParameterError
from retimbre.images.analysis import analyze
from retimbre.images.dynamics import MAX_BOOST_DB, follow_level
from retimbre.images.harmonic import FRAME_TIMES, HOLD_SECONDS
from retimbre.images.synthesis import synthesize_note, synthesize_notes, synthesize_plain
from retimbre.units import cents_between

SR = 44100
F0 = 441.0
CENT_TOLERANCE = 0.2
LEVEL_TOLERANCE_DB = 0.1


def analytic(y):
    """The signal without its negative frequencies."""
    spectrum = np.fft.fft(np.asarray(y, np.float64))
    spectrum[len(y) // 2 :] = 0.0
    return np.fft.ifft(2.0 * spectrum)


def measure_tone(y, sr=SR):
    """Frequency and amplitude of the only tone of `y`."""
    z = analytic(y * np.hanning(len(y)))[len(y) // 4 : -len(y) // 4]
    frequency = np.angle(np.sum(z[1:] * np.conj(z[:-1]))) / (2 * np.pi) * sr
    amplitude = np.abs(analytic(y))[len(y) // 4 : -len(y) // 4].mean()
    return frequency, amplitude


def measure_partial(y, frequency, sr=SR):
    """Amplitude of the tone at a frequency, through a Hann window."""
    window = np.hanning(len(y))
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(y)) / sr)
    return 2.0 * np.abs(np.sum(y * window * turn)) / window.sum()


def envelope_db(y, sr=SR, width=0.02):
    """RMS level over 20 ms."""
    n = round(width * sr)
    power = np.convolve(np.asarray(y, np.float64) ** 2, np.ones(n) / n, mode="same")
    return 10.0 * np.log10(power + 1e-20)


def held(y, start=0.2, end=0.9, sr=SR):
    return y[round(start * sr) : round(end * sr)]


class TestTone:
    @pytest.mark.parametrize("sr", [16000, 44100, 96000])
    def test_one_partial_is_a_sine_of_amplitude_1(self, sr):
        y = synthesize_note(make_image({1: 0.0}), F0, duration=1.0, sr=sr)
        frequency, amplitude = measure_tone(held(y, sr=sr), sr)
        assert abs(cents_between(frequency, F0)) < CENT_TOLERANCE
        assert abs(20 * np.log10(amplitude)) < LEVEL_TOLERANCE_DB

    def test_partials_have_their_levels(self):
        levels = {1: -6.0, 2: -20.0, 7: -40.0, 44: -60.0}
        y = held(synthesize_note(make_image(levels), F0, duration=1.0), 0.3, 0.8)
        for partial, level in levels.items():
            measured = 20 * np.log10(measure_partial(y, partial * F0))
            # What lies 88 dB down is taken away, so that partials reach silence smoothly.
            assert abs(measured - level) < (LEVEL_TOLERANCE_DB if level > -50 else 0.5)

    def test_groups_stand_for_all_their_partials(self):
        image = make_image({1: -20.0})
        image[:, 48:, 0] = -40.0
        y = held(synthesize_note(image, 41.0, duration=1.5), 0.3, 1.3)
        for partial in (60, 143, 301, 480):
            level = 20 * np.log10(measure_partial(y, partial * 41.0))
            assert abs(level + 40.0) < LEVEL_TOLERANCE_DB

    def test_a_partial_sounds_at_its_deviation(self):
        image = make_image({1: 0.0, 12: -10.0})
        image[:, 11, 1] = 0.1
        y = held(synthesize_note(image, F0, duration=1.0))
        assert abs(20 * np.log10(measure_partial(y, 12.1 * F0)) + 10.0) < LEVEL_TOLERANCE_DB
        assert 20 * np.log10(measure_partial(y, 12.0 * F0)) < -50.0

    def test_low_partials_stay_near_their_place(self):
        image = make_image({1: 0.0, 3: -6.0})
        image[:, 2, 1] = 0.4
        y = held(synthesize_note(image, F0, duration=1.0))
        spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 1 << 20))
        frequencies = np.fft.rfftfreq(1 << 20, 1 / SR)
        near = (frequencies > 2.5 * F0) & (frequencies < 3.5 * F0)
        found = frequencies[near][spectrum[near].argmax()]
        assert 20.0 < cents_between(found, 3 * F0) < 31.0

    def test_nothing_above_nyquist(self):
        image = make_image({k: 0.0 for k in range(1, 9)})
        y = synthesize_note(image, 5000.0, duration=0.5, sr=16000)
        frequency, amplitude = measure_tone(held(y, 0.1, 0.4, 16000), 16000)
        assert abs(frequency - 5000.0) < 1.0
        assert abs(amplitude - 1.0) < 0.01
        assert not synthesize_note(image, 9000.0, duration=0.5, sr=16000).any()

    def test_a_glide_past_nyquist_does_not_fold_back(self):
        curve = np.geomspace(3000.0, 12000.0, 100)
        y = synthesize_note(make_image({1: 0.0}), curve, duration=1.0, sr=16000)
        assert np.abs(y[12000:]).max() < 1e-3

    def test_silence(self):
        assert not synthesize_note(make_image(), F0, duration=0.5).any()


class TestPitch:
    def test_follows_vibrato_and_slide(self):
        times = np.arange(151) * 0.01
        curve = F0 * 2.0 ** (0.5 * np.sin(2 * np.pi * 6 * times) / 12 + times / 12)
        y = synthesize_note(make_image({1: 0.0}), curve, duration=1.5)
        turn = np.unwrap(np.angle(analytic(y)))
        at = np.arange(0.1, 1.4, 0.001)
        frequency = np.interp(at, (np.arange(len(y) - 1) + 0.5) / SR, np.diff(turn)) / (2 * np.pi)
        expected = np.exp(np.interp(at, times, np.log(curve)))
        assert np.abs(cents_between(frequency * SR, expected)).max() < 1.0

    @pytest.mark.parametrize("expression", [0.0, 0.5, 1.0])
    def test_a_detuned_image_plays_in_tune(self, expression):
        image = make_image({1: 0.0})
        image[:, 0, 1] = 0.01
        y = synthesize_note(image, F0, duration=1.0, expression=expression)
        assert abs(cents_between(measure_tone(held(y))[0], F0)) < CENT_TOLERANCE

    @pytest.mark.parametrize("expression", [0.0, 0.5, 1.0])
    def test_expression_takes_the_place_of_the_images_vibrato(self, expression):
        depth = 0.01
        image = make_image({1: 0.0})
        image[:, 0, 1] = depth * np.sin(2 * np.pi * 3 * FRAME_TIMES)
        y = synthesize_note(image, F0, duration=2.0, expression=expression)
        frequency = np.diff(np.unwrap(np.angle(analytic(y)))) * SR / (2 * np.pi)
        inner = frequency[SR // 2 : -SR // 2]
        swing = 0.5 * (np.percentile(inner, 99.5) - np.percentile(inner, 0.5)) / F0
        assert abs(swing - (1.0 - expression) * depth) < 0.0005


class TestTime:
    @pytest.mark.parametrize("duration", [0.001, 0.02, 0.085, 1.0, 2.95, 3.0, 10.0])
    @pytest.mark.parametrize("sr", [16000, 44100])
    def test_length_is_exact_and_ends_are_silent(self, duration, sr):
        image = make_image({1: 0.0, 2: -6.0}, noise_db=-50.0)
        y = synthesize_note(image, F0, duration=duration, sr=sr, release=0.25)
        assert y.shape == (round(duration * sr) + round(0.25 * sr),)
        assert y.dtype == np.float32
        assert np.isfinite(y).all()
        assert y[0] == 0.0
        assert abs(y[-1]) < 1e-6
        assert np.abs(y).max() > 0.1

    @pytest.mark.parametrize("duration", [0.02, 0.085, 1.0, 4.5])
    def test_no_clicks(self, duration):
        # A sine of amplitude 1 bends by w**2 at most; fades and steps of level add a little.
        f0, image = 200.0, make_image({1: 0.0})
        image[FRAME_TIMES >= 1.0, 0, 0] = -20.0
        image[FRAME_TIMES > HOLD_SECONDS, 0, 0] = -70.0
        y = synthesize_note(image, f0, duration=duration)
        assert np.abs(np.diff(y, 2)).max() < 2.0 * (2 * np.pi * f0 / SR) ** 2

    def test_the_release_goes_on_from_the_level_reached(self):
        image = make_image({1: 0.0})
        image[FRAME_TIMES > 1.5, 0, 0] = -20.0
        after = FRAME_TIMES - HOLD_SECONDS
        image[after > 0, 0, 0] = -20.0 - 100.0 * after[after > 0]
        level = envelope_db(synthesize_note(image, F0, duration=1.0, release=0.3), width=0.01)
        at = lambda t: level[round(t * SR)] - level[round(0.9 * SR)]  # noqa: E731
        assert abs(at(1.0)) < 0.7
        # 10 dB of the image's release and the fade's own cos(30 degrees) squared.
        assert abs(at(1.1) - (-10.0 + 40 * np.log10(np.cos(np.pi / 6)))) < 1.0

    def test_a_note_that_had_died_still_fades(self):
        image = make_image({1: 0.0})
        image[:, 0, 0] = np.maximum(-90.0, -60.0 * FRAME_TIMES)
        y = synthesize_note(image, F0, duration=0.3)
        level = envelope_db(y, width=0.01)
        assert abs(level[round(0.29 * SR)] + 3.0 + 17.4) < 1.0
        assert level[-round(0.02 * SR)] < -50.0

    def test_partials_that_die_before_the_release_fade_with_the_others(self):
        image = make_image({1: -10.0, 2: 0.0})
        image[FRAME_TIMES > 1.0, 1, 0] = -90.0
        after = FRAME_TIMES - HOLD_SECONDS
        image[after > 0, 0, 0] = np.maximum(-90.0, -10.0 - 200.0 * after[after > 0])
        y = synthesize_note(image, F0, duration=0.5, release=0.3)
        second = [measure_partial(held(y, t - 0.02, t + 0.02), 2 * F0) for t in (0.4, 0.6)]
        # 20 dB of the image's release, 2.5 dB of the fade.
        assert abs(20 * np.log10(second[1] / second[0]) + 22.5) < 1.0

    def test_a_long_steady_note_is_held(self):
        y = synthesize_note(make_image({1: 0.0}), F0, duration=10.0)
        level = envelope_db(y)[SR // 10 : 10 * SR - SR // 10]
        assert np.ptp(level) < 0.2

    def test_a_long_note_stretches_its_decay(self):
        image = make_image({1: 0.0})
        image[:, 0, 0] = -10.0 * FRAME_TIMES
        level = envelope_db(synthesize_note(image, F0, duration=8.0, expression=0.0), width=0.1)
        inner = level[SR // 4 : 8 * SR - SR // 4 : SR // 10]
        assert np.all(np.diff(inner) < 0.1)
        # The image has -29 dB at the end of what is held.
        assert abs(level[round(7.9 * SR)] + 3.0 + 29.0) < 1.5

    def test_a_long_note_keeps_the_speed_of_its_beats(self):
        image = make_image({1: 0.0})
        image[:, 0, 0] = -6.0 + 4.0 * np.sin(2 * np.pi * 5 * FRAME_TIMES)
        y = synthesize_note(image, F0, duration=12.0, expression=0.0)
        level = envelope_db(y)[3 * SR : 11 * SR : 441]
        spectrum = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level))))
        assert abs(np.fft.rfftfreq(len(level), 0.01)[spectrum.argmax()] - 5.0) < 0.3

    def test_expression_holds_a_plucked_note(self):
        image = make_image({1: 0.0})
        image[:, 0, 0] = np.maximum(-90.0, -30.0 * FRAME_TIMES)
        flat = np.zeros(200)
        fall = {}
        for expression in (0.0, 1.0):
            y = synthesize_note(image, F0, duration=2.0, level_db=flat, expression=expression)
            level = envelope_db(y)
            fall[expression] = level[round(1.95 * SR)] - level[round(0.05 * SR)]
        assert abs(fall[0.0] + 57.0) < 1.0
        assert fall[1.0] > -15.0


class TestNoise:
    def test_density_is_that_of_the_image(self):
        y = synthesize_note(make_image(noise_db=-40.0), 100.0, duration=6.0)[SR : 6 * SR]
        frames = y[: len(y) // 2048 * 2048].reshape(-1, 2048).astype(np.float64)
        density = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0) / 2048
        bands = 10 * np.log10([band.mean() for band in np.array_split(density[5:1000], 12)])
        assert np.abs(bands + 40.0).max() < 0.5

    def test_follows_the_bins_in_frequency_and_time(self):
        image = make_image()
        image[:, 39:, 2] = -30.0
        image[FRAME_TIMES > 1.5, :, 2] -= 20.0
        y = synthesize_note(image, 200.0, duration=2.8, expression=0.0).astype(np.float64)
        for start, level in ((0.5, -30.0), (2.0, -50.0)):
            part = held(y, start, start + 0.7)
            density = 10 * np.log10(np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2 + 1e-30)
            density -= 10 * np.log10(np.sum(np.hanning(len(part)) ** 2))
            frequencies = np.fft.rfftfreq(len(part), 1 / SR)
            power = 10 ** (density / 10)
            high = 10 * np.log10(power[(frequencies > 9000) & (frequencies < 20000)].mean())
            low = 10 * np.log10(power[(frequencies > 500) & (frequencies < 6000)].mean())
            assert abs(high - level) < 1.0
            assert low < level - 40.0


class TestPerformance:
    @pytest.mark.parametrize("expression", [0.0, 0.5, 1.0])
    def test_level_follows_the_performer(self, expression):
        performer = -20.0 * np.arange(101) / 100.0
        y = synthesize_note(
            make_image({1: 0.0}), F0, duration=1.0, level_db=performer, expression=expression
        )
        level = envelope_db(y)
        fall = level[round(0.9 * SR)] - level[round(0.1 * SR)]
        assert abs(fall + expression * 16.0) < 0.5

    def test_the_release_keeps_the_performers_level(self):
        y = synthesize_note(
            make_image({1: 0.0}), F0, duration=0.5, level_db=-40.0 * np.arange(51) / 50.0
        )
        level = envelope_db(y, width=0.01)
        assert abs(level[round(0.51 * SR)] - level[round(0.49 * SR)]) < 1.0

    def test_gain_keeps_the_attack_and_bends_at_its_bound(self):
        times = np.arange(200) * 0.005
        own = np.where(times < 0.03, -30.0, 0.0) - 100.0 * np.maximum(times - 0.5, 0.0)
        gain = follow_level(np.zeros(100), own, times, amount=1.0)
        assert np.ptp(gain[times < 0.04]) == 0.0
        assert np.abs(gain[(times > 0.04) & (times < 0.5)]).max() < 1e-9
        assert 20.0 < gain[-1] < MAX_BOOST_DB
        assert np.all(np.diff(gain[times >= 0.5]) > -1e-9)

    def test_gain_ignores_the_references_of_the_levels(self):
        times = np.arange(50) * 0.01
        target, own = -np.arange(50.0), -0.3 * np.arange(50.0)
        gain = follow_level(target, own, times, amount=0.7)
        np.testing.assert_allclose(follow_level(target - 9, own + 4, times, amount=0.7), gain)


class TestRoundTrip:
    def test_a_decaying_harmonic_tone_comes_back(self):
        times = np.arange(4 * SR) / SR
        f0, amplitudes = 220.0, 1.0 / np.arange(1, 21)
        decay = 10 ** (-6.0 * times / 20)
        tone = decay * sum(
            a * np.cos(2 * np.pi * k * f0 * times + k) for k, a in enumerate(amplitudes, 1)
        )
        image = analyze(tone.astype(np.float32), f0)
        y = synthesize_note(image, f0, duration=3.0, release=1.0, expression=0.0)
        reference = measure_partial(held(y, 1.0, 1.2), f0) * 10 ** (6.0 * 1.1 / 20)
        assert abs(20 * np.log10(reference**2 * np.sum(amplitudes**2))) < 1.0
        for start in (0.1, 1.0, 2.5):
            part = held(y, start, start + 0.2)
            for partial in (1, 2, 5, 11, 20):
                expected = amplitudes[partial - 1] * 10 ** (-6.0 * (start + 0.1) / 20)
                measured = measure_partial(part, partial * f0) / reference
                assert abs(20 * np.log10(measured / expected)) < 0.3

    def test_a_sudden_onset_brings_no_burst_of_noise(self):
        times = np.arange(4 * SR) / SR
        tone = np.cos(2 * np.pi * 220.0 * times).astype(np.float32)
        image = analyze(tone, 220.0)
        alone = image.copy()
        alone[..., 2] = -110.0
        y, tonal = (synthesize_note(i, 220.0, duration=0.5) for i in (image, alone))
        # The same seed draws the same phases, and what differs is the noise.
        assert np.abs(y - tonal)[: round(0.02 * SR)].max() < 0.02

    def test_a_plain_note_is_four_seconds_with_a_peak_of_1(self):
        y = synthesize_plain(make_image({1: -10.0, 2: -12.0}), 69, sr=16000)
        assert y.shape == (64000,)
        assert abs(np.abs(y).max() - 1.0) < 1e-6
        assert not synthesize_plain(make_image(), 69, sr=16000).any()


class TestCalls:
    def test_same_seed_same_samples(self):
        image = make_image({1: 0.0, 2: -3.0}, noise_db=-40.0)
        first, again, other = (
            synthesize_note(image, F0, duration=0.2, seed=seed) for seed in (5, 5, 6)
        )
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.1

    def test_inputs_are_only_read(self):
        image, curve, level = make_image({1: 0.0}, -50.0), np.full(20, F0), np.zeros(20)
        for array in (image, curve, level):
            array.setflags(write=False)
        synthesize_note(image, curve, duration=0.2, level_db=level)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"image": np.zeros((128, 96, 2))}, "shape"),
            ({"image": np.full((128, 96, 4), np.nan)}, "finite"),
            ({"f0": np.nan}, "f0"),
            ({"f0": -5.0}, "f0"),
            ({"f0": []}, "f0"),
            ({"duration": 0.0}, "duration"),
            ({"duration": np.inf}, "duration"),
            ({"release": 0.0}, "release"),
            ({"sr": -1}, "sr"),
            ({"expression": 1.5}, "Expression"),
        ],
    )
    def test_bad_values_are_refused(self, change, message):
        call = {"image": make_image({1: 0.0}), "f0": F0, "duration": 0.1} | change
        with pytest.raises(ParameterError, match=message):
            synthesize_note(**call)

    def test_notes_come_in_order_whatever_the_threads(self):
        images = np.stack([make_image({1: 0.0}, -60.0), make_image({1: -10.0, 3: 0.0})])
        index, curves = [0, 1, 1, 0, 1], [220.0, 330.0, np.full(5, 440.0), 220.0, 100.0]
        durations, seeds = [0.1, 0.02, 0.3, 0.05, 0.1], [3, 1, 4, 1, 5]
        expected = [
            synthesize_note(images[i], f0, duration=d, seed=s)
            for i, f0, d, s in zip(index, curves, durations, seeds, strict=True)
        ]
        for threads in (1, 3):
            waves = synthesize_notes(images, index, curves, durations, seeds=seeds, threads=threads)
            for wave, one in zip(waves, expected, strict=True):
                np.testing.assert_array_equal(wave, one)

    def test_few_notes_are_made_ahead(self):
        class Images:
            asked = 0

            def __len__(self):
                return 1

            def __getitem__(self, index):
                Images.asked += 1
                return make_image({1: 0.0})

        n_notes = 200
        waves = synthesize_notes(
            Images(),
            [0] * n_notes,
            [F0] * n_notes,
            [0.01] * n_notes,
            seeds=[0] * n_notes,
            threads=2,
        )
        next(waves)
        waves.close()
        assert Images.asked <= 10

    def test_notes_need_one_of_everything(self):
        with pytest.raises(ParameterError, match="one of everything"):
            synthesize_notes([make_image()], [0, 0], [F0], [0.1, 0.1], seeds=[0, 1])
        with pytest.raises(ParameterError, match="one of everything"):
            synthesize_notes(
                [make_image()], [0, 0], [F0, F0], [0.1, 0.1], seeds=[0, 1], releases=[0.1]
            )
