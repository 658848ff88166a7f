"""The settings of a training run, written into its folder before the first step."""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from retimbre.errors import ModelFormatError, ParameterError, alternatives
from retimbre.io.files import write_text
from retimbre.train.framework import choose_precision
from retimbre.train.networks.representation import find_representation
from retimbre.train.schedule import Moment, learning_rate_at, stage_at

ADVERSARIAL = ("non_saturating", "wgan_gp")
SEEDS = 2**31


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
        Of the generator's blocks, from the coarsest resolution to the finest.
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    stage_starts, fade_notes : see `schedule.stage_at`
    peak_learning_rate, warmup_notes, decay_notes : see `schedule.learning_rate_at`
    reconstruction_weight, adversarial_weight, pitch_weight, instrument_weight : float
        Weights of the losses of generator and encoder.
    path_weight : float
        How much it matters that a slerp between two instruments is an even morph; 0 saves its cost.
    key_weight : float
        How much it matters that what lies between instruments changes evenly from key to key; 0
        saves its cost.
    r1_weight : float
        Gradient penalty of the discriminator on real notes ("non_saturating").
    instance_noise : float
        Noise added to all that the discriminator sees, in normalised units.
    min_signal : float [0..1]
        Least share of the encoder's direction in z during training; see `losses.mix_latent`.
    ema_decay : float [0..1]
        Per step.
    ema_warmup : bool
        Whether the averages follow faster in the first steps; see `Trainer`.
    mixed_precision : bool or None
        bfloat16 convolutions; None: where the machine is made for it, see `settled`.
    n_held_out : int
        Instruments that are never trained on; see `data.families.split_families`.
    seed : int [0..2^31 - 1]
    representation : str
        "harmonic" or "mel"; see `retimbre.train.networks.representation`.
    adversarial : str
        "non_saturating" (with lazy R1) or "wgan_gp"; see `retimbre.train.networks.games`.
    equalised : bool
        Equalised learning rate; see `layers.LayerMaker`.
    gradient_penalty_weight, drift_weight : float
        Of the discriminator ("wgan_gp").
    judge_pitch_weight : float
        Of the pitch classifier in the discriminator's loss.
    judge_rate : float
        The discriminator's learning rate over the generator's.
    maker_momentum : float [0..1)
        Adam's beta 1 for generator and encoder; the discriminator has none.
    adam_epsilon : float
        Of both optimisers.
    adam_restarts : bool
        Whether both forget what they have averaged when a resolution comes and when it stays alone.
    maker_clip, judge_clip : float
        Longest gradients of generator with encoder and of the discriminator; 0: any.
    sheet_notes : int
        A sample sheet is drawn every so many notes; 0: never.
    judge_warmup_notes : int
        For so many notes at the beginning only the discriminator learns: one that knows nothing
        yet would spoil a generator that knows much.
    begun_from : str
        The model whose networks the run began with, in words; "": none.
    """

    total_notes: int = 2_000_000
    batch_size: int = 32
    channels: tuple[int, ...] = (320, 320, 256, 256, 224)
    latent_dim: int = 256
    pitch_range: tuple[int, int] = (21, 108)
    stage_starts: tuple[int, ...] = (0, 100_000, 240_000, 440_000, 700_000)
    fade_notes: int = 24_000
    peak_learning_rate: float = 6e-4
    warmup_notes: int = 6_400
    decay_notes: int = 120_000
    reconstruction_weight: float = 100.0
    adversarial_weight: float = 0.5
    pitch_weight: float = 0.5
    instrument_weight: float = 1.0
    path_weight: float = 0.0
    key_weight: float = 0.0
    r1_weight: float = 4.0
    instance_noise: float = 0.05
    min_signal: float = 0.85
    ema_decay: float = 0.998
    ema_warmup: bool = True
    mixed_precision: bool | None = None
    n_held_out: int = 16
    seed: int = 0
    representation: str = "harmonic"
    adversarial: str = "non_saturating"
    equalised: bool = False
    gradient_penalty_weight: float = 10.0
    drift_weight: float = 0.001
    judge_pitch_weight: float = 1.0
    judge_rate: float = 0.75
    maker_momentum: float = 0.5
    adam_epsilon: float = 1e-7
    adam_restarts: bool = False
    maker_clip: float = 50.0
    judge_clip: float = 20.0
    sheet_notes: int = 20_000
    judge_warmup_notes: int = 0
    begun_from: str = ""

    def __post_init__(self) -> None:
        self._check_types()
        n_stages = find_representation(self.representation).n_stages
        if len(self.channels) != n_stages or len(self.stage_starts) != n_stages:
            raise ParameterError(
                f"A run in the {self.representation} representation needs {n_stages} channels and "
                f"stage starts, given {self.channels} and {self.stage_starts}; in a file, "
                'set "base" to "harmonic" or "mel_prog_hires".'
            )
        if self.stage_starts[0] != 0 or list(self.stage_starts) != sorted(self.stage_starts):
            raise ParameterError(f"Stages must start in order from 0, given {self.stage_starts}.")
        if self.batch_size < 4 or self.batch_size % 4:
            raise ParameterError(
                f"The batch size must be a multiple of 4, given {self.batch_size}."
            )
        if self.total_notes < self.batch_size:
            raise ParameterError(
                f"A run must see at least one batch of {self.batch_size} notes, given "
                f"{self.total_notes}."
            )
        if self.adversarial not in ADVERSARIAL:
            known = " or ".join(ADVERSARIAL)
            raise ParameterError(f"Unknown adversarial loss {self.adversarial!r}; use {known}.")
        self._check_numbers()

    def _check_types(self) -> None:
        """Refuse what a settings file may hold and no setting can be."""
        for field in fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if field.default is None:
                kind = type(None) if value is None else bool
            allowed = (int, float) if kind is float else (kind,)
            parts = value if isinstance(value, tuple) and kind is tuple else (value,)
            allowed = (int,) if kind is tuple else allowed
            is_odd = isinstance(value, bool) and kind is not bool
            if is_odd or not all(isinstance(part, allowed) for part in parts):
                raise ParameterError(f"The setting {field.name} cannot be {value!r}.")

    def _check_numbers(self) -> None:
        if self.seed >= SEEDS:
            raise ParameterError(f"A seed must be below {SEEDS}, given {self.seed}.")
        low, high = self.pitch_range
        if not 0 <= low <= high <= 127:
            raise ParameterError(
                f"A range of pitches must lie within MIDI 0..127, given {self.pitch_range}."
            )
        for name in ("min_signal", "ema_decay", "maker_momentum"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ParameterError(f"The setting {name} must be between 0 and 1, given {value}.")
        for name, value in asdict(self).items():
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(v, (int, float)) and not 0 <= v < math.inf for v in values):
                raise ParameterError(f"The setting {name} must not be negative, given {value}.")

    @property
    def n_pitches(self) -> int:
        """How many pitches the one-hot condition has."""
        return self.pitch_range[1] - self.pitch_range[0] + 1

    @property
    def n_grown(self) -> int:
        """Notes after which all resolutions are there; before, a run cannot be exported."""
        start = self.stage_starts[-1]
        return start + self.fade_notes if start > 0 else 0

    def is_judged(self, n_seen: int) -> bool:
        """Tell whether generator and encoder learn after `n_seen` notes."""
        return n_seen >= self.judge_warmup_notes

    def settled(self, precision: str | None = None) -> "TrainConfig":
        """Return the settings with a precision: `precision`, or else theirs, or else "auto".

        Raises
        ------
        ParameterError
            If there is no such precision; see `framework.choose_precision`.
        """
        if precision is None and self.mixed_precision is not None:
            return self
        return replace(self, mixed_precision=choose_precision(precision or "auto"))

    def moment(self, n_seen: int) -> Moment:
        """Return stage, fade and learning rate after `n_seen` notes."""
        stage, alpha = stage_at(n_seen, self.stage_starts, self.fade_notes)
        # What learns only after the discriminator's warm-up has a warm-up of its own.
        before = self.judge_warmup_notes if self.is_judged(n_seen) else 0
        rate = learning_rate_at(
            n_seen - before,
            self.total_notes - before,
            peak=self.peak_learning_rate,
            warmup=self.warmup_notes,
            decay=self.decay_notes,
        )
        return Moment(stage, alpha, rate)

    def save(self, path: Path) -> None:
        """Write the settings as JSON.

        Raises
        ------
        WriteError
            If they cannot be written.
        """
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path, base: str = "harmonic") -> "TrainConfig":
        """Read settings written by `save`, or by hand.

        Those that the file lacks are those of the configuration that it names as its "base", or
        else of the one called `base`.

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
            base = tuples.pop("base", base)
            if base not in CONFIGS:
                known = ", ".join(CONFIGS)
                raise ParameterError(f"Unknown base {base!r}; use one of {known}.")
            _check_names(tuples)
            return replace(CONFIGS[base], **tuples)
        except ParameterError as error:
            raise ModelFormatError(f"{path} contains an invalid setting: {error}") from error
        except (AttributeError, OSError, TypeError, ValueError) as error:
            raise ModelFormatError(f"{path} contains no training settings ({error}).") from error


