"""Turn a recorded melody into the same melody played by instruments that never existed.

The names below are loaded when they are first used, so that the import itself costs nothing.

>>> import retimbre
>>> result = retimbre.retimbre_file("in.webm", confidence=0.8, seed=0)  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from retimbre.audio import load, resample, save
    from retimbre.errors import (
        AudioError,
        DecodeError,
        ModelError,
        ModelFormatError,
        ModelNotFoundError,
        NoPitchError,
        ParameterError,
        RetimbreError,
    )
    from retimbre.generator import Generator, load_generator
    from retimbre.latent import get_random_instruments, get_z_notes, slerp
    from retimbre.midi import load_midi, save_f0_csv, save_midi, save_notes_csv
    from retimbre.mixing import combine_notes
    from retimbre.notes import estimate_tuning, note_curves, segment_notes
    from retimbre.params import NoteParams, PitchParams, RenderParams, TimbreParams
    from retimbre.pipeline import analyze, analyze_file, render, retimbre_file
    from retimbre.pipeline import retimbre as retimbre
    from retimbre.pitch import estimate_pitch
    from retimbre.plot import plot_result
    from retimbre.result import Analysis, Result
    from retimbre.settings import Settings
    from retimbre.types import Instruments, NoteCurve, Notes, PitchTrack

# Without `retimbre`: it would take the place of the package after ``from retimbre import *``.
__all__ = [
    "Analysis",
    "AudioError",
    "DecodeError",
    "Generator",
    "Instruments",
    "ModelError",
    "ModelFormatError",
    "ModelNotFoundError",
    "NoPitchError",
    "NoteCurve",
    "NoteParams",
    "Notes",
    "ParameterError",
    "PitchParams",
    "PitchTrack",
    "RenderParams",
    "Result",
    "RetimbreError",
    "Settings",
    "TimbreParams",
    "__version__",
    "analyze",
    "analyze_file",
    "combine_notes",
    "estimate_pitch",
    "estimate_tuning",
    "get_random_instruments",
    "get_z_notes",
    "load",
    "load_generator",
    "load_midi",
    "note_curves",
    "plot_result",
    "render",
    "resample",
    "retimbre_file",
    "save",
    "save_f0_csv",
    "save_midi",
    "save_notes_csv",
    "segment_notes",
    "slerp",
]

# Where each public name lives.
_HOMES = {
    "audio": ("load", "resample", "save"),
    "errors": (
        "AudioError",
        "DecodeError",
        "ModelError",
        "ModelFormatError",
        "ModelNotFoundError",
        "NoPitchError",
        "ParameterError",
        "RetimbreError",
    ),
    "generator": ("Generator", "load_generator"),
    "latent": ("get_random_instruments", "get_z_notes", "slerp"),
    "midi": ("load_midi", "save_f0_csv", "save_midi", "save_notes_csv"),
    "mixing": ("combine_notes",),
    "notes": ("estimate_tuning", "note_curves", "segment_notes"),
    "params": ("NoteParams", "PitchParams", "RenderParams", "TimbreParams"),
    "pipeline": ("analyze", "analyze_file", "render", "retimbre", "retimbre_file"),
    "pitch": ("estimate_pitch",),
    "plot": ("plot_result",),
    "result": ("Analysis", "Result"),
    "settings": ("Settings",),
    "types": ("Instruments", "NoteCurve", "Notes", "PitchTrack"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
