"""GANSynth's mel specgrams: log power and instantaneous frequency.

A note of 4 s at 16 kHz is an image of 128 frames, 1024 mel bins and two channels: the log of the
power, and how far the phase turns from frame to frame, in half turns. The way there and back is
Magenta's, with two habits of its code that its networks have learnt:

* all padding is in front: frame 0 ends 1024 samples after the onset, frame 4 is centred on it;
* the mel axis is not the mel scale (see `linear_to_mel`).

Phases are summed over time in float64 and brought to one turn before anything is float32.

References
----------
.. [1] Engel et al., "GANSynth: Adversarial Neural Audio Synthesis", ICLR 2019.
.. [2] Magenta, models/gansynth/lib: specgrams_helper.py, spectral_ops.py,
   specgrams_prespecified_normalizer.py.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from retimbre._typing import Float32Array, Float64Array, FloatArray
from retimbre.errors import ParameterError
from retimbre.gansynth.mel_bins import N_BINS as N_BINS
from retimbre.gansynth.mel_bins import SAMPLE_RATE as SAMPLE_RATE
from retimbre.gansynth.mel_bins import to_linear, to_mel
from retimbre.runtime import single_threaded_blas

N_SAMPLES = 64_000
N_FRAMES = 128
N_FFT = 2048
HOP = 512

HOLD_SECONDS = 3.0
"""The notes that GANSynth learned are held for so long, and released after it."""

PAD = 3072
"""So many samples before the onset are in the first frames: 512 * 127 + 2048 - 64000."""

ONSET_FRAME = 4
"""This frame is centred on the onset."""

LEVEL_SCALE, LEVEL_SHIFT = 0.0661371661726, 0.113718730221
FREQUENCY_SCALE = 0.8
"""Normalised images are ``0.0661 level + 0.1137`` and ``0.8 frequency``, clipped to -1..1."""

_EPSILON = 1e-6


def _hann(size: int) -> Float64Array:
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)


_WINDOW = _hann(N_FFT)


def normalize(specgrams: FloatArray) -> Float32Array:
    """Bring mel specgrams to the range of the networks.

    Parameters
    ----------
    specgrams : np.ndarray [shape=(..., 2)]
        Log power and frequency, as `waves_to_specgrams` returns them.

    Returns
    -------
    images : np.ndarray of float32 [shape=(..., 2), -1..1]
        Clipped there; silence is -0.8 and 0.
    """
    _check_channels(specgrams)
    images = np.empty(specgrams.shape, np.float32)
    images[..., 0] = specgrams[..., 0] * np.float32(LEVEL_SCALE) + np.float32(LEVEL_SHIFT)
    images[..., 1] = specgrams[..., 1] * np.float32(FREQUENCY_SCALE)
    return np.clip(images, -1.0, 1.0, out=images)


def denormalize(images: FloatArray) -> Float32Array:
    """Bring a network's images back to log power and frequency.

    Parameters
    ----------
    images : np.ndarray [shape=(..., 2), -1..1]

    Returns
    -------
    specgrams : np.ndarray of float32 [shape=(..., 2)]
        Log power in -16.84..13.40 and frequency in -1.25..1.25 half turns a frame.
    """
    _check_channels(images)
    specgrams = np.empty(images.shape, np.float32)
    specgrams[..., 0] = (images[..., 0] - np.float32(LEVEL_SHIFT)) / np.float32(LEVEL_SCALE)
    specgrams[..., 1] = images[..., 1] / np.float32(FREQUENCY_SCALE)
    return specgrams


@single_threaded_blas
def waves_to_specgrams(waves: FloatArray) -> Float32Array:
    """Analyse notes.

    Parameters
    ----------
    waves : np.ndarray [shape=(n, 64000)]
        4 s each at 16 kHz, the onset at sample 0.

    Returns
    -------
    specgrams : np.ndarray of float32 [shape=(n, 128, 1024, 2)]
        Not normalised. Channel 0: natural log of the power in each mel bin, at least log 1e-6.
        Channel 1: half turns that the phase goes on since the frame before, -1..1; in frame 0
        the phase itself.

    Raises
    ------
    ParameterError
        If the shape is not as above.
    """
    if waves.ndim != 2 or waves.shape[1] != N_SAMPLES:
        raise ParameterError(
            f"Waves to analyse need the shape (n, {N_SAMPLES}), 4 s at 16 kHz each, "
            f"given {waves.shape}."
        )
    specgrams = np.empty((len(waves), N_FRAMES, N_BINS, 2), np.float32)
    for wave, specgram in zip(waves, specgrams, strict=True):
        specgram[..., 0], specgram[..., 1] = _analyze(wave)
    return specgrams


def _analyze(wave: FloatArray) -> tuple[Float64Array, Float64Array]:
    """Return log mel power and mel frequency of one note [shape=(128, 1024) each]."""
    padded = np.concatenate([np.zeros(PAD), wave])
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP] * _WINDOW
    # Adding 0 makes every zero positive, and so its angle 0 as well.
    spectrum = np.fft.rfft(frames)[:, 1:] + 0.0
    magnitude = np.abs(spectrum) + _EPSILON
    turns = np.cumsum(_turn_by_frame(np.angle(spectrum) / np.pi), axis=0)
    power = to_mel(np.square(magnitude))
    return np.log(power + _EPSILON), _turn_by_frame(to_mel(turns))


def _turn_by_frame(phase: Float64Array) -> Float64Array:
    """Return phases as steps from frame to frame, each brought to half a turn at most.

    All are in half turns; the first step is the first phase as it is.
    """
    step = np.diff(phase, axis=0, prepend=0.0)
    step[1:] -= 2.0 * np.rint(0.5 * step[1:])
    return step


@single_threaded_blas
def specgrams_to_waves(specgrams: FloatArray) -> Float32Array:
    """Turn mel specgrams into sound.

    Parameters
    ----------
    specgrams : np.ndarray [shape=(n, frames, 1024, 2)]
        Not normalised; the first 1 to 128 frames of notes.

    Returns
    -------
    waves : np.ndarray of float32 [shape=(n, samples_in(frames))]
        At 16 kHz: the first samples of what all 128 frames give, and no others. Neither clipped
        nor normalised.

    Raises
    ------
    ParameterError
        If the shape is not as above.
    """
    if specgrams.ndim != 4:
        raise ParameterError(
            f"Specgrams need the shape (n, frames, {N_BINS}, 2), given {specgrams.shape}."
        )
    n_frames = specgrams.shape[1]
    check_specgram_shape(specgrams.shape[1:])
    waves = np.empty((len(specgrams), samples_in(n_frames)), np.float32)
    for specgram, wave in zip(specgrams, waves, strict=True):
        wave[:] = overlap_add(*to_polar(specgram))[PAD : PAD + len(wave)]
    return waves


def samples_in(n_frames: int) -> int:
    """Return how many samples the first frames of a note say all about.

    Parameters
    ----------
    n_frames : int [1..128]

    Returns
    -------
    n_samples : int
        ``512 n_frames - 3072``, not under 0. The 64,000 of all 128 frames have an end that no
        further frame completes, as in GANSynth.
    """
    return N_SAMPLES if n_frames == N_FRAMES else max(0, HOP * n_frames - PAD)


def frames_for(n_samples: int) -> int:
    """Return how many frames so many samples need.

    Parameters
    ----------
    n_samples : int [0..64000]

    Returns
    -------
    n_frames : int [6..128]
        The least number of frames with ``samples_in(n_frames) >= n_samples``; 6 for no samples.

    Raises
    ------
    ParameterError
        If a note has not so many samples.
    """
    if not 0 <= n_samples <= N_SAMPLES:
        raise ParameterError(f"A note has 0 to {N_SAMPLES} samples, given {n_samples}.")
    return min(N_FRAMES, -(-(n_samples + PAD) // HOP))


def to_polar(specgram: FloatArray) -> tuple[Float32Array, Float64Array]:
    """Return the magnitudes and phases of a note's transform.

    Parameters
    ----------
    specgram : np.ndarray [shape=(frames, 1024, 2)]
        Not normalised.

    Returns
    -------
    magnitude : np.ndarray of float32 [shape=(frames, 1024)]
        Of bins 1..1024 of the transform of 2048 samples.
    phase : np.ndarray of float64 [shape=(frames, 1024), half turns]
        At the first sample of each frame, going on from frame to frame.
    """
    power = to_linear(np.exp(specgram[..., 0].astype(np.float32)))
    turns = specgram[..., 1].astype(np.float64)
    # In place and row by row: several times faster here than `cumsum` along the first axis.
    for before, turn in pairwise(turns):
        turn += before
    magnitude: Float32Array = np.sqrt(power + np.float32(_EPSILON))
    return magnitude, to_linear(turns)


def overlap_add(
    magnitude: Float32Array, phase: Float64Array, *, oversampling: int = 1
) -> Float32Array:
    """Return the sound of any number of frames.

    Parameters
    ----------
    magnitude, phase : np.ndarray [shape=(frames, 1024)]
        As `to_polar` returns them.
    oversampling : int [1, 2, 4, ...]
        So many times 16 kHz are the rate of the result: the same sound, band-limited.

    Returns
    -------
    y : np.ndarray of float32 [shape=(oversampling * 512 * (frames + 3),)]
        At 16 kHz frame k lies at samples 512 k to 512 k + 2048; what only some frames reach, at
        both ends, is not complete.
    """
    n_frames, size, hop = len(magnitude), oversampling * N_FFT, oversampling * HOP
    angle = (phase - 2.0 * np.rint(0.5 * phase)).astype(np.float32) * np.float32(np.pi)
    spectrum = np.zeros((n_frames, N_BINS + 1), np.complex64)
    spectrum.real[:, 1:] = magnitude * np.cos(angle)
    spectrum.imag[:, 1:] = magnitude * np.sin(angle)
    frames = np.fft.irfft(spectrum, size).astype(np.float32, copy=False)
    frames *= _synthesis_window(oversampling)
    hops = frames.reshape(n_frames, N_FFT // HOP, hop)
    y = np.zeros((n_frames + N_FFT // HOP - 1, hop), np.float32)
    for k in range(N_FFT // HOP):
        y[k : k + n_frames] += hops[:, k]
    return y.reshape(-1)


@lru_cache(maxsize=4)
def _synthesis_window(oversampling: int) -> Float32Array:
    # Squared and four times overlapped, a Hann window adds up to 1.5 everywhere.
    return (_hann(oversampling * N_FFT) * (oversampling / 1.5)).astype(np.float32)


def check_specgram_shape(shape: tuple[int, ...]) -> None:
    """Refuse what is not the first frames of a note's specgram.

    Parameters
    ----------
    shape : tuple of int
        Good: (1..128, 1024, 2).

    Raises
    ------
    ParameterError
    """
    if len(shape) != 3 or not 1 <= shape[0] <= N_FRAMES or shape[1:] != (N_BINS, 2):
        raise ParameterError(
            f"A specgram has 1 to {N_FRAMES} frames of {N_BINS} bins and 2 channels, given {shape}."
        )


def _check_channels(images: FloatArray) -> None:
    if images.ndim == 0 or images.shape[-1] != 2:
        raise ParameterError(f"A specgram's last axis has 2 channels, given shape {images.shape}.")
