"""librosa's pYIN on the 10 ms grid of CREPE."""

import math

import numpy as np

from retimbre._typing import Float32Array, Float64Array, Progress
from retimbre.errors import ParameterError
from retimbre.pitch.frames import excerpt

SAMPLE_RATE = 16000
HOP_LENGTH = 160
_FRAME_LENGTH = 2048

# A block is analysed with so many more frames on either side, which are dropped: there the path of
# its hidden Markov model settles.
_BLOCK_FRAMES = 3000
_MARGIN_FRAMES = 100


def track_pyin(
    signal: Float32Array,
    n_frames: int,
    fmin: float,
    fmax: float,
    progress: Progress,
) -> tuple[Float64Array, Float64Array]:
    """Estimate f0 with probabilistic YIN [1]_.

    Parameters
    ----------
    signal : np.ndarray of float32 [shape=(n_samples,), linear]
        Audio at 16 kHz; frame i is centred on sample 160 i.
    n_frames : int
    fmin, fmax : float [Hz]
        Range of the search; two periods of `fmin` must fit into 2048 samples, `fmax` must be
        below 8 kHz.
    progress : callable
        Called with frames done and frames in all.

    Returns
    -------
    f0 : np.ndarray [shape=(n_frames,), Hz]
        The best guess, in steps of 10 cents, also where the frame is unvoiced.
    confidence : np.ndarray [shape=(n_frames,), 0..1]
        Probability that the frame is voiced.

    Raises
    ------
    ParameterError
        If the range does not fit.

    References
    ----------
    .. [1] M. Mauch and S. Dixon, "pYIN: A Fundamental Frequency Estimator Using Probabilistic
       Threshold Distributions", ICASSP 2014.
    """
    lowest = math.ceil(2 * SAMPLE_RATE / _FRAME_LENGTH)
    if fmin < lowest or fmax >= SAMPLE_RATE / 2:
        raise ParameterError(
            f"pYIN searches between {lowest} and {SAMPLE_RATE // 2} Hz, given {fmin}..{fmax} Hz; "
            "choose a range within these."
        )
    from librosa import pyin

    f0, confidence = np.empty(n_frames), np.empty(n_frames)
    for start in range(0, n_frames, _BLOCK_FRAMES):
        stop = min(start + _BLOCK_FRAMES, n_frames)
        first, last = max(start - _MARGIN_FRAMES, 0), min(stop + _MARGIN_FRAMES, n_frames)
        n_samples = HOP_LENGTH * (last - first - 1) + _FRAME_LENGTH
        around = excerpt(signal, HOP_LENGTH * first - _FRAME_LENGTH // 2, n_samples)
        block = pyin(
            around,
            fmin=fmin,
            fmax=fmax,
            sr=SAMPLE_RATE,
            frame_length=_FRAME_LENGTH,
            hop_length=HOP_LENGTH,
            center=False,
            fill_na=None,
        )
        wanted = slice(start - first, stop - first)
        f0[start:stop], confidence[start:stop] = block[0][wanted], block[2][wanted]
        progress(stop, n_frames)
    return f0, confidence
