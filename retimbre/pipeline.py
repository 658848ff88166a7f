"""Play a recording or a MIDI file in one call."""

from os import PathLike
from typing import Unpack

from retimbre._typing import FloatArray, StageProgress
from retimbre.result import Analysis, Result
from retimbre.session import Session
from retimbre.settings import Options, Settings


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
        [seconds], ``instruments`` ("Flute,random:7", "Flute@0,Cello@8.5", a z, an Instrument, a
        path, a .json file or several of them, see `retimbre.settings.stops`), ``like`` (file or
        files with a note each), ``expression``, ``pitch_expression``, ``loudness_expression``
        [0..1], ``articulation`` ("performer", "always" or "never"), ``loudness`` [LUFS] ("peak" or
        "input"), ``peak_db`` [dBTP], ``pitch_method``, ``crepe_capacity``, ``viterbi``, ``fmin``,
        ``fmax`` [Hz],
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
    session = Session(Settings.from_options(**options))
    return session.render(session.analyze(path, progress=progress), progress=progress)


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
    session = Session(Settings.from_options(**options))
    return session.render(session.analyze((y, sr), progress=progress), progress=progress)


def render(
    analysis: Analysis, settings: Settings, *, progress: StageProgress | None = None
) -> Result:
    """Play what was analysed, at the threshold and with the instruments of the settings.

    Parameters
    ----------
    analysis : Analysis
        One analysis serves any number of thresholds.
    settings : Settings
    progress : callable, optional

    Returns
    -------
    result : Result

    Raises
    ------
    NoPitchError, ModelError
        And what `Session` raises.
    """
    return Session(settings).render(analysis, progress=progress)
