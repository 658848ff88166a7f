"""How well recorded instruments are played again at other pitches: `--like` on real notes.

    git worktree add /tmp/before REVISION
    python benchmarks/real_instruments.py FOLDER [--model NAME ...] [--before /tmp/before]

FOLDER holds one folder per instrument, with one note per file: NAME_<MIDI>_<VELOCITY>.ogg. Nothing
of it may have been trained on. Some notes of each instrument are heard, and the others are played.
What is played is compared with the recordings as sound: partials are tracked in both by windows of
five periods or more, at moments at which the real note sounds. An earlier tree hears with its own
code and its own model.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from real_notes import SR, Take, attack_seconds, fall_db, level_error, read_takes
from results import write_section
from sound_like import held_distances

import retimbre
from retimbre._typing import FloatArray
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.harmonic.correction import correct
from retimbre.instrument import Instrument, NoteCorrections
from retimbre.like.hearing import HeardNote, hear_notes
from retimbre.types import Notes

HEARD_ALONE = 4
NEAR, OCTAVE = 4, 12
APART = ((1, 4), (5, 8), (9, 12), (13, 24), (25, 88))
SECONDS = 2.5
VELOCITY = 80
CLOSER = 0.95
WORSE_DB = 1.0

ENCODE = """
import sys, numpy as np, retimbre
generator, found = retimbre.load_generator("default"), {}
with np.load(sys.argv[1]) as waves:
    for name in waves.files:
        try:
            found[name] = np.asarray(generator.encode(waves[name], 44100))
        except retimbre.RetimbreError:
            pass
