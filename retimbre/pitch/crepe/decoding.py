"""Decode CREPE's activations to f0.

A bin is 20 cents wide; bin k stands ``1997.379 + 20 k`` cents above 10 Hz. The network was trained
with a bell of 25 cents about the true pitch, so the mean of the bins around a peak, weighted by
their activations, is finer than the bins.
"""

import numpy as np
import numpy.typing as npt

from retimbre._typing import BoolArray, Float32Array, Float64Array, IndexArray
from retimbre.errors import ParameterError
from retimbre.pitch.crepe.viterbi import ViterbiPath

N_BINS = 360
CENTS_PER_BIN = 20.0
FIRST_BIN_CENTS = 1997.3794084376191
"""Centre of bin 0 in cents above 10 Hz, as in the original code."""

AVERAGE_REACH = 4
"""The local average takes so many bins on either side."""

# An activation is taken as the probability of what is seen, given the pitch, plus this much: one
# frame can speak against a bin by a factor of 100 at most, and an unsure frame by less.
_LIKELIHOOD_FLOOR = 0.01

# The pitch jumps three times a second.
_JUMP = 0.03


def bins_to_hz(bins: npt.ArrayLike) -> Float64Array:
    """Return the frequency at (fractional) bins: ``10 * 2 ** ((1997.379 + 20 k) / 1200)``.

    Parameters
    ----------
    bins : array_like

    Returns
    -------
    f0 : np.ndarray [same shape, Hz]
    """
    cents = FIRST_BIN_CENTS + CENTS_PER_BIN * np.asarray(bins, dtype=np.float64)
    return np.asarray(10.0 * 2.0 ** (cents / 1200.0))


def hz_to_bins(f0: npt.ArrayLike) -> Float64Array:
    """Return the fractional bins of frequencies; the inverse of `bins_to_hz`.

    Parameters
    ----------
    f0 : array_like [Hz, > 0]

    Returns
    -------
    bins : np.ndarray [same shape]
    """
    cents = 1200.0 * np.log2(np.asarray(f0, dtype=np.float64) / 10.0)
    return np.asarray((cents - FIRST_BIN_CENTS) / CENTS_PER_BIN)


def bins_between(fmin: float, fmax: float) -> slice:
    """Return the bins that a pitch in a range may peak in.

    Parameters
    ----------
    fmin, fmax : float [Hz]

    Raises
    ------
    ParameterError
        If CREPE has no bin there: it spans 31.7 to 2005.5 Hz.
    """
    low = max(0, int(np.floor(hz_to_bins(fmin))))
    high = min(N_BINS, int(np.ceil(hz_to_bins(fmax))) + 1)
    if low >= high:
        lowest, highest = bins_to_hz([0, N_BINS - 1])
        raise ParameterError(
            f"The pitch range {fmin}..{fmax} Hz lies outside CREPE's "
            f"{lowest:.1f}..{highest:.1f} Hz; choose another range or --pitch-method pyin."
        )
    return slice(low, high)


def average_bins(activation: Float32Array, centers: IndexArray) -> Float64Array:
    """Return the mean bin around `centers`, weighted by the activations of +-4 bins.

    At the ends of the scale the original takes the bins that are left on either side, which draws
    the pitch inwards by up to half a semitone; here both sides are shortened alike.

    Parameters
    ----------
    activation : np.ndarray [shape=(n_frames, 360), 0..1]
    centers : np.ndarray of int [shape=(n_frames,), 0..359]

    Returns
    -------
    bins : np.ndarray of float64 [shape=(n_frames,)]
        Fractional; the centre itself where all activations are 0.
    """
    offsets = np.arange(-AVERAGE_REACH, AVERAGE_REACH + 1)
    reach = np.minimum(AVERAGE_REACH, np.minimum(centers, N_BINS - 1 - centers))
    taken = np.clip(centers[:, None] + offsets, 0, N_BINS - 1)
    weights = np.take_along_axis(activation, taken, axis=1).astype(np.float64)
    weights[np.abs(offsets) > reach[:, None]] = 0.0
    total = weights.sum(axis=1)
    return np.asarray(centers + (weights @ offsets) / np.where(total > 0.0, total, 1.0))


def snap_to_peaks(activation: Float32Array, centers: IndexArray) -> IndexArray:
    """Return the highest bin among `centers` and the four bins on either side.

    A path says which peak to take; its transitions also draw it off the top of a peak that moves.

    Parameters
    ----------
    activation : np.ndarray [shape=(n_frames, n_bins), 0..1]
    centers : np.ndarray of int [shape=(n_frames,), 0..n_bins - 1]

    Returns
    -------
    peaks : np.ndarray of int [shape=(n_frames,), 0..n_bins - 1]
    """
    around = centers[:, None] + np.arange(-AVERAGE_REACH, AVERAGE_REACH + 1)
    around = np.clip(around, 0, activation.shape[1] - 1)
    highest = np.take_along_axis(activation, around, axis=1).argmax(axis=1)
    return np.asarray(around[np.arange(len(around)), highest])


class PeakDecoder:
    """Take each frame's highest activation, whatever its neighbours say.

    Parameters
    ----------
    bins : slice
        Where to search.
    """

    def __init__(self, bins: slice) -> None:
        self._bins = bins

    def push(self, activation: Float32Array, is_silent: BoolArray) -> Float64Array:
        """Return the bins of all frames given [shape=(n_frames,)]."""
        peaks = activation[:, self._bins].argmax(axis=1) + self._bins.start
        return average_bins(activation, peaks)

    def finish(self) -> Float64Array:
        """Return nothing: no frame waits."""
        return np.zeros(0)


class ViterbiDecoder:
    """Follow the most probable path through the activations of all frames.

    The original code lets a hidden Markov model see only which bin is the highest. Here it sees
    the activations, so a second peak at the right octave counts.

    Parameters
    ----------
    bins : slice
        Where to search.
    """

    def __init__(self, bins: slice) -> None:
        self._bins = bins
        self._path = ViterbiPath(bins.stop - bins.start, _JUMP)
        self._pending = np.zeros((0, N_BINS), np.float32)

    def push(self, activation: Float32Array, is_silent: BoolArray) -> Float64Array:
        """Return the bins of the frames whose part of the path is decided [shape=(n_decided,)]."""
        self._pending = np.concatenate([self._pending, activation])
        likelihood = activation[:, self._bins].astype(np.float64) + _LIKELIHOOD_FLOOR
        return self._average(self._path.push(np.log(likelihood), is_silent))

    def finish(self) -> Float64Array:
        """Return the bins of the remaining frames [shape=(n_undecided,)]."""
        return self._average(self._path.finish())

    def _average(self, path: IndexArray) -> Float64Array:
        decided, self._pending = self._pending[: len(path)], self._pending[len(path) :]
        peaks = snap_to_peaks(decided[:, self._bins], path) + self._bins.start
        return average_bins(decided, peaks)
