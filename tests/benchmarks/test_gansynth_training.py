"""The measures of benchmarks/gansynth_training.py on sets whose answers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gansynth_training import Images, heard_pitches, settings_of, sliced_wasserstein

from retimbre.train.config import CONFIGS, find_config

SETTINGS = Path(__file__).parents[2] / "benchmarks" / "gansynth_training.json"


def test_the_run_is_gansynths_but_for_the_length_of_its_stages() -> None:
    config = find_config(str(SETTINGS))
    own = ("total_notes", "stage_starts", "fade_notes", "sheet_notes", "mixed_precision")
    plain = CONFIGS["mel_prog_hires"]
    assert replace(config, **{name: getattr(plain, name) for name in own}) == plain
    # It ends by itself where the second resolution stands alone.
    end = config.moment(config.total_notes)
    assert (end.stage, end.alpha) == (1, 1.0)
    assert {config.moment(n).stage for n in range(0, config.total_notes, 1000)} == {0, 1}


def test_what_is_said_of_a_run_is_in_its_settings() -> None:
    config = find_config(str(SETTINGS))
    assert settings_of(config) == (
        "`mel_prog_hires` with batches of 8, bfloat16, stages shortened to 2 x 16 points from note "
        "0 on, 4 x 32 points from note 20,000 on, faded in over 8,000 notes (there each stage is "
        "800,000 notes long)"
    )
    plain = replace(CONFIGS["mel_prog_hires"], mixed_precision=False)
    assert settings_of(plain) == "`mel_prog_hires` with batches of 8, float32"
    other = replace(plain, ema_decay=0.5)
    assert settings_of(other).endswith(", float32, ema_decay 0.5 (there 0.999)")


def test_the_distance_of_shifted_sets_is_the_mean_projection_of_the_shift() -> None:
    rng = np.random.default_rng(0)
    real = rng.standard_normal((400, 4, 8, 2))
    shift = np.zeros((4, 8, 2))
    shift[0, 0, 0] = 0.5
    # Of a unit vector in d dimensions, the mean magnitude of an element is sqrt(2 / (pi d)); both
    # sets are the same ones in another order, so that nothing but the shift is between them.
    expected = 0.5 * np.sqrt(2 / (np.pi * 64))
    assert sliced_wasserstein(real[::-1] + shift, real) == pytest.approx(expected, rel=0.1)
    assert sliced_wasserstein(real[::-1], real) < 1e-12


def test_pitches_are_heard_where_they_are_and_only_there() -> None:
    rng = np.random.default_rng(1)
    pitches = np.repeat([50, 60, 70], 40)
    images = 0.1 * rng.standard_normal((120, 4, 8, 2))
    images[np.arange(120), :, (pitches - 50) // 10, 0] += 1.0
    real = Images(images[::2], pitches[::2])
    assert heard_pitches(Images(images[1::2], pitches[1::2]), real) == 1.0
    assert heard_pitches(Images(images[1::2], np.roll(pitches[1::2], 20)), real) == 0.0
