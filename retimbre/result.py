"""Results and reports of the pipeline."""

from collections.abc import KeysView
from dataclasses import dataclass, field, fields
from typing import Any

from retimbre._typing import FloatArray
from retimbre.instrument import Instruments
from retimbre.types import Melody, NoteCurve, Notes, PitchTrack


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
    loudness : float or None [LUFS]
        Integrated loudness of the recording's mono mix (BS.1770-4); None for MIDI, and where it
        is under -70 LUFS all along.
    timings : dict of str to float [seconds]
        ``decode`` and ``pitch``.
    articulation : tuple of str
        "struck" or "tied", one per note of a MIDI file; empty where it is not known.
    """

    source: str
    duration: float
    sr: int | None = None
    pitch: PitchTrack | None = None
    notes: Notes | None = None
    loudness: float | None = None
    timings: dict[str, float] = field(default_factory=dict)
    articulation: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a run used and what came out; `as_dict` gives what ``--json`` prints.

    Attributes
    ----------
    input : str
        Name of the input.
    confidence : float or None
        The threshold; None for MIDI.
    sample_rate : int [Hz]
        Of the output.
    notes : int
        How many were played.
    seed : int
    model : str
    instruments : int
        How many.
    instrument_names, heard_names : list of str
        Of all instruments, and of those that notes have a part of, in the words of
        `retimbre.settings.stops`: ``instruments=report.instrument_names`` asks for them again.
    input_sample_rate : int or None [Hz]
        None for MIDI.
    input_duration : float [seconds]
    voiced_seconds : float or None
        Time at or above the threshold; None for MIDI.
    dropped : dict of str to float
        See `Melody`.
    folded : int
        How many notes were moved by octaves.
    duration : float [seconds]
        Of the output.
    loudness : float or None [LUFS]
        Integrated loudness of the output (BS.1770-4); None where it is under -70 LUFS all along.
    limited_db : float [dB, >= 0]
        So much less loud than it should be is the clip, because louder its peak would exceed the
        ceiling.
    timings : dict of str to float [seconds]
        ``decode``, ``pitch``, ``notes``, ``generate``, ``synthesize`` and ``total``.
    output : str or None
        The file that was written, if any.
    files : dict of str to str
        What was written beside it, by kind.
    """

    input: str
    confidence: float | None
    sample_rate: int
    notes: int
    seed: int
    model: str
    instruments: int
    instrument_names: list[str]
    heard_names: list[str]
    input_sample_rate: int | None
    input_duration: float
    voiced_seconds: float | None
    dropped: dict[str, float]
    folded: int
    duration: float
    loudness: float | None
    limited_db: float
    timings: dict[str, float]
    output: str | None = None
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, melody: Melody, analysis: Analysis | None, **known: Any) -> "Report":
        """Report on a melody, and on what it was found in.

        Parameters
        ----------
        melody : Melody
            As it was played.
        analysis : Analysis or None
        **known
            The figures that these two do not hold.

        Returns
        -------
        report : Report
        """
        return cls(
            input=melody.source,
            confidence=melody.confidence,
            notes=len(melody),
            input_sample_rate=None if analysis is None else analysis.sr,
            input_duration=melody.duration,
            voiced_seconds=melody.voiced_seconds,
            dropped=melody.dropped,
            folded=melody.folded,
            **known,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name, as JSON holds them; without files where none was written."""
        names = [f.name for f in fields(self)]
        if self.output is None:
            names = [name for name in names if name not in ("output", "files")]
        return {name: getattr(self, name) for name in names}

    def __getitem__(self, name: str) -> Any:
        return self.as_dict()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.as_dict()

    def keys(self) -> KeysView[str]:
        """Return the names of the figures, so that ``dict(report)`` holds them."""
        return self.as_dict().keys()

    def get(self, name: str, default: Any = None) -> Any:
        """Return a figure by its name, or `default` if there is none."""
        return self.as_dict().get(name, default)


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
    report : Report
        Figures, settings and timings.
    curves : tuple of NoteCurve or None
        How each note was performed; None for MIDI.
    melody : Melody or None
        The notes with all that is known of them.
    start : float [seconds]
        Where in the melody `y` begins.
    """

    y: FloatArray
    sr: int
    notes: Notes
    pitch: PitchTrack | None
    instruments: Instruments
    report: Report
    curves: tuple[NoteCurve, ...] | None = None
    melody: Melody | None = None
    start: float = 0.0

    def __repr__(self) -> str:
        seconds = len(self.y) / self.sr
        return f"<Result: {len(self.notes)} notes, {seconds:.2f} s at {self.sr} Hz>"
