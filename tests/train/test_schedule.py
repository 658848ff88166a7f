"""Progressive growing as a function of the notes seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retimbre.errors import ModelFormatError, ParameterError
from retimbre.train.config import TrainConfig
from retimbre.train.schedule import RESOLUTIONS, learning_rate_at, resolution_weights, stage_at

ENDS = (0.1, 0.2, 0.4, 0.6, 1.0)


@given(st.integers(0, 2_000), st.floats(0.0, 0.99))
def test_weights_sum_to_one(n_seen: int, fade: float) -> None:
    stage, alpha = stage_at(n_seen, 1_000, ENDS, fade)
    weights = resolution_weights(stage, alpha)
    assert sum(weights) == pytest.approx(1.0)
    assert all(0.0 <= weight <= 1.0 for weight in weights)


@given(st.lists(st.integers(0, 1_500), min_size=2, max_size=2).map(sorted))
def test_growth_never_goes_back(pair: list[int]) -> None:
    earlier, later = (stage_at(n, 1_000, ENDS, 0.3) for n in pair)
    assert earlier <= later


def test_stages_begin_where_they_should() -> None:
    assert stage_at(0, 1_000, ENDS, 0.5) == (0, 1.0)
    assert stage_at(100, 1_000, ENDS, 0.5) == (1, 0.0)
    assert stage_at(125, 1_000, ENDS, 0.5) == (1, pytest.approx(0.5))
    assert stage_at(160, 1_000, ENDS, 0.5) == (1, 1.0)
    assert stage_at(5_000, 1_000, ENDS, 0.5) == (len(RESOLUTIONS) - 1, 1.0)


def test_learning_rate_warms_up_and_decays() -> None:
    rates = [
        learning_rate_at(n, 1_000, peak=1.0, warmup=100, decay_from=0.5)
        for n in (0, 50, 100, 500, 750, 1_000)
    ]
    assert rates == pytest.approx([0.1, 0.55, 1.0, 1.0, 0.51, 0.02])


def test_config_round_trip(tmp_path) -> None:
    config = TrainConfig(total_notes=640, channels=(8, 8, 8, 4, 4), seed=3)
    config.save(tmp_path / "config.json")
    assert TrainConfig.load(tmp_path / "config.json") == config


def test_config_of_something_else_is_refused(tmp_path) -> None:
    (tmp_path / "config.json").write_text('{"learning": 1}')
    with pytest.raises(ModelFormatError, match="training settings"):
        TrainConfig.load(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"batch_size": 6}, "batch size"),
        ({"channels": (8, 8)}, "channels"),
        ({"total_notes": 1}, "at least one batch"),
    ],
)
def test_impossible_configs_are_refused(wrong: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        TrainConfig(**wrong)
