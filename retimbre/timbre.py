"""Choose instruments: random, named, saved, or from recordings."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retimbre import latent
from retimbre._typing import FloatArray
from retimbre.errors import ParameterError, ReadError
from retimbre.generator.folder import find_model, read_config
from retimbre.generator.palette import Palette, open_palette
from retimbre.instrument import Correction, Instrument, Instruments
from retimbre.io import audio
from retimbre.io.formats import INSTRUMENT_SUFFIX, recordings_in
from retimbre.io.instruments import LARGEST, load_instrument, load_saved
from retimbre.like.hearing import LONGEST_SECONDS
from retimbre.like.recordings import Recording, hear_recordings
from retimbre.runtime import single_threaded_blas
from retimbre.settings.params import TimbreParams
from retimbre.settings.stops import Random, Stop, quoted, read_stops, tell

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
        One per instrument, in the words of `retimbre.settings.stops` where these can ask for it.
    times : tuple of float or None [seconds]
        When each is reached; None spreads them over the melody.
    corrections : tuple of (Correction or None)
        One per instrument.
    model : str
        Fingerprint of the generator that plays them.
    """

    z: FloatArray
    names: tuple[str, ...]
    times: tuple[float, ...] | None = None
    corrections: tuple[Correction | None, ...] = ()
    model: str = ""

    def over(self, duration: float) -> Instruments:
        """Place the instruments in a melody of some seconds."""
        if self.times is None:
            spread = latent.spread_instruments(self.z, duration, self.names, self.corrections)
            return replace(spread, model=self.model)
        times = np.array(self.times)
        return Instruments(self.z, times, self.names, self.corrections, model=self.model)


class _Facts(NamedTuple):
    """What is asked of a model when instruments are looked for; `fingerprint` may be unknown."""

    name: str
    latent_dim: int
    fingerprint: str
    palette: Callable[[], Palette]


def check_timbre(params: TimbreParams) -> None:
    """See that all instruments are there, or that a note is heard in each recording.

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
    facts = _Facts(config.name, config.latent_dim, "", lambda: open_palette(config))
    if params.instruments is not None:
        _find_path(params, facts)
    if any(not _is_saved(path) for path in params.files):
        config.read("encoder", "encoder")
    for path in params.files:
        if _is_saved(path):
            _checked(load_instrument(path), path, facts)
            continue
        hear_recordings(_recordings_of(path), config.pitch_range)


@single_threaded_blas
def choose_path(params: TimbreParams, model: "Generator") -> TimbrePath | None:
    """Find the instruments that are asked for, or hear those that are recorded.

    Parameters
    ----------
    params : TimbreParams
    model : Generator

    Returns
    -------
    path : TimbrePath or None
        None where nothing is asked for: random ones are placed when the length is known.

    Raises
    ------
    ParameterError
        If there is no instrument of a name, a z is not of the model's size, a path is given a
        time, or a recorded note is outside the model's range.
    ModelError
        If the model has no palette or no encoder.
    ReadError
        If a file or a recording does not exist or may not be read.
    AudioError
        If it is damaged, or no note is heard in it.
    """
    # The palette is read only where a name is asked for: a model may have none.
    facts = _Facts(model.name, model.latent_dim, model.fingerprint, lambda: model.instruments)
    if params.instruments is not None:
        return _find_path(params, facts)
    if not params.files:
        return None
    return _path_of([(_hear_path(path, model, facts), None) for path in params.files], facts)


_Placed = tuple[Instrument, float | None]
"""An instrument, and when it is reached."""


def _path_of(placed: Sequence[_Placed], facts: _Facts) -> TimbrePath:
    times = tuple(time for _, time in placed if time is not None)
    return TimbrePath(
        np.stack([instrument.z for instrument, _ in placed]),
        tuple(instrument.name or "z" for instrument, _ in placed),
        times or None,
        tuple(instrument.correction for instrument, _ in placed),
        facts.fingerprint,
    )


def _find_path(params: TimbreParams, facts: _Facts) -> TimbrePath:
    """Find the instruments of a list."""
    assert params.instruments is not None
    stops = read_stops(params.instruments)
    numbers = [stop.what.seed for stop in stops if isinstance(stop.what, Random)]
    taken = {number for number in numbers if number is not None}
    rng = np.random.default_rng(params.seed)
    drawn = iter(latent.draw_seeds(numbers.count(None), rng=rng, taken=taken))
    placed: list[_Placed] = []
    for stop in stops:
        what = Random(next(drawn)) if stop.what == Random() else stop.what
        found = _find(Stop(what, stop.time), facts)
        # A path in a list gives its instruments; only alone it has its times.
        placed += found if len(stops) == 1 or len(found) == 1 else [(it, None) for it, _ in found]
    return _path_of(placed, facts)


def _find(stop: Stop, facts: _Facts) -> list[_Placed]:
    """Find what one item of a list stands for: several instruments where it is a path."""
    what = stop.what
    if isinstance(what, Random):
        assert what.seed is not None
        return [(Instrument(latent.random_z(what.seed, facts.latent_dim), what.word), stop.time)]
    if isinstance(what, str):
        found = _named(what, facts)
        return [(replace(found, name=quoted(found.name)), stop.time)]
    word = stop.word
    if isinstance(what, Path):
        loaded = load_saved(what)
        what = replace(loaded, name=word) if isinstance(loaded, Instrument) else loaded
    _warn_of_model(what, word, facts)
    if isinstance(what, Instrument):
        return [(_checked(what, word, facts), stop.time)]
    several = [(_checked(it, word, facts), time) for it, time in _parts_of(what)]
    if stop.time is None:
        return several
    if len(several) > 1:
        raise ParameterError(
            f"{word} contains {len(several)} instruments with times of their own; leave out its "
            f"@{stop.time:g}."
        )
    return [(several[0][0], stop.time)]


def _parts_of(path: Instruments) -> list[_Placed]:
    names = path.names or ("",) * len(path.times)
    corrections = path.corrections or (None,) * len(path.times)
    return [
        (Instrument(z, name, correction=correction, model=path.model), float(time))
        for z, name, correction, time in zip(path.z, names, corrections, path.times, strict=False)
    ]


def _named(name: str, facts: _Facts) -> Instrument:
    try:
        return facts.palette().describe(name)
    except ParameterError as error:
        if os.path.isfile(name):
            raise ParameterError(
                f"{name} is a file, but no .json file of an instrument; use --like for a recording."
            ) from error
        raise


def _checked(found: Instrument, word: str, facts: _Facts) -> Instrument:
    """See that an instrument which was not found in the model's own palette fits the model."""
    if len(found.z) != facts.latent_dim:
        raise ParameterError(
            f"The model {facts.name!r} takes instruments of {facts.latent_dim} numbers, given "
            f"{word} with a z of {len(found.z)}; take one of this model, or its model with -m."
        )
    if np.abs(found.z).max() > LARGEST:
        raise ParameterError(f"The z of {word} has numbers beyond {LARGEST:g}; scale it to rms 1.")
    return found


