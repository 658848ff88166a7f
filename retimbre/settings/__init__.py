"""All settings of one run and their flat names."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from retimbre.errors import ParameterError
from retimbre.settings import params
from retimbre.settings.params import STAGES, TABLE

if TYPE_CHECKING:
    from retimbre.settings.stops import GivenInstruments


class Options(TypedDict, total=False):
    """The settings as flat keywords; one that is missing or None keeps its default.

    The units and ranges are those of the parameter classes in `retimbre.settings.params`.
    """

    confidence: float | None
    seed: int | None
    model: str | None
    secs_per_instrument: float | None
    instruments: "GivenInstruments | None"
    like: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None
    expression: float | None
    pitch_expression: float | None
    loudness_expression: float | None
    articulation: str | None
    loudness: float | str | None
    peak_db: float | None
    pitch_method: str | None
    crepe_capacity: str | None
    viterbi: bool | None
    fmin: float | None
    fmax: float | None
    min_note_length: float | None
    transpose: int | None
    pitch_range: tuple[int, int] | None


@dataclass(frozen=True)
class Settings:
    """The parameters of every stage.

    Attributes
    ----------
    pitch : PitchParams
    notes : NoteParams
    timbre : TimbreParams
    render : RenderParams
    """

    pitch: params.PitchParams = field(default_factory=params.PitchParams)
    notes: params.NoteParams = field(default_factory=params.NoteParams)
    timbre: params.TimbreParams = field(default_factory=params.TimbreParams)
    render: params.RenderParams = field(default_factory=params.RenderParams)

    @classmethod
    def from_options(cls, **options: Unpack[Options]) -> "Settings":
        """Sort flat options into the stages that they belong to.

        Parameters
        ----------
        **options
            See `Options`.

        Returns
        -------
        settings : Settings

        Raises
        ------
        ParameterError
            If a name is unknown or a value is out of its range.

        Examples
        --------
        >>> Settings.from_options(confidence=0.8, seed=3).notes.confidence
        0.8
        """
        stages: dict[str, dict[str, Any]] = {stage: {} for stage in STAGES}
        for name, value in options.items():
            if name not in TABLE:
                raise ParameterError(_unknown_option(name))
            if value is not None:
                stages[TABLE[name].stage][TABLE[name].attribute] = value
        return cls(**{stage: STAGES[stage](**values) for stage, values in stages.items()})

    def with_seed(self) -> tuple["Settings", int]:
        """Return the same settings with a seed, drawn if there is none, and that seed.

        A seed that was drawn is as good as one that was given: it is reported, and giving it
        the next time repeats the result.
        """
        seed = self.timbre.seed
        if seed is not None:
            return self, seed
        seed = secrets.randbelow(2**32)
        return replace(self, timbre=replace(self.timbre, seed=seed)), seed

    def with_confidence(self, confidence: float | None) -> "Settings":
        """Return the same settings at another threshold [0..1]; None changes nothing."""
        if confidence is None:
            return self
        return replace(self, notes=replace(self.notes, confidence=confidence))


def _unknown_option(name: str) -> str:
    close = get_close_matches(name, TABLE, n=1)
    hint = f". Did you mean {close[0]!r}?" if close else f"; use one of {', '.join(TABLE)}."
    return f"No option named {name!r}{hint}"
