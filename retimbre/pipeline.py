"""The way from a recording or a MIDI file to the same melody on other instruments.

Everything that plays a melody goes through here: `analyze` finds what does not depend on the
threshold, `render` does the rest, `retimbre` and `retimbre_file` are the two in a row.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Unpack

from retimbre import generator, latent, mixing, pitch
from retimbre._typing import FloatArray, StageProgress
from retimbre.expression import RELEASE_SECONDS
from retimbre.io import audio, midi
from retimbre.io.samples import to_mono
from retimbre.notes.melody import Melody, find_melody, playable_range
from retimbre.params import PitchParams, RenderParams
from retimbre.result import Analysis, Result
from retimbre.runtime import single_threaded_blas, timed
from retimbre.settings import Options, Settings
from retimbre.timbre import (
    TimbrePath,
    choose_path,
    heard_names,
    place_instruments,
    warn_of_late,
)
from retimbre.types import Instruments

if TYPE_CHECKING:
    from retimbre.generator.protocol import Generator


Listener = Callable[[FloatArray, int], None]
"""Called once with the recording ``(y, sr)`` as `audio.load_reduced` reads it; it is not kept."""

# The sound of a last note may ring on for so long after the recording has ended.
TAIL_SECONDS = RELEASE_SECONDS


@single_threaded_blas
def retimbre_file(
    path: str | PathLike[str], *, progress: StageProgress | None = None, **options: Unpack[Options]
) -> Result:
    """Play the melody of a media or MIDI file on instruments that morph into each other.

    Parameters
    ----------
    path : path-like
        Any media file, or a MIDI file, told apart by content.
    progress : callable, optional
        ``progress(stage, done, total)``.
    **options
        ``confidence`` [0..1], ``seed`` (int), ``model`` (name or folder), ``secs_per_instrument``
        [seconds], ``instruments`` ("Flute,Cello", ["Flute", "Cello"] or "Flute@0,Cello@8.5"),
        ``like`` (file or files with a note each), ``expression`` [0..1], ``peak_db`` [dB],
        ``pitch_method``, ``crepe_capacity``, ``viterbi``, ``fmin``, ``fmax`` [Hz],
        ``min_note_length`` [seconds], ``transpose`` [semitones], ``pitch_range`` ((low, high)
        in MIDI); None is the default.

    Returns
    -------
    result : Result
        ``.y`` at ``.sr``, ``.notes``, ``.pitch``, ``.instruments`` and ``.report``.

    Raises
    ------
    ParameterError, DecodeError, NoPitchError, ModelError

    Examples
    --------
    >>> result = retimbre_file("in.webm", confidence=0.8, seed=0)  # doctest: +SKIP
    """
    settings = Settings.from_options(**options)
    model = load_model(settings)
    timbre = choose_path(settings.timbre, model)
    analysis = analyze_file(path, settings.pitch, progress=progress)
    warn_of_late(timbre, analysis.duration, analysis.source)
    return render(analysis, settings, model, timbre, progress=progress)


@single_threaded_blas
def retimbre(
    y: FloatArray, sr: int, *, progress: StageProgress | None = None, **options: Unpack[Options]
) -> Result:
    """Play the melody of a recording on instruments that morph into each other.

    Parameters
    ----------
    y : np.ndarray [shape=(n_samples,) or (channels, n_samples)]
        Finite samples; channels are averaged.
    sr : int [Hz]
    progress, **options
        As in `retimbre_file`.

    Returns
    -------
    result : Result

    Raises
    ------
    ParameterError, NoPitchError, ModelError
    """
    settings = Settings.from_options(**options)
    model = load_model(settings)
    timbre = choose_path(settings.timbre, model)
    analysis = analyze(y, sr, settings.pitch, progress=progress)
    warn_of_late(timbre, analysis.duration, analysis.source)
    return render(analysis, settings, model, timbre, progress=progress)


def load_model(settings: Settings) -> "Generator":
    """Load the model of the settings and see whether it can play in their pitch range.

    To be called first: what is wrong is told before the minutes of analysis.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    model : Generator

    Raises
    ------
    ModelError
    ParameterError
        If the model and the pitch range share less than an octave.
    """
    model = generator.load_generator(settings.timbre.model)
    playable_range(settings.notes.pitch_range, model.pitch_range)
    return model


@single_threaded_blas
def analyze_file(
    path: str | PathLike[str],
    params: PitchParams | None = None,
    *,
    progress: StageProgress | None = None,
    listener: Listener | None = None,
) -> Analysis:
    """Read a file and find what does not depend on the threshold.

    Parameters
    ----------
    path : path-like
    params : PitchParams, optional
    progress : callable, optional
    listener : callable, optional
        Sees the recording before it is let go; not called for MIDI.

    Returns
    -------
    analysis : Analysis
        Holds no audio: an hour of it needs a few megabytes.

    Raises
    ------
    DecodeError
        If the file is neither audio nor MIDI.
    """
    source, timings = fspath(path), dict[str, float]()
    if midi.is_midi(path):
        with timed(timings, "decode"):
            notes = midi.load_midi(path)
        duration = float(notes.offset.max(initial=0.0))
        return Analysis(source, duration, notes=notes, timings=timings | {"pitch": 0.0})
    with timed(timings, "decode"):
        y, sr, file_sr = audio.load_reduced(path)
    if listener is not None:
        listener(y, sr)
    analysis = analyze(y, sr, params, source=source, timings=timings, progress=progress)
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
) -> Analysis:
    """Find what does not depend on the threshold: the pitch track of a recording.

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
        track = pitch.estimate_pitch(
            y,
            sr,
            params or PitchParams(),
            progress=partial(progress, "pitch") if progress else None,
        )
    return Analysis(source, y.size / sr, sr=sr, pitch=track, timings=spent)


