"""`--like` on recordings: one note's timbre at the pitches of the instrument's other notes."""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sound_metrics import level_distances
from sound_models import SoundModel, generate_levels
from sound_table import Row, share

from retimbre import audio
from retimbre.images.harmonic import FRAME_TIMES
from retimbre.recorded_note import HeardNote, hear_note

FloatArray = npt.NDArray[np.floating[Any]]

VELOCITY = 100
HELD_SECONDS = 2.9
"""Later frames show a release that was not recorded there."""

FLOOR_DB = -60.0
MIN_SHARE = 0.95


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
    return np.asarray((others[None, :] > own[:, None]).mean(axis=1))


def held_distances(levels: FloatArray, note: HeardNote) -> FloatArray:
    """Return the distance of levels [shape=(n, 128, 96)] to a recorded note's while it is held."""
    frames = min(HELD_SECONDS, note.seconds) >= FRAME_TIMES
    reference = note.image[frames, :, 0][None]
    return level_distances(levels[:, frames], reference, note.pitch, floor_db=FLOOR_DB)[:, 0]


def like_shares(model: SoundModel, notes: list[HeardNote]) -> FloatArray:
    """Replay every note of an instrument with the timbre of every other one.

    Returns
    -------
    shares : np.ndarray [shape=(n, n), 0..1]
        Row i, column j: the share of the palette that is farther from note j than the timbre of
        note i played at its pitch; NaN where both have one pitch.
    """
    features = np.stack([note.features for note in notes])
    pitches = np.array([note.pitch for note in notes])
    z = model.encode(features, pitches)
    shares = np.full((len(notes), len(notes)), np.nan)
    for j, note in enumerate(notes):
        played = np.concatenate([z, model.palette.z])
        at = np.full(len(played), note.pitch)
        levels = generate_levels(model, played, at, np.full(len(at), VELOCITY))
        found = held_distances(levels, note)
        shares[:, j] = closer_share(found[: len(notes)], found[len(notes) :])
        shares[pitches == note.pitch, j] = np.nan
    return shares


def like_rows(model: SoundModel, folder: Path) -> list[Row]:
    """Measure `--like` on all instruments of a folder that have several recorded pitches."""
    rows, all_shares = [], []
    for name, recordings in find_recordings(folder).items():
        notes, misheard = [], 0
        for recording in recordings:
            y, sr = audio.load(recording.path)
            note = hear_note(y, sr, pitch_range=model.pitch_range)
            misheard += note.pitch != recording.pitch
            notes.append(note)
        shares = like_shares(model, notes)
        cases = shares[np.isfinite(shares)]
        all_shares += cases.tolist()
        rows.append(
            Row(
                f"a recorded note's timbre at other pitches, {name}",
                share((cases >= MIN_SHARE).tolist()),
                "",
                f"median share of the palette that is farther {np.median(cases):.3f}; "
                f"{len(notes)} notes, {misheard} heard at another pitch than labelled",
            )
        )
    total = share([value >= MIN_SHARE for value in all_shares])
    head = "closer to the instrument's own note than 95 % of the palette, all cases"
    return [Row(head, total, ">= 80 %"), *rows] if rows else []
