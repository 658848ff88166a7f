"""What flutters on its own goes into the texture; all else stays where it was."""

import numpy as np
import pytest

from retimbre.harmonic.image import FRAME_TIMES, HOLD_SECONDS, SAMPLE_RATE
from retimbre.harmonic.measurement import measure_image
from retimbre.harmonic.texture import separate_texture

F0 = 441.0
N_PARTIALS = 24
BEAT_HZ = 3.0
HELD = slice(32, 103)
INNER = slice(44, 96)
PARTIALS = slice(0, N_PARTIALS)
EXACT_DB = 0.02


def make_image(level):
    """An image of 24 partials of given levels [dB, broadcast to frames and partials]."""
    image = np.zeros((128, 96, 4), np.float32)
    image[..., 0] = -90.0
    image[:, PARTIALS, 0] = level
    image[..., 2] = -110.0
    return image


def beating_db(ratio, rng):
    """Levels of partials that are two sines each, beating with 3 Hz from phases of their own."""
    turns = BEAT_HZ * FRAME_TIMES[:, None] + rng.random(N_PARTIALS)
    return -30.0 + 20.0 * np.log10(np.abs(1.0 + ratio * np.exp(2j * np.pi * turns)))


def beating_depth_db(ratio):
    """Standard deviation of 20 log10 |1 + r exp(jx)|: the series of ln |1 + r exp(jx)| squared."""
    n = np.arange(1, 200)
    return 20.0 / np.log(10.0) * np.sqrt(0.5 * np.sum(ratio ** (2 * n) / n**2))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_frames_are_those_that_are_held():
    assert np.all((FRAME_TIMES[HELD] >= 0.16) & (FRAME_TIMES[HELD] < HOLD_SECONDS))
    assert FRAME_TIMES[HELD.stop] == pytest.approx(HOLD_SECONDS)


def test_a_steady_tone_has_none():
    image = make_image(-30.0)
    out = separate_texture(image)
    assert out[..., 3].max() < EXACT_DB
    np.testing.assert_allclose(out[..., 0], image[..., 0], atol=EXACT_DB)


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.6])
def test_beating_becomes_its_depth_and_a_smooth_level(ratio, rng):
    out = separate_texture(make_image(beating_db(ratio, rng)))
    # A 24th of the variance is common to partials that beat independently.
    expected = beating_depth_db(ratio) * np.sqrt(1.0 - 1.0 / N_PARTIALS)
    depth = out[INNER, PARTIALS, 3]
    assert depth.mean() == pytest.approx(expected, rel=0.05)
    assert depth.std() < 0.25 * expected
    rest = out[INNER, PARTIALS, 0].std(axis=0).mean()
    assert rest < 0.3 * expected


def test_beating_of_a_sound(rng):
    ratio, times = 0.5, np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    y = np.zeros(len(times))
    for k in range(1, N_PARTIALS + 1):
        phase = 2 * np.pi * (k * F0 * times + rng.random())
        y += np.sin(phase) + ratio * np.sin(phase + 2 * np.pi * (BEAT_HZ * times + rng.random()))
    image = measure_image(y.astype(np.float32), F0)
    out = separate_texture(image)
    depth = out[INNER, PARTIALS, 3].mean()
    assert depth == pytest.approx(beating_depth_db(ratio), rel=0.08)
    # The deviations swing as the levels do, and are calm afterwards.
    before, after = (i[INNER, PARTIALS, 1].std(axis=0).mean() for i in (image, out))
    assert before > 1.0 / F0
    assert after < 0.5 * before


@pytest.mark.parametrize("slope_db", [0.0, 1.5])
def test_a_common_tremolo_stays_in_the_level(slope_db):
    tremolo = -12.0 + 4.0 * np.sin(2 * np.pi * 5.0 * FRAME_TIMES[:, None])
    image = make_image(tremolo - slope_db * np.arange(N_PARTIALS))
    out = separate_texture(image)
    assert out[..., 3].max() < 0.1
    np.testing.assert_allclose(out[INNER, PARTIALS, 0], image[INNER, PARTIALS, 0], atol=0.1)


def test_the_flutter_of_one_loud_partial_is_its_own():
    level = np.full((128, N_PARTIALS), -30.0)
    level[:, 0] = -5.0 + 4.0 * np.sin(2 * np.pi * 5.0 * FRAME_TIMES)
    out = separate_texture(make_image(level))
    assert out[INNER, 0, 3].mean() == pytest.approx(4.0 / np.sqrt(2.0), rel=0.05)
    np.testing.assert_allclose(out[INNER, 0, 0], -5.0, atol=0.2)
    np.testing.assert_allclose(out[INNER, 1:N_PARTIALS, 0], -30.0, atol=0.1)
    assert out[INNER, 1:N_PARTIALS, 3].max() < 0.1


def test_noisy_partials_do_not_shake_the_others(rng):
    tremolo = 2.0 * np.sin(2 * np.pi * 5.0 * FRAME_TIMES[:, None])
    level = np.repeat(tremolo - 20.0, N_PARTIALS, axis=1)
    level[:, 4:] += rng.normal(0.0, 4.0, (128, N_PARTIALS - 4))
    out = separate_texture(make_image(level))
    error = out[INNER, :4, 0] - level[INNER, :4]
    # The plain mean of all would be off by 4 sqrt(20) / 24 = 0.75 dB.
    assert np.sqrt(np.mean(error**2)) < 0.3
    assert out[INNER, :4, 3].max() < 0.5


