"""Choose instruments: random, named, or from recordings."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retimbre import latent
from retimbre._typing import FloatArray
from retimbre.errors import ParameterError, ReadError
from retimbre.generator.folder import find_model, read_config
from retimbre.generator.palette import open_palette
from retimbre.instrument import Correction, Instrument, Instruments
from retimbre.io import audio
from retimbre.io.formats import recordings_in
from retimbre.io.instruments import SUFFIX, load_instrument
from retimbre.like.hearing import LONGEST_SECONDS
from retimbre.like.recordings import Recording, hear_recordings
from retimbre.runtime import single_threaded_blas
from retimbre.settings.params import TimbreParams
from retimbre.settings.stops import Stop, read_stops

if TYPE_CHECKING:
    from retimbre.generator.protocol import Generator

logger = logging.getLogger("retimbre")


@dataclass(frozen=True, eq=False)
class TimbrePath:
    """Chosen instruments in their order; one path serves any number of melodies.

    Attributes
    ----------
    z : np.ndarray [shape=(n, latent_dim)]
    names : tuple of str
        One an instrument, or none where no instrument has a name.
    times : tuple of float or None [seconds]
        When each is reached; None spreads them over the melody.
    corrections : tuple of (Correction or None)
        One per instrument.
    """

    z: FloatArray
    names: tuple[str, ...]
    times: tuple[float, ...] | None = None
    corrections: tuple[Correction | None, ...] = ()

    def over(self, duration: float) -> Instruments:
        """Place the instruments in a melody of some seconds."""
        if self.times is not None:
            return Instruments(self.z, np.array(self.times), self.names, self.corrections)
        return latent.spread_instruments(self.z, duration, self.names, self.corrections)


def check_timbre(params: TimbreParams) -> None:
    """See that the named instruments are there, or that a note is heard in each recording.

    Neither the generator nor the encoder is opened.

    Raises
    ------
    ParameterError
        If the model has no instrument of a name, or a recorded note is outside its range.
    ModelError
        If there is no such model, or it has no palette or no encoder.
    ReadError
        If a recording does not exist or may not be read.
    AudioError
        If it is damaged, or no note is heard in it.
    """
    config = read_config(find_model(params.model))
    if params.instruments is not None:
        stops = read_stops(params.instruments)
        _check_sizes(stops, config.latent_dim, config.name)
        named = [stop.name for stop in stops if stop.instrument is None]
        if named:
            palette = open_palette(config)
            for name in named:
                palette.describe(name)
    if any(not _is_saved(path) for path in params.files):
        config.read("encoder", "encoder")
    for path in params.files:
        if _is_saved(path):
            _check_sizes([Stop(path, None, load_instrument(path))], config.latent_dim, config.name)
            continue
        hear_recordings(_recordings_of(path), config.pitch_range)


@single_threaded_blas
def choose_path(params: TimbreParams, model: "Generator") -> TimbrePath | None:
    """Find the instruments that are named, or hear those that are recorded.

    Parameters
    ----------
    params : TimbreParams
    model : Generator

    Returns
    -------
    path : TimbrePath or None
        None where the instruments are random.

    Raises
    ------
    ParameterError
        If there is no instrument of a name, a z is not of the model's size, or a recorded note is
        outside the model's range.
    ModelError
        If the model has no palette or no encoder.
    ReadError
        If a recording does not exist or may not be read.
    AudioError
        If it is damaged, or no note is heard in it.
    """
    if params.instruments is not None:
        stops = read_stops(params.instruments)
        _check_sizes(stops, model.latent_dim, model.name)
        found = [stop.instrument or model.instruments.describe(stop.name) for stop in stops]
        times = tuple(stop.time for stop in stops if stop.time is not None)
        return _path_of(found, times or None)
    if not params.files:
        return None
    return _path_of([_hear_path(path, model) for path in params.files])


def _path_of(
    instruments: Sequence[Instrument], times: tuple[float, ...] | None = None
) -> TimbrePath:
    names = tuple(instrument.name for instrument in instruments)
    return TimbrePath(
        np.stack([instrument.z for instrument in instruments]),
        # Either all have a name or none: one that was given without is called by what it is.
        tuple(name or "z" for name in names) if any(names) else (),
        times,
        tuple(instrument.correction for instrument in instruments),
    )


def _check_sizes(stops: Iterable[Stop], latent_dim: int, model: str) -> None:
    """See that instruments which are given themselves are of the model's size."""
    for stop in stops:
        if stop.instrument is not None and len(stop.instrument.z) != latent_dim:
            raise ParameterError(
                f"The model {model!r} takes instruments of {latent_dim} numbers, given"
                f"{stop.name and f' {stop.name} with'} a z of {len(stop.instrument.z)}; take one "
                "of this model, or its model with -m."
            )


