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
from .generator import load_generator
from .generator.harmonic import Generator
from .io.audio import load, resample, save
from .io.melodies import load_melody, save_melody
from .io.midi import load_midi, save_f0_csv, save_midi, save_notes_csv
from .latent import get_random_instruments, get_z_notes, slerp
from .mixing import combine_notes
from .notes import estimate_tuning, note_curves, segment_notes
from .notes.edits import add_note, edit_note, remove_note
from .params import NoteParams, PitchParams, RenderParams, TimbreParams
from .pipeline import render, retimbre, retimbre_file
from .pitch import estimate_pitch
from .pitch.analysis import analyze, analyze_file
from .result import Analysis, Report, Result
from .session import Session
from .settings import Settings
from .types import Instruments, Melody, NoteCurve, Notes, PitchTrack

__version__: str
__all__ = [
    "Analysis",
    "AudioError",
    "DecodeError",
    "Generator",
    "Instruments",
    "Melody",
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
    "Report",
    "Result",
    "RetimbreError",
    "Session",
    "Settings",
    "TimbreParams",
    "add_note",
    "analyze",
    "analyze_file",
    "combine_notes",
    "edit_note",
    "estimate_pitch",
    "estimate_tuning",
    "get_random_instruments",
    "get_z_notes",
    "load",
    "load_generator",
    "load_melody",
    "load_midi",
    "note_curves",
    "plot_result",
    "remove_note",
    "render",
    "resample",
    "retimbre",
    "retimbre_file",
    "save",
    "save_f0_csv",
    "save_melody",
    "save_midi",
    "save_notes_csv",
    "segment_notes",
    "slerp",
]
