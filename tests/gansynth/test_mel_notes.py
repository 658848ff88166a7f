"""Notes from mel specgrams, plain and played: closed-form tones, measured without the synthesis."""

import numpy as np
import pytest
from mel_tones import (
    CENT_TOLERANCE,
    CURVE_TIMES,
    F0,
    FOLLOW_TOLERANCE_DB,
    LEVEL_TOLERANCE_DB,
    STEP_TOLERANCE,
    T,
    cents_off,
    largest_step,
    level_db,
    measure_f0,
    slide,
    vibrato,
)

from retimbre.errors import ParameterError
from retimbre.gansynth.mel_bins import linear_to_mel
from retimbre.gansynth.specgram import (
    HOP,
    N_BINS,
    N_FFT,
    ONSET_FRAME,
    SAMPLE_RATE,
    frames_for,
    specgrams_to_waves,
    waves_to_specgrams,
)
from retimbre.gansynth.synthesis import frames_for_note, synthesize_specgram
from retimbre.mixing import get_envelope

# Plain


@pytest.mark.parametrize(
    ("duration", "release"), [(0.004, 0.3), (0.5, 0.3), (1.0, 0.06), (3.0, 0.3), (3.7, 0.3)]
)
def test_plain_notes_are_gansynths(held_tone, duration, release):
    y = synthesize_specgram(held_tone, duration=duration, release=release)
    n_note = round(duration * SAMPLE_RATE)
    envelope = get_envelope(n_note, sr=SAMPLE_RATE, release=release)
    wave = specgrams_to_waves(held_tone[None])[0]
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, wave[: len(envelope)] * envelope)


@pytest.mark.parametrize(
    ("duration", "curves"),
    [
        (0.5, {}),
        (1.0, {"ratio": slide()}),
        (1.0, {"ratio": 1.1, "level_db": -20.0 * CURVE_TIMES}),
        (0.02, {"ratio": vibrato()}),
    ],
)
def test_frames_beyond_the_note_change_nothing(held_tone, duration, curves):
    n_frames = frames_for_note(duration, ratio=curves.get("ratio", 1.0))
    assert n_frames < 60
    y = synthesize_specgram(held_tone[:n_frames], duration=duration, **curves)
    whole = synthesize_specgram(held_tone, duration=duration, **curves)
    np.testing.assert_array_equal(y, whole)
    fewer = synthesize_specgram(held_tone[: n_frames - 1], duration=duration, **curves)
    assert len(fewer) == len(whole)
    assert np.any(fewer != whole)


def test_what_sounds_after_the_note_changes_nothing(pluck):
    again = pluck.copy()
    again[80:90] = pluck[4]
    notes = [
        synthesize_specgram(specgram, duration=1.5, level_db=np.zeros(100))
        for specgram in (pluck, again)
    ]
    np.testing.assert_array_equal(*notes)


def test_frames_for_note():
    assert frames_for_note(0.5, 0.3) == frames_for(round(0.8 * SAMPLE_RATE))
    assert frames_for_note(0.5, 0.3, 2.0) == frames_for(round(1.6 * SAMPLE_RATE) + 6)
    assert frames_for_note(60.0) == 128


def test_no_expression_is_plain(held_tone):
    plain = synthesize_specgram(held_tone, duration=1.0)
    curves = {"ratio": vibrato(), "level_db": -20.0 * CURVE_TIMES}
    y = synthesize_specgram(held_tone, duration=1.0, expression=0.0, **curves)
    np.testing.assert_array_equal(y, plain)


def test_a_ratio_that_is_rounded_is_plain(held_tone):
    plain = synthesize_specgram(held_tone, duration=1.0)
    y = synthesize_specgram(held_tone, duration=1.0, ratio=np.full(5, 1.0 + 1e-15))
    np.testing.assert_array_equal(y, plain)


# The pitch


@pytest.mark.parametrize("ratio", [vibrato(), slide(), slide(-2.0), vibrato(20.0, 5.0) * slide()])
def test_pitch_follows_its_curve(held_tone, ratio):
    y = synthesize_specgram(held_tone, duration=2.5, ratio=ratio)
    plain = synthesize_specgram(held_tone, duration=2.5)
    assert cents_off(y, ratio, 0.1, 2.4) < CENT_TOLERANCE
    assert cents_off(plain, np.ones(1000), 0.1, 2.4) < CENT_TOLERANCE
    assert np.abs(level_db(y, 0.1, 2.4) - level_db(plain, 0.1, 2.4)).max() < LEVEL_TOLERANCE_DB
    # A higher sine of one amplitude has steeper sides.
    assert largest_step(y) < STEP_TOLERANCE * ratio.max() * largest_step(plain)


