"""Pitch estimation."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from retimbre._typing import BoolArray, Float32Array, FloatArray, Progress
from retimbre.errors import ParameterError
from retimbre.pitch.crepe.decoding import PeakDecoder, ViterbiDecoder, bins_between, bins_to_hz
from retimbre.pitch.crepe.first_layer import HOP_LENGTH
from retimbre.pitch.crepe.network import SAMPLE_RATE, count_frames, load_network
from retimbre.pitch.detail import measure_detail
from retimbre.pitch.frames import check_audio
from retimbre.pitch.loudness import FLOOR_DB, band_rises, frame_level_db
from retimbre.pitch.octaves import correct_octaves
from retimbre.pitch.outside import hear_outside
from retimbre.pitch.pyin import track_pyin
from retimbre.runtime import single_threaded_blas
from retimbre.settings.params import PitchParams
from retimbre.types import PitchTrack
from retimbre.units import frames_to_time

__all__ = ["estimate_pitch"]


OnPitch = Callable[[PitchTrack], None]
"""Called with the pitch track so far."""


class PitchOptions(TypedDict, total=False):
    """The fields of PitchParams as keywords."""

    method: str
    capacity: str
    viterbi: bool
    fmin: float
    fmax: float


SILENCE_DB = 60.0
"""Frames that lie so far under the loud frames of the clip are silent."""


@single_threaded_blas
def estimate_pitch(
    y: npt.ArrayLike,
    sr: int,
    params: PitchParams | None = None,
    *,
    progress: Progress | None = None,
    on_pitch: OnPitch | None = None,
    **options: Unpack[PitchOptions],
) -> PitchTrack:
    """Estimate pitch, level and onset strength of a recording every 10 ms.

    CREPE [1]_ or pYIN [2]_ hear each frame of the recording at 16 kHz. Neither knows silence:
    frames more than 60 dB under the loud frames of the clip have no pitch. CREPE's smoothed path is
    held against the waveform's own period: it takes a strong partial for the pitch of some strings.

    Parameters
    ----------
    y : array_like [shape=(n_samples,), linear]
        Mono audio with finite samples.
    sr : int [Hz, > 0]
    params : PitchParams, optional
    progress : callable, optional
        Called as ``progress(n_done, n_frames)`` after each block of frames.
    on_pitch : callable, optional
        Called with the track so far after each block of frames, as far as its path is known; its
        f0 may change later. pYIN, which looks at the whole at once, has no track so far.
    **options
        Fields of PitchParams, in the place of those of `params`: ``fmin=80``.

    Returns
    -------
    track : PitchTrack
        One frame for each 10 ms begun, the first centred on sample 0; no frame if `y` is empty.
        ``confidence`` is CREPE's largest activation between fmin and fmax, or pYIN's probability
        that the frame is voiced; f0 is given however low it is.

    Raises
    ------
    ParameterError
        If `y` is not one-dimensional or not finite, `sr` is not positive, or the method has no
        pitch between fmin and fmax.
    ModelNotFoundError, ModelFormatError
        If CREPE's weights are not installed or damaged.

    References
    ----------
    .. [1] J. W. Kim, J. Salamon, P. Li, J. P. Bello, "CREPE: A Convolutional Representation for
       Pitch Estimation", ICASSP 2018.
    .. [2] M. Mauch and S. Dixon, "pYIN: A Fundamental Frequency Estimator Using Probabilistic
       Threshold Distributions", ICASSP 2014.
    """
    from retimbre.io.audio import resample

    params = replace(params or PitchParams(), **options)
    y = _check_audio(y, sr)
    if len(y) == 0:
        return PitchTrack(*np.zeros((5, 0)))
    signal = np.asarray(resample(y, sr, SAMPLE_RATE), dtype=np.float32)
    n_frames = count_frames(len(signal))
    level_db = frame_level_db(y, sr, n_frames)
    is_silent = find_silence(level_db)
    times = frames_to_time(np.arange(n_frames), sr=SAMPLE_RATE, hop_length=HOP_LENGTH)
    rises = band_rises(y, sr, n_frames)

    def track_of(f0: FloatArray, confidence: FloatArray) -> PitchTrack:
        n = len(f0)
        f0 = np.where(is_silent[:n], np.nan, f0)
        confidence = np.where(is_silent[:n], 0.0, confidence)
        return PitchTrack(times[:n], f0, confidence, level_db[:n], rises[:n, 0])

    def with_detail(track: PitchTrack) -> PitchTrack:
        return replace(track, detail=measure_detail(y, sr, track.f0, rises))

    so_far = None if on_pitch is None else lambda f0, sure: on_pitch(track_of(f0, sure))
    tell = progress or _say_nothing
    if params.method != "crepe":
        return with_detail(track_of(*track_pyin(signal, n_frames, params.fmin, params.fmax, tell)))
    track = track_of(*_track_crepe(signal, is_silent, params, tell, so_far))
    if params.viterbi:
        f0 = correct_octaves(signal, SAMPLE_RATE, track.f0, fmin=params.fmin, fmax=params.fmax)
        track = replace(track, f0=f0)
    return with_detail(_hear_outside(signal, track, params))


def _hear_outside(signal: Float32Array, track: PitchTrack, params: PitchParams) -> PitchTrack:
    """Listen outside of CREPE's range where the search reaches to its ends."""

    def hear(y: Float32Array) -> tuple[FloatArray, FloatArray]:
        sounds = np.zeros(count_frames(len(y)), bool)
        return _track_crepe(y, sounds, PitchParams(capacity=params.capacity), _say_nothing, None)

    whole = PitchParams()
    below, above = params.fmin <= whole.fmin, params.fmax >= whole.fmax
    return hear_outside(signal, SAMPLE_RATE, track, hear, below=below, above=above)


