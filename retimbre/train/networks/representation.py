"""What the networks are shown: the two kinds of note images, and what each asks of the networks.

The networks are written once (`retimbre.train.networks.networks`); all that differs between the
harmonic image [1]_ and GANSynth's mel image [2]_ stands here as data. Nothing here needs
TensorFlow.

References
----------
.. [1] `retimbre.harmonic.image`.
.. [2] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre.errors import ParameterError
from retimbre.gansynth.specgram import FREQUENCY_SCALE, LEVEL_SCALE
from retimbre.harmonic.image import FEATURE_FILL, N_FEATURES, feature_mask
from retimbre.train.schedule import RESOLUTIONS

LEAK = 0.2
RESIDUAL_GAIN = 0.7071
PITCH_GAIN = 4.0
VELOCITY_GAIN = 8.0
VELOCITY_CENTRE = 0.63


@dataclass(frozen=True, eq=False)
class Representation:
    """One kind of note images.

    Attributes
    ----------
    name : str
    shapes : tuple of tuple of int
        Size of the image at each stage without its channels: (frames,) or (frames, bins). Each
        is twice the one before along every axis.
    n_values : int
        Channels of the image.
    pitch_gain : float
        Of the one-hot pitch beside z, before the two are normalised together.
    has_velocity : bool
        Whether the generator hears the velocity.
    has_encoder : bool
        Whether an encoder finds z; else z is random.
    has_frequencies : bool
        Whether the generator also writes, and the encoder also reads, curves over frequency; see
        `retimbre.train.networks.frequency_layers`.
    n_maps : int
        Dense layers between the condition and the first block.
    is_modulated : bool
        Whether the condition scales the channels of every block, and blocks of equal width add
        to what they are given.
    hidden : int
        Units of the discriminator's last layer before its heads.
    is_bounded : bool
        Whether images end in a tanh.
    blends_reals : bool
        Whether the discriminator's real images are faded in like those that are made.
    deviation_epsilon : float
        Under the root of the deviation that the discriminator is told; see
        `retimbre.train.networks.layers.MinibatchDeviation`.
    has_equalised_pitch : bool
        Whether the discriminator's pitch head is a layer like all others where the learning rate is
        equalised; else it is a plain one.
    scales : tuple of float, optional [shape=(n_values,)]
        By what each channel is multiplied when images are normalised, where slopes are taken in the
        units before; see `retimbre.train.networks.games.find_game`.
    mask : callable, optional
        MIDI pitches (n,) -> which values of a frame can sound, bool (n, n_values).
    fill : np.ndarray, optional [shape=(n_values,)]
        What the others hold.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    n_values: int
    pitch_gain: float
    hidden: int
    deviation_epsilon: float
    has_velocity: bool = False
    has_encoder: bool = False
    has_frequencies: bool = False
    n_maps: int = 0
    is_modulated: bool = False
    is_bounded: bool = False
    blends_reals: bool = False
    has_equalised_pitch: bool = False
    scales: tuple[float, ...] | None = None
    mask: Callable[[npt.NDArray[np.integer]], npt.NDArray[np.bool_]] | None = None
    fill: npt.NDArray[np.float32] | None = None

    @property
    def rank(self) -> int:
        """Axes of the image that convolutions run over."""
        return len(self.shapes[0])

    @property
    def n_stages(self) -> int:
        """How many resolutions there are."""
        return len(self.shapes)

    def share(self, stage: int) -> float:
        """Return the size of the image of a stage, in that of the last."""
        return math.prod(self.shapes[stage]) / math.prod(self.shapes[-1])


HARMONIC = Representation(
    name="harmonic",
    shapes=tuple((frames,) for frames in RESOLUTIONS),
    n_values=N_FEATURES,
    pitch_gain=PITCH_GAIN,
    has_velocity=True,
    has_encoder=True,
    has_frequencies=True,
    n_maps=2,
    is_modulated=True,
    hidden=384,
    deviation_epsilon=1e-8,
    mask=feature_mask,
    fill=FEATURE_FILL,
)
"""Sequences (frames, 288) of levels, deviations, noise and texture of the partials."""

MEL = Representation(
    name="mel",
    shapes=tuple((2 << stage, 16 << stage) for stage in range(7)),
    n_values=2,
    pitch_gain=1.0,
    hidden=256,
    is_bounded=True,
    blends_reals=True,
    deviation_epsilon=1e-6,
    has_equalised_pitch=True,
    scales=(LEVEL_SCALE, FREQUENCY_SCALE),
)
"""GANSynth's images (frames, mel bins, 2) of log power and instantaneous frequency."""

REPRESENTATIONS = {kind.name: kind for kind in (HARMONIC, MEL)}


def find_representation(name: Any) -> Representation:
    """Return a representation by its name.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if name not in REPRESENTATIONS:
        known = " or ".join(REPRESENTATIONS)
        raise ParameterError(f"Unknown representation {name!r}; use {known}.")
    return REPRESENTATIONS[name]
