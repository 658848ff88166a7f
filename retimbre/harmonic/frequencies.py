"""Note images over frequency, on one grid for all pitches.

The bins of a note image follow the pitch. What the body of an instrument does to a sound, its
resonances and the colour of its noise, stays where it is in Hz while the pitch moves through it.
Here is the way between the two, linear on the logarithmic frequency axis.
"""

import numpy as np

from retimbre._typing import BoolArray, FloatArray, IntArray
from retimbre.harmonic.image import BIN_PARTIALS, N_BINS, bin_mask
from retimbre.units import midi_to_hz

N_FREQUENCIES = 80
POINTS_PER_OCTAVE = 8
LOWEST_HZ = 27.5
FREQUENCIES = LOWEST_HZ * 2.0 ** (np.arange(N_FREQUENCIES) / POINTS_PER_OCTAVE)
"""The grid [shape=(80,), Hz], ascending from 27.5 Hz to 25.8 kHz."""

_MARGIN_OCTAVES = 0.06


def grid_to_bins(pitches: IntArray) -> FloatArray:
    """Return the matrices that read a curve over the grid at the bins of notes.

    Parameters
    ----------
    pitches : np.ndarray of int [shape=(n,), MIDI]

    Returns
    -------
    matrices : np.ndarray of float32 [shape=(n, 80, 96)]
        ``curve @ matrix`` is the curve at the frequencies of the bins; beyond the grid its ends.
    """
    hertz = midi_to_hz(pitches)[:, None] * BIN_PARTIALS
    place = np.log2(hertz / LOWEST_HZ) * POINTS_PER_OCTAVE
    return _hats(place, N_FREQUENCIES).transpose(0, 2, 1)


def bins_to_grid(pitches: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return the matrices that spread the bins of notes over the grid.

    Parameters
    ----------
    pitches : np.ndarray of int [shape=(n,), MIDI]

    Returns
    -------
    matrices : np.ndarray of float32 [shape=(n, 96, 80)]
        ``levels @ matrix`` are the levels over frequency, 0 where no partial can be.
    is_sounding : np.ndarray of bool [shape=(n, 80)]
        False below the fundamental and above Nyquist.
    """
    matrices = np.zeros((len(pitches), N_BINS, N_FREQUENCIES), np.float32)
    is_sounding = np.zeros((len(pitches), N_FREQUENCIES), np.bool_)
    octaves = np.log2(FREQUENCIES)
    for i, (pitch, mask) in enumerate(zip(pitches, bin_mask(pitches), strict=True)):
        if not mask.any():
            continue
        of_bins = np.log2(midi_to_hz(pitch) * BIN_PARTIALS[mask])
        low, high = of_bins[0] - _MARGIN_OCTAVES, of_bins[-1] + _MARGIN_OCTAVES
        is_sounding[i] = (octaves >= low) & (octaves <= high)
        place = np.interp(octaves, of_bins, np.arange(len(of_bins)))
        matrices[i] = (_hats(place[None], N_BINS)[0] * is_sounding[i][:, None]).T
    return matrices, is_sounding


def _hats(place: FloatArray, n: int) -> FloatArray:
    """Return the weights of linear interpolation at places 0..n - 1 [shape=(..., places, n)]."""
    place = np.clip(place, 0.0, n - 1.0)
    distance = np.abs(place[..., None] - np.arange(n))
    return np.asarray(np.maximum(1.0 - distance, 0.0), np.float32)
