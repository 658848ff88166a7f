"""Measure a note image: its level, its tuning, and the noise of its onset."""

import numpy as np

from retimbre._typing import FloatArray
from retimbre.harmonic.image import (
    ATTACK_STEP,
    BIN_PARTIALS,
    FRAME_TIMES,
    GROUP_EDGES,
    HOLD_SECONDS,
    LEVEL_FLOOR_DB,
    MIN_WINDOW,
    N_SINGLE,
    NOISE_FRAMES,
    SAMPLE_RATE,
    WINDOW_PERIODS,
)

_RELEASE_FRAMES = FRAME_TIMES >= HOLD_SECONDS - 1e-9


def _partials_in_bins() -> FloatArray:
    counts = np.ones(len(BIN_PARTIALS))
    counts[N_SINGLE:] = np.maximum(np.diff(np.ceil(GROUP_EDGES)), 1.0)
    return counts


BIN_COUNTS = _partials_in_bins()
"""How many partials each bin stands for [shape=(96,)]."""


def instrument_level(image: FloatArray) -> FloatArray:
    """Return the level of all partials together.

    Parameters
    ----------
    image : np.ndarray [shape=(n_frames, 96, 4)]
        A note image, or only its level channel [shape=(n_frames, 96), dB].

    Returns
    -------
    level_db : np.ndarray [shape=(n_frames,), dB]
        0 at the loudest frame of an analysed note; -90 or a little more in silence.
    """
    level = image[..., 0] if image.ndim == 3 else image
    # What lies on the floor is silence, and 480 partials of it still are.
    floor = 10.0 ** (LEVEL_FLOOR_DB / 10.0)
    power = np.exp(level.astype(np.float32) * np.float32(np.log(10.0) / 10.0)) - np.float32(floor)
    total = np.maximum(power, 0.0) @ BIN_COUNTS
    return np.asarray(10.0 * np.log10(total + floor))


def common_deviation(image: FloatArray) -> FloatArray:
    """Return how far the whole note lies above its f0 at each frame.

    The mean over partials 1..10 of their deviation per partial number, weighted by power:
    vibrato and detuning move them all alike. Towards silence it goes to 0.

    Parameters
    ----------
    image : np.ndarray [shape=(n_frames, 96, 4)]

    Returns
    -------
    deviation : np.ndarray [shape=(n_frames,), units of f0]
    """
    return weigh_deviation(image[..., 0], image[..., :N_SINGLE, 1])


def weigh_deviation(
    level: FloatArray, deviation: FloatArray, *, rest: FloatArray | float = 0.0
) -> FloatArray:
    """Return the common deviation of levels and deviations (see `common_deviation`).

    Parameters
    ----------
    level : np.ndarray [shape=(n_frames, 96), dB]
    deviation : np.ndarray [shape=(n_frames, 48), units of f0]
    rest : float or np.ndarray [shape=(n_frames,), units of f0]
        Where it goes towards silence.

    Returns
    -------
    deviation : np.ndarray [shape=(n_frames,), units of f0]
    """
    power = 10.0 ** (level[:, :10].astype(np.float64) / 10.0)
    relative = deviation[:, :10] / BIN_PARTIALS[:10]
    # The phases of frames below -70 dB are noise; the constant draws them to `rest`.
    quiet = 1e-7
    return np.asarray(
        (np.sum(power * relative, axis=1) + quiet * rest) / (np.sum(power, axis=1) + quiet)
    )


def static_deviation(image: FloatArray, own_level: FloatArray | None = None) -> float:
    """Return how far the note lies above its f0 as a whole, in units of f0.

    The median over time of `common_deviation`, from 0.1 s (from the onset where the note is
    over by then) to the release, over frames within 50 dB of the loudest; 0 in silence.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    own_level : np.ndarray [shape=(128,), dB], optional
        Its `instrument_level`, where that is known.

    Returns
    -------
    deviation : float [units of f0]
    """
    level = instrument_level(image) if own_level is None else own_level
    loud = (level > max(level.max() - 50.0, LEVEL_FLOOR_DB + 10.0)) & ~_RELEASE_FRAMES
    held = loud & (FRAME_TIMES >= 0.1)
    chosen = held if np.count_nonzero(held) >= 4 else loud
    return float(np.median(common_deviation(image)[chosen])) if chosen.any() else 0.0


def quiet_onset(image: FloatArray, f0: float) -> FloatArray:
    """Take away the noise that the analysis hears in a sudden onset.

    A window that begins before the note sees it begin: a step, whose spectrum lies between the
    partials as noise does, and the analysis averages it into the next frames. Until both are
    over the noise stays under that of the first frame that they do not reach.

    Parameters
    ----------
    image : np.ndarray [shape=(128, 96, 4)]
    f0 : float [Hz]
        Of the note that was analysed.

    Returns
    -------
    image : np.ndarray [shape=(128, 96, 4)]
        A copy.
    """
    half_window = max(0.5 * WINDOW_PERIODS / f0, 0.5 * MIN_WINDOW / SAMPLE_RATE)
    # Beyond so many frames the average's weights are under 3 %.
    averaged = 2.6 * NOISE_FRAMES * ATTACK_STEP
    first = min(int(np.searchsorted(FRAME_TIMES, half_window + averaged)), len(FRAME_TIMES) - 1)
    quiet = image.copy()
    np.minimum(quiet[:first, :, 2], quiet[first, :, 2], out=quiet[:first, :, 2])
    return quiet
