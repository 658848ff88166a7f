"""Latents: GANSynth's formulas where they work, sense where they do not."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from retimbre.errors import ParameterError
from retimbre.instrument import Instruments
from retimbre.latent import (
    N_SEEDS,
    draw_seeds,
    generate_z,
    get_random_instruments,
    get_z_notes,
    random_z,
    slerp,
)

# The same examples in every run, and no failure because the machine is busy.
settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def reference_slerp(p0, p1, t):
    """GANSynth's interpolation of two vectors, one number at a time."""
    length0 = sum(a * a for a in p0) ** 0.5
    length1 = sum(b * b for b in p1) ** 0.5
    omega = np.arccos(sum((a / length0) * (b / length1) for a, b in zip(p0, p1, strict=True)))
    so = np.sin(omega)
    return np.array(
        [
            np.sin((1.0 - t) * omega) / so * a + np.sin(t * omega) / so * b
            for a, b in zip(p0, p1, strict=True)
        ]
    )


def reference_z_notes(onsets, z, times):
    """GANSynth's choice of the two instruments around each onset, one note at a time."""
    z_notes = []
    for onset in onsets:
        left = 0
        while left + 2 < len(times) and times[left + 1] < onset:
            left += 1
        fraction = (onset - times[left]) / (times[left + 1] - times[left])
        z_notes.append(reference_slerp(z[left], z[left + 1], fraction))
    return np.array(z_notes)


@pytest.mark.parametrize("dim", [2, 3, 256])
def test_slerp_is_gansynths(rng, dim):
    z0, z1 = rng.standard_normal((2, 40, dim))
    t = rng.uniform(size=40)
    expected = [reference_slerp(*row) for row in zip(z0, z1, t, strict=True)]
    np.testing.assert_allclose(slerp(z0, z1, t), expected, rtol=1e-9, atol=1e-12)


def test_slerp_on_the_circle_is_an_angle():
    angle0, angle1 = np.deg2rad(20.0), np.deg2rad(140.0)
    t = np.linspace(0.0, 1.0, 7)
    z = slerp([np.cos(angle0), np.sin(angle0)], [np.cos(angle1), np.sin(angle1)], t)
    np.testing.assert_allclose(np.rad2deg(np.arctan2(z[:, 1], z[:, 0])), 20.0 + 120.0 * t)


def test_slerp_broadcasts(rng):
    z0, z1 = rng.standard_normal((2, 5))
    t = np.array([[0.0, 0.25], [0.5, 1.0]])
    z = slerp(z0, z1, t)
    assert z.shape == (2, 2, 5)
    np.testing.assert_array_equal(z[0, 1], slerp(z0, z1, 0.25))
    np.testing.assert_array_equal(slerp(z0[None], np.stack([z1, z0]), 0.5)[0], slerp(z0, z1, 0.5))
    assert slerp(np.zeros((0, 5)), np.zeros((0, 5)), np.zeros(0)).shape == (0, 5)


def test_slerp_of_equal_vectors_stays_there(rng):
    z = rng.standard_normal((4, 256))
    np.testing.assert_allclose(slerp(z, z, 0.3), z, rtol=1e-12)
    np.testing.assert_allclose(slerp(z, 3.0 * z, 0.5), 2.0 * z, rtol=1e-12)


def test_slerp_from_zeros_is_a_line(rng):
    z = rng.standard_normal(8)
    np.testing.assert_allclose(slerp(np.zeros(8), z, 0.25), 0.25 * z)
    np.testing.assert_allclose(slerp(z, np.zeros(8), 0.25), 0.75 * z)
    np.testing.assert_array_equal(slerp(np.zeros(8), np.zeros(8), 0.5), np.zeros(8))