@pytest.mark.parametrize("partial", [2, 5, 8])
def test_partials_stay_together(held_tone, partial):
    ratio = vibrato()
    y = synthesize_specgram(held_tone, duration=2.0, ratio=ratio)
    plain = synthesize_specgram(held_tone, duration=2.0)
    n = np.arange(len(y))
    speed = np.exp(np.interp(n / 160.0, np.arange(1000), np.log(ratio)))
    head = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]))])
    window = np.hanning(641) / np.hanning(641).sum()

    def partial_of(wave, position):
        turn = np.exp(-2j * np.pi * partial * F0 / SAMPLE_RATE * position)
        return np.convolve(wave * turn, window, mode="same")[3000:30_000]

    # Turned back along the curve, each partial stands still, as in the plain note.
    bent, straight = partial_of(y, head), partial_of(plain, n)
    np.testing.assert_allclose(bent, straight, atol=0.03 * np.abs(straight).max())


def draw_into_the_image(specgram, ratio):
    """Add a pitch curve to the channel of instantaneous frequency, the other way to follow one.

    Each mel bin goes on by what its own centre frequency gains from frame to frame.
    """
    weights = linear_to_mel()
    hertz = np.arange(1, N_BINS + 1) * SAMPLE_RATE / N_FFT
    centre = hertz @ weights / np.maximum(weights.sum(axis=0), 1e-9)
    gained = np.interp(
        (np.arange(len(specgram)) - ONSET_FRAME) * HOP / SAMPLE_RATE,
        CURVE_TIMES,
        np.cumsum(ratio - 1.0) * CURVE_TIMES[1],
    )
    drawn = specgram.copy()
    drawn[1:, :, 1] += 2.0 * centre * np.diff(gained)[:, None]
    return specgrams_to_waves(drawn[None])[0]


def partial_off(y, ratio, partial):
    """How far a partial is from its curve in cents (rms), and how deep it dips in dB."""
    low, high = (partial - 0.45) * F0, (partial + 0.45) * F0
    samples = np.arange(round(0.3 * SAMPLE_RATE), round(2.5 * SAMPLE_RATE))
    wanted = partial * F0 * np.interp((samples + 0.5) / SAMPLE_RATE, CURVE_TIMES, ratio)
    measured = np.maximum(measure_f0(y, low, high)[samples], 1.0)
    spectrum = np.fft.rfft(y.astype(np.float64))
    frequency = np.fft.rfftfreq(len(y), 1.0 / SAMPLE_RATE)
    spectrum[(frequency <= low) | (frequency >= high)] = 0.0
    levels = level_db(np.fft.irfft(spectrum, len(y)), 0.3, 2.5)
    cents = 1200.0 * np.log2(measured / wanted)
    return np.sqrt(np.mean(cents**2)), np.median(levels) - levels.min()


def test_a_vibrato_drawn_into_the_image_is_no_vibrato(held_tone):
    """Why the sound is read at another speed: a partial cannot leave its bins."""
    ratio = vibrato()
    drawn = draw_into_the_image(held_tone, ratio)
    y = synthesize_specgram(held_tone, duration=2.9, ratio=ratio)
    for partial in range(1, 9):
        cents, dip = partial_off(drawn, ratio, partial)
        # A vibrato that is not there at all is off by 35.
        assert cents > 30.0
        assert dip > 6.0
        cents, dip = partial_off(y, ratio, partial)
        assert cents < 1.0
        assert dip < 1.0
    assert partial_off(drawn, ratio, 7)[1] > 10.0


def test_a_small_vibrato_could_be_drawn_for_the_lowest_partial_alone(held_tone):
    ratio = vibrato(cents=5.0)
    drawn = draw_into_the_image(held_tone, ratio)
    assert partial_off(drawn, ratio, 1)[0] < 1.0
    assert partial_off(drawn, ratio, 7)[1] > 3.0


def test_a_number_transposes_at_any_expression(held_tone):
    ratio = 2.0 ** (3.0 / 12.0)
    for expression in (0.0, 1.0):
        y = synthesize_specgram(held_tone, duration=1.5, ratio=ratio, expression=expression)
        assert cents_off(y, np.full(1000, ratio), 0.2, 1.4) < CENT_TOLERANCE


def test_what_is_read_beyond_nyquist_is_not_heard():
    specgram = waves_to_specgrams(0.5 * np.sin(2.0 * np.pi * 6500.0 * T)[None])[0]
    plain = synthesize_specgram(specgram, duration=2.0)
    folded = synthesize_specgram(specgram, duration=2.0, ratio=1.5)
    assert level_db(folded, 0.1, 1.9).max() < level_db(plain, 0.1, 1.9).min() - 40.0
    lower = synthesize_specgram(specgram, duration=2.0, ratio=1.2)
    assert level_db(lower, 0.1, 1.9).max() > level_db(plain, 0.1, 1.9).min() - 1.0


