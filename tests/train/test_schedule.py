"""Progressive growing as a function of the notes seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import resolution_weights

from retimbre.train.config import CONFIGS
from retimbre.train.schedule import RESOLUTIONS, learning_rate_at, stage_at

STARTS = (0, 100, 200, 400, 600)

starts = st.lists(st.integers(0, 1_000), min_size=1, max_size=6).map(
    lambda rest: (0, *sorted(rest))
)
notes = st.integers(0, 1_500)


@given(starts, st.integers(0, 500), notes)
def test_weights_sum_to_one(starts, fade, n_seen):
    stage, alpha = stage_at(n_seen, starts, fade)
    weights = resolution_weights(stage, alpha, len(starts))
    assert sum(weights) == pytest.approx(1.0, abs=1e-12)
    assert all(0.0 <= weight <= 1.0 for weight in weights)
    # No others than the newest resolution and the one below.
    assert sum(weights[max(stage - 1, 0) : stage + 1]) == sum(weights)


@given(starts, st.integers(0, 500), st.tuples(notes, notes).map(sorted))
def test_detail_never_goes_back(starts, fade, pair):
    def detail(n_seen):
        weights = resolution_weights(*stage_at(n_seen, starts, fade), len(starts))
        return sum(i * weight for i, weight in enumerate(weights))

    assert detail(pair[0]) <= detail(pair[1]) + 1e-12


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.integers(1, 300), notes)
def test_weights_move_no_faster_than_the_fade(lengths, fade, n_seen):
    # Each stage is long enough to fade in.
    starts = tuple(np.cumsum([0, *(max(length, fade) for length in lengths)]).tolist())
    now, later = (
        np.array(resolution_weights(*stage_at(n, starts, fade), len(starts)))
        for n in (n_seen, n_seen + 1)
    )
    assert np.abs(later - now).max() <= 1.0 / fade + 1e-9


def test_stages_begin_where_they_should():
    assert stage_at(0, STARTS, 50) == (0, 1.0)
    assert stage_at(99, STARTS, 50) == (0, 1.0)
    assert stage_at(100, STARTS, 50) == (1, 0.0)
    assert stage_at(125, STARTS, 50) == (1, 0.5)
    assert stage_at(150, STARTS, 50) == (1, 1.0)
    assert stage_at(5_000, STARTS, 50) == (len(RESOLUTIONS) - 1, 1.0)


def gansynth_progress(n_seen, stage_images=800_000, n_resolutions=7):
    """Write GANSynth's schedule as it describes it: stable and fading stages take turns."""
    progress = 0.0
    for k in range(1, n_resolutions):
        starts = (2 * k - 1) * stage_images
        progress += min(max((n_seen - starts) / stage_images, 0.0), 1.0)
    return progress


@given(st.integers(0, 11_000_000))
def test_the_mel_configuration_grows_as_gansynth(n_seen):
    config = CONFIGS["mel_prog_hires"]
    moment = config.moment(n_seen)
    weights = resolution_weights(moment.stage, moment.alpha, 7)
    progress = gansynth_progress(n_seen)
    # GANSynth's weight of a block is a triangle over the progress.
    expected = [max(0.0, min(progress - (b - 2), b - progress)) for b in range(1, 8)]
    np.testing.assert_allclose(weights, expected, atol=1e-9)
    assert moment.learning_rate == 8e-4


def test_learning_rate_warms_up_and_decays():
    rates = [
        learning_rate_at(n, 1_000, peak=1.0, warmup=100, decay=500)
        for n in (0, 50, 100, 500, 750, 1_000, 2_000)
    ]
    assert rates == pytest.approx([0.1, 0.55, 1.0, 1.0, 0.51, 0.02, 0.02])


def test_a_longer_run_goes_back_to_the_plateau():
    assert learning_rate_at(900, 1_000, peak=1.0, warmup=0, decay=500) < 0.2
    assert learning_rate_at(900, 2_000, peak=1.0, warmup=0, decay=500) == 1.0
