import numpy as np
import pytest
import sound_metrics as metrics

from retimbre.errors import ParameterError
from retimbre.harmonic.image import (
    BIN_PARTIALS,
    LEVEL_FLOOR_DB,
    N_BINS,
    N_CHANNELS,
    N_FRAMES,
    bin_mask,
)
from retimbre.harmonic.layout import BIN_COUNTS

PITCH = 60
HIGH = 96  # 9 partials below Nyquist


def silence(n: int) -> np.ndarray:
    return np.full((n, N_FRAMES, N_BINS), LEVEL_FLOOR_DB, np.float32)


def silent_image() -> np.ndarray:
    image = np.zeros((N_FRAMES, N_BINS, N_CHANNELS), np.float32)
    image[..., 0] = LEVEL_FLOOR_DB
    return image


# ---- levels --------------------------------------------------------------------------------------


def test_level_error_sees_only_what_is_audible_in_the_reference():
    reference, made = silence(2)
    reference[:, 0], reference[:, 1], reference[:, 2] = 0.0, -59.0, -61.0
    made[:, 0], made[:, 1], made[:, 2] = -4.0, -53.0, 0.0
    assert metrics.level_error(made, reference, PITCH) == pytest.approx(5.0)


def test_level_error_ignores_bins_above_nyquist():
    reference, made = silence(2)
    above = ~bin_mask(HIGH)
    reference[:, 0], made[:, 0] = 0.0, -1.0
    reference[:, above] = 0.0
    assert metrics.level_error(made, reference, HIGH) == pytest.approx(1.0)


def test_level_error_of_silence_is_unknown():
    reference, made = silence(2)
    assert np.isnan(metrics.level_error(made, reference, PITCH))


@pytest.mark.parametrize("floor_db", [-90.0, -60.0])
def test_level_distances_are_those_of_a_plain_loop(rng, floor_db):
    a, b = (rng.uniform(-90.0, 0.0, (n, 5, N_BINS)) for n in (3, 4))
    found = metrics.level_distances(a, b, HIGH, floor_db=floor_db)
    bins = np.flatnonzero(bin_mask(HIGH))
    for i in range(3):
        for j in range(4):
            gap = np.maximum(a[i][:, bins], floor_db) - np.maximum(b[j][:, bins], floor_db)
            assert found[i, j] == pytest.approx(np.sqrt((gap**2).mean()), abs=1e-6)


def test_pairs_and_neighbours_leave_out_a_member_itself():
    distances = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 7.0], [4.0, 7.0, 0.0]])
    assert metrics.mean_of_pairs(distances) == pytest.approx(4.0)
    assert metrics.mean_nearest(distances, is_own=True) == pytest.approx((1.0 + 1.0 + 4.0) / 3)
    assert metrics.mean_nearest(distances) == 0.0


# ---- bins ----------------------------------------------------------------------------------------


def test_samples_of_one_distribution_differ_in_one_bin_of_twenty(rng):
    centres = rng.standard_normal((50, 4))
    found = []
    for _ in range(40):
        points = rng.standard_normal((2, 2000, 4))
        counts, others = (metrics.count_in_bins(x, centres) for x in points)
        found.append(metrics.count_different_bins(counts, others))
    assert 1.5 <= np.mean(found) <= 3.5


def test_bins_of_another_distribution_differ(rng):
    reference = rng.standard_normal((2000, 4))
    centres = metrics.fit_bins(reference, 50)
    moved = rng.standard_normal((2000, 4)) + np.array([1.5, 0.0, 0.0, 0.0])
    counts, others = (metrics.count_in_bins(x, centres) for x in (reference, moved))
    assert metrics.count_different_bins(counts, others) >= 30


@pytest.mark.parametrize(
    ("a", "b", "is_different"),
    [
        (60, 40, True),  # z = 2.83, p = 0.005
        (25, 15, False),  # z = 1.77, p = 0.077
        (26, 14, True),  # z = 2.12, p = 0.034
    ],
)
def test_two_proportions_as_in_a_textbook(a, b, is_different):
    found = metrics.count_different_bins(np.array([a, 100 - a]), np.array([b, 100 - b]))
    assert found == 2 * is_different


def test_empty_and_full_bins_are_alike():
    counts = np.array([0, 10])
    assert metrics.count_different_bins(counts, counts) == 0


def test_no_points_are_refused():
    with pytest.raises(ParameterError, match="given 0 and 3"):
        metrics.count_different_bins(np.array([0, 0]), np.array([1, 2]))


def test_points_fall_into_the_bin_of_the_nearest_centre():
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = np.array([[1.0, 1.0], [9.0, 0.0], [6.0, 0.0], [1.0, 8.0]])
    assert metrics.count_in_bins(points, centres).tolist() == [1, 2, 1]


def test_bins_are_the_clusters(rng):
    truth = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = np.repeat(truth, 50, axis=0) + 0.1 * rng.standard_normal((150, 2))
    centres = metrics.fit_bins(points, 3)
    order = [np.abs(centres - t).sum(1).argmin() for t in truth]
    np.testing.assert_allclose(centres[order], truth, atol=0.1)