def test_a_common_vibrato_stays_in_the_deviations():
    image = make_image(-30.0)
    vibrato = 0.005 * np.sin(2 * np.pi * 5.0 * FRAME_TIMES[:, None])
    image[:, PARTIALS, 1] = vibrato * np.arange(1, N_PARTIALS + 1)
    out = separate_texture(image)
    np.testing.assert_allclose(out[HELD, PARTIALS, 1], image[HELD, PARTIALS, 1], atol=1e-4)


@pytest.mark.parametrize("vibrato", [0.0, 0.005])
def test_jitter_of_low_partials_is_not_spread_to_high_ones(vibrato, rng):
    orders, jitter = np.arange(1, N_PARTIALS + 1), 0.02
    common = vibrato * np.sin(2 * np.pi * 5.0 * FRAME_TIMES[:, None]) * orders
    image = make_image(-30.0)
    image[:, PARTIALS, 1] = common + jitter * rng.standard_normal((128, N_PARTIALS))
    error = separate_texture(image)[INNER, PARTIALS, 1] - common[INNER]
    # Of equal jitter in Hz the best estimate of the whole, weighed by k^2, is so far off.
    best = jitter * orders / np.sqrt(np.sum(orders**2))
    slow = 0.35 * jitter  # what the smoothing over time leaves of each partial's own
    measured = np.sqrt(np.mean(error**2, axis=0))
    assert np.all(measured < 1.5 * np.hypot(best, slow))


def test_decays_stay_as_they_are_to_their_ends():
    # Above -65 dB all partials count in full; each falls at a speed of its own.
    decay = -3.0 - np.linspace(0.0, 18.0, N_PARTIALS) * FRAME_TIMES[:, None]
    image = make_image(np.maximum(decay, -60.0))
    out = separate_texture(image)
    assert out[..., :N_PARTIALS, 3].max() < 0.1
    np.testing.assert_allclose(out[HELD, PARTIALS, 0], image[HELD, PARTIALS, 0], atol=0.1)


def test_attack_and_noise_are_not_touched(rng):
    image = make_image(rng.uniform(-40.0, -20.0, (128, N_PARTIALS)))
    image[:, PARTIALS, 1] = rng.uniform(-0.1, 0.1, (128, N_PARTIALS))
    image[..., 2] = rng.uniform(-110.0, -20.0, (128, 96))
    out = separate_texture(image)
    attack, released = slice(0, HELD.start), slice(HELD.stop + 1, 128)
    np.testing.assert_array_equal(out[attack, :, :2], image[attack, :, :2])
    np.testing.assert_array_equal(out[released, :, 1], image[released, :, 1])
    np.testing.assert_array_equal(out[..., 2], image[..., 2])
    assert np.abs(out[HELD, PARTIALS, 0] - image[HELD, PARTIALS, 0]).max() > 1.0
    # Released partials fall as they did.
    falls = np.diff(out[released, PARTIALS, 0], axis=0)
    np.testing.assert_allclose(falls, np.diff(image[released, PARTIALS, 0], axis=0), atol=0.2)


def test_the_release_begins_where_the_smoothed_level_has_come_to(rng):
    bends, fall = [], 20.0 * np.maximum(FRAME_TIMES - HOLD_SECONDS, 0.0)[:, None]
    for _ in range(8):
        image = make_image(beating_db(0.5, rng) - fall)
        out = separate_texture(image)
        last = slice(HELD.stop - 2, HELD.stop + 1)
        bends.append(
            [np.abs(np.diff(i[last, PARTIALS, 0], 2, axis=0)).mean() for i in (image, out)]
        )
        released = [i[HELD.stop, PARTIALS, 0] - i[-1, PARTIALS, 0] for i in (image, out)]
        np.testing.assert_allclose(*released, atol=0.1)
    before, after = np.mean(bends, axis=0)
    assert after < 0.5 * before


def test_the_texture_reaches_over_the_whole_note_and_has_a_bound(rng):
    out = separate_texture(make_image(rng.uniform(-60.0, -20.0, (128, N_PARTIALS))))
    texture = out[..., 3]
    assert texture[:, PARTIALS].min() > 3.0
    assert texture.max() == 6.0
    assert texture[:, N_PARTIALS:].max() < 0.1
    np.testing.assert_array_equal(texture[: HELD.start], np.tile(texture[HELD.start], (32, 1)))
    np.testing.assert_array_equal(texture[HELD.stop :], np.tile(texture[HELD.stop - 1], (25, 1)))


def test_what_is_inaudible_has_none(rng):
    out = separate_texture(make_image(-88.0 + beating_db(0.5, rng) + 30.0))
    assert out[..., 3].max() < 0.2


def test_the_input_is_not_changed(rng):
    image = make_image(beating_db(0.5, rng))
    before = image.copy()
    image.setflags(write=False)
    out = separate_texture(image)
    np.testing.assert_array_equal(image, before)
    assert out.dtype == np.float32
