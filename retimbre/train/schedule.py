"""What the training does at each moment: pure functions of the notes seen.

Progressive growing [1]_: the images are first coarse (8 frames long in the harmonic
representation, then 16, 32, 64, 128); each new resolution is faded in before it trains alone.

References
----------
.. [1] Karras et al., "Progressive Growing of GANs", ICLR 2018.
"""

import math
from dataclasses import dataclass

RESOLUTIONS = (8, 16, 32, 64, 128)
"""Frames of the harmonic image at each stage."""


@dataclass(frozen=True)
class Moment:
    """Where a run is.

    Attributes
    ----------
    stage : int [0..]
        Index of the resolution.
    alpha : float [0..1]
        Weight of the newest resolution; the one below it has the rest.
    learning_rate : float
    """

    stage: int
    alpha: float
    learning_rate: float

    @property
    def is_fading(self) -> bool:
        """Whether two resolutions are blended."""
        return self.alpha < 1.0


def stage_at(n_seen: int, starts: tuple[int, ...], fade: int) -> tuple[int, float]:
    """Return the stage and the weight of its resolution.

    Parameters
    ----------
    n_seen : int [notes]
    starts : tuple of int [notes, ascending from 0]
        When each stage starts.
    fade : int [notes]
        How long a new resolution is faded in.

    Returns
    -------
    stage : int
    alpha : float [0..1]
        1 in the first stage.
    """
    stage = sum(n_seen >= start for start in starts) - 1
    if stage == 0:
        return 0, 1.0
    within = n_seen - starts[stage]
    return stage, min(1.0, within / fade) if fade > 0 else 1.0


def learning_rate_at(n_seen: int, total: int, *, peak: float, warmup: int, decay: int) -> float:
    """Return the learning rate: linear warm-up, a plateau, then a cosine to 2 % of the peak.

    A run that is made longer goes back to the plateau, however far it had come down.

    Parameters
    ----------
    n_seen, total, warmup : int [notes]
    peak : float
    decay : int [notes]
        Length of the cosine at the end.
    """
    if n_seen < warmup:
        return peak * (0.1 + 0.9 * n_seen / warmup)
    left = max(total - n_seen, 0)
    if left >= decay:
        return peak
    return peak * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * (1.0 - left / decay))))