@pytest.mark.parametrize("disturbance", [0.0, 1e-14, 1e-9, 1e-5, 1e-3])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_slerp_of_opposite_vectors_turns_evenly(rng, disturbance, scale):
    z0 = rng.standard_normal(16)
    z1 = -scale * (z0 + disturbance * rng.standard_normal(16))
    t = np.linspace(0.0, 1.0, 101)
    z = slerp(z0, z1, t)
    np.testing.assert_array_equal(z[[0, -1]], [z0, z1])
    lengths = np.linalg.norm(z, axis=1)
    ends = np.linalg.norm(z0), np.linalg.norm(z1)
    np.testing.assert_allclose(lengths, (1 - t) * ends[0] + t * ends[1], rtol=1e-6)
    directions = z / lengths[:, None]
    steps = np.arccos(np.clip(np.sum(directions[1:] * directions[:-1], axis=1), -1, 1))
    np.testing.assert_allclose(steps, np.pi / 100, rtol=0.01)


VECTOR = hnp.arrays(
    np.float64, 6, elements=st.floats(-1e3, 1e3, allow_subnormal=False).map(lambda x: round(x, 3))
)
FRACTION = st.floats(0.0, 1.0)


@given(VECTOR, VECTOR, FRACTION)
def test_slerp_is_finite_and_bounded(z0, z1, t):
    z = slerp(z0, z1, t)
    assert np.isfinite(z).all()
    # Just before vectors count as opposite the weights are 22 at most, for unequal lengths.
    assert np.linalg.norm(z) <= 23.0 * max(np.linalg.norm(z0), np.linalg.norm(z1))


@given(VECTOR, VECTOR)
def test_slerp_starts_and_ends_exactly(z0, z1):
    np.testing.assert_array_equal(slerp(z0, z1, 0.0), z0)
    np.testing.assert_array_equal(slerp(z0, z1, 1.0), z1)


@given(VECTOR, VECTOR, FRACTION)
def test_slerp_between_equal_lengths_keeps_the_length(z0, z1, t):
    lengths = np.linalg.norm(z0), np.linalg.norm(z1)
    if min(lengths) == 0.0:
        return
    z = slerp(z0 / lengths[0], z1 / lengths[1], t)
    # Near the ends of acos's range a rounding of 1e-16 is an angle of 1e-8.
    assert np.linalg.norm(z) == pytest.approx(1.0, abs=1e-7)


@given(VECTOR, VECTOR, FRACTION)
def test_slerp_within_a_right_angle_has_a_length_between(z0, z1, t):
    if z0 @ z1 < 0.0:
        z1 = -z1
    lengths = sorted([np.linalg.norm(z0), np.linalg.norm(z1)])
    length = np.linalg.norm(slerp(z0, z1, t))
    assert lengths[0] * (1 - 1e-7) <= length <= lengths[1] * (1 + 1e-7)


@given(VECTOR, VECTOR, FRACTION)
def test_slerp_backwards_is_the_same_way(z0, z1, t):
    forth, back = slerp(z0, z1, t), slerp(z1, z0, 1.0 - t)
    cosine = z0 @ z1 / max(np.linalg.norm(z0) * np.linalg.norm(z1), 1e-300)
    if cosine > -0.999:  # opposite vectors may be passed on either side
        scale = max(np.abs(z0).max(), np.abs(z1).max(), 1.0)
        np.testing.assert_allclose(forth, back, rtol=0, atol=1e-6 * scale)


def test_slerp_of_tiny_and_huge_vectors_is_finite():
    for scale in (1e-300, 1e-160, 1e160):
        z0, z1 = scale * np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
        expected = scale * slerp(z0 / scale, z1 / scale, 0.4)
        np.testing.assert_allclose(slerp(z0, z1, 0.4), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("z0", "z1", "t", "message"),
    [
        ([1.0, 0.0], [1.0, 0.0, 0.0], 0.5, "do not match"),
        (np.ones((2, 3)), np.ones((2, 3)), np.zeros(3), "do not match"),
        (1.0, 1.0, 0.5, "do not match"),
        ([1.0, np.nan], [1.0, 0.0], 0.5, "must be finite"),
        ([1.0, 0.0], [np.inf, 0.0], 0.5, "must be finite"),
        ([1.0, 0.0], [0.0, 1.0], 1.5, r"must be in 0\.\.1, given 1\.5"),
        ([1.0, 0.0], [0.0, 1.0], np.nan, r"must be in 0\.\.1, given nan"),
    ],
)
def test_slerp_refuses_what_it_cannot_do(z0, z1, t, message):
    with pytest.raises(ParameterError, match=message):
        slerp(z0, z1, t)


