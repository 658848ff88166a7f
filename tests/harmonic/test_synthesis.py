"""The synthesis of notes: tones, pitch, noise, and what was analysed comes back."""

import numpy as np
import pytest
from measured_notes import F0, SR, analytic, held, measure_partial, measure_tone
from plain_images import make_image

from retimbre.harmonic.image import FRAME_TIMES
from retimbre.harmonic.measurement import measure_image
from retimbre.harmonic.synthesis import synthesize_note, synthesize_plain
from retimbre.units import cents_between

CENT_TOLERANCE = 0.2
LEVEL_TOLERANCE_DB = 0.1


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


class TestRoundTrip:
    def test_a_decaying_harmonic_tone_comes_back(self):
        times = np.arange(4 * SR) / SR
        f0, amplitudes = 220.0, 1.0 / np.arange(1, 21)
        decay = 10 ** (-6.0 * times / 20)
        tone = decay * sum(
            a * np.cos(2 * np.pi * k * f0 * times + k) for k, a in enumerate(amplitudes, 1)
        )
        image = measure_image(tone.astype(np.float32), f0)
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
        image = measure_image(tone, 220.0)
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