def _warn_of_model(found: Instrument | Instruments, word: str, facts: _Facts) -> None:
    """Log that an instrument or a path was made with another model."""
    if found.model and facts.fingerprint and found.model != facts.fingerprint:
        logger.warning(
            "%s was made with the model %s and will sound different with %s.",
            word,
            found.model,
            facts.fingerprint,
        )


def _hear_path(path: str, model: "Generator", facts: _Facts) -> Instrument:
    """Return the instrument of a recording, that of all recordings in a folder, or a saved one."""
    if _is_saved(path):
        found = _checked(load_instrument(path), path, facts)
        _warn_of_model(found, path, facts)
        return replace(found, name=found.name or Path(path).stem)
    logger.info("Looking for an instrument like %s...", path)
    return model.hear(_recordings_of(path), name=Path(path).name)


def _is_saved(path: str) -> bool:
    return Path(path).suffix.lower() == INSTRUMENT_SUFFIX and not Path(path).is_dir()


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
    path: TimbrePath | None, params: TimbreParams, duration: float, model: "Generator"
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
    model : Generator

    Returns
    -------
    instruments : Instruments
    """
    if path is not None:
        return path.over(duration)
    drawn = latent.get_random_instruments(
        duration,
        params.secs_per_instrument,
        latent_dim=model.latent_dim,
        rng=np.random.default_rng(params.seed),
    )
    return replace(drawn, model=model.fingerprint)


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
        told = f"{tell(late)} {'lies' if len(late) == 1 else 'lie'}"
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
    before = np.array([-np.inf, *instruments.times[:-1]])
    behind = np.array([*instruments.times[1:], np.inf])
    ordered = np.sort(onsets)
    first, last = np.searchsorted(ordered, before), np.searchsorted(ordered, behind, side="right")
    around = zip(instruments.names, last > first, strict=False)
    return tuple(name for name, is_heard in around if is_heard)
