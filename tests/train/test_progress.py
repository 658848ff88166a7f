"""How far a run is and when it will be done."""

import math
from dataclasses import replace

import pytest
from tiny_runs import TINY

from retimbre.train.config import CONFIGS
from retimbre.train.run.progress import (
    FIRST_STEPS,
    JUDGE_SHARE,
    STEP_MULTIPLICATIONS,
    Pace,
    count_multiplications,
    notes_left,
    tell_time,
)

# GANSynth's generator block by block, in thousand millions of multiplications.
GANSYNTH = (0.02, 0.15, 0.60, 2.42, 3.62, 3.62, 3.62)


@pytest.mark.parametrize("stage", range(7))
def test_the_cost_of_gansynths_stages(stage):
    found = count_multiplications(CONFIGS["mel_prog_hires"], stage) / 1e9
    assert found == pytest.approx(sum(GANSYNTH[: stage + 1]), abs=0.03)


def cost(config, stage):
    return count_multiplications(config, stage) + STEP_MULTIPLICATIONS / config.batch_size


def test_notes_of_later_stages_count_for_more():
    config = replace(TINY, total_notes=100, stage_starts=(0, 20, 60, 60, 60), channels=(256,) * 5)
    first, second, _, _, last = (cost(config, stage) for stage in range(5))
    expected = 10.0 + (40 * second + 40 * last) / first
    assert notes_left(config, 10) == pytest.approx(expected)
    assert notes_left(config, 90) == 10.0
    assert notes_left(config, 100) == 0.0


def test_stages_beyond_the_end_are_not_counted():
    config = replace(CONFIGS["harmonic"], total_notes=50, stage_starts=(0, 20, 60, 80, 90))
    costs = [cost(config, stage) for stage in range(2)]
    assert notes_left(config, 0) == pytest.approx(20 + 30 * costs[1] / costs[0])


def test_the_first_steps_of_a_stage_do_not_count():
    config = replace(TINY, total_notes=1_000, stage_starts=(0, 100, 5_000, 5_000, 5_000))
    pace = Pace(config)
    assert pace.notes_per_second == 0.0
    assert math.isnan(pace.seconds_left(0))
    for seconds in (*(60.0,) * FIRST_STEPS, 0.1, 0.3):
        pace.add(config.moment(0), seconds)
    assert pace.notes_per_second == pytest.approx(8 / 0.2)
    # Another stage, another pace.
    for seconds in (*(60.0,) * FIRST_STEPS, 0.4):
        pace.add(config.moment(200), seconds)
    assert pace.notes_per_second == pytest.approx(8 / 0.4)
    assert pace.seconds_left(200) == pytest.approx(800 / 20.0)


def test_the_discriminators_warm_up_costs_less():
    config = replace(CONFIGS["fine_tune"], total_notes=1_000, judge_warmup_notes=200)
    assert notes_left(config, 300) == 700.0
    # 100 as cheap as those now, and 800 whole ones.
    assert notes_left(config, 100) == pytest.approx(100 + 800 / JUDGE_SHARE)
    pace = Pace(config)
    for is_judged, seconds in ((False, 0.1), (True, 0.2)):
        for _ in range(FIRST_STEPS + 1):
            pace.add(config.moment(0), seconds, is_judged=is_judged)
        assert pace.notes_per_second == pytest.approx(config.batch_size / seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 min 00 s"),
        (95.0, "1 min 35 s"),
        (7_260.0, "2 h 01 min"),
        (math.nan, "unknown time"),
    ],
)
def test_times_are_told_in_two_units(seconds, text):
    assert tell_time(seconds) == text
