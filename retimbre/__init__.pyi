from .display.plot import plot_result
from .errors import (
    AudioError,
    DecodeError,
    ModelError,
    ModelFormatError,
    ModelNotFoundError,
    NoPitchError,
    ParameterError,
    RetimbreError,
)
from .generator import Generator, load_generator
from .generator.gansynth import GansynthGenerator
from .generator.harmonic import HarmonicGenerator
from .io.audio import load, resample, save
from .io.midi import load_midi, save_f0_csv, save_midi, save_notes_csv
from .latent import get_random_instruments, get_z_notes, slerp
from .mixing import combine_notes
from .notes import estimate_tuning, note_curves, segment_notes
from .params import NoteParams, PitchParams, RenderParams, TimbreParams
from .pipeline import analyze, analyze_file, render, retimbre, retimbre_file
from .pitch import estimate_pitch
from .result import Analysis, Result
from .settings import Settings
from .types import Instrument, Instruments, NoteCurve, Notes, PitchTrack

__version__: str
__all__ = [
    "Analysis",
    "AudioError",
    "DecodeError",
    "GansynthGenerator",
    "Generator",
    "HarmonicGenerator",
    "Instrument",
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
    "retimbre",
    "retimbre_file",
    "save",
    "save_f0_csv",
    "save_midi",
    "save_notes_csv",
    "segment_notes",
    "slerp",
]
