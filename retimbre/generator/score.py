"""What is to be played: voices, and the latents of their images."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from retimbre._typing import Float32Array, FloatArray, IntArray
from retimbre.errors import ParameterError
from retimbre.expression import release_times, render_curves
from retimbre.generator.morph import LONG_NOTE_SECONDS
from retimbre.harmonic.touch import image_velocities
from retimbre.harmonic.voice import Voice, VoiceNote
from retimbre.instrument import NoteCorrections
from retimbre.notes.slurs import find_slurs, voices_of
from retimbre.settings.params import RenderParams
from retimbre.types import NoteCurves, Notes
from retimbre.units import midi_to_hz

logger = logging.getLogger("retimbre")

MORPH_STEP = 1.0
"""Images of a note that goes on along the path stand about so many seconds apart."""


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of the notes that are played.

    Attributes
    ----------
    notes : Notes
    curves : sequence of NoteCurve or None
        How a performer played them; None plays them plainly.
    articulation : tuple of str
        One of `retimbre.types.ARTICULATIONS` per note; empty strikes them all.
    params : RenderParams
    seeds : np.ndarray of int [shape=(n_notes,)]
        Of each note's phases and noise.
    loudness_db : np.ndarray [shape=(n_notes,), dB re full scale] or None
        What each note is brought to; None leaves them as they are.
    """

    notes: Notes
    curves: NoteCurves | None
    articulation: tuple[str, ...]
    params: RenderParams
    seeds: IntArray
    loudness_db: FloatArray | None = None

    @property
    def expression(self) -> tuple[float, float]:
        """How much of the performer's pitch and loudness is kept; 0 where there is none."""
        return (0.0, 0.0) if self.curves is None else self.params.expressions


@dataclass(frozen=True, eq=False)
class Score:
    """Voices, and what their images are made of: a row per image.

    Attributes
    ----------
    voices : list of Voice
        In the order of their beginnings.
    members : list of list of int
        Which notes each is made of.
    starts : np.ndarray of int64 [shape=(n_voices,), samples]
    first_row : np.ndarray of int64 [shape=(n_voices + 1,)]
        The first row of each voice.
    note, time : np.ndarray [shape=(n_rows,)]
        Which note an image is of, and where it stands [seconds from the beginning of the clip].
    pitch, velocity : np.ndarray of int64 [shape=(n_rows,)]
    z : np.ndarray of float32 [shape=(n_rows, latent_dim)]
    corrections : NoteCorrections or None
        One per row.
    with_softer : bool
        Whether images at softer velocities are needed.
    """

    voices: list[Voice]
    members: list[list[int]]
    starts: IntArray
    first_row: IntArray
    note: IntArray
    time: FloatArray
    pitch: IntArray
    velocity: IntArray
    with_softer: bool
    z: Float32Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    corrections: NoteCorrections | None = None


def write_score(part: Part, sr: int, *, joins: bool, morphs: Callable[[int], bool]) -> Score:
    """Write down what is to be played, without its latents.

    Parameters
    ----------
    part : Part
    sr : int [Hz]
    joins : bool
        Whether tied notes sound as one; otherwise each is a voice of its own.
    morphs : callable
        Whether the instrument changes while a note lasts.

    Returns
    -------
    score : Score

    Raises
    ------
    ParameterError
        If there is not one curve per note.
    """
    notes = part.notes
    starts, before = slurs_of(part)
    members = voices_of(before) if joins else [[k] for k in range(len(notes))]
    moments = [_moments(d, morphs(k)) for k, d in enumerate(notes.duration)]
    rows = np.array([k for own in members for k in own for _ in moments[k]], np.int64)
    return Score(
        voices=_voices(part, sr, members, starts, moments),
        members=members,
        starts=np.rint(notes.onset[[own[0] for own in members]] * sr).astype(np.int64),
        first_row=np.cumsum([0] + [sum(len(moments[k]) for k in own) for own in members]),
        note=rows,
        time=np.array([notes.onset[k] + t for own in members for k in own for t in moments[k]]),
        pitch=notes.pitch[rows],
        velocity=notes.velocity[rows],
        with_softer=part.expression[1] > 0.0,
    )


