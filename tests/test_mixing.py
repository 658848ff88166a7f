import tracemalloc

import numpy as np
import pytest
import scipy.signal

from retimbre.errors import ParameterError
from retimbre.metering.note import measure_loudness
from retimbre.mixing import combine_notes, get_envelope, velocity_gain_db
from retimbre.types import Notes

SR = 8000


def tone(frequency, seconds, sr=SR, amplitude=1.0):
    times = np.arange(round(seconds * sr)) / sr
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def make_notes(onset, offset, pitch=60, velocity=127):
    n = len(onset)
    return Notes(onset, offset, np.full(n, pitch), np.broadcast_to(velocity, n))


def rms_db(y):
    return 10 * np.log10(np.mean(np.asarray(y, np.float64) ** 2))


class TestEnvelope:
    def test_is_gansynths(self):
        envelope = get_envelope(1000, sr=SR)
        assert envelope.shape == (1000 + 2400,)
        np.testing.assert_allclose(envelope[:80], np.arange(80) / 80, atol=1e-6)
        assert np.all(envelope[80:1000] == 1.0)
        np.testing.assert_allclose(envelope[1000:], 1.0 - np.arange(2400) / 2400, atol=1e-6)

    @pytest.mark.parametrize("n_samples", [0, 1, 20, 79, 80, 81])
    def test_short_notes_are_released_from_where_they_are(self, n_samples):
        envelope = get_envelope(n_samples, sr=SR)
        assert len(envelope) == n_samples + 2400
        assert envelope[0] == 0.0
        assert np.abs(np.diff(envelope)).max() <= 1 / 80 + 1e-6
        assert abs(envelope.max() - min(1.0, n_samples / 80)) < 1e-6

    def test_no_attack_and_no_release(self):
        np.testing.assert_array_equal(get_envelope(5, sr=SR, attack=0.0, release=0.0), np.ones(5))

    def test_negative_lengths_are_refused(self):
        with pytest.raises(ParameterError, match="-3 samples"):
            get_envelope(-3, sr=SR)
        with pytest.raises(ParameterError, match="release -1"):
            get_envelope(3, sr=SR, release=-1)


class TestVelocity:
    def test_is_a_square_law(self):
        np.testing.assert_allclose(velocity_gain_db(127), 0.0)
        np.testing.assert_allclose(velocity_gain_db(63.5), -12.041, atol=1e-3)
        assert np.all(np.diff(velocity_gain_db(np.arange(1, 128))) > 0)


