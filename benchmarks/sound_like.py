"""`--like` on recordings: one note's timbre at the pitches of the instrument's other notes."""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_metrics import level_distances
from sound_models import SoundModel, generate_levels
from sound_table import Row, share

from retimbre.harmonic.image import FRAME_TIMES
from retimbre.io import audio
from retimbre.like.hearing import HeardNote, hear_notes

FloatArray = npt.NDArray[np.floating[Any]]

VELOCITY = 100
HELD_SECONDS = 2.9
"""Later frames show a release that was not recorded there."""

FLOOR_DB = -60.0
MIN_SHARE = 0.95

TIE_DB = 1e-6
"""Distances so near each other are one: rounding depends on the processor."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """One recorded note.

    Attributes
    ----------
    path : Path
    pitch : int [MIDI]
        By its label.
    """

    path: Path
    pitch: int


def find_recordings(folder: Path) -> dict[str, list[Recorded]]:
    """Return the single notes of instruments that were recorded at several pitches.

    Parameters
    ----------
    folder : Path
        Holds manifest.tsv with the columns file, instrument, annotation_file and note; a single
        note's instrument has "single note" in it, and one of the last two columns gives its pitch
        as "MIDI 60" or "A4=69".

    Returns
    -------
    recordings : dict
        By the instrument's name; empty where there is no manifest.
    """
    manifest = folder / "manifest.tsv"
    found: dict[str, list[Recorded]] = defaultdict(list)
    if not manifest.is_file():
        return {}
    with manifest.open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            name, _, is_single = row["instrument"].partition(" single note")
            told = f"{row['annotation_file']} {row['note']}"
            label = re.search(r"MIDI (\d+)|[A-G][#b]?\d=(\d+)", told)
            if is_single and label:
                found[name].append(Recorded(folder / row["file"], int(label[1] or label[2])))
    return {name: notes for name, notes in found.items() if len({note.pitch for note in notes}) > 1}


def closer_share(own: FloatArray, others: FloatArray) -> FloatArray:
    """Return the share of others that are farther than each of some distances.

    Parameters
    ----------
    own : np.ndarray [shape=(n,)]
    others : np.ndarray [shape=(m,)]

    Returns
    -------
    shares : np.ndarray [shape=(n,), 0..1]
        1 is closer than all.
    """
    return _farther(others[None, :], own[:, None])


def _farther(others: FloatArray, own: FloatArray) -> FloatArray:
    """Return the share of each row of `others` that lies farther than `own`; a tie does not."""
    return np.asarray((others > own + TIE_DB).mean(axis=1))


def held_frames(note: HeardNote) -> npt.NDArray[np.bool_]:
    """Tell the frames in which a recorded note is held [shape=(128,)]."""
    return min(HELD_SECONDS, note.seconds) >= FRAME_TIMES


def held_distances(levels: FloatArray, note: HeardNote) -> FloatArray:
    """Return the distance of levels [shape=(n, 128, 96)] to a recorded note's while it is held."""
    frames = held_frames(note)
    reference = note.image[frames, :, 0][None]
    return level_distances(levels[:, frames], reference, note.pitch, floor_db=FLOOR_DB)[:, 0]


@dataclass(frozen=True, eq=False)
class Replay:
    """Some notes of an instrument, each replayed with the timbre of every other one.

    Row i, column j of an array: the timbre of note i played at the pitch of note j; NaN where both
    have one pitch.

    Attributes
    ----------
    to_palette, of_palette : np.ndarray [shape=(n_notes, n_notes), 0..1]
        The share of the palette that is farther from the replay than the real note is, and
        the share that is farther from the real note than the replay is.
    named : np.ndarray [shape=(n_named, n_notes), dB]
        How far the palette's instruments are from the notes.
    """

    to_palette: FloatArray
    of_palette: FloatArray
    named: FloatArray


def replay(model: SoundModel, notes: Sequence[HeardNote]) -> Replay:
    """Play notes with each other's timbre and compare them with the palette."""
    pitches = np.array([note.pitch for note in notes])
    z = model.encode(np.stack([note.features for note in notes]), pitches)
    named = np.empty((len(model.palette.z), len(notes)))
    to_palette, of_palette = np.empty((2, len(notes), len(notes)))
    for j, note in enumerate(notes):
        played, palette = (_play(model, latents, note.pitch) for latents in (z, model.palette.z))
        own, named[:, j] = held_distances(played, note), held_distances(palette, note)
        of_palette[:, j] = closer_share(own, named[:, j])
        frames = held_frames(note)
        apart = level_distances(
            played[:, frames], palette[:, frames], note.pitch, floor_db=FLOOR_DB
        )
        to_palette[:, j] = _farther(apart, own[:, None])
    is_same = pitches[:, None] == pitches[None, :]
    to_palette[is_same] = of_palette[is_same] = np.nan
    return Replay(to_palette, of_palette, named)


def _play(model: SoundModel, z: FloatArray, pitch: int) -> FloatArray:
    return generate_levels(model, z, np.full(len(z), pitch), np.full(len(z), VELOCITY))


def best_named(named: FloatArray) -> tuple[int, float]:
    """Choose the instrument of the palette that is close to most notes, knowing them all.

    Parameters
    ----------
    named : np.ndarray [shape=(n_named, n_notes), dB]
        How far they are from the notes.

    Returns
    -------
    best : int
        Which one.
    share : float [0..1]
        To how many of the notes it is closer than 95 % of the palette.
    """
    close = np.stack([closer_share(column, column) for column in named.T], axis=1) >= MIN_SHARE
    best = int(close.mean(axis=1).argmax())
    return best, float(close[best].mean())


def like_rows(model: SoundModel, folder: Path) -> list[Row]:
    """Measure `--like` on all instruments of a folder that have several recorded pitches."""
    rows: list[Row] = []
    for name, recordings in find_recordings(folder).items():
        notes, misheard = [], 0
        for recording in recordings:
            y, sr = audio.load(recording.path)
            note = hear_notes(y, sr, pitch_range=model.pitch_range, most=1)[0]
            misheard += note.pitch != recording.pitch
            notes.append(note)
        found = replay(model, notes)
        best, share_of_best = best_named(found.named)
        remark = (
            f"{len(notes)} notes, {misheard} heard at another pitch than labelled; of the "
            f"named instruments the closest, chosen by all the notes, is "
            f"{model.palette.names[best]} with {100.0 * share_of_best:.0f} % of them"
        )
        of_notes = f"{name}: recorded notes closer to their replay than to 95 % of the palette"
        of_replays = f"{name}: replays closer to the recorded note than to 95 % of the palette"
        rows += [_row(of_notes, found.of_palette, remark), _row(of_replays, found.to_palette)]
    return rows


def _row(figure: str, shares: FloatArray, remark: str = "") -> Row:
    cases = shares[np.isfinite(shares)]
    more = f"; {remark}" if remark else ""
    return Row(
        figure,
        share((cases >= MIN_SHARE).tolist()),
        ">= 80 %",
        f"median share of the palette that is farther {np.median(cases):.3f}{more}",
    )
