from .display.plot import plot_result
from .errors import (
    AudioError,
    Cancelled,
    DecodeError,
    FileError,
    ModelError,
    ModelFormatError,
    ModelNotFoundError,
    NoPitchError,
    ParameterError,
    ReadError,
    RetimbreError,
    WriteError,
)
from .generator import Generator, load_generator
from .generator.gansynth import GansynthGenerator
from .generator.harmonic import HarmonicGenerator
from .instrument import Instrument, Instruments
from .io.audio import load, resample, save
from .io.instruments import (
    load_instrument,
    load_instruments,
    save_instrument,
    save_instruments,
)
from .io.melodies import load_melody, save_melody
from .io.midi import load_midi, save_midi
from .io.pretty_midi import from_pretty_midi, to_pretty_midi
from .io.tables import save_f0_csv, save_notes_csv
from .latent import get_random_instruments, get_z_notes, slerp
from .mixing import combine_notes
from .notes import estimate_tuning, note_curves, segment_notes
from .notes.edits import add_note, edit_note, remove_note
from .pipeline import render, retimbre, retimbre_file
from .pitch import estimate_pitch
from .pitch.analysis import analyze, analyze_file
from .result import Analysis, Report, Result
from .session import Session
from .settings import Settings
from .settings.params import NoteParams, PitchParams, RenderParams, TimbreParams
from .types import Melody, NoteCurve, Notes, PitchTrack

__version__: str
__all__ = [
    "Analysis",
    "AudioError",
    "Cancelled",
    "DecodeError",
    "FileError",
    "GansynthGenerator",
    "Generator",
    "HarmonicGenerator",
    "Instrument",
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
    "ReadError",
    "RenderParams",
    "Report",
    "Result",
    "RetimbreError",
    "Session",
    "Settings",
    "TimbreParams",
    "WriteError",
    "add_note",
    "analyze",
    "analyze_file",
    "combine_notes",
    "edit_note",
    "estimate_pitch",
    "estimate_tuning",
    "from_pretty_midi",
    "get_random_instruments",
    "get_z_notes",
    "load",
    "load_generator",
    "load_instrument",
    "load_instruments",
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
    "save_instrument",
    "save_instruments",
    "save_melody",
    "save_midi",
    "save_notes_csv",
    "segment_notes",
    "slerp",
    "to_pretty_midi",
]
