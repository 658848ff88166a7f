"""Building a dataset: SoundFonts at every pitch and velocity, and folders of recordings."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from retimbre._typing import FloatArray
from retimbre.errors import ModelFormatError, ParameterError, RetimbreError
from retimbre.harmonic import image as harmonic
from retimbre.runtime import in_processes
from retimbre.train.data import shards
from retimbre.train.data.dataset import MIN_NOTES_PER_INSTRUMENT
from retimbre.train.data.duplicates import Duplicate, drop_duplicates
from retimbre.train.data.labels import InstrumentKey, LeftOut, NoteLabel, find_held_out
from retimbre.train.data.measure import Reason
from retimbre.train.data.measures import find_measure
from retimbre.train.data.recorded_notes import Take, analyze_recording
from retimbre.train.data.recordings import Recording, find_recordings, listing_digest
from retimbre.train.data.soundfonts import SoundFont, licence_of

PITCHES = range(21, 109)
VELOCITIES = (40, 80, 120)

_USUAL = {"licence": "unknown", "representation": "harmonic", "recorded_fraction": 1.0}

_Job = tuple[int, list[Recording]]
"""A pitch, and what was recorded at it."""


@dataclass(frozen=True)
class Built:
    """What became of a build.

    Attributes
    ----------
    n_notes, n_instruments : int
        In the dataset, copies included.
    n_narrow : int
        Notes recorded at less than 44.1 kHz: silent above half of their rate.
    left_out : dict of str to int
        How many notes could not be used, by reason.
    duplicates : list of Duplicate
        Instruments that are copies of others.
    n_few : int
        Other instruments of so few notes that they are not trained on.
    n_held_out : int
        Others that are held out by name.
    n_trainable : int
        What is left.
    n_no_velocity : int
        Recorded notes whose velocity is not known.
    """

    n_notes: int
    n_instruments: int
    n_narrow: int
    left_out: dict[str, int]
    duplicates: list[Duplicate]
    n_few: int = 0
    n_held_out: int = 0
    n_trainable: int = 1
    n_no_velocity: int = 0


@dataclass(frozen=True)
class _Plan:
    """What all pitches of a build have in common."""

    folder: Path
    fonts: tuple[Path, ...]
    velocities: tuple[int, ...]
    fraction: float
    recorded_fraction: float
    seed: int
    licence: str
    representation: str
    held_out: tuple[str, ...]


def build(
    folder: Path,
    fonts: Iterable[Path],
    *,
    recordings: Iterable[Path] = (),
    pitches: range = PITCHES,
    velocities: tuple[int, ...] = VELOCITIES,
    fraction: float = 1.0,
    recorded_fraction: float = 1.0,
    seed: int = 0,
    licence: str = "unknown",
    representation: str = "harmonic",
    held_out: Iterable[str] = (),
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Built:
    """Make a dataset folder of SoundFonts and recordings; a stopped build goes on.

    Parameters
    ----------
    folder : Path
        Made if missing.
    fonts : iterable of Path
        SoundFonts, all of whose melodic presets are rendered.
    recordings : iterable of Path
        Folders, see `retimbre.train.data.recordings`.
    pitches : range [MIDI]
    velocities : tuple of int [1..127]
        Of the SoundFonts' notes.
    fraction, recorded_fraction : float [0..1]
        The shares of the SoundFonts' and of the recorded notes that are used, drawn at random.
    seed : int
    licence : str
        Of the sources whose licence is not known.
    representation : str
        "harmonic" or "mel"; see `retimbre.train.data.measures`.
    held_out : iterable of str
        Names of instruments, or of sources with all their instruments, that are never trained on,
        nor are their copies; in any case of letters.
    workers : int [>= 1]
        Processes; one is this one.
    progress : callable, optional
        Called with pitches done and pitches in all, first with those that were done before.

    Returns
    -------
    built : Built

    Raises
    ------
    ParameterError
        If the folder holds notes of other settings, two sources have one name, a folder holds no
        recordings, nothing is called as what is to be held out, or a number is impossible.
    ModelNotFoundError
        If a SoundFont does not open, or FluidSynth is missing.
    ModelFormatError
        If no note came out, or a shard is damaged.
    """
    for share in (fraction, recorded_fraction):
        _refuse_numbers(share, seed)
    plan = _Plan(
        folder,
        tuple(fonts),
        velocities,
        fraction,
        recorded_fraction,
        seed,
        licence,
        representation,
        tuple(held_out),
    )
    notes = {path.resolve(): find_recordings(path) for path in recordings}
    names = [path.name for path in (*plan.fonts, *notes)]
    _refuse_twins(names)
    _refuse_unknown(plan, notes)
    # Before anything is written: that there is such a representation.
    find_measure(representation)
    shards.write_settings(folder, _settings(plan, notes, pitches))
    jobs = [
        job
        for job in _by_pitch(folder, notes, pitches).items()
        if not shards.has_shard(folder, job[0])
    ]
    tell = progress or (lambda done, total: None)
    n_before = len(pitches) - len(jobs)
    tell(n_before, len(pitches))
    for done, _ in enumerate(_render_all(plan, jobs, workers), n_before + 1):
        tell(done, len(pitches))
    return _finish(plan, names)


def _refuse_numbers(fraction: float, seed: int) -> None:
    if not 0.0 < fraction <= 1.0:
        raise ParameterError(f"A fraction must be above 0 and at most 1, given {fraction}.")
    if seed < 0:
        raise ParameterError(f"A seed must not be negative, given {seed}.")


def _refuse_twins(names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ParameterError(f"{count} sources are called {name}; rename all but one.")


def _refuse_unknown(plan: _Plan, notes: dict[Path, list[Recording]]) -> None:
    """Refuse to hold out what there is not."""
    known = {path.name.casefold() for path in (*plan.fonts, *notes)}
    known |= {recording.name.casefold() for found in notes.values() for recording in found}
    missing = [name for name in plan.held_out if name.casefold() not in known]
    if missing:
        # Opening a SoundFont takes seconds.
        presets = [key.name.casefold() for path in plan.fonts for key in _open(path)[1]]
        missing = [name for name in missing if name.casefold() not in presets]
    if missing:
        raise ParameterError(
            f"No instrument and no source is called {missing[0]!r}, which is to be held out; give "
            "the name of an instrument, a SoundFont's file or a folder of recordings."
        )


def _settings(plan: _Plan, notes: dict[Path, list[Recording]], pitches: range) -> dict[str, Any]:
    """Return what the notes are a function of, as ``dataset.json`` has it."""
    settings: dict[str, Any] = {
        "sources": [path.name for path in (*plan.fonts, *notes)],
        "pitches": [pitches.start, pitches.stop - 1],
        "velocities": list(plan.velocities),
        "fraction": plan.fraction,
        "seed": plan.seed,
    }
    if notes:
        settings["recordings"] = {
            path.name: {"files": len(found), "sha256": listing_digest(found)}
            for path, found in notes.items()
        }
    if plan.held_out:
        settings["held_out"] = sorted(plan.held_out)
    # Only where they are not what they have been since the first datasets.
    for name, usual in _USUAL.items():
        if getattr(plan, name) != usual:
            settings[name] = getattr(plan, name)
    return settings


def _by_pitch(
    folder: Path, notes: dict[Path, list[Recording]], pitches: range
) -> dict[int, list[Recording]]:
    """Sort recordings by pitch and write down which have none that is wanted."""
    of_pitch: dict[int, list[Recording]] = {pitch: [] for pitch in pitches}
    left_out = []
    for recording in (recording for found in notes.values() for recording in found):
        reason = recording.why_unused(pitches)
        if reason is not None:
            left_out.append(_left_out(reason, recording, recording.file))
        elif recording.pitch is not None:
            of_pitch[recording.pitch].append(recording)
    shards.write_left_out(folder, "files", left_out)
    return of_pitch


def _left_out(reason: Reason, note: NoteLabel | Recording, file: str) -> LeftOut:
    bank, program = (note.bank, note.program) if isinstance(note, NoteLabel) else (-1, -1)
    return LeftOut(
        str(reason), note.source, bank, program, note.name, note.pitch, note.velocity, file
    )


@cache
def _open(path: Path) -> tuple[SoundFont, list[InstrumentKey]]:
    """Open a SoundFont once in a process."""
    font = SoundFont(path)
    return font, list(font.presets())


def _render_pitch(plan: _Plan, job: _Job) -> int:
    """Write the shard of one pitch, whose analysis is cached, and return the pitch."""
    pitch, recordings = job
    measure = find_measure(plan.representation)
    # Processes are the parallelism here; more threads would only wait for each other.
    with threadpool_limits(1):
        found = list(_measured_notes(plan, pitch, recordings, measure.take))
    left_out = [_left_out(n, label, file) for label, n, file in found if isinstance(n, Reason)]
    kept = [(label, note) for label, note, _ in found if not isinstance(note, Reason)]
    features = np.empty((len(kept), *measure.shape), np.float16)
    for row, (_, note) in zip(features, kept, strict=True):
        row[...] = note
    shards.write_shard(plan.folder, pitch, features, [label for label, _ in kept], left_out)
    return pitch


def _measured_notes(
    plan: _Plan, pitch: int, recordings: list[Recording], take: Take
) -> Iterator[tuple[NoteLabel, FloatArray | Reason, str]]:
    """Render and measure the notes of one pitch; a recorded one is told with its file."""
    rng = np.random.default_rng([plan.seed, pitch])
    for path in plan.fonts:
        font, presets = _open(path)
        known = licence_of(path)
        licence = plan.licence if known == "unknown" else known
        for preset in presets:
            for velocity in plan.velocities:
                if rng.random() < plan.fraction:
                    y = font.render(preset, pitch, velocity)
                    label = NoteLabel(*preset, pitch, velocity, licence)
                    yield label, take(y, pitch, None, None), ""
    for recording in recordings:
        if rng.random() < plan.recorded_fraction:
            label, note = analyze_recording(recording, pitch, take)
            yield replace(label, licence=recording.licence or plan.licence), note, recording.file


def _render_all(plan: _Plan, jobs: list[_Job], workers: int) -> Iterator[int]:
    """Do the jobs in this process or in others, and yield the pitch of each as it is done."""
    render = partial(_render_pitch, plan)
    if workers == 1 or len(jobs) <= 1:
        yield from map(render, jobs)
        return
    for _, pitch in in_processes(render, jobs, min(workers, len(jobs))):
        if pitch is None:
            raise RetimbreError(
                f"One of {workers} processes ended early, perhaps out of memory; run the same "
                "command with fewer --jobs to continue."
            )
        yield pitch


def _finish(plan: _Plan, sources: list[str]) -> Built:
    """Count the notes of a dataset whose shards are all there, and find its duplicates."""
    shards.sweep(plan.folder)
    parts = shards.read_shards(plan.folder)
    labels = [label for _, found in parts for label in found]
    left_out = Counter(note.reason for note in shards.read_left_out(plan.folder))
    if not labels:
        raise ModelFormatError(
            f"No note in {', '.join(sources)} could be used: {tell_reasons(left_out)} (see "
            f"{plan.folder / 'left_out'}; C4 is key 60)."
        )
    held_out = find_held_out({label.instrument for label in labels}, plan.held_out)
    duplicates = drop_duplicates(plan.folder, parts, sources, held_out)
    n_notes_of = Counter(label.instrument for label in labels)
    others = n_notes_of.keys() - {duplicate.dropped for duplicate in duplicates} - held_out
    n_few = sum(n_notes_of[key] < MIN_NOTES_PER_INSTRUMENT for key in others)
    return Built(
        n_notes=len(labels),
        n_instruments=len(n_notes_of),
        n_narrow=sum(label.sample_rate < harmonic.SAMPLE_RATE for label in labels),
        left_out=dict(left_out),
        duplicates=duplicates,
        n_few=n_few,
        n_held_out=len(held_out),
        n_trainable=len(others) - n_few,
        n_no_velocity=sum(not label.has_velocity for label in labels),
    )


def tell_reasons(left_out: dict[str, int]) -> str:
    """Say how many notes were left out for what, the most frequent reason first."""
    ordered = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ordered) or "there were none"