def test_the_fastest_moment_tells_what_is_beyond_nyquist():
    specgram = waves_to_specgrams(0.5 * np.sin(2.0 * np.pi * 7000.0 * T)[None])[0]
    # At 1.3 for 50 ms, well inside one frame: there 7 kHz would be 9.1 kHz.
    ratio = np.ones(150)
    ratio[100:106] = 1.3
    y = synthesize_specgram(specgram, duration=1.4, ratio=ratio)
    plain = synthesize_specgram(specgram, duration=1.4)
    spectrum = np.abs(np.fft.rfft(y[16_000:16_960] * np.hanning(960)))
    loudest = np.abs(np.fft.rfft(plain[16_000:16_960] * np.hanning(960))).max()
    # 9.1 kHz would be heard at 6.9 kHz.
    assert spectrum.max() < 0.1 * loudest
    assert level_db(y, 0.1, 0.8).min() > level_db(plain, 0.1, 0.8).min() - 1.0


# The loudness


@pytest.mark.parametrize(
    "target",
    [
        -8.0 * CURVE_TIMES,
        np.interp(CURVE_TIMES, [0.0, 1.0, 2.0], [-15.0, 0.0, -9.0]),
        3.0 * np.sin(2.0 * np.pi * 2.0 * CURVE_TIMES),
    ],
)
def test_level_follows_its_curve(held_tone, target):
    y = synthesize_specgram(held_tone, duration=2.0, level_db=target)
    measured = level_db(y, 0.1, 1.9)
    wanted = np.interp(np.arange(0.1, 1.9, 0.005)[: len(measured)], CURVE_TIMES, target)
    off = measured - wanted
    assert np.abs(off - np.median(off)).max() < FOLLOW_TOLERANCE_DB


def test_half_the_expression_follows_half(held_tone):
    target = -10.0 * CURVE_TIMES
    half = synthesize_specgram(held_tone, duration=2.0, level_db=target, expression=0.5)
    fall = level_db(half, 0.2, 1.8)
    assert fall[0] - fall[-1] == pytest.approx(8.0, abs=FOLLOW_TOLERANCE_DB)


def test_a_flat_level_keeps_the_attack_and_bounds_the_boost(pluck):
    plain = synthesize_specgram(pluck, duration=0.6)
    flat = synthesize_specgram(pluck, duration=0.6, level_db=np.zeros(100))
    attack = slice(0, round(0.040 * SAMPLE_RATE))
    gain = np.dot(flat[attack], plain[attack]) / np.dot(plain[attack], plain[attack])
    np.testing.assert_allclose(flat[attack], gain * plain[attack], atol=1e-3)
    boost = level_db(flat, 0.1, 0.55) - level_db(plain, 0.1, 0.55)
    assert np.all(np.diff(boost) > -0.1)
    assert 8.0 < boost[-1] < 24.0


def test_a_release_keeps_the_last_gain(pluck):
    note = {"duration": 0.3, "release": 0.4}
    plain = synthesize_specgram(pluck, **note)
    flat = synthesize_specgram(pluck, level_db=np.zeros(100), **note)
    boost = level_db(flat, 0.34, 0.66) - level_db(plain, 0.34, 0.66)
    assert boost.min() > 3.0
    assert np.ptp(boost) < 0.1


# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duration": 0.0}, "duration above 0, given 0"),
        ({"release": float("nan")}, "release above 0, given nan"),
        ({"ratio": 0.0}, "finite ratios above 0"),
        ({"ratio": []}, "one or more finite ratios"),
        ({"ratio": [1.0, np.inf]}, "finite ratios above 0"),
        ({"ratio": np.ones((2, 2))}, "finite ratios above 0"),
        ({"level_db": []}, "one or more finite values"),
        ({"level_db": [0.0, np.nan]}, "one or more finite values"),
        ({"expression": 1.1}, r"between 0 and 1, given 1\.1"),
        ({"specgram": np.zeros((128, 1024))}, "1 to 128 frames"),
        ({"specgram": np.zeros((130, 1024, 2))}, "1 to 128 frames"),
        ({"specgram": np.zeros((5, 1024, 2))}, "6 frames or more, given 5"),
    ],
)
def test_bad_parameters(changes, message):
    good = {"specgram": np.zeros((10, N_BINS, 2), np.float32), "duration": 0.1, "release": 0.1}
    with pytest.raises(ParameterError, match=message):
        synthesize_specgram(**(good | changes))


def test_inputs_stay_as_they_are(held_tone):
    ratio, level = vibrato(), -5.0 * CURVE_TIMES
    for array in (held_tone, ratio, level):
        array.setflags(write=False)
    synthesize_specgram(held_tone, duration=5.0, ratio=ratio, level_db=level)