@pytest.mark.parametrize(("n_instruments", "total_time"), [(2, 12.5), (5, 30.0), (25, 150.0)])
def test_z_notes_are_gansynths(rng, n_instruments, total_time):
    instruments = get_random_instruments(total_time, 6.0, rng=rng)
    assert len(instruments.times) == n_instruments
    onsets = np.concatenate([[0.0], rng.uniform(0.0, total_time, 50), [total_time]])
    expected = reference_z_notes(onsets, instruments.z, instruments.times)
    np.testing.assert_allclose(get_z_notes(onsets, instruments), expected, rtol=1e-7, atol=1e-9)


def test_an_onset_at_an_instrument_takes_it(rng):
    instruments = Instruments(rng.standard_normal((4, 8)), [0.0, 1.0, 2.5, 7.0])
    np.testing.assert_array_equal(get_z_notes(instruments.times, instruments), instruments.z)


def test_outside_the_instruments_the_nearest_holds(rng):
    instruments = Instruments(rng.standard_normal((3, 8)), [2.0, 4.0, 6.0])
    z = get_z_notes([0.0, 1.9, 6.1, 1e6], instruments)
    np.testing.assert_array_equal(z, instruments.z[[0, 0, 2, 2]])


def test_instruments_at_one_time_make_a_step(rng):
    instruments = Instruments(rng.standard_normal((4, 8)), [0.0, 3.0, 3.0, 5.0])
    z = get_z_notes([3.0, 3.0 + 1e-9, 5.0], instruments)
    np.testing.assert_array_equal(z[[0, 2]], instruments.z[[1, 3]])
    np.testing.assert_allclose(z[1], instruments.z[2], atol=1e-7)
    together = Instruments(instruments.z[:2], [3.0, 3.0])
    z = get_z_notes([2.0, 3.0, 4.0], together)
    np.testing.assert_array_equal(z, instruments.z[[0, 1, 1]])


def test_one_instrument_plays_everything(rng):
    instruments = Instruments(rng.standard_normal((1, 8)), [3.0])
    z = get_z_notes([0.0, 3.0, 9.0], instruments)
    np.testing.assert_array_equal(z, instruments.z[[0, 0, 0]])


def test_z_notes_of_no_notes_and_of_one(rng):
    instruments = get_random_instruments(20.0, rng=rng)
    assert get_z_notes([], instruments).shape == (0, 256)
    assert get_z_notes([0.0], instruments).shape == (1, 256)


def test_z_notes_depend_on_the_onset_alone(rng):
    instruments = get_random_instruments(20.0, rng=rng)
    onsets = rng.uniform(0.0, 20.0, 30)
    order = rng.permutation(30)
    z = get_z_notes(onsets, instruments)
    np.testing.assert_array_equal(get_z_notes(onsets[order], instruments), z[order])
    np.testing.assert_array_equal(get_z_notes(onsets[:1], instruments), z[:1])


@pytest.mark.parametrize("onsets", [[[0.0]], 0.0, [np.nan], [np.inf]])
def test_bad_onsets_are_refused(rng, onsets):
    with pytest.raises(ParameterError, match="Onsets must be finite and of shape"):
        get_z_notes(onsets, get_random_instruments(20.0, rng=rng))


@pytest.mark.parametrize(
    ("total_time", "n"),
    [
        (0.0, 2),
        (0.3, 2),
        (5.9, 2),
        (6.0, 2),
        (11.9, 2),
        (12.0, 2),
        (17.9, 2),
        (18.0, 3),
        (60.0, 10),
    ],
)
def test_instruments_span_the_clip_and_are_two_at_least(rng, total_time, n):
    instruments = get_random_instruments(total_time, 6.0, rng=rng)
    assert instruments.z.shape == (n, 256)
    assert instruments.times[0] == -0.0001
    assert instruments.times[-1] == total_time
    np.testing.assert_allclose(np.diff(instruments.times), (total_time + 0.0001) / (n - 1))