def _hear_path(path: str, model: "Generator") -> Instrument:
    """Return the instrument of a recording, that of all recordings in a folder, or a saved one."""
    if _is_saved(path):
        found = load_instrument(path)
        _check_sizes([Stop(path, None, found)], model.latent_dim, model.name)
        if found.model and found.model != model.fingerprint:
            logger.warning(
                "%s was heard with the model %s and will sound different with %s.",
                path,
                found.model,
                model.fingerprint,
            )
        return replace(found, name=found.name or Path(path).stem)
    logger.info("Looking for an instrument like %s...", path)
    return model.hear(_recordings_of(path), name=Path(path).name)


def _is_saved(path: str) -> bool:
    return Path(path).suffix.lower() == SUFFIX and not Path(path).is_dir()


def _recordings_of(path: str) -> list[Recording]:
    """Read a recording or those of a folder, of which some may be damaged."""
    files = recordings_in(Path(path))
    if not files:
        raise ReadError(
            f"{path} contains no recordings (folders in it are not searched); give a folder of "
            "notes of one instrument."
        )
    found: list[Recording] = []
    for file in files:
        try:
            found.append((*_load(str(file)), str(file)))
        except ReadError as error:
            if file == files[-1] and not found:
                raise
            logger.warning("Left out: %s", error)
    return found


def _load(path: str) -> tuple[FloatArray, int]:
    # A little more than is heard, so that the rest is told.
    return audio.load(path, duration=LONGEST_SECONDS + 1.0)


def place_instruments(
    path: TimbrePath | None, params: TimbreParams, duration: float, latent_dim: int
) -> Instruments:
    """Place chosen or random instruments in a melody.

    Parameters
    ----------
    path : TimbrePath or None
        None draws random ones.
    params : TimbreParams
        With a seed, where `path` is None.
    duration : float [seconds]
        Of the melody.
    latent_dim : int

    Returns
    -------
    instruments : Instruments
    """
    if path is not None:
        return path.over(duration)
    return latent.get_random_instruments(
        duration,
        params.secs_per_instrument,
        latent_dim=latent_dim,
        rng=np.random.default_rng(params.seed),
    )


def warn_of_late(path: TimbrePath | None, duration: float, source: str) -> None:
    """Log which instruments are placed behind the end of a melody.

    Parameters
    ----------
    path : TimbrePath or None
    duration : float [seconds]
        Of the melody.
    source : str
        What the message calls it.
    """
    if path is None or path.times is None:
        return
    late = [f"{name}@{t:g}" for name, t in zip(path.names, path.times, strict=True) if t > duration]
    if late:
        told = f"{', '.join(late)} {'lies' if len(late) == 1 else 'lie'}"
        logger.warning("%s after the end of %s (%.2f s).", told, source, duration)


def heard_names(instruments: Instruments, onsets: FloatArray) -> tuple[str, ...]:
    """Return the names of those instruments that notes have a part of.

    Parameters
    ----------
    instruments : Instruments
    onsets : np.ndarray [shape=(n_notes,), seconds]

    Returns
    -------
    names : tuple of str
        In their order; empty where instruments have no names.
    """
    # An instrument has a part in what begins between its neighbours.
    before = [-np.inf, *instruments.times[:-1]]
    behind = [*instruments.times[1:], np.inf]
    around = zip(instruments.names, before, behind, strict=False)
    return tuple(name for name, start, end in around if np.any((onsets >= start) & (onsets <= end)))
