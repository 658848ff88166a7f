"""How well recorded instruments are played again at other pitches: `--like` on real notes.

    python benchmarks/real_instruments.py ../shared/instruments/held_out [--model NAME ...]

FOLDER holds one folder per instrument, with one note per file: NAME_<MIDI>_<VELOCITY>.ogg. Nothing
of it may have been trained on. Some notes of each instrument are heard, and the others are played.
What is played is compared with the recordings as sound: partials are tracked in both by windows of
five periods or more, at moments at which the real note sounds.
"""

import argparse
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from results import write_section
from sound_like import held_distances

import retimbre
from retimbre._typing import BoolArray, FloatArray
from retimbre.generator.harmonic import HarmonicGenerator
from retimbre.harmonic.correction import correct
from retimbre.instrument import Instrument, NoteCorrections
from retimbre.like.hearing import HeardNote, hear_notes
from retimbre.types import Notes
from retimbre.units import midi_to_hz

SR = 44100
MOMENTS = np.array([0.06, 0.12, 0.25, 0.5, 1.0, 1.8])
"""Seconds after the onset at which partials are compared."""

AUDIBLE_DB = 50.0
"""Partials so far below the loudest moment's power are not compared."""

HIGHEST_HZ = 12000.0
MOST_PARTIALS = 48
NOTES_PER_INSTRUMENT = 12
HEARD_ALONE = 4
NEAR, OCTAVE = 4, 12
SECONDS = 2.5
VELOCITY = 80
CLOSER = 0.95


@dataclass(frozen=True, eq=False)
class Take:
    """A recorded note: its label, its samples at 44.1 kHz, and its partials.

    Attributes
    ----------
    y : np.ndarray [shape=(n_samples,)]
    pitch : int [MIDI]
    levels : np.ndarray [shape=(6, n_partials), dB]
        See `track`.
    sounding : np.ndarray of bool [shape=(6,)]
        The moments at which it sounds.
    """

    y: FloatArray
    pitch: int
    levels: FloatArray
    sounding: BoolArray


