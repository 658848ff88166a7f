"""The synthesis of notes: lengths, releases, and the performer's level."""

import numpy as np
import pytest
from measured_notes import F0, SR, envelope_db, held, measure_partial
from plain_images import make_image

from retimbre.expression import MAX_BOOST_DB, follow_level
from retimbre.harmonic.image import FRAME_TIMES, HOLD_SECONDS
from retimbre.harmonic.synthesis import synthesize_note


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

    @pytest.mark.parametrize("expression", [0.0, 1.0])
    def test_a_plucked_note_keeps_its_decay(self, expression):
        image = make_image({1: 0.0})
        image[:, 0, 0] = np.maximum(-90.0, -30.0 * FRAME_TIMES)
        y = synthesize_note(image, F0, duration=2.0, level_db=np.zeros(200), expression=expression)
        level = envelope_db(y)
        fall = level[round(1.95 * SR)] - level[round(0.05 * SR)]
        assert abs(fall + 57.0) < 1.0

    def test_a_plucked_note_is_damped_where_the_performer_lets_go(self):
        image = make_image({1: 0.0})
        image[:, 0, 0] = np.maximum(-90.0, -10.0 * FRAME_TIMES)
        let_go = np.where(np.arange(100) < 50, 0.0, -40.0)
        level = envelope_db(synthesize_note(image, F0, duration=1.0, level_db=let_go))
        assert abs(level[round(0.4 * SR)] - level[round(0.1 * SR)] + 3.0) < 0.5
        # 6 dB over the performer as soon as he lets go; from there on its own decay.
        assert abs(level[round(0.8 * SR)] - level[0 : SR // 10].max() + 36.5) < 1.5


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