def test_one_frame_of_each_note(rng):
    levels = silence(200) + np.arange(N_FRAMES)[:, None]
    frames = metrics.random_frames(levels, rng)
    assert frames.shape == (200, N_BINS)
    drawn = np.unique(frames[:, 0])
    assert drawn.min() == -60.0  # the floor
    assert drawn.max() > 0.0
    assert len(drawn) > 40


# ---- Fréchet distance ----------------------------------------------------------------------------


def gaussian(rng, n: int, mean: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Draw points whose mean and covariance are exactly as asked."""
    x = rng.standard_normal((n, len(mean)))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False)).T)
    return x @ root.T + mean


def test_frechet_distance_of_uncorrelated_gaussians(rng):
    a = gaussian(rng, 500, np.zeros(3), np.diag([1.0, 2.0, 3.0]))
    b = gaussian(rng, 400, np.array([1.0, 0.0, 2.0]), np.diag([2.0, 2.0, 1.0]))
    # Means: 1 + 4; deviations: (1 - 2)^2 + 0 + (3 - 1)^2.
    assert metrics.frechet_distance(a, b) == pytest.approx(10.0, rel=1e-6)


def test_frechet_distance_of_correlated_gaussians(rng):
    from scipy.linalg import sqrtm

    roots = rng.standard_normal((2, 4, 4))
    a, b = (gaussian(rng, 300, np.zeros(4), root) for root in roots)
    cov_a, cov_b = (root @ root.T for root in roots)
    truth = np.trace(cov_a + cov_b - 2.0 * np.real(sqrtm(cov_a @ cov_b)))
    assert metrics.frechet_distance(a, b) == pytest.approx(truth, rel=1e-6)


def test_frechet_distance_with_fewer_points_than_dimensions(rng):
    points = rng.standard_normal((20, 50))
    assert metrics.frechet_distance(points, points) == pytest.approx(0.0, abs=1e-6)
    assert metrics.frechet_distance(points, points + 1.0) == pytest.approx(50.0, rel=1e-6)


# ---- paths, brightness, texture ------------------------------------------------------------------


def path(steps: list[float]) -> np.ndarray:
    levels = silence(len(steps) + 1)
    levels[:, :, :4] += np.concatenate([[0.0], np.cumsum(steps)])[:, None, None]
    return levels


def test_even_steps_have_ratio_one():
    assert metrics.step_ratio(path([2.0] * 5), PITCH) == pytest.approx(1.0, rel=1e-5)
    assert metrics.step_ratio(path([0.0] * 5), PITCH) == 1.0


def test_a_leap_shows():
    assert metrics.step_ratio(path([1.0, 1.0, 3.0, 1.0]), PITCH) == pytest.approx(2.0, rel=1e-5)


def test_steps_under_the_floor_do_not_count():
    levels = path([3.0, 30.0, 3.0])
    assert metrics.step_ratio(levels, PITCH, floor_db=-60.0) == pytest.approx(1.5, rel=1e-5)


def test_brightness_is_the_mean_frequency_of_the_power():
    image = silent_image()
    image[:, 2, 0] = -20.0
    assert metrics.brightness(image, 100.0) == pytest.approx(300.0, rel=1e-6)
    image[:, 0, 0] = -20.0
    assert metrics.brightness(image, 100.0) == pytest.approx(200.0, rel=1e-6)


def test_a_group_weighs_as_many_partials_as_it_stands_for():
    image = silent_image()
    image[:, 0, 0], image[:, 60, 0] = 0.0, 0.0
    n = BIN_COUNTS[60]
    wanted = 100.0 * (1.0 + n * BIN_PARTIALS[60]) / (1.0 + n)
    assert metrics.brightness(image, 100.0) == pytest.approx(wanted, rel=1e-6)


def test_silence_is_as_bright_as_its_fundamental():
    assert metrics.brightness(silent_image(), 100.0) == 100.0


def test_texture_depths_are_means_over_audible_partials():
    image = silent_image()
    image[:, :2, 0] = 0.0
    image[..., 3] = 5.0
    image[:, 0, 3] = 1.5
    image[::2, 1, 3] = 1.0
    depths = metrics.texture_depths(image, PITCH)
    assert depths[0] == pytest.approx(1.5)
    assert depths[1] == pytest.approx(3.0, abs=0.1)
    assert np.isnan(depths[2:]).all()


def test_inputs_are_left_alone(rng):
    a = rng.uniform(-90.0, 0.0, (3, 5, N_BINS))
    a.setflags(write=False)
    distances = metrics.level_distances(a, a, PITCH, floor_db=-60.0)
    distances.setflags(write=False)
    metrics.mean_nearest(distances, is_own=True)
    metrics.random_frames(a, rng)
    metrics.step_ratio(a, PITCH)
    metrics.frechet_distance(a[0], a[1])
