"""Types that pass between stages, checked once.

Conventions: times in seconds, f0 in Hz with NaN where there is no pitch, `pitch` a MIDI note
number, `velocity` 1..127, levels in dB. All arrays of one object share one length.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray, readonly
from retimbre.errors import ParameterError, check_type

N_DETAILS = 6

HOP_SECONDS = 0.010
"""The step between frames of every PitchTrack and NoteCurve."""


def _check_lengths(owner: str, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
    shapes = {name: a.shape for name, a in arrays.items()}
    if len(set(shapes.values())) > 1 or any(len(s) != 1 for s in shapes.values()):
        raise ParameterError(f"{owner} needs 1-D arrays of one length, given {shapes}.")


@dataclass(frozen=True, eq=False)
class PitchTrack:
    """What is measured of a clip every 10 ms, before any threshold.

    Attributes
    ----------
    times : np.ndarray [shape=(n_frames,), seconds]
        Centres of the frames, every 10 ms, the first at 0.
    f0 : np.ndarray [shape=(n_frames,), Hz]
        Fundamental frequency; NaN where the frame is silent.
    confidence : np.ndarray [shape=(n_frames,), 0..1]
        How sure the estimator is; 0 where the frame is silent.
    level_db : np.ndarray [shape=(n_frames,), dB re full scale]
        RMS level of the frame.
    onset_strength : np.ndarray [shape=(n_frames,), >= 0]
        How much new energy appears at the frame (spectral flux).
    detail : np.ndarray [shape=(n_frames, 6)]
        What else says where notes begin and end, see `retimbre.pitch.detail`; by default what the
        other columns say of it.
    """

    times: FloatArray
    f0: FloatArray
    confidence: FloatArray
    level_db: FloatArray
    onset_strength: FloatArray
    detail: FloatArray = field(default_factory=lambda: np.zeros(0), repr=False)

    def __post_init__(self) -> None:
        names = ("times", "f0", "confidence", "level_db", "onset_strength")
        for name in names:
            object.__setattr__(self, name, readonly(getattr(self, name), np.float64))
        _check_lengths("PitchTrack", {name: getattr(self, name) for name in names})
        detail = np.asarray(self.detail, np.float32)
        if detail.size == 0:
            columns = [self.level_db] * 2 + [self.onset_strength] * 3 + [self.confidence]
            detail = np.stack(columns, axis=-1).astype(np.float32)
        if detail.shape != (len(self), N_DETAILS):
            raise ParameterError(
                f"PitchTrack needs a detail of shape ({len(self)}, {N_DETAILS}), given "
                f"{detail.shape}."
            )
        object.__setattr__(self, "detail", readonly(detail, np.float32))

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, eq=False)
class Notes:
    """Note events, sorted by onset (ties by pitch).

    Attributes
    ----------
    onset, offset : np.ndarray [shape=(n_notes,), seconds]
        Start and end; ``offset > onset >= 0``.
    pitch : np.ndarray of int64 [shape=(n_notes,), MIDI 0..127]
    velocity : np.ndarray of int64 [shape=(n_notes,), 1..127]
    """

    onset: FloatArray
    offset: FloatArray
    pitch: IntArray
    velocity: IntArray

    def __post_init__(self) -> None:
        names = ("onset", "offset", "pitch", "velocity")
        for name in names:
            dtype = np.float64 if name in ("onset", "offset") else np.int64
            object.__setattr__(self, name, readonly(getattr(self, name), dtype))
        _check_lengths("Notes", {name: getattr(self, name) for name in names})
        self._check_values()
        order = np.lexsort((self.pitch, self.onset))
        if np.any(np.diff(order) < 0):
            for name in names:
                array = getattr(self, name)
                object.__setattr__(self, name, readonly(array[order], array.dtype))

    def _check_values(self) -> None:
        is_finite = np.isfinite(self.onset) & np.isfinite(self.offset)
        for what, is_right in (
            ("finite onsets and offsets", is_finite),
            ("0 <= onset < offset (seconds)", (self.onset >= 0) & (self.offset > self.onset)),
            ("MIDI pitches in 0..127", (self.pitch >= 0) & (self.pitch <= 127)),
            ("velocities in 1..127", (self.velocity >= 1) & (self.velocity <= 127)),
        ):
            if not is_right.all():
                k = int(np.argmin(is_right))
                raise ParameterError(
                    f"Notes need {what}; note {k} of {len(self)} is from {self.onset[k]:g} to "
                    f"{self.offset[k]:g} s, pitch {self.pitch[k]}, velocity {self.velocity[k]}."
                )

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def intervals(self) -> FloatArray:
        """Onset and offset side by side, as mir_eval takes them [shape=(n_notes, 2), seconds]."""
        return np.stack([self.onset, self.offset], axis=1)

    @property
    def duration(self) -> FloatArray:
        """Length of each note [shape=(n_notes,), seconds]."""
        return np.asarray(self.offset - self.onset)

    def take(self, indices: IntArray) -> "Notes":
        """Return some of the notes, in ascending order of their indices [shape=(n,)]."""
        return Notes(
            self.onset[indices],
            self.offset[indices],
            self.pitch[indices],
            self.velocity[indices],
        )

    @classmethod
    def empty(cls) -> "Notes":
        """Return no notes."""
        return cls(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False)
class NoteCurve:
    """How a performer played one note, every 10 ms from its onset.

    Attributes
    ----------
    cents : np.ndarray [shape=(n_frames,), cents]
        f0 above the note's MIDI pitch; finite everywhere.
    level_db : np.ndarray [shape=(n_frames,), dB]
        Level relative to the note's loudest frame; <= 0.
    """

    cents: FloatArray
    level_db: FloatArray

    def __post_init__(self) -> None:
        for name in ("cents", "level_db"):
            object.__setattr__(self, name, readonly(getattr(self, name), np.float64))
        _check_lengths("NoteCurve", {"cents": self.cents, "level_db": self.level_db})
        if not (np.isfinite(self.cents).all() and np.isfinite(self.level_db).all()):
            raise ParameterError("A NoteCurve needs finite cents and levels.")


NoteCurves = Sequence[NoteCurve]
"""One curve a note, in the order of the notes."""


ARTICULATIONS = ("struck", "soft", "tied")
"""How a note begins: with an attack of its own, gently, or out of the note before it."""

LARGEST_ID = 2**53
"""Up to it every reader of JSON keeps an integer exact."""


MAX_SECONDS = 24.0 * 3600.0
"""No melody lasts longer; times beyond it are mistaken."""


@dataclass(frozen=True, eq=False)
class Melody:
    """Notes to be played, how they were performed, and where they came from.

    What is given for the notes is in their order: by onset, then by pitch. To edit a melody, see
    `retimbre.notes.edits`.

    Attributes
    ----------
    notes : Notes
    curves : tuple of NoteCurve or None
        One per note; None where nothing is known of the performance (MIDI).
    ids : np.ndarray of int64 [shape=(n_notes,), 0..2**53]
        What tells the notes apart, whatever is done to them; the index by default. The noise in a
        note's sound is drawn by its id.
    articulation : tuple of str
        One of `ARTICULATIONS` per note; "struck" by default.
    strength : np.ndarray [shape=(n_notes,), 0..1]
        How strongly a note is articulated; 1 by default.
    source : str
        Name of the recording or file.
    duration : float [seconds]
        Of the recording; the end of the last note by default. At most `MAX_SECONDS`.
    confidence : float or None
        The threshold at which the notes were found; None for MIDI.
    folded : int
        How many notes were moved by octaves into the model's range.
    voiced_seconds : float or None
        Time at or above the threshold; None for MIDI.
    loudness : float or None [LUFS]
        Of the recording; None where it is not known.
    dropped : dict of str to float
        ``short_notes`` (how many were under the minimum length) and ``unvoiced_seconds`` (time
        that has a pitch but lies below the threshold).
    origin : str
        Edits of one melody share it, and in a `Session` their instruments and gain. By default a
        digest of source and notes.
    extra : dict of str to Any
        Fields of a file that this version does not know; those of notes stand under their ids in
        ``note_extra``.

    Raises
    ------
    ParameterError
        If there is not one of everything per note, two notes have one id, or a value is out of its
        range.
    """

    notes: Notes
    curves: tuple[NoteCurve, ...] | None = None
    ids: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    articulation: tuple[str, ...] = ()
    strength: FloatArray = field(default_factory=lambda: np.zeros(0))
    source: str = ""
    duration: float = 0.0
    confidence: float | None = None
    folded: int = 0
    voiced_seconds: float | None = None
    loudness: float | None = None
    dropped: dict[str, float] = field(default_factory=dict)
    origin: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    note_extra: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_type(self.notes, Notes, "The notes of a melody")
        n = len(self.notes)
        filled = {
            "ids": self.ids if len(self.ids) else np.arange(n),
            "strength": self.strength if len(self.strength) else np.ones(n),
        }
        object.__setattr__(self, "ids", readonly(filled["ids"], np.int64))
        object.__setattr__(self, "strength", readonly(filled["strength"], np.float64))
        object.__setattr__(self, "articulation", tuple(self.articulation) or ("struck",) * n)
        if self.curves is not None:
            object.__setattr__(self, "curves", tuple(self.curves))
        if n and self.duration == 0.0:
            object.__setattr__(self, "duration", float(self.notes.offset.max()))
        if not self.origin:
            object.__setattr__(self, "origin", self._digest())
        self._check(n)

    def _digest(self) -> str:
        notes = self.notes
        columns = (notes.onset, notes.offset, notes.pitch, notes.velocity)
        known = repr((self.source, self.duration)).encode() + b"".join(c.tobytes() for c in columns)
        return hashlib.sha256(known).hexdigest()[:16]

    def _check(self, n: int) -> None:
        parts = (self.ids, self.articulation, self.strength, self.curves or range(n))
        if {len(part) for part in parts} != {n}:
            raise ParameterError(
                f"A melody of {n} notes needs one of everything per note, given "
                f"{', '.join(str(len(part)) for part in parts)} ids, articulations, strengths "
                "and curves."
            )
        in_range = not n or (self.ids.min() >= 0 and self.ids.max() <= LARGEST_ID)
        if len(set(self.ids.tolist())) != n or not in_range:
            raise ParameterError("The ids of notes must be different, from 0 on, at most 2**53.")
        unknown = sorted(set(self.articulation) - {*ARTICULATIONS})
        if unknown:
            raise ParameterError(
                f"Unknown articulation {unknown[0]!r}; use one of {', '.join(ARTICULATIONS)}."
            )
        lasts = max(self.duration, float(self.notes.offset.max(initial=0.0)))
        if not (self.duration >= 0.0 and lasts <= MAX_SECONDS):
            raise ParameterError(
                f"A melody lasts from 0 to {MAX_SECONDS / 3600.0:.0f} hours, given a duration of "
                f"{self.duration:g} s and a last note that ends at "
                f"{self.notes.offset.max(initial=0.0):g} s."
            )
        if self.loudness is not None and not np.isfinite(self.loudness):
            raise ParameterError(f"A loudness must be finite, given {self.loudness} LUFS.")
        if not np.all((self.strength >= 0.0) & (self.strength <= 1.0)):
            raise ParameterError("The strength of an articulation must be in 0..1.")

    def __len__(self) -> int:
        return len(self.notes)

    def rows(self) -> list[dict[str, Any]]:
        """Return what is known of each note; ``curve`` only where there are curves."""
        columns: dict[str, Sequence[Any]] = {
            "id": self.ids.tolist(),
            "onset": self.notes.onset.tolist(),
            "offset": self.notes.offset.tolist(),
            "pitch": self.notes.pitch.tolist(),
            "velocity": self.notes.velocity.tolist(),
            "articulation": self.articulation,
            "strength": self.strength.tolist(),
        }
        if self.curves is not None:
            columns["curve"] = self.curves
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def __repr__(self) -> str:
        return f"<Melody of {self.source or 'nothing'}: {len(self)} notes, {self.duration:.2f} s>"
