"""Bins, local averages, and the Viterbi path against its definition."""

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.pitch.crepe.decoding import (
    PeakDecoder,
    ViterbiDecoder,
    average_bins,
    bins_between,
    bins_to_hz,
    hz_to_bins,
    snap_to_peaks,
)
from retimbre.pitch.crepe.viterbi import ViterbiPath

ALL_BINS = slice(0, 360)


def bell(center, height=1.0):
    """Activations of one frame, as the network is trained: 25 cents wide about a bin."""
    return height * np.exp(-0.5 * ((np.arange(360) - center) * 20.0 / 25.0) ** 2)


def float32(rows):
    return np.asarray(rows, dtype=np.float32)


def never(n_frames):
    return np.zeros(n_frames, dtype=bool)


def test_bins_stand_where_the_original_has_them():
    # 440 Hz is 6551.318 cents above 10 Hz; the original's bins begin at 1997.379.
    assert float(hz_to_bins(440.0)) == pytest.approx((6551.3179 - 1997.3794) / 20.0, abs=1e-5)
    assert float(bins_to_hz(0)) == pytest.approx(31.70, abs=0.005)
    assert float(bins_to_hz(359)) == pytest.approx(2005.5, abs=0.05)


def test_bins_and_hz_are_inverse():
    bins = np.linspace(0.0, 359.0, 77)
    np.testing.assert_allclose(hz_to_bins(bins_to_hz(bins)), bins, rtol=0, atol=1e-9)