def _check_names(settings: dict[str, Any]) -> None:
    known = [field.name for field in fields(TrainConfig)]
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known)
            hint = f". Did you mean {alternatives(near)}?" if near else "; check its spelling."
            raise ParameterError(f"No setting named {name!r}{hint}")


_STABLE = 800_000
"""Images of a stage of GANSynth, stable or in transition."""

CONFIGS = {
    "harmonic": TrainConfig(),
    "harmonic_short": TrainConfig(
        total_notes=260_000,
        stage_starts=(0, 25_000, 60_000, 110_000, 170_000),
        fade_notes=12_000,
        decay_notes=60_000,
    ),
    "fine_tune": TrainConfig(
        total_notes=120_000,
        # The networks that it begins with have all resolutions.
        stage_starts=(0,) * 5,
        fade_notes=0,
        peak_learning_rate=2e-4,
        warmup_notes=3_200,
        decay_notes=48_000,
        # The discriminator knows nothing yet: it learns as fast as that of a whole run.
        judge_rate=2.0,
        judge_warmup_notes=9_600,
        ema_warmup=False,
        n_held_out=0,
    ),
    "mel_prog_hires": TrainConfig(
        representation="mel",
        adversarial="wgan_gp",
        equalised=True,
        total_notes=11_000_000,
        batch_size=8,
        channels=(256, 256, 256, 256, 128, 64, 32),
        pitch_range=(24, 84),
        stage_starts=(0, *(_STABLE * stage for stage in range(1, 12, 2))),
        fade_notes=_STABLE,
        peak_learning_rate=8e-4,
        warmup_notes=0,
        decay_notes=0,
        adversarial_weight=1.0,
        pitch_weight=10.0,
        judge_pitch_weight=10.0,
        instance_noise=0.0,
        ema_decay=0.999,
        ema_warmup=False,
        judge_rate=1.0,
        maker_momentum=0.0,
        adam_epsilon=1e-8,
        adam_restarts=True,
        maker_clip=0.0,
        judge_clip=0.0,
        # There is no encoder whose ear would be tested.
        n_held_out=0,
    ),
}
"""Settings by name: a night's, the same for an hour, an hour's that begins
with the networks of a model, and GANSynth's own "mel_prog_hires" (13 stages,
7 of them stable)."""


def find_config(name: str, base: str = "harmonic") -> TrainConfig:
    """Return settings by their name, or those of a JSON file.

    Parameters
    ----------
    name : str
        One of `CONFIGS`, or a path.
    base : str
        The configuration that a file changes if it names no other.

    Raises
    ------
    ParameterError
        If it is neither.
    ModelFormatError
        If the file holds something else.
    """
    if name in CONFIGS:
        return CONFIGS[name]
    path = Path(name)
    if not path.is_file():
        known = ", ".join(CONFIGS)
        raise ParameterError(f"No configuration named {name!r}; use {known}, or a JSON file.")
    return TrainConfig.load(path, base)