def _voices(
    part: Part,
    sr: int,
    members: Sequence[Sequence[int]],
    starts: Sequence[str],
    moments: Sequence[FloatArray],
) -> list[Voice]:
    """Write down the voices of a part."""
    notes, (pitch_share, loudness_share) = part.notes, part.expression
    curves = part.curves if max(pitch_share, loudness_share) > 0.0 else None
    f0_curves, level_curves = render_curves(notes, curves, pitch_share)
    if loudness_share == 0.0:
        level_curves = [None] * len(notes)
    releases = release_times(notes, loudness_share)
    layers = image_velocities(notes.velocity, with_softer=loudness_share > 0.0)
    softer_db = 40.0 * np.log10(layers[:, 0] / layers[:, -1])

    def note(k: int, first: int, following: int | None) -> VoiceNote:
        stop = notes.offset[k] if following is None else notes.onset[following]
        return VoiceNote(
            onset=float(notes.onset[k] - notes.onset[first]),
            duration=float(stop - notes.onset[k]),
            f0=f0_curves[k],
            key_hz=float(midi_to_hz(notes.pitch[k])),
            level_db=level_curves[k],
            start=starts[k],
            loudness_db=None if part.loudness_db is None else float(part.loudness_db[k]),
            moments=moments[k],
            softer_db=float(softer_db[k]) if level_curves[k] is not None else 0.0,
        )

    def voice(own: Sequence[int]) -> Voice:
        pairs = zip(own, [*own[1:], None], strict=True)
        tied = tuple(note(k, own[0], after) for k, after in pairs)
        release, seed = float(releases[own[-1]]), int(part.seeds[own[0]])
        return Voice(tied, release, sr, pitch_share, loudness_share, seed)

    return [voice(own) for own in members]


def slurs_of(part: Part) -> tuple[tuple[str, ...], IntArray]:
    """Find how the notes of a part begin, and which one each goes on from.

    GANSynth's plain notes are all struck.
    """
    manner = part.params.articulation if part.params.is_expressive else "never"
    given = part.articulation or ("struck",) * len(part.notes)
    if len(given) != len(part.notes):
        raise ParameterError(
            f"Each of the {len(part.notes)} notes needs one articulation, given {len(given)}."
        )
    return find_slurs(part.notes, given, manner)


def _moments(duration: float, morphs: bool) -> FloatArray:
    """Return where the images of a note stand [seconds from its onset]."""
    if not morphs or duration < LONG_NOTE_SECONDS:
        return np.zeros(1)
    return np.linspace(0.0, duration, max(2, round(duration / MORPH_STEP)) + 1)


def rows_between(score: Score, voice: int, images: Sequence[int] | IntArray) -> IntArray:
    """Return the rows of some images of a voice."""
    return np.asarray(score.first_row[voice] + np.asarray(images, np.int64))


def draw_seeds(seed: int, ids: IntArray | None, n_notes: int) -> IntArray:
    """Return one seed per note [shape=(n_notes,), uint64], from the clip's seed and the note's id.

    Without ids it is the note's place. Neighbouring seeds share no note's noise, as seed + id would
    make them.

    Raises
    ------
    ParameterError
        If there is not one id per note, or one is no whole number from 0 on.
    """
    ids = np.arange(n_notes) if ids is None else np.asarray(ids)
    if ids.shape != (n_notes,) or ids.dtype.kind not in "iu" or np.any(ids < 0):
        raise ParameterError(
            f"Notes need one id each, a whole number from 0 on; given {ids.tolist()!r:.60} for "
            f"{n_notes} notes."
        )
    children = (np.random.SeedSequence(seed, spawn_key=(int(own),)) for own in ids)
    drawn = [child.generate_state(1, np.uint64)[0] for child in children]
    return np.array(drawn, np.uint64)


def chunks_of(sizes: Sequence[int], most: int) -> list[slice]:
    """Cut a row of things into parts of `most` in all; a larger one is a part of its own."""
    parts, start, total = [], 0, 0
    for i, size in enumerate(sizes):
        if i > start and total + size > most:
            parts.append(slice(start, i))
            start, total = i, 0
        total += size
    return [*parts, slice(start, len(sizes))] if len(sizes) else []


def tell_of_ties(model: str, score: Score) -> None:
    """Log how many notes a model should have joined and cannot."""
    n_tied = sum(note.start == "tied" for voice in score.voices for note in voice.notes)
    if n_tied:
        logger.info(
            "The model %r cannot join notes: %d tied notes fade in, each for itself.", model, n_tied
        )
