"""Evidence of notes, frame by frame: whether one begins, how it begins, and whether one sounds.

A small convolutional network looks at 0.3 s on either side of each frame and answers with log
odds. It was trained on melodies put together from recorded notes, so that it knows from examples
which rise of the level is an attack, which is a swell, a tremolo or a slide.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from retimbre._typing import Float32Array, Float64Array, FloatArray
from retimbre.io.networks import embedded_file, open_session
from retimbre.types import PitchTrack
from retimbre.units import hz_to_midi

N_FEATURES = 14

NEAR_FRAMES, AROUND_FRAMES, LOCAL_FRAMES = 3, 10, 20
"""Half widths of what a frame is compared with: 30, 100 and 200 ms."""


class Evidence(NamedTuple):
    """What speaks for notes, as log odds per frame [each of shape=(n_frames,)].

    Attributes
    ----------
    onset : a note begins here.
    struck : a note that begins here has an attack of its own.
    tied : a note that begins here goes on from the one before.
    voiced : a note sounds here.
    """

    onset: Float64Array
    struck: Float64Array
    tied: Float64Array
    voiced: Float64Array


def find_evidence(track: PitchTrack) -> Evidence:
    """Say of each frame of a track what speaks for notes.

    Parameters
    ----------
    track : PitchTrack

    Returns
    -------
    evidence : Evidence
    """
    if not len(track):
        return Evidence(*np.zeros((4, 0)))
    (odds,) = _network().run(None, {"features": features_of(track)})
    return Evidence(*odds.T.astype(np.float64))


@functools.cache
def _network() -> Any:
    return open_session(embedded_file("notes/evidence.onnx").read_bytes())


def features_of(track: PitchTrack) -> Float32Array:
    """Return what the network sees of a track [shape=(n_frames, 14)].

    Nothing in it depends on the recording's gain; all values are of the order of 1.
    """
    n = len(track)
    pitched = np.isfinite(track.f0) & (track.confidence > 0.0)
    midi = np.where(pitched, hz_to_midi(np.where(pitched, track.f0, 440.0)), np.nan)
    confidence = np.where(pitched, np.clip(track.confidence, 0.005, 0.995), 0.005)
    level, after = (track.detail[:, k].astype(np.float64) for k in range(2))
    loud = np.percentile(track.level_db[pitched], 90.0) if pitched.any() else 0.0
    near = _mean_around(level, NEAR_FRAMES)
    highest = _windows(level, LOCAL_FRAMES).max(axis=1) if n else level
    around = _median_around(midi, AROUND_FRAMES)
    deviation = np.nan_to_num(midi - around)
    columns = (
        np.log(confidence / (1.0 - confidence)) / 5.0,
        np.clip((track.level_db - loud) / 30.0, -3.0, 1.0),
        np.clip((level - highest) / 20.0, -3.0, 0.0),
        np.clip((level - near) / 10.0, -2.0, 2.0),
        np.clip((after - near) / 10.0, -2.0, 2.0),
        np.clip(track.onset_strength / 10.0, 0.0, 3.0),
        *np.clip(track.detail[:, 2:5].T / 10.0, 0.0, 3.0),
        track.detail[:, 5],
        np.clip(deviation, -3.0, 3.0),
        np.clip(_step(midi, 2), -3.0, 3.0),
        pitched.astype(np.float64),
        np.where(pitched, (np.nan_to_num(midi) - 60.0) / 24.0, 0.0),
    )
    return np.asarray(np.stack(columns, axis=-1), np.float32).reshape(n, N_FEATURES)


def _windows(values: FloatArray, half: int) -> FloatArray:
    padded = np.pad(values, half, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)


def _mean_around(values: FloatArray, half: int) -> FloatArray:
    return np.asarray(_windows(values, half).mean(axis=1)) if len(values) else values


def _median_around(midi: FloatArray, half: int) -> FloatArray:
    """Return the median of the pitched frames around each [shape=(n,)], NaN where there is none."""
    if not len(midi):
        return midi
    ordered = np.sort(_windows(midi, half), axis=1)
    # NaN is sorted to the end.
    count = np.isfinite(ordered).sum(axis=1)
    middle = np.maximum((count - 1) // 2, 0)
    return np.where(count > 0, ordered[np.arange(len(midi)), middle], np.nan)


def _step(midi: FloatArray, lag: int) -> FloatArray:
    """Return the change of pitch from some frames before to as many after, 0 without a pitch."""
    if not len(midi):
        return midi
    padded = np.pad(midi, lag, mode="edge")
    return np.asarray(np.nan_to_num(padded[2 * lag :] - padded[: -2 * lag]))
