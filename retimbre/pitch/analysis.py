"""Analysis of an input, independent of the threshold."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from os import PathLike, fspath

from retimbre import pitch
from retimbre._typing import FloatArray, StageProgress
from retimbre.io import audio, midi
from retimbre.io.mono import to_mono
from retimbre.metering.integrated import integrated_loudness
from retimbre.result import Analysis
from retimbre.runtime import single_threaded_blas, timed
from retimbre.settings.params import PitchParams
from retimbre.types import PitchTrack

Listener = Callable[[FloatArray, int], None]
"""Called once with the recording ``(y, sr)`` as `audio.load_reduced` reads it; it is not kept."""


@single_threaded_blas
def analyze_file(
    path: str | PathLike[str],
    params: PitchParams | None = None,
    *,
    progress: StageProgress | None = None,
    listener: Listener | None = None,
    on_pitch: Callable[[PitchTrack], None] | None = None,
) -> Analysis:
    """Read a file and find what does not depend on the threshold.

    Parameters
    ----------
    path : path-like
    params : PitchParams, optional
    progress : callable, optional
    listener : callable, optional
        Sees the recording before it is let go; not called for MIDI.
    on_pitch : callable, optional
        As in `Session.analyze`.

    Returns
    -------
    analysis : Analysis
        Holds no audio: an hour of it needs a few megabytes.

    Raises
    ------
    ReadError
        If there is no such file.
    DecodeError
        If it is neither audio nor MIDI.
    """
    source, timings = fspath(path), dict[str, float]()
    with timed(timings, "decode"):
        read = midi.read_midi(path)
    if read is not None:
        return Analysis(
            source,
            float(read.notes.offset.max(initial=0.0)),
            notes=read.notes,
            articulation=read.articulation,
            timings=timings | {"pitch": 0.0},
        )
    with timed(timings, "decode"):
        y, sr, file_sr = audio.load_reduced(path)
    if listener is not None:
        listener(y, sr)
    analysis = analyze(
        y, sr, params, source=source, timings=timings, progress=progress, on_pitch=on_pitch
    )
    return replace(analysis, sr=file_sr)


@single_threaded_blas
def analyze(
    y: FloatArray,
    sr: int,
    params: PitchParams | None = None,
    *,
    source: str = "the recording",
    timings: dict[str, float] | None = None,
    progress: StageProgress | None = None,
    on_pitch: Callable[[PitchTrack], None] | None = None,
) -> Analysis:
    """Find what does not depend on the threshold: a recording's pitch track and loudness.

    Parameters
    ----------
    y : np.ndarray [shape=(n_samples,) or (channels, n_samples)]
        Finite samples; channels are averaged.
    sr : int [Hz]
    params : PitchParams, optional
    source : str
        What messages call the recording.
    timings : dict, optional
        Seconds already spent on it.
    progress : callable, optional
    on_pitch : callable, optional
        As in `Session.analyze`.

    Returns
    -------
    analysis : Analysis

    Raises
    ------
    ParameterError
        If `y` is empty, not finite, or of another shape.
    """
    y = to_mono(y)
    spent = {"decode": 0.0} | (timings or {})
    with timed(spent, "pitch"):
        told = partial(progress, "pitch") if progress else None
        track = pitch.estimate_pitch(y, sr, params, progress=told, on_pitch=on_pitch)
        # Here, where the recording is at hand: it is not kept.
        loudness = integrated_loudness(y, sr=sr)
    return Analysis(
        source,
        y.size / sr,
        sr=sr,
        pitch=track,
        loudness=loudness if math.isfinite(loudness) else None,
        timings=spent,
    )