@pytest.mark.parametrize("total_time", [0.0, 0.3, 5.9, 11.9])
def test_short_clips_morph_and_hold_no_nan(rng, total_time):
    instruments = get_random_instruments(total_time, rng=rng)
    z = get_z_notes([0.0, total_time / 2, total_time], instruments)
    assert np.isfinite(z).all()
    np.testing.assert_array_equal(z[2], instruments.z[1])
    if total_time:
        assert np.abs(z[0] - z[1]).max() > 0.1


def test_chance_comes_from_the_generator_alone():
    def draw(seed):
        return get_random_instruments(30.0, latent_dim=16, rng=np.random.default_rng(seed)).z

    np.testing.assert_array_equal(draw(1), draw(1))
    assert np.abs(draw(1) - draw(2)).max() > 0.1


def test_a_random_instrument_depends_on_its_number_alone(rng):
    drawn = get_random_instruments(30.0, latent_dim=16, rng=rng)
    for name, z in zip(drawn.names, drawn.z, strict=True):
        np.testing.assert_array_equal(random_z(int(name.removeprefix("random:")), 16), z)
    np.testing.assert_array_equal(random_z(2**53, 8), random_z(2**53, 16)[:8])
    assert np.abs(random_z(1) - random_z(2)).max() > 1.0


def test_the_last_bits_of_a_draw_do_not_count():
    z = np.array([random_z(seed) for seed in range(50)])
    drawn = np.array([np.random.default_rng(seed).standard_normal(256) for seed in range(50)])
    np.testing.assert_array_equal(z, np.float32(z))
    np.testing.assert_array_equal(z, np.float32(drawn * (1.0 + 4e-16)))
    np.testing.assert_allclose(z, drawn, rtol=1e-7)


def test_numbers_differ_and_do_not_depend_on_how_many_are_drawn():
    def draw(n, **more):
        return draw_seeds(n, rng=np.random.default_rng(3), **more)

    many = draw(1000)
    assert many[:5] == draw(5)
    assert len(set(many)) == 1000
    assert min(many) >= 0
    assert max(many) < N_SEEDS
    assert draw(0) == []
    assert draw(4, taken=many[1:3]) == [many[0], *many[3:6]]
    assert draw_seeds(5, rng=np.random.default_rng(4)) != many[:5]
    # There may be more instruments than numbers.
    assert len(draw(N_SEEDS + 10)) == N_SEEDS + 10


def test_z_is_standard_normal(rng):
    z = generate_z(2000, 64, rng=rng)
    assert z.shape == (2000, 64)
    assert np.mean(z) == pytest.approx(0.0, abs=0.01)
    assert np.std(z) == pytest.approx(1.0, abs=0.01)
    assert np.mean(z**4) == pytest.approx(3.0, abs=0.1)
    assert generate_z(0, rng=rng).shape == (0, 256)


def test_bad_parameters_are_refused(rng):
    with pytest.raises(ParameterError, match="given -1 and 256"):
        generate_z(-1, rng=rng)
    with pytest.raises(ParameterError, match="given 3 and 0"):
        generate_z(3, 0, rng=rng)
    for total_time in (-1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="total time must be >= 0 seconds"):
            get_random_instruments(total_time, rng=rng)
    for seconds in (0.0, -6.0, np.nan):
        with pytest.raises(ParameterError, match="Seconds per instrument must be > 0"):
            get_random_instruments(10.0, seconds, rng=rng)


def test_inputs_are_left_as_they_are(rng):
    z = rng.standard_normal((2, 8))
    before = z.copy()
    z.setflags(write=False)
    slerp(z[0], z[1], 0.5)
    slerp(z[0], -z[0], 0.5)
    np.testing.assert_array_equal(z, before)
