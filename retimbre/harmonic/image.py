"""Harmonic note image: levels, deviations and noise of the partials.

Conventions
-----------
An image is a float32 array of shape (128 frames, 96 bins, 4 channels):

0. level of the partial, dB relative to the power of the note's loudest frame, >= -90;
1. frequency deviation in units of f0: partial k sounds at ``(k + deviation) * f0``
   (the instantaneous frequency of GANSynth [1]_ on the harmonic grid; bins 0..47 only);
2. noise between the partials: variance per sample of the white noise with that density, in dB
   on the reference of channel 0, >= -110;
3. texture: how much the level of the partial flutters on its own, as a standard deviation in dB,
   0..6 (bins 0..47 only; measured by `retimbre.harmonic.texture`, 0 where it was not).

Bins 0..47 are partials 1..48; bins 48..95 are log-spaced groups up to partial 480 and hold the
rms level of one partial of the group. Frames follow the attack every 5 ms, then the note evenly
up to 4 s; the note is held for 3 s and then released.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
"""

import numpy as np
import numpy.typing as npt

from retimbre._typing import BoolArray, FloatArray
from retimbre.units import midi_to_hz

SAMPLE_RATE = 44100
NOTE_SECONDS = 4.0
HOLD_SECONDS = 3.0

N_FRAMES = 128
N_ATTACK_FRAMES = 32
ATTACK_STEP = 0.005
_attack = np.arange(N_ATTACK_FRAMES) * ATTACK_STEP
_rest = N_FRAMES - N_ATTACK_FRAMES
_attack_end = N_ATTACK_FRAMES * ATTACK_STEP
FRAME_TIMES = np.concatenate(
    [_attack, _attack_end + np.arange(_rest) * (NOTE_SECONDS - _attack_end) / _rest]
)
"""Centres of the frames [shape=(128,), seconds from the onset]."""

N_BINS = 96
N_SINGLE = 48
MAX_PARTIAL = 480
BIN_PARTIALS = np.concatenate(
    [
        np.arange(1, N_SINGLE + 1, dtype=np.float64),
        (N_SINGLE + 0.5)
        * np.geomspace(1.0, MAX_PARTIAL / (N_SINGLE + 0.5), N_BINS - N_SINGLE + 1)[1:],
    ]
)
"""Partial number at the centre of each bin [shape=(96,)]."""

GROUP_EDGES = np.concatenate(
    [
        [N_SINGLE + 0.5],
        np.sqrt(BIN_PARTIALS[N_SINGLE:-1] * BIN_PARTIALS[N_SINGLE + 1 :]),
        [MAX_PARTIAL + 0.5],
    ]
)
"""Edges of the groups in partial numbers [shape=(49,)]."""

LEVEL_FLOOR_DB = -90.0
NOISE_FLOOR_DB = -110.0
NOISE_CEILING_DB = -20.0
TEXTURE_MAX_DB = 6.0

N_CHANNELS = 4
N_FEATURES = 2 * N_BINS + 2 * N_SINGLE
"""Numbers a frame in the networks' tensors: 96 levels, 48 deviations, 96 noise, 48 texture."""

N_PLAIN_FEATURES = 2 * N_BINS + N_SINGLE
"""The same without texture."""

NYQUIST_MARGIN_HZ = 200.0
WINDOW_PERIODS = 4
MIN_WINDOW = 400
"""The window of the analysis: so many periods, at least so many samples."""

NOISE_FRAMES = 1.5
"""Noise is averaged over neighbouring frames (standard deviation of the weights)."""

_DEVIATION_KNEE = 0.003
DEVIATION_MAX = 0.5
"""The largest deviation of a partial, in units of f0 and of its own number."""

_ASINH_MAX = float(np.arcsinh(DEVIATION_MAX / _DEVIATION_KNEE))


def n_partials(f0: float, sr: float = SAMPLE_RATE) -> int:
    """Return how many partials of `f0` (Hz) lie below Nyquist, at most 480."""
    return int(min(MAX_PARTIAL, max(0, np.floor((sr / 2 - NYQUIST_MARGIN_HZ) / f0))))


def bin_mask(pitch: npt.ArrayLike, sr: float = SAMPLE_RATE) -> BoolArray:
    """Tell which bins lie below Nyquist for a MIDI pitch.

    Parameters
    ----------
    pitch : array_like [shape=(...), MIDI]
    sr : float [Hz]

    Returns
    -------
    mask : np.ndarray of bool [shape=(..., 96)]
    """
    f0 = midi_to_hz(pitch)
    highest = np.minimum(MAX_PARTIAL, np.floor((sr / 2 - NYQUIST_MARGIN_HZ) / f0))
    return np.asarray(highest[..., None] >= BIN_PARTIALS)


