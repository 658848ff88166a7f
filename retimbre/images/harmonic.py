"""The harmonic note image: a note of known pitch as levels, deviations and noise of its partials.

Conventions
-----------
An image is a float32 array of shape (128 frames, 96 bins, 4 channels):

0. level of the partial, dB relative to the power of the note's loudest frame, >= -90;
1. frequency deviation in units of f0: partial k sounds at ``(k + deviation) * f0``
   (the instantaneous frequency of GANSynth [1]_ on the harmonic grid; bins 0..47 only);
2. noise between the partials: variance per sample of the white noise with that density, in dB
   on the reference of channel 0, >= -110;
3. texture: how much the level of the partial flutters on its own, as a standard deviation in dB,
   0..6 (bins 0..47 only; measured by `retimbre.images.texture`, 0 where it was not).

Bins 0..47 are partials 1..48; bins 48..95 are log-spaced groups up to partial 480 and hold the
rms level of one partial of the group. Frames follow the attack every 5 ms, then the note evenly
up to 4 s; the note is held for 3 s and then released.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from retimbre.errors import ParameterError
from retimbre.units import midi_to_hz

FloatArray = npt.NDArray[np.floating]

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

NOISE_OFFSETS = (0.25, 0.5, 0.75)
NOISE_FRAMES = 1.5
QUIETEST_SHARE = 0.58
"""The quietest of five places shows so much of the density of white noise."""

_DEVIATION_KNEE = 0.003
_DEVIATION_MAX = 0.5
_ASINH_MAX = float(np.arcsinh(_DEVIATION_MAX / _DEVIATION_KNEE))


def n_partials(f0: float, sr: float = SAMPLE_RATE) -> int:
    """Return how many partials of `f0` (Hz) lie below Nyquist, at most 480."""
    return int(min(MAX_PARTIAL, max(0, np.floor((sr / 2 - NYQUIST_MARGIN_HZ) / f0))))


def bin_mask(pitch: npt.ArrayLike, sr: float = SAMPLE_RATE) -> npt.NDArray[np.bool_]:
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


@dataclass(frozen=True)
class _Basis:
    """DFT columns for one f0: real parts, then imaginary parts, of each set of orders."""

    n_window: int
    shift: int
    partials: npt.NDArray[np.float32]
    between: tuple[npt.NDArray[np.float32], ...]
    window_energy: float
    kmax: int


@lru_cache(maxsize=4)
def _basis(f0: float, sr: float) -> _Basis:
    kmax = n_partials(f0, sr)
    n_window = max(MIN_WINDOW, round(WINDOW_PERIODS * sr / f0))
    n_window += n_window % 2
    # Periodic Hann over a whole number of periods: its zeros fall on the neighbouring partials.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_window) / n_window)
    window /= window.sum()
    n = np.arange(n_window) - n_window // 2

    def columns(orders: FloatArray) -> npt.NDArray[np.float32]:
        phasor = np.exp(-2j * np.pi * np.outer(n, orders * f0 / sr)) * window[:, None]
        return np.concatenate([phasor.real, phasor.imag], axis=1).astype(np.float32)

    orders = np.arange(kmax + 1, dtype=np.float64)
    return _Basis(
        n_window=n_window,
        shift=max(1, int(sr / f0 / 4)),
        partials=columns(orders[1:]),
        between=tuple(columns(orders + offset) for offset in NOISE_OFFSETS),
        window_energy=float(np.sum(window**2)),
        kmax=kmax,
    )


def _transform(frames: FloatArray, columns: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
    """Multiply frames by DFT columns in real arithmetic (half the work of complex)."""
    both = frames @ columns
    half = columns.shape[1] // 2
    return np.asarray(both[:, :half] + 1j * both[:, half:])


def _frames(y: FloatArray, starts: npt.NDArray[np.int64], n_window: int) -> FloatArray:
    index = starts[:, None] + np.arange(n_window)[None, :]
    return np.asarray(y[index])


def analyze(y: FloatArray, f0: float, *, sr: float = SAMPLE_RATE) -> FloatArray:
    """Measure the harmonic image of a note.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The note from its onset, mono; silence is assumed after its end.
    f0 : float [Hz]
        Its fundamental frequency, constant over the note.
    sr : float [Hz]

    Returns
    -------
    image : np.ndarray of float32 [shape=(128, 96, 4)]
        See the module; a silent note lies on the floors. The texture is 0: all flutter is in
        the levels and deviations.

    Raises
    ------
    ParameterError
        If `y` is not one-dimensional, or no partial of `f0` lies below Nyquist.

    Notes
    -----
    Hann window of four periods (at least 400 samples). A partial's amplitude is twice the
    DFT at ``k f0``; its deviation is the phase advance over a quarter period beyond
    ``k f0``. The noise density between two partials is the squared DFT over the sum of the
    squared window, averaged over some frames, at the quietest of five places from one
    partial to the next: a string's stiffness moves its partials off the grid, and what lies
    halfway is then tone and not noise.
    """
    if y.ndim != 1:
        raise ParameterError(f"A note must be one-dimensional, given shape {y.shape}.")
    basis = _basis(float(f0), float(sr))
    if basis.kmax < 1:
        raise ParameterError(f"No partial of f0 = {f0:.1f} Hz lies below Nyquist at {sr} Hz.")
    starts = np.round(FRAME_TIMES * sr).astype(np.int64)
    n_needed = int(starts[-1]) + basis.n_window + basis.shift
    padded = np.zeros(n_needed, np.float32)
    half = basis.n_window // 2
    n_copy = min(len(y), n_needed - half)
    padded[half : half + n_copy] = y[:n_copy]
    now = _frames(padded, starts, basis.n_window)
    later = _frames(padded, starts + basis.shift, basis.n_window)
    spectrum = 2.0 * _transform(now, basis.partials)
    n_single = min(N_SINGLE, basis.kmax)
    orders = np.arange(1, n_single + 1)
    picked = np.concatenate([orders - 1, basis.kmax + orders - 1])
    advanced = 2.0 * _transform(later, basis.partials[:, picked])
    turn = np.exp(-2j * np.pi * orders * f0 * basis.shift / sr)
    advance = np.angle(advanced * np.conj(spectrum[:, :n_single]) * turn)
    deviation = advance / (2.0 * np.pi * basis.shift) * sr / f0
    densities = [np.abs(_transform(now, columns)) ** 2 for columns in basis.between]
    density = _noise_density(densities, np.abs(0.5 * spectrum) ** 2) / basis.window_energy
    return _to_image(np.abs(spectrum), deviation, density)


def _noise_density(between: list[FloatArray], on_partials: FloatArray) -> FloatArray:
    """Return the noise between partials k and k + 1, k = 0 .. kmax, at its quietest place."""
    smooth = _noise_smoother()
    quietest = np.min([smooth @ squared for squared in between], axis=0)
    partials = smooth @ on_partials
    quietest[:, 1:] = np.minimum(quietest[:, 1:], partials)
    quietest[:, :-1] = np.minimum(quietest[:, :-1], partials)
    return np.asarray(quietest / QUIETEST_SHARE)


@lru_cache(maxsize=1)
def _noise_smoother() -> npt.NDArray[np.float32]:
    """Average neighbouring frames, but not across the onset's end and the release."""
    parts = (_attack_end <= FRAME_TIMES).astype(int) + (FRAME_TIMES > HOLD_SECONDS - 1e-6)
    index = np.arange(N_FRAMES)
    weight = np.exp(-0.5 * ((index[:, None] - index) / NOISE_FRAMES) ** 2)
    weight *= parts[:, None] == parts
    weight /= weight.sum(axis=1, keepdims=True)
    weight.setflags(write=False)
    return np.asarray(weight, dtype=np.float32)