def _say_nothing(n_done: int, n_frames: int) -> None:
    pass


def find_silence(level_db: FloatArray) -> BoolArray:
    """Return which frames are silent: 60 dB under the loud ones, or digital silence.

    The loud level is the 95th percentile of the frames that are not silent beside the loudest one:
    neither long rests nor one knock on the microphone move it much.

    Parameters
    ----------
    level_db : np.ndarray [shape=(n_frames,), dB re full scale]
        ``n_frames >= 1``.

    Returns
    -------
    is_silent : np.ndarray of bool [shape=(n_frames,)]
    """
    sounding = level_db[level_db >= level_db.max() - SILENCE_DB]
    loud_db = np.percentile(sounding, 95.0)
    return np.asarray((level_db < loud_db - SILENCE_DB) | (level_db <= FLOOR_DB))


def _check_audio(y: npt.ArrayLike, sr: int) -> Float32Array:
    audio = check_audio(y, sr)
    # NaN and infinity pass through min and max, which need no memory.
    if len(audio) and not np.isfinite([audio.min(), audio.max()]).all():
        raise ParameterError("Audio must be finite, but some samples are NaN or infinite.")
    return audio


def _track_crepe(
    signal: Float32Array,
    is_silent: BoolArray,
    params: PitchParams,
    progress: Progress,
    so_far: Callable[[FloatArray, FloatArray], None] | None,
) -> tuple[FloatArray, FloatArray]:
    """Return f0 [Hz] and confidence [0..1] of each frame, by CREPE."""
    searched = bins_between(params.fmin, params.fmax)
    decoder = ViterbiDecoder(searched) if params.viterbi else PeakDecoder(searched)
    network = load_network(params.capacity)
    confidence = np.empty(len(is_silent))
    bins = []
    for start, activation in network.activations_of(signal, ~is_silent):
        block = slice(start, start + len(activation))
        confidence[block] = activation[:, searched].max(axis=1)
        bins.append(decoder.push(activation, is_silent[block]))
        if so_far is not None:
            found = np.concatenate(bins)
            so_far(bins_to_hz(found), confidence[: len(found)])
        progress(block.stop, len(is_silent))
    bins.append(decoder.finish())
    return bins_to_hz(np.concatenate(bins)), confidence