def test_local_average_is_the_original_one():
    """sum(a_k cents_k) / sum(a_k) over the bin and four on either side."""
    activation = float32(np.random.default_rng(1).random((20, 360)))
    centers = np.arange(4, 356, 18)
    cents = np.linspace(0, 7180, 360) + 1997.3794084376191
    expected = [
        np.sum(row[c - 4 : c + 5] * cents[c - 4 : c + 5]) / np.sum(row[c - 4 : c + 5])
        for row, c in zip(activation.astype(np.float64), centers, strict=True)
    ]
    found = 1200.0 * np.log2(bins_to_hz(average_bins(activation, centers)) / 10.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("center", [0.0, 1.0, 2.3, 3.0, 100.25, 356.0, 357.7, 359.0])
def test_local_average_finds_the_top_of_a_bell(center):
    """Also at the ends of the scale, where one side of the bell is missing."""
    found = average_bins(float32([bell(center)]), np.array([round(center)]))
    assert found[0] == pytest.approx(center, abs=0.25)


def test_local_average_of_nothing_is_the_centre():
    assert average_bins(np.zeros((1, 360), np.float32), np.array([77])).tolist() == [77.0]


def test_peak_decoder_searches_its_bins_only():
    activation = float32([bell(50) + 0.5 * bell(200)])
    assert PeakDecoder(ALL_BINS).push(activation, never(1))[0] == pytest.approx(50, abs=0.01)
    assert PeakDecoder(slice(150, 250)).push(activation, never(1))[0] == pytest.approx(
        200, abs=0.01
    )


def test_range_takes_the_bins_on_either_side_of_its_ends():
    bins = bins_between(float(bins_to_hz(10.4)), float(bins_to_hz(20.6)))
    assert (bins.start, bins.stop) == (10, 22)
    assert bins_between(1.0, 9000.0) == ALL_BINS


@pytest.mark.parametrize(("fmin", "fmax"), [(5.0, 20.0), (2100.0, 3000.0)])
def test_range_without_bins_is_refused(fmin, fmax):
    with pytest.raises(ParameterError, match=r"31\.7\.\.2005\.5 Hz"):
        bins_between(fmin, fmax)


def dense_viterbi(log_likelihood, jump):
    """The definition: all transitions in one matrix, bins in one table."""
    n_bins = log_likelihood.shape[1]
    distances = np.abs(np.subtract.outer(np.arange(n_bins), np.arange(n_bins)))
    triangle = np.maximum(12 - distances, 0) / np.maximum(12 - distances, 0).sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_transition = np.log(np.maximum((1 - jump) * triangle, jump / n_bins))
    scores, sources = log_likelihood[0], []
    for row in log_likelihood[1:]:
        arriving = scores[:, None] + log_transition
        sources.append(arriving.argmax(axis=0))
        scores = arriving.max(axis=0) + row
    path = [int(scores.argmax())]
    for source in reversed(sources):
        path.append(int(source[path[-1]]))
    return np.array(path[::-1])


def run_in_blocks(log_likelihood, jump, block):
    path = ViterbiPath(log_likelihood.shape[1], jump)
    parts = []
    for start in range(0, len(log_likelihood), block):
        rows = log_likelihood[start : start + block]
        parts.append(path.push(rows, never(len(rows))))
    return np.concatenate([*parts, path.finish()])


@pytest.mark.parametrize("jump", [0.0, 0.02])
@pytest.mark.parametrize("block", [1, 23, 500])
def test_path_is_the_most_probable_one(jump, block):
    rng = np.random.default_rng(8)
    log_likelihood = 3.0 * np.log(rng.random((200, 50)) + 0.01)
    expected = dense_viterbi(log_likelihood, jump)
    np.testing.assert_array_equal(run_in_blocks(log_likelihood, jump, block), expected)
    assert (np.abs(np.diff(expected)).max() >= 12) == (jump > 0)


def test_decided_frames_are_handed_out_early():
    """On a clear pitch the path waits for some frames only, however long the clip."""
    log_likelihood = np.log(np.tile(bell(100), (300, 1)) + 0.01)
    assert len(ViterbiPath(360, 0.03).push(log_likelihood, never(300))) > 250


def test_undecided_frames_are_bounded(monkeypatch):
    """Where nothing is heard at all, paths never meet; memory must not grow with the clip."""
    monkeypatch.setattr("retimbre.pitch.crepe.viterbi._MAX_PENDING", 100)
    path = ViterbiPath(40, 0.0)
    n_decided = sum(len(path.push(np.zeros((50, 40)), never(50))) for _ in range(20))
    assert n_decided >= 1000 - 150
    assert n_decided + len(path.finish()) == 1000


def test_path_starts_anew_behind_silence():
    """A tone, one silent frame, another tone: no transition links the two."""
    low, high = np.log(bell(60) + 0.01), np.log(bell(300) + 0.01)
    rows = np.array([low, low, low, high, high])
    is_silent = np.array([False, False, True, False, False])
    path = ViterbiPath(360, 0.0)
    found = np.concatenate([path.push(rows, is_silent), path.finish()])
    assert found[[0, 1, 3, 4]].tolist() == [60, 60, 300, 300]


def test_snapping_stays_on_the_peak_of_the_path():
    activation = float32([0.5 * bell(100) + bell(112)] * 3)
    assert snap_to_peaks(activation, np.array([98, 100, 103])).tolist() == [100, 100, 100]


def test_viterbi_passes_over_a_wrong_octave():
    right, wrong = bell(120), bell(180, 0.9) + bell(120, 0.3)
    activation = float32([right] * 10 + [wrong] * 2 + [right] * 10)
    peaks = PeakDecoder(ALL_BINS).push(activation, never(22))
    decoder = ViterbiDecoder(ALL_BINS)
    path = np.concatenate([decoder.push(activation, never(22)), decoder.finish()])
    assert np.abs(peaks - 120).max() > 50
    assert np.abs(path - 120).max() < 1


def test_viterbi_follows_an_octave_at_once():
    activation = float32([bell(120)] * 10 + [bell(180)] * 10)
    decoder = ViterbiDecoder(ALL_BINS)
    path = np.concatenate([decoder.push(activation, never(20)), decoder.finish()])
    np.testing.assert_allclose(path, [120] * 10 + [180] * 10, rtol=0, atol=0.5)


def test_viterbi_does_not_draw_a_moving_peak_off_its_top():
    centers = 100.3 + np.cumsum(np.tile([0, 6, 7, 0, -6, -7], 5))
    activation = float32([bell(center, 0.6) for center in centers])
    decoder = ViterbiDecoder(ALL_BINS)
    path = np.concatenate([decoder.push(activation, never(30)), decoder.finish()])
    np.testing.assert_array_equal(path, PeakDecoder(ALL_BINS).push(activation, never(30)))