def _to_image(amplitude: FloatArray, deviation: FloatArray, density: FloatArray) -> FloatArray:
    """Group the partials into bins and refer the levels to the loudest frame."""
    kmax = amplitude.shape[1]
    n_single = min(N_SINGLE, kmax)
    power = amplitude.astype(np.float64) ** 2
    reference = max(float(power.sum(axis=1).max()), 1e-20)
    level = np.zeros((N_FRAMES, N_BINS))
    noise = np.zeros((N_FRAMES, N_BINS))
    level[:, :n_single] = power[:, :n_single]
    noise[:, :n_single] = 0.5 * (density[:, :n_single] + density[:, 1 : n_single + 1])
    # Below the first partial is noise as well (breath, hum); the first bin stands for it too.
    noise[:, 0] = np.maximum(noise[:, 0], density[:, 0])
    for group in range(N_BINS - N_SINGLE):
        low, high = np.ceil(GROUP_EDGES[group : group + 2]).astype(int)
        if low > kmax:
            break
        high = max(high, low + 1)
        level[:, N_SINGLE + group] = power[:, low - 1 : high - 1].mean(axis=1)
        noise[:, N_SINGLE + group] = density[:, low : high + 1].mean(axis=1)
    image = np.zeros((N_FRAMES, N_BINS, N_CHANNELS), np.float32)
    image[..., 0] = _db(level / reference, LEVEL_FLOOR_DB)
    image[:, :n_single, 1] = np.clip(
        deviation,
        -_DEVIATION_MAX * np.arange(1, n_single + 1),
        _DEVIATION_MAX * np.arange(1, n_single + 1),
    )
    image[..., 2] = _db(noise / reference, NOISE_FLOOR_DB)
    return image


def _db(power: FloatArray, floor: float) -> FloatArray:
    return np.asarray(10.0 * np.log10(np.maximum(power, 10.0 ** (floor / 10.0))))


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
        Values outside are clipped. Features without texture (240 a frame) give none.

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
    if texture.shape[-1]:
        image[..., :N_SINGLE, 3] = (texture + 1.0) * (0.5 * TEXTURE_MAX_DB)
    return image


def feature_mask(pitch: npt.ArrayLike, sr: float = SAMPLE_RATE) -> npt.NDArray[np.bool_]:
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