np.savez(sys.argv[2], **found)
"""


def play(generator: HarmonicGenerator, instrument: Instrument, pitches: Sequence[int]) -> list:
    """Play plain notes of an instrument; return their samples."""
    n = len(pitches)
    # Well apart, so that none ends early.
    onset = 10.0 * np.arange(n)
    notes = Notes(onset, onset + SECONDS, np.array(pitches), np.full(n, VELOCITY))
    corrections = NoteCorrections(np.zeros(n), (instrument.correction,))
    z = np.repeat(instrument.z[None], n, axis=0)
    return list(generator.play(z, notes, corrections=corrections))


class Reference:
    """A palette at any key, and how far it is from a heard note: one for all models.

    Parameters
    ----------
    generator : HarmonicGenerator
        Whose palette it is.
    """

    def __init__(self, generator: HarmonicGenerator) -> None:
        self._generator = generator
        self._z = np.stack(list(generator.instruments.values()))
        self._levels: dict[int, FloatArray] = {}
        self._heard: dict[int, HeardNote | None] = {}

    def closer_than(
        self, generator: HarmonicGenerator, instrument: Instrument, wanted: Take
    ) -> float:
        """Return the share of the palette that is farther from a take than an instrument is.

        NaN where the take is heard at another key than its label says.
        """
        note, pitch = self._hear(wanted), wanted.pitch
        if note is None:
            return np.nan
        if pitch not in self._levels:
            self._levels[pitch] = _images(self._generator, self._z, pitch)[..., 0]
        own = _images(generator, instrument.z[None], pitch)[0]
        if instrument.correction is not None:
            own = correct(own, instrument.correction, pitch)
        palette = held_distances(self._levels[pitch], note)
        return float((palette > held_distances(own[None, ..., 0], note)).mean())

    def _hear(self, take: Take) -> HeardNote | None:
        if id(take) not in self._heard:
            try:
                pitch_range = self._generator.pitch_range
                note = hear_notes(take.y, SR, pitch_range=pitch_range, most=1)[0]
            except retimbre.RetimbreError:
                note = None
            is_right = note is not None and note.pitch == take.pitch
            self._heard[id(take)] = note if is_right else None
        return self._heard[id(take)]


def _images(generator: HarmonicGenerator, z: FloatArray, pitch: int) -> FloatArray:
    found = generator.generate_images(z, np.full(len(z), pitch), VELOCITY)
    return found.images[found.index]


@dataclass
class Found:
    """What came out; of everything two values: of the z alone, and with the correction.

    Attributes
    ----------
    apart : list of int [semitones]
        From the one note heard to the wanted one.
    alone : list of (float, float) [dB]
        Level errors of these.
    attack, fall : list of (float, float) [seconds, dB]
        How far the time of the attack and the fall up to 1 s are off, at most an octave apart.
    several : list of (float, float, float) [dB]
        Level errors of the nearest note's z, and of all notes together.
    closer : list of (float, float)
        Shares of the palette.
    seconds : list of float
    before : dict
        Level errors with the z of an earlier tree, by the number of the pair in `alone`.
    """

    apart: list[int] = field(default_factory=list)
    alone: list[tuple[float, float]] = field(default_factory=list)
    attack: list[tuple[float, float]] = field(default_factory=list)
    fall: list[tuple[float, float]] = field(default_factory=list)
    several: list[tuple[float, float, float]] = field(default_factory=list)
    closer: list[tuple[float, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    before: dict[int, float] = field(default_factory=dict)


def heard_alone(takes: Sequence[Take]) -> list[int]:
    """Return which notes of an instrument are heard."""
    places = np.rint(np.linspace(1, len(takes) - 2, HEARD_ALONE)).astype(int)
    return [int(k) for k in np.unique(places)]


def measure(
    generator: HarmonicGenerator,
    instruments: dict[str, list[Take]],
    reference: Reference,
    earlier: dict[str, FloatArray],
) -> Found:
    """Hear some notes of each instrument, and play the others."""
    found = Found()
    for name, takes in instruments.items():
        nearest: dict[int, dict[int, float]] = {}
        for heard in heard_alone(takes):
            start = time.perf_counter()
            instrument = _hear(generator, [takes[heard]], name)
            found.seconds.append(time.perf_counter() - start)
            if instrument is None:
                continue
            z = earlier.get(f"{name} {heard}")
            errors = _compare(generator, instrument, takes, takes[heard], found, z)
            nearest[heard] = dict(zip(map(id, takes), errors, strict=True))
            for take in takes:
                if 0 < abs(take.pitch - takes[heard].pitch) <= OCTAVE:
                    found.closer.append(
                        tuple(
                            reference.closer_than(generator, i, take)
                            for i in (replace(instrument, correction=None), instrument)
                        )
                    )
        _hear_several(generator, name, takes, nearest, found)
    return found


def _hear_several(
    generator: HarmonicGenerator,
    name: str,
    takes: list[Take],
    nearest: dict[int, dict[int, float]],
    found: Found,
) -> None:
    places = heard_alone(takes)
    several = _hear(generator, [takes[k] for k in places], name)
    if several is None or not nearest:
        return
    wanted = [
        take
        for k, take in enumerate(takes)
        if k not in places and min(abs(take.pitch - takes[h].pitch) for h in nearest) <= NEAR
    ]
    plain, corrected = _play_both(generator, several, wanted)
    for take, one, other in zip(wanted, plain, corrected, strict=True):
        of = min(nearest, key=lambda h: abs(takes[h].pitch - take.pitch))
        pair = level_error(one, take), level_error(other, take)
        found.several.append((nearest[of][id(take)], *pair))


def _hear(generator: HarmonicGenerator, takes: Sequence[Take], name: str) -> Instrument | None:
    try:
        return generator.hear([(take.y, SR, f"{name} {take.pitch}") for take in takes], name=name)
    except retimbre.RetimbreError as error:
        print(error)
        return None


def _play_both(
    generator: HarmonicGenerator, instrument: Instrument, wanted: Sequence[Take]
) -> tuple[list, list]:
    """Play the z alone and with the correction."""
    pitches = [take.pitch for take in wanted]
    plain = replace(instrument, correction=None)
    return play(generator, plain, pitches), play(generator, instrument, pitches)


def _compare(
    generator: HarmonicGenerator,
    instrument: Instrument,
    wanted: Sequence[Take],
    heard: Take,
    found: Found,
    earlier: FloatArray | None,
) -> list[float]:
    """Note how far what is played is from the recordings; return the errors of the z alone."""
    plain, corrected = _play_both(generator, instrument, wanted)
    before: list = [None] * len(wanted)
    if earlier is not None:
        before = play(generator, Instrument(earlier, "before"), [take.pitch for take in wanted])
    errors = []
    for take, *pair, old in zip(wanted, plain, corrected, before, strict=True):
        if old is not None:
            found.before[len(found.alone)] = level_error(old, take)
        apart = abs(take.pitch - heard.pitch)
        found.apart.append(apart)
        found.alone.append(tuple(level_error(wave, take) for wave in pair))
        errors.append(found.alone[-1][0])
        if 0 < apart <= OCTAVE:
            attack, fall = attack_seconds(take.y), fall_db(take.y)
            found.attack.append(tuple(abs(attack_seconds(wave) - attack) for wave in pair))
            found.fall.append(tuple(abs(fall_db(wave) - fall) for wave in pair))
    return errors


def encode_before(tree: Path, instruments: dict[str, list[Take]]) -> dict[str, FloatArray]:
    """Return the z that an earlier tree finds for each note that is heard alone."""
    waves = {
        f"{name} {heard}": takes[heard].y
        for name, takes in instruments.items()
        for heard in heard_alone(takes)
    }
    with tempfile.TemporaryDirectory() as folder:
        given, found = (str(Path(folder) / name) for name in ("waves.npz", "z.npz"))
        np.savez(given, **waves)
        env = os.environ | {"PYTHONPATH": str(tree)}
        subprocess.run(
            [sys.executable, "-c", ENCODE, given, found], check=True, env=env, cwd=folder
        )
        with np.load(found) as z:
            return {name: z[name] for name in z.files}


def to_rows(name: str, found: Found) -> list[str]:
    """Return the rows of one model."""
    rows = []

    def add(figure: str, values: Sequence[float], form: str, remark: str = "") -> None:
        cells = ["" if np.isnan(value) else form.format(value) for value in values]
        rows.append(" | ".join([f"| {name}", figure, *cells, f"{remark} |"]))

    apart, alone = np.array(found.apart), np.array(found.alone)
    old = np.array([found.before.get(k, np.nan) for k in range(len(alone))])
    heard = "one note heard, the wanted one"
    places = [("is the same", 0, 0)]
    places += [("within an octave", 1, OCTAVE), ("farther", OCTAVE + 1, 88)]
    places += [(f"{low}-{high} semitones away", low, high) for low, high in APART]
    for words, low, high in places:
        which = (apart >= low) & (apart <= high)
        means = [np.nan if np.isnan(old[which]).any() else old[which].mean()]
        add(
            f"{heard} {words}",
            [*means, *np.nanmean(alone[which], axis=0)],
            "{:.2f} dB",
            f"{which.sum()} notes",
        )
    is_near = (apart > 0) & (apart <= OCTAVE)
    worse = (alone[is_near, 1] > alone[is_near, 0] + WORSE_DB).mean()
    better = (alone[is_near, 1] < alone[is_near, 0] - WORSE_DB).mean()
    shares = [np.nan, better, worse]
    add(
        "notes within an octave made better, and worse, by more than 1 dB",
        [100 * share for share in shares],
        "{:.0f} %",
        "better, worse",
    )
    means = np.nanmean(np.array(found.several), axis=0)
    add(
        f"{HEARD_ALONE} notes heard, the wanted one within {NEAR} semitones",
        [np.nan, *means[1:]],
        "{:.2f} dB",
        f"{len(found.several)} notes; nearest note alone {means[0]:.2f} dB",
    )
    closer = np.array(found.closer)
    closer = closer[np.isfinite(closer).all(axis=1)] >= CLOSER
    add(
        "closer to the wanted note than 95 % of the palette, within an octave",
        [np.nan, *(100.0 * closer.mean(axis=0))],
        "{:.0f} %",
        f"{len(closer)} notes",
    )
    for figure, pairs, form in (
        ("time of the attack, off by, within an octave", found.attack, "{:.3f} s"),
        ("fall from 0.12 to 1 s, off by, within an octave", found.fall, "{:.1f} dB"),
    ):
        add(figure, [np.nan, *np.nanmedian(np.array(pairs), axis=0)], form, "median")
    seconds = [np.nan, np.nan, float(np.median(found.seconds))]
    add("to hear one note", seconds, "{:.2f} s", "median, CREPE too")
    return rows


def main() -> None:
    """Measure, print, and write the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--before", type=Path, help="a checkout of an earlier tree")
    parser.add_argument("--dry-run", action="store_true", help="print only")
    arguments = parser.parse_args()
    folders = sorted(path for path in arguments.folder.iterdir() if path.is_dir())
    instruments = {path.name: read_takes(path) for path in folders}
    earlier = {}
    if arguments.before:
        earlier = encode_before(arguments.before.resolve(), instruments)
    rows = []
    reference = Reference(retimbre.load_generator("default"))
    for name in arguments.model or ["default"]:
        generator = retimbre.load_generator(name)
        of_tree = earlier if name == "default" else {}
        rows += to_rows(Path(name).name, measure(generator, instruments, reference, of_tree))
    n_notes = sum(map(len, instruments.values()))
    text = "\n".join(
        [
            INTRODUCTION.format(n=len(instruments), notes=n_notes),
            "| model | figure | before | z alone | with correction | |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )
    print(text)
    if not arguments.dry_run:
        write_section("Real instruments", text)


INTRODUCTION = """\
{n} recorded instruments that no model was trained on, {notes} notes; written by
`python benchmarks/real_instruments.py FOLDER`. Notes are heard as `--like` hears them and played at
the keys of the others; level error: mean difference of the partials within 50 dB of the loudest
moment, tracked in the sound of both, at up to six moments at which the recording sounds. Before:
the z that an earlier tree finds, without corrections. The palette is that of the embedded model in
all rows.
"""


if __name__ == "__main__":
    main()
