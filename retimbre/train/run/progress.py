"""How far a run is, and when it will be done."""

import math
from collections import deque
from dataclasses import dataclass

from retimbre.train.config import TrainConfig
from retimbre.train.networks.representation import find_representation
from retimbre.train.schedule import Moment

WINDOW_STEPS = 64
STEP_MULTIPLICATIONS = 100_000_000
"""What a step costs whatever is in it (the weights are moved), in multiplications; measured."""

JUDGE_SHARE = 0.5
"""What a step costs in which only the discriminator learns, of one in which all learn; measured."""

FIRST_STEPS = 2
"""The first steps of a stage build its graph and say nothing of its speed."""


@dataclass(frozen=True)
class Status:
    """Where a run is.

    Attributes
    ----------
    n_seen, total_notes : int
    moment : Moment
    stats : dict of str to float
        What the last step told.
    notes_per_second : float
        0 as long as it is not known.
    seconds_left : float
        NaN as long as it is not known.
    """

    n_seen: int
    total_notes: int
    moment: Moment
    stats: dict[str, float]
    notes_per_second: float
    seconds_left: float


class Pace:
    """Measures how fast a run goes, stage by stage.

    Parameters
    ----------
    config : TrainConfig
    """

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._stage: tuple[int, bool, bool] | None = None
        self._steps: deque[float] = deque(maxlen=WINDOW_STEPS)
        self._n_first = 0

    def add(self, moment: Moment, seconds: float, *, is_judged: bool = True) -> None:
        """Take in how long a step took, and whether all networks learned in it."""
        stage = (moment.stage, moment.is_fading, is_judged)
        if stage != self._stage:
            self._stage, self._n_first = stage, FIRST_STEPS
            self._steps.clear()
        if self._n_first:
            self._n_first -= 1
        else:
            self._steps.append(seconds)

    @property
    def notes_per_second(self) -> float:
        """Mean of the last steps; 0 as long as there are none."""
        if not self._steps:
            return 0.0
        return self._config.batch_size * len(self._steps) / math.fsum(self._steps)

    def seconds_left(self, n_seen: int) -> float:
        """Estimate the time to the end of the run; NaN as long as the pace is not known."""
        if not self._steps:
            return math.nan
        return notes_left(self._config, n_seen) / self.notes_per_second


def notes_left(config: TrainConfig, n_seen: int) -> float:
    """Return the notes to come, each counted as often as it costs what one costs now.

    Parameters
    ----------
    config : TrainConfig
    n_seen : int

    Returns
    -------
    n_notes : float
        ``sum_s n_s c_s / c_now`` over the stages: n_s notes are left in stage s, and one costs
        as many multiplications as `count_multiplications` says, and its share of a step's. The
        discriminator's warm-up is taken to lie in one stage.
    """
    share = STEP_MULTIPLICATIONS / config.batch_size
    costs = [count_multiplications(config, stage) + share for stage in range(len(config.channels))]
    now = costs[config.moment(n_seen).stage]
    ends = (*config.stage_starts[1:], config.total_notes)
    total = 0.0
    for cost, start, end in zip(costs, config.stage_starts, ends, strict=True):
        left = max(0, min(end, config.total_notes) - max(start, n_seen))
        total += left * cost / now
    warming = max(0, min(config.judge_warmup_notes, config.total_notes) - n_seen)
    if warming:
        total = (total - warming * (1.0 - JUDGE_SHARE)) / JUDGE_SHARE
    return total


def count_multiplications(config: TrainConfig, stage: int) -> int:
    """Return the multiplications of the generator's convolutions for one image of a stage."""
    kind = find_representation(config.representation)
    channels = config.channels
    total = 0
    for i, shape in enumerate(kind.shapes[: stage + 1]):
        # In two dimensions the first block spreads one point: a single convolution follows.
        given = 0 if i == 0 and kind.rank == 2 else channels[max(i - 1, 0)]
        total += math.prod(shape) * 3**kind.rank * channels[i] * (given + channels[i])
    return total + math.prod(kind.shapes[stage]) * channels[stage] * kind.n_values


def tell_time(seconds: float) -> str:
    """Write a time in two units.

    >>> tell_time(7260.0), tell_time(95.0), tell_time(float("nan"))
    ('2 h 01 min', '1 min 35 s', 'unknown time')
    >>> tell_time(300000.0)
    '3 days 11 h'
    """
    if math.isnan(seconds):
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, left = divmod(hours, 24)
    if days > 1:
        return f"{days} days {left} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
