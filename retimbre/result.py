"""What the pipeline hands on and hands back."""

from dataclasses import dataclass, field
from typing import Any

from retimbre._typing import FloatArray
from retimbre.types import Instruments, NoteCurve, Notes, PitchTrack


@dataclass(frozen=True, eq=False)
class Analysis:
    """What is known of an input before any threshold is chosen.

    Attributes
    ----------
    source : str
        Name of the input, for messages and reports.
    duration : float [seconds]
        Length of the recording; for MIDI the end of the last note.
    sr : int or None [Hz]
        Rate of the recording; None for MIDI.
    pitch : PitchTrack or None
        None for MIDI.
    notes : Notes or None
        The notes of a MIDI file; None for a recording, whose notes depend on the threshold.
    timings : dict of str to float [seconds]
        ``decode`` and ``pitch``.
    """

    source: str
    duration: float
    sr: int | None = None
    pitch: PitchTrack | None = None
    notes: Notes | None = None
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Result:
    """A melody played by other instruments.

    Attributes
    ----------
    y : np.ndarray of float32 [shape=(n_samples,)]
        The sound, in [-1, 1].
    sr : int [Hz]
        Rate of `y`, the model's.
    notes : Notes
        What was played: after transposition and folding.
    pitch : PitchTrack or None
        What was measured of the recording; None for MIDI.
    instruments : Instruments
        Where the timbre is when. Between them it goes at an even pace, see
        `retimbre.generator.harmonic.HarmonicGenerator.even_path`.
    report : dict
        ``input``, ``confidence`` (None for MIDI), ``sample_rate`` and ``duration`` of the output,
        ``notes`` (how many), ``seed``, ``timings`` in seconds and more; JSON can hold all of it.
    curves : tuple of NoteCurve or None
        How each note was performed; None for MIDI.
    """

    y: FloatArray
    sr: int
    notes: Notes
    pitch: PitchTrack | None
    instruments: Instruments
    report: dict[str, Any]
    curves: tuple[NoteCurve, ...] | None = None

    def __repr__(self) -> str:
        seconds = len(self.y) / self.sr
        return f"<Result: {len(self.notes)} notes, {seconds:.2f} s at {self.sr} Hz>"
