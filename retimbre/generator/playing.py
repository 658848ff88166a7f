"""What playing is, whatever the generator: notes that are checked, prepared and counted."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retimbre._typing import FloatArray, IntArray, Progress
from retimbre.errors import ParameterError
from retimbre.expression import release_times, render_curves
from retimbre.runtime import timed
from retimbre.types import NoteCurves, Notes

Wave = npt.NDArray[np.float32]


def check_notes(
    z: npt.ArrayLike,
    pitches: npt.ArrayLike,
    latent_dim: int,
    pitch_range: tuple[int, int],
    model: str,
) -> tuple[npt.NDArray[np.float32], IntArray]:
    """See that latents and pitches fit each other and a model.

    Parameters
    ----------
    z : array_like [shape=(n, latent_dim)]
    pitches : array_like of int [shape=(n,), MIDI]
    latent_dim : int
    pitch_range : (int, int) [MIDI, inclusive]
    model : str
        What messages call it.

    Returns
    -------
    z : np.ndarray of float32 [shape=(n, latent_dim)]
    pitches : np.ndarray of int [shape=(n,)]

    Raises
    ------
    ParameterError
        If shapes differ, z is not finite, or a pitch is no whole number or out of range.
    """
    z, pitches = np.asarray(z, dtype=np.float32), np.asarray(pitches)
    if z.ndim != 2 or z.shape[1] != latent_dim or pitches.shape != z.shape[:1]:
        raise ParameterError(
            f"Notes need z of shape (n, {latent_dim}) and n pitches, "
            f"given {z.shape} and {pitches.shape}."
        )
    if not np.isfinite(z).all():
        raise ParameterError("Latent vectors must be finite.")
    is_number = pitches.dtype.kind in "iuf"
    odd = pitches[pitches != np.rint(pitches)] if is_number else pitches
    if odd.size:
        raise ParameterError(f"Pitches are whole MIDI numbers, given {odd.tolist()[0]!r}.")
    low, high = pitch_range
    if pitches.size and (pitches.min() < low or pitches.max() > high):
        raise ParameterError(
            f"The model {model!r} plays MIDI {low}..{high}, "
            f"given {pitches.min()}..{pitches.max()}; fold the notes into it."
        )
    return z, pitches.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Performance:
    """How each note is to be played.

    Attributes
    ----------
    durations, releases : np.ndarray [shape=(n_notes,), seconds]
    f0_curves : list of np.ndarray [shape=(n_frames,), Hz]
    level_curves : list of np.ndarray or None [shape=(n_frames,), dB <= 0]
    expression : float [0..1]
        0 where there is no performer to follow.
    seeds : np.ndarray of int [shape=(n_notes,)]
        Of each note's phases and noise.
    """

    durations: FloatArray
    releases: FloatArray
    f0_curves: list[FloatArray]
    level_curves: list[FloatArray | None]
    expression: float
    seeds: IntArray

    def part(self, part: slice) -> "Performance":
        """Return the performance of some of the notes."""
        return Performance(
            self.durations[part],
            self.releases[part],
            self.f0_curves[part],
            self.level_curves[part],
            self.expression,
            self.seeds[part],
        )

    def pick(self, only: IntArray) -> "Performance":
        """Return the performance of the notes of some indices."""
        return Performance(
            self.durations[only],
            self.releases[only],
            [self.f0_curves[i] for i in only],
            [self.level_curves[i] for i in only],
            self.expression,
            self.seeds[only],
        )


def prepare(
    notes: Notes,
    curves: NoteCurves | None,
    *,
    expression: float,
    seed: int,
    ids: IntArray | None = None,
    only: IntArray | None = None,
) -> Performance:
    """Find how each note is to be played.

    Parameters
    ----------
    notes : Notes
    curves : sequence of NoteCurve, optional
        How a performer played them; None plays them plainly.
    expression : float [0..1]
        How much of the performance is kept.
    seed : int
    ids : np.ndarray of int [shape=(n_notes,), >= 0], optional
        Who each note is, by default its place. A note's chance depends on the seed and on this,
        so that it sounds the same whatever notes are played beside it.
    only : np.ndarray of int [shape=(n,)], optional
        Indices of the notes that are played, ascending; by default all. They are played as among
        all the others: a release depends on when the next note begins.

    Returns
    -------
    performance : Performance
        Of the notes that are played.

    Raises
    ------
    ParameterError
        If there is not one curve per note, an id is no whole number from 0 on, or `expression` is
        outside 0..1.
    """
    # Without a performance there is nothing to keep: the notes are GANSynth's plain ones.
    expression = 0.0 if curves is None else expression
    f0_curves, level_curves = render_curves(notes, curves, expression)
    seeds = draw_seeds(seed, np.arange(len(notes)) if ids is None else np.asarray(ids), len(notes))
    releases = release_times(notes, expression)
    whole = Performance(notes.duration, releases, f0_curves, level_curves, expression, seeds)
    return whole if only is None else whole.pick(only)


def draw_seeds(seed: int, ids: IntArray, n_notes: int) -> IntArray:
    """Return one seed per note [shape=(n_notes,), uint64], from the clip's seed and the note's id.

    Neighbouring seeds share no note's noise, as seed + id would make them.

    Raises
    ------
    ParameterError
        If there is not one id per note, or one is no whole number from 0 on.
    """
    if ids.shape != (n_notes,) or ids.dtype.kind not in "iu" or np.any(ids < 0):
        raise ParameterError(
            f"Notes need one id each, a whole number from 0 on; given {ids.tolist()!r:.60} for "
            f"{n_notes} notes."
        )
    children = (np.random.SeedSequence(seed, spawn_key=(int(own),)) for own in ids)
    drawn = [child.generate_state(1, np.uint64)[0] for child in children]
    return np.array(drawn, np.uint64)


def chunks(n_notes: int, size: int) -> list[slice]:
    """Cut a row of notes into parts of `size` notes; the last may be shorter."""
    return [slice(start, min(start + size, n_notes)) for start in range(0, n_notes, size)]


def count_waves(
    waves: Iterator[Wave],
    part: slice,
    n_notes: int,
    timings: dict[str, float],
    progress: Progress | None,
) -> Iterator[Wave]:
    """Pass on the waves of a chunk, and report each.

    Parameters
    ----------
    waves : iterator of np.ndarray
        One per note of the chunk; the time that each takes is added under "synthesize".
    part : slice
        The notes of the chunk.
    n_notes : int
        In all chunks.
    timings : dict
    progress : callable, optional
        Called with notes done and notes in all, after each note.
    """
    for done in range(part.start + 1, part.stop + 1):
        with timed(timings, "synthesize"):
            wave = next(waves)
        yield wave
        if progress is not None:
            progress(done, n_notes)
