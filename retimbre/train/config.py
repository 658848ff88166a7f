"""The settings of a training run, written into its folder before the first step."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retimbre.errors import ModelFormatError, ParameterError
from retimbre.train.schedule import RESOLUTIONS, Moment, learning_rate_at, stage_at


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run.

    Attributes
    ----------
    total_notes : int
        Length of the run in notes shown to the discriminator.
    batch_size : int
        A multiple of 4.
    channels : tuple of int
        Of the generator's blocks, from 8 frames to 128.
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    stage_starts, fade_notes : see `schedule.stage_at`
    peak_learning_rate, warmup_notes, decay_notes : see `schedule.learning_rate_at`
    reconstruction_weight, adversarial_weight, pitch_weight, instrument_weight : float
        Weights of the losses of generator and encoder.
    r1_weight : float
        Gradient penalty of the discriminator on real notes.
    instance_noise : float
        Noise added to all that the discriminator sees, in normalised units.
    min_signal : float [0..1]
        Least share of the encoder's direction in z during training; see `losses.mix_latent`.
    ema_decay : float
        Per step of 32 notes.
    mixed_precision : bool
        bfloat16 convolutions.
    n_held_out : int
        Instruments that are never trained on.
    seed : int
    """

    total_notes: int = 2_000_000
    batch_size: int = 32
    channels: tuple[int, ...] = (320, 320, 256, 256, 224)
    latent_dim: int = 256
    pitch_range: tuple[int, int] = (21, 108)
    stage_starts: tuple[int, ...] = (0, 40_000, 100_000, 190_000, 320_000)
    fade_notes: int = 24_000
    peak_learning_rate: float = 6e-4
    warmup_notes: int = 6_400
    decay_notes: int = 120_000
    reconstruction_weight: float = 100.0
    adversarial_weight: float = 0.5
    pitch_weight: float = 0.5
    instrument_weight: float = 2.0
    r1_weight: float = 4.0
    instance_noise: float = 0.05
    min_signal: float = 0.7
    ema_decay: float = 0.995
    mixed_precision: bool = True
    n_held_out: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.channels) != len(RESOLUTIONS) or len(self.stage_starts) != len(RESOLUTIONS):
            raise ParameterError(
                f"A run needs {len(RESOLUTIONS)} channels and stage starts, "
                f"given {self.channels} and {self.stage_starts}."
            )
        if self.batch_size < 4 or self.batch_size % 4:
            raise ParameterError(
                f"The batch size must be a multiple of 4, given {self.batch_size}."
            )
        if self.total_notes < self.batch_size:
            raise ParameterError(f"A run must see at least one batch, given {self.total_notes}.")

    @property
    def n_pitches(self) -> int:
        """How many pitches the one-hot condition has."""
        return self.pitch_range[1] - self.pitch_range[0] + 1

    def moment(self, n_seen: int) -> Moment:
        """Return stage, fade and learning rate after `n_seen` notes."""
        stage, alpha = stage_at(n_seen, self.stage_starts, self.fade_notes)
        rate = learning_rate_at(
            n_seen,
            self.total_notes,
            peak=self.peak_learning_rate,
            warmup=self.warmup_notes,
            decay=self.decay_notes,
        )
        return Moment(stage, alpha, rate)

    def save(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> "TrainConfig":
        """Read settings written by `save`.

        Raises
        ------
        ModelFormatError
            If the file is missing or holds something else.
        """
        try:
            values = json.loads(path.read_text())
            tuples: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
            }
            return cls(**tuples)
        except (OSError, TypeError, ValueError) as error:
            raise ModelFormatError(f"{path} holds no training settings ({error}).") from error