@single_threaded_blas
def render(
    analysis: Analysis,
    settings: Settings,
    model: "Generator | None" = None,
    timbre: TimbrePath | None = None,
    *,
    progress: StageProgress | None = None,
) -> Result:
    """Play what was analysed, at the threshold and with the instruments of the settings.

    Parameters
    ----------
    analysis : Analysis
        One analysis serves any number of thresholds.
    settings : Settings
    model : Generator, optional
        The one that the settings name, where it is loaded already.
    timbre : TimbrePath, optional
        What `choose_path` makes of the settings, where it is known already.
    progress : callable, optional

    Returns
    -------
    result : Result
        As long as the input, or up to `TAIL_SECONDS` longer where the last note rings on.

    Raises
    ------
    NoPitchError, ModelError
        And what `choose_path` raises.
    """
    settings, seed = settings.with_seed()
    model = model or load_model(settings)
    timbre = timbre or choose_path(settings.timbre, model)
    timings = analysis.timings | {"notes": 0.0, "generate": 0.0, "synthesize": 0.0}
    own: dict[str, float] = {}
    with timed(own, "total"):
        with timed(timings, "notes"):
            melody = find_melody(analysis, settings.notes, model.pitch_range)
        instruments = place_instruments(
            timbre, settings.timbre, analysis.duration, model.latent_dim
        )
        with timed(timings, "generate"):
            path = model.even_path(instruments, melody.notes)
        y = _play(
            model,
            melody,
            latent.get_z_notes(melody.notes.onset, path),
            settings.render,
            duration=analysis.duration,
            seed=seed,
            progress=progress,
            timings=timings,
        )
    timings["total"] = sum(analysis.timings.values()) + own["total"]
    report = _report(analysis, settings, model, melody, instruments)
    return Result(
        y=y,
        sr=model.clip_rate,
        notes=melody.notes,
        pitch=analysis.pitch,
        instruments=instruments,
        report=report | {"duration": y.size / model.clip_rate, "timings": timings},
        curves=melody.curves,
    )


def _play(
    model: "Generator",
    melody: Melody,
    z: FloatArray,
    settings: RenderParams,
    *,
    duration: float,
    seed: int,
    progress: StageProgress | None,
    timings: dict[str, float],
) -> FloatArray:
    """Play the notes of a melody and combine them to a clip."""
    if progress is not None:
        progress("generate", 0, len(melody.notes))
    waves = model.play(
        z,
        melody.notes,
        melody.curves,
        expression=settings.expression,
        seed=seed,
        progress=partial(progress, "generate") if progress else None,
        timings=timings,
    )
    return mixing.combine_notes(
        waves,
        melody.notes,
        sr=model.clip_rate,
        duration=max(duration, float(melody.notes.offset.max()) + TAIL_SECONDS),
        peak_db=settings.peak_db,
    )


def _report(
    analysis: Analysis,
    settings: Settings,
    model: "Generator",
    melody: Melody,
    instruments: Instruments,
) -> dict[str, Any]:
    return {
        "input": analysis.source,
        "confidence": None if analysis.pitch is None else settings.notes.confidence,
        "sample_rate": model.clip_rate,
        "notes": len(melody.notes),
        "seed": settings.timbre.seed,
        "model": model.name,
        "instruments": len(instruments.times),
        "instrument_names": list(instruments.names) or None,
        "heard_names": list(heard_names(instruments, melody.notes.onset)) or None,
        "input_sample_rate": analysis.sr,
        "input_duration": analysis.duration,
        "voiced_seconds": melody.voiced_seconds,
        "dropped": melody.dropped,
        "folded": melody.folded,
    }