def track(y: FloatArray, f0: float) -> FloatArray:
    """Return the levels of partials re the loudest moment's power [shape=(6, n_partials), dB]."""
    n = min(max(2048, 2 ** int(np.ceil(np.log2(5.0 * SR / f0)))), 8192)
    order = np.arange(1, int(min(MOST_PARTIALS, HIGHEST_HZ // f0)) + 1)
    edges = np.stack([order - 0.3, order + 0.3]) * f0 * 4 * n / SR
    window = np.hanning(n)
    padded = np.pad(y, (n // 2, n + 2 * SR))
    levels = []
    for start in (MOMENTS * SR).astype(int):
        spectrum = np.abs(np.fft.rfft(padded[start : start + n] * window, 4 * n))
        levels.append([spectrum[int(a) : int(b) + 1].max() for a, b in edges.T])
    db = 20.0 * np.log10(np.maximum(np.array(levels), 1e-6 * np.max(levels) + 1e-12))
    return np.asarray(db - 10.0 * np.log10((10.0 ** (db / 10.0)).sum(axis=1).max()))


def sounding_f0(y: FloatArray, pitch: int) -> float:
    """Return the f0 near a key [Hz] at which the partials of a note are strongest."""
    part = y[SR // 10 :][: SR // 3]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 17))
    spectrum += 1e-3 * spectrum.max()
    tried = float(midi_to_hz(pitch)) * 2.0 ** (np.arange(-60.0, 61.0, 2.0) / 1200.0)
    places = np.rint(np.outer(tried, np.arange(1, 9)) * (1 << 17) / SR).astype(int)
    evidence = np.log(spectrum[np.minimum(places, len(spectrum) - 1)]).sum(axis=1)
    return float(tried[int(np.argmax(evidence))])


def read_takes(folder: Path) -> list[Take]:
    """Return notes of one instrument and velocity, spread over its range."""
    labels = defaultdict(list)
    for path in sorted(folder.iterdir()):
        label = re.fullmatch(r".+_(\d+)_(\d+)", path.stem)
        if label:
            labels[int(label[2])].append((int(label[1]), path))
    notes = sorted(max(labels.values(), key=len))
    chosen = np.unique(np.rint(np.linspace(0, len(notes) - 1, NOTES_PER_INSTRUMENT)).astype(int))
    takes = []
    for pitch, path in (notes[i] for i in chosen):
        y, sr = retimbre.load(path)
        y = retimbre.resample(y if y.ndim == 1 else y.mean(axis=0), sr, SR)
        levels = track(y, sounding_f0(y, pitch))
        sounding = (levels.max(axis=1) > levels.max() - AUDIBLE_DB) & (len(y) / SR > MOMENTS)
        takes.append(Take(y, pitch, levels, sounding))
    return takes


def play(generator: HarmonicGenerator, instrument: Instrument, pitches: Sequence[int]) -> list:
    """Play plain notes of an instrument; return their samples."""
    n = len(pitches)
    # Well apart, so that none ends early.
    onset = 10.0 * np.arange(n)
    notes = Notes(onset, onset + SECONDS, np.array(pitches), np.full(n, VELOCITY))
    corrections = NoteCorrections(np.zeros(n), (instrument.correction,))
    z = np.repeat(instrument.z[None], n, axis=0)
    return list(generator.play(z, notes, corrections=corrections))


def level_error(wave: FloatArray, wanted: Take) -> float:
    """Return the mean difference of the partials that are audible in a recording [dB]."""
    made = track(wave, float(midi_to_hz(wanted.pitch)))
    n = min(made.shape[1], wanted.levels.shape[1])
    real = wanted.levels[:, :n]
    audible = (real > real.max() - AUDIBLE_DB) & wanted.sounding[:, None]
    return float(np.abs(made[:, :n] - real)[audible].mean())


class Distances:
    """Level images of the palette at any key, and how far they are from a heard note."""

    def __init__(self, generator: HarmonicGenerator) -> None:
        self._generator = generator
        self._z = np.stack(list(generator.instruments.values()))
        self._levels: dict[int, FloatArray] = {}
        self._heard: dict[int, HeardNote | None] = {}

    def closer_than(self, instrument: Instrument, wanted: Take) -> float:
        """Return the share of the palette that is farther from a take than an instrument is.

        NaN where the take is heard at another key than its label says.
        """
        note, pitch = self._hear(wanted), wanted.pitch
        if note is None:
            return np.nan
        if pitch not in self._levels:
            self._levels[pitch] = self._images(self._z, pitch)[..., 0]
        own = self._images(instrument.z[None], pitch)[0]
        if instrument.correction is not None:
            own = correct(own, instrument.correction, pitch)
        palette = held_distances(self._levels[pitch], note)
        return float((palette > held_distances(own[None, ..., 0], note)).mean())

    def _images(self, z: FloatArray, pitch: int) -> FloatArray:
        found = self._generator.generate_images(z, np.full(len(z), pitch), VELOCITY)
        return found.images[found.index]

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


@dataclass
class Found:
    """Errors in dB and shares of the palette, of the z alone and with the correction."""

    near: list[tuple[float, float]]
    far: list[tuple[float, float]]
    several: list[tuple[float, float, float]]
    closer: list[tuple[float, float]]
    seconds: list[float]


def measure(generator: HarmonicGenerator, instruments: dict[str, list[Take]]) -> Found:
    """Hear some notes of each instrument, and play the others."""
    found, distances = Found([], [], [], [], []), Distances(generator)
    for name, takes in instruments.items():
        places = np.unique(np.rint(np.linspace(1, len(takes) - 2, HEARD_ALONE)).astype(int))
        alone = {}
        for heard in places:
            start = time.perf_counter()
            instrument = _hear(generator, [takes[heard]], name)
            found.seconds.append(time.perf_counter() - start)
            if instrument is None:
                continue
            others = [take for k, take in enumerate(takes) if k != heard]
            errors = _errors(generator, instrument, others)
            alone[int(heard)] = dict(zip([id(take) for take in others], errors, strict=True))
            for take, pair in zip(others, errors, strict=True):
                is_near = abs(take.pitch - takes[heard].pitch) <= OCTAVE
                (found.near if is_near else found.far).append(pair)
                if is_near:
                    plain = replace(instrument, correction=None)
                    shares = (distances.closer_than(i, take) for i in (plain, instrument))
                    found.closer.append((next(shares), next(shares)))
        several = _hear(generator, [takes[k] for k in places], name)
        if several is None or not alone:
            continue
        wanted = [
            take
            for k, take in enumerate(takes)
            if k not in places and min(abs(take.pitch - takes[h].pitch) for h in alone) <= NEAR
        ]
        for take, pair in zip(wanted, _errors(generator, several, wanted), strict=True):
            nearest = min(alone, key=lambda h: abs(takes[h].pitch - take.pitch))
            found.several.append((alone[nearest][id(take)][0], *pair))
    return found


def _hear(generator: HarmonicGenerator, takes: Sequence[Take], name: str) -> Instrument | None:
    try:
        return generator.hear([(take.y, SR, f"{name} {take.pitch}") for take in takes], name=name)
    except retimbre.RetimbreError as error:
        print(error)
        return None


def _errors(
    generator: HarmonicGenerator, instrument: Instrument, wanted: Sequence[Take]
) -> list[tuple[float, float]]:
    """Return the errors of the z alone and with the correction, for each take."""
    pitches = [take.pitch for take in wanted]
    both = [play(generator, i, pitches) for i in (replace(instrument, correction=None), instrument)]
    return [
        (level_error(plain, take), level_error(corrected, take))
        for plain, corrected, take in zip(*both, wanted, strict=True)
    ]


def to_rows(name: str, found: Found) -> list[str]:
    """Return the rows of one model."""

    def row(figure: str, alone: str, corrected: str, remark: str = "") -> str:
        return f"| {name} | {figure} | {alone} | {corrected} | {remark} |"

    rows = []
    for figure, pairs in (
        ("one note heard, the wanted one within an octave", found.near),
        ("one note heard, the wanted one farther", found.far),
        (f"{HEARD_ALONE} notes heard, the wanted one within {NEAR} semitones", found.several),
    ):
        means = np.nanmean(np.array(pairs), axis=0)
        more = f"; nearest note alone {means[0]:.2f} dB" if len(means) == 3 else ""
        rows.append(
            row(figure, f"{means[-2]:.2f} dB", f"{means[-1]:.2f} dB", f"{len(pairs)} notes{more}")
        )
    shares = np.array(found.closer)
    shares = shares[np.isfinite(shares).all(axis=1)] >= CLOSER
    closer = [f"{100.0 * share:.0f} %" for share in shares.mean(axis=0)]
    figure = "closer to the wanted note than 95 % of the palette, within an octave"
    rows.append(row(figure, *closer, f"{len(shares)} notes"))
    rows.append(
        row("seconds to hear one note", f"{np.median(found.seconds):.2f}", "", "median, CREPE too")
    )
    return rows


def main() -> None:
    """Measure, print, and write the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", default=[])
    arguments = parser.parse_args()
    folders = sorted(path for path in arguments.folder.iterdir() if path.is_dir())
    instruments = {path.name: read_takes(path) for path in folders}
    rows = []
    for name in arguments.model or ["default"]:
        generator = retimbre.load_generator(name)
        assert isinstance(generator, HarmonicGenerator)
        rows += to_rows(Path(name).name, measure(generator, instruments))
    n_notes = sum(map(len, instruments.values()))
    text = "\n".join(
        [
            INTRODUCTION.format(n=len(instruments), notes=n_notes),
            "| model | figure | z alone | with correction | |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )
    print(text)
    write_section("Real instruments", text)


INTRODUCTION = """\
{n} recorded instruments that no model was trained on, {notes} notes; written by
`python benchmarks/real_instruments.py FOLDER`. Notes are heard as `--like` hears them and played at
the keys of the others; level error: mean difference of the partials within 50 dB of the loudest
moment, tracked in the sound of both, at up to six moments at which the recording sounds.
"""


if __name__ == "__main__":
    main()