def image_to_features(image: FloatArray) -> FloatArray:
    """Normalise images to the networks' range.

    Parameters
    ----------
    image : np.ndarray [shape=(..., 128, 96, 4)]

    Returns
    -------
    features : np.ndarray of float32 [shape=(..., 128, 288), -1..1]
        ``clip(level, -90, 0) / 45 + 1``; ``asinh(deviation / k / 0.003) / asinh(0.5 / 0.003)``
        weighted by how audible the partial is; ``clip(noise, -110, -20) / 45 + 65 / 45``;
        ``texture / 3 - 1``.
    """
    level_db = np.clip(image[..., 0], LEVEL_FLOOR_DB, 0.0)
    relative = image[..., :N_SINGLE, 1] / BIN_PARTIALS[:N_SINGLE]
    audible = 1.0 / (1.0 + np.exp(-(level_db[..., :N_SINGLE] + 65.0) / 4.0))
    noise_db = np.clip(image[..., 2], NOISE_FLOOR_DB, NOISE_CEILING_DB)
    texture = np.clip(image[..., :N_SINGLE, 3], 0.0, TEXTURE_MAX_DB)
    return np.concatenate(
        [
            level_db / 45.0 + 1.0,
            np.arcsinh(relative / _DEVIATION_KNEE) / _ASINH_MAX * audible,
            noise_db / 45.0 + 65.0 / 45.0,
            texture / (0.5 * TEXTURE_MAX_DB) - 1.0,
        ],
        axis=-1,
    ).astype(np.float32)


def features_to_image(features: FloatArray) -> FloatArray:
    """Undo `image_to_features` (the audibility weight of the deviations stays).

    Parameters
    ----------
    features : np.ndarray [shape=(..., 128, 288), -1..1]
        Values outside are clipped.

    Returns
    -------
    image : np.ndarray of float32 [shape=(..., 128, 96, 4)]
    """
    clipped = np.clip(features, -1.0, 1.0)
    level, deviation, noise, texture = np.split(
        clipped, [N_BINS, N_BINS + N_SINGLE, N_PLAIN_FEATURES], axis=-1
    )
    image = np.zeros((*features.shape[:-1], N_BINS, N_CHANNELS), np.float32)
    image[..., 0] = (level - 1.0) * 45.0
    relative = np.sinh(deviation * _ASINH_MAX) * _DEVIATION_KNEE
    image[..., :N_SINGLE, 1] = relative * BIN_PARTIALS[:N_SINGLE]
    image[..., 2] = noise * 45.0 - 65.0
    image[..., :N_SINGLE, 3] = (texture + 1.0) * (0.5 * TEXTURE_MAX_DB)
    return image


def feature_mask(pitch: npt.ArrayLike, sr: float = SAMPLE_RATE) -> BoolArray:
    """Tell which features lie below Nyquist for a MIDI pitch [shape=(..., 288)]."""
    mask = bin_mask(pitch, sr)
    single = mask[..., :N_SINGLE]
    return np.concatenate([mask, single, mask, single], axis=-1)


FEATURE_FILL = np.concatenate(
    [-np.ones(N_BINS), np.zeros(N_SINGLE), -np.ones(N_BINS), -np.ones(N_SINGLE)]
).astype(np.float32)
"""What masked features hold: silence [shape=(288,)]."""


def detune_cents(image: FloatArray) -> float:
    """Return how far the note lies above its nominal pitch.

    The deviation of partials 1..10 in cents, weighted by power, median over the held frames
    after the attack; 0 for a silent image.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]

    Returns
    -------
    cents : float
    """
    held = (FRAME_TIMES > 0.1) & (FRAME_TIMES < HOLD_SECONDS - 0.1)
    orders = BIN_PARTIALS[:10]
    power = 10.0 ** (image[held, :10, 0].astype(np.float64) / 10.0)
    if power.max() <= 10.0 ** (LEVEL_FLOOR_DB / 10.0) * 1.01:
        return 0.0
    relative = np.sum(power * image[held, :10, 1] / orders, axis=1) / np.sum(power, axis=1)
    loud = power.sum(axis=1) > 1e-5 * power.sum(axis=1).max()
    return float(1200.0 * np.log2(1.0 + max(-0.4, float(np.median(relative[loud])))))