class TestLoudness:
    def test_of_a_sine_is_the_standards(self):
        # BS.1770: a sine of 997 Hz at full scale in one channel reads -3.01 LKFS, where the
        # filter's gain of 0.691 dB is taken off again.
        y = tone(997.0, 1.0, sr=48000)
        assert abs(measure_loudness(y, sr=48000) - (-3.01 + 0.691)) < 0.02

    @pytest.mark.parametrize("frequency", [65.0, 110.0, 500.0, 2000.0, 12000.0])
    def test_weighs_as_the_standards_filters(self, frequency):
        # The filters of BS.1770-4 at 48 kHz, run over the samples.
        y = tone(frequency, 2.0, sr=48000)
        shelf_b = [1.53512485958697, -2.69169618940638, 1.19839281085285]
        shelf_a = [1.0, -1.69065929318241, 0.73248077421585]
        high_pass = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
        weighed = scipy.signal.lfilter(*high_pass, scipy.signal.lfilter(shelf_b, shelf_a, y))
        assert abs(measure_loudness(y, sr=48000) - rms_db(weighed[48000:])) < 0.7

    @pytest.mark.parametrize("sr", [8000, 22050, 44100, 96000])
    def test_does_not_depend_on_the_rate(self, sr):
        expected = measure_loudness(tone(997.0, 1.0, sr=48000), sr=48000)
        assert abs(measure_loudness(tone(997.0, 1.0, sr=sr), sr=sr) - expected) < 0.1

    def test_is_that_of_the_loudest_stretch(self):
        y = tone(1000.0, 2.0)
        y[SR // 2 :] *= 0.01
        assert abs(measure_loudness(y, sr=SR) - measure_loudness(tone(1000.0, 2.0), sr=SR)) < 0.1

    def test_short_notes_and_silence(self):
        long = measure_loudness(tone(1000.0, 1.0), sr=SR)
        assert abs(measure_loudness(tone(1000.0, 0.03), sr=SR) - long) < 0.5
        assert measure_loudness(np.zeros(100, np.float32), sr=SR) == -np.inf
        assert measure_loudness(np.zeros(0, np.float32), sr=SR) == -np.inf


class TestCombine:
    def test_adds_each_note_at_its_onset_to_the_nearest_sample(self):
        wave = np.zeros(400, np.float32)
        wave[0] = 1.0
        y = combine_notes([wave, wave], make_notes([0.1, 0.50007], [0.2, 0.6]), sr=SR)
        assert y.dtype == np.float32
        assert len(y) == round(0.9 * SR)
        assert list(np.flatnonzero(y)) == [800, 4001]

    def test_peak_is_exactly_as_asked(self):
        for amplitude in (1e-4, 1.0, 50.0):
            wave = tone(440.0, 0.5, amplitude=amplitude)
            y = combine_notes([wave], make_notes([0.0], [0.5]), sr=SR, peak_db=-3.0)
            assert 10 ** (-3 / 20) - 1e-5 < np.abs(y).max() <= 10 ** (-3 / 20)

    def test_negative_peaks_count(self):
        wave = np.full(100, -1.0, np.float32)
        y = combine_notes([wave], make_notes([0.0], [0.1]), sr=SR, peak_db=0.0)
        assert -1.0 <= y.min() < -0.9999

    def test_timbres_are_balanced_by_loudness(self):
        # A spiky and a smooth note: as loud, though their peaks differ.
        spiky = tone(200.0, 0.5)
        spiky[::200] = 9.0
        notes = make_notes([0.0, 1.0], [0.5, 1.5])
        y = combine_notes([spiky, 0.01 * tone(200.0, 0.5)], notes, sr=SR)
        first, second = (measure_loudness(y[a : a + 4000], sr=SR) for a in (0, SR))
        assert abs(first - second) < 0.05

    def test_velocity_sets_the_difference_between_notes(self):
        notes = make_notes([0.0, 1.0], [0.5, 1.5], velocity=[127, 40])
        y = combine_notes([tone(440.0, 0.5), 7 * tone(440.0, 0.5)], notes, sr=SR)
        difference = rms_db(y[SR : SR + 4000]) - rms_db(y[:4000])
        assert abs(difference - velocity_gain_db(40)) < 0.05

    def test_a_silent_note_stays_silent(self):
        silent = np.zeros(100, np.float32)
        y = combine_notes([silent, tone(440.0, 0.1)], make_notes([0.0, 1.0], [0.1, 1.1]), sr=SR)
        assert np.isfinite(y).all()
        assert not y[:SR].any()
        assert y[SR:].any()

    def test_all_silent_and_no_notes(self):
        silent = np.zeros(100, np.float32)
        assert not combine_notes([silent], make_notes([0.0], [0.1]), sr=SR).any()
        assert combine_notes([], Notes.empty(), sr=SR).shape == (0,)
        assert combine_notes([], Notes.empty(), sr=SR, duration=1.5).shape == (12000,)
        assert combine_notes(np.zeros((0, 32000)), Notes.empty(), sr=SR, duration=1.0).shape == (
            SR,
        )

    def test_overlapping_notes_and_equal_onsets_add_up(self):
        wave = tone(440.0, 0.5)
        notes = make_notes([0.0, 0.0, 0.25], [0.5, 0.5, 0.75])
        y = combine_notes([wave] * 3, notes, sr=SR)
        expected = np.zeros(len(y))
        for start in (0, 0, 2000):
            expected[start : start + 4000] += wave
        expected *= y.max() / expected.max()
        np.testing.assert_allclose(y, expected, atol=1e-5)

    def test_duration_is_exact_and_cut_notes_fade(self):
        y = combine_notes([tone(440.0, 2.0)], make_notes([0.0], [2.0]), sr=SR, duration=1.0)
        assert len(y) == SR
        assert y[-1] == 0.0
        assert np.abs(y[-200:-45]).max() > 0.8
        late = combine_notes([tone(440.0, 1.0)], make_notes([3.0], [4.0]), sr=SR, duration=1.0)
        assert late.shape == (SR,)
        assert not late.any()

    def test_whole_notes_get_the_envelope(self):
        waves = np.stack([tone(440.0, 4.0), tone(440.0, 4.0)])
        notes = make_notes([0.0, 3.0], [1.0, 3.02])
        y = combine_notes(waves, notes, sr=SR)
        assert len(y) == round(3.32 * SR)
        assert rms_db(y[160:8000]) > rms_db(y[:40]) + 6.0
        assert not y[round(1.3 * SR) + 1 : 3 * SR].any()
        quarter = rms_db(y[round(1.14 * SR) : round(1.16 * SR)])
        assert abs(quarter - rms_db(y[160:8000]) + 6.0) < 0.5

    def test_whole_notes_shorter_than_asked_end_with_their_release(self):
        waves = np.stack([tone(440.0, 1.0)])
        y = combine_notes(waves, make_notes([0.0], [5.0]), sr=SR)
        assert rms_db(y[5000:5500]) > -10.0
        assert np.abs(y[7990:8000]).max() < 0.01
        assert not y[8000:].any()

    def test_waves_and_notes_must_match(self):
        notes = make_notes([0.0, 1.0], [0.5, 1.5])
        with pytest.raises(ParameterError, match="1 waves for 2 notes"):
            combine_notes([tone(440.0, 0.5)], notes, sr=SR)
        with pytest.raises(ParameterError, match="more waves than the 2"):
            combine_notes([tone(440.0, 0.5)] * 3, notes, sr=SR)
        for shape in ((3, 100), (200,)):
            with pytest.raises(ParameterError, match="shape"):
                combine_notes(np.zeros(shape, np.float32), notes, sr=SR)

    def test_inputs_are_only_read(self):
        waves = np.stack([tone(440.0, 1.0)])
        before = waves.copy()
        waves.setflags(write=False)
        combine_notes(waves, make_notes([0.0], [0.5]), sr=SR)
        combine_notes(iter(waves), make_notes([0.0], [0.5]), sr=SR)
        np.testing.assert_array_equal(waves, before)

    def test_takes_no_second_copy_of_the_result(self):
        sr, n_notes = 44100, 60
        wave = tone(440.0, 0.1, sr=sr)
        notes = make_notes(np.arange(n_notes) * 5.0, np.arange(n_notes) * 5.0 + 0.1)
        tracemalloc.start()
        y = combine_notes((wave for _ in range(n_notes)), notes, sr=sr)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.1 * y.nbytes
