"""Which instruments play a melody, and when: random ones, named ones, or those of recordings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retimbre import audio, latent
from retimbre.files import open_input
from retimbre.model_folder import find_model, read_config
from retimbre.palette import open_palette
from retimbre.params import TimbreParams, read_stops
from retimbre.recorded_note import LONGEST_SECONDS
from retimbre.types import FloatArray, Instruments

if TYPE_CHECKING:
    from retimbre.note_generator import NoteGenerator


@dataclass(frozen=True, eq=False)
class TimbrePath:
    """Chosen instruments in their order; one path serves any number of melodies.

    Attributes
    ----------
    z : np.ndarray [shape=(n, latent_dim)]
    names : tuple of str
        One an instrument.
    times : tuple of float or None [seconds]
        When each is reached; None spreads them over the melody.
    """

    z: FloatArray
    names: tuple[str, ...]
    times: tuple[float, ...] | None = None

    def over(self, duration: float) -> Instruments:
        """Place the instruments in a melody of some seconds."""
        if self.times is not None:
            return Instruments(self.z, np.array(self.times), self.names)
        return latent.spread_instruments(self.z, duration, self.names)


def check_timbre(params: TimbreParams) -> None:
    """See that the model, the named instruments and the recordings are there; open no network.

    Raises
    ------
    ParameterError
        If the model has no instrument of a name.
    ModelError
        If there is no such model, or it has no palette.
    DecodeError
        If a recording cannot be read.
    """
    config = read_config(find_model(params.model))
    if params.instruments is not None:
        palette = open_palette(config)
        for stop in read_stops(params.instruments):
            palette.describe(stop.name)
    for path in params.files:
        open_input(path).close()


def choose_path(params: TimbreParams, model: "NoteGenerator") -> TimbrePath | None:
    """Find the instruments that are named, or hear those that are recorded.

    Parameters
    ----------
    params : TimbreParams
    model : NoteGenerator

    Returns
    -------
    path : TimbrePath or None
        None where the instruments are random.

    Raises
    ------
    ParameterError
        If there is no instrument of a name, or a recorded note is outside the model's range.
    ModelError
        If the model has no palette or no encoder.
    AudioError
        If a recording cannot be read, or no note is heard in it.
    """
    if params.instruments is not None:
        stops = read_stops(params.instruments)
        found = [model.instruments.describe(stop.name) for stop in stops]
        times = tuple(stop.time for stop in stops if stop.time is not None)
        z = np.stack([instrument.z for instrument in found])
        return TimbrePath(z, tuple(instrument.name for instrument in found), times or None)
    files = params.files
    if files:
        return TimbrePath(
            np.stack([_encode_file(path, model) for path in files]),
            tuple(Path(path).name for path in files),
        )
    return None


def _encode_file(path: str, model: "NoteGenerator") -> FloatArray:
    # A little more than is heard, so that the rest is told.
    y, sr = audio.load(path, duration=LONGEST_SECONDS + 1.0)
    return model.encode(y, sr, source=path)


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
