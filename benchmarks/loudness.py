"""How loud results are, and which loudness their peaks allow.

    pip install pyloudnorm scipy
    python benchmarks/loudness.py [FOLDER]      # default ../shared/data, where it exists

Inputs of many kinds are played with the default settings. pyloudnorm measures their loudness (with
the filters of De Man, which are the standard's) and SciPy, at 16 times the rate, their true peak:
neither is used by retimbre. Then the loudness that a true peak of -1 dBTP allows is measured for
more of them: random and named instruments on these inputs, and single ones on melodies made here.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyloudnorm
import scipy.signal
from results import write_section

import retimbre
from retimbre.metering.integrated import integrated_loudness
from retimbre.metering.true_peak import true_peak
from retimbre.settings.params import DEFAULT_LOUDNESS

HERE = Path(__file__).resolve().parent
CEILING_DB = -1.0
SEEDS = (0, 1, 2)
REACHED_LU = 0.25
"""A clip this near has reached the loudness: pyloudnorm may count a last block cut short."""

LOUDNESSES = (-16.0, -18.0, -20.0, -22.0)
N_SINGLE = 50
"""So many instruments of the palette play alone."""

OVERSAMPLING = 16
INPUTS = (
    "vocadito/vocadito_1a.wav",
    "web-audio-api-rs/vocals-dry.wav",
    "sms-tools/vignesh.wav",
    "sms-tools/speech-male.wav",
    "sms-tools/sax-phrase.wav",
    "sms-tools/cello-phrase.wav",
    "sms-tools/violin-B3.wav",
    "librosa-data/sorohanro_-_solo-trumpet-06.hq.ogg",
    "pitchdetect/whistling3.ogg",
    "weresax/melody_from_real_notes.flac",
    "midi/noteseq_melody.mid",
    "midi/noteseq_english1.mid",
)
KINDS = {
    "fast": (0.1, 0.25, 0.02),
    "slow": (0.8, 2.5, 0.1),
    "sung": (0.2, 0.9, 0.08),
    "plain": (0.15, 1.2, 0.4),
}
"""Shortest and longest note, and the gap after it [seconds]."""


def loudness_of(y: np.ndarray, sr: int) -> float:
    """Measure by pyloudnorm [LUFS]; it wants a block at least."""
    n_block = round(0.4 * sr)
    y = np.pad(y, (0, max(0, n_block - len(y)))).astype(np.float64)
    return float(pyloudnorm.Meter(sr, filter_class="DeMan").integrated_loudness(y))


def true_peak_of(y: np.ndarray) -> float:
    """Measure by SciPy at 16 times the rate [dBTP]."""
    fine = scipy.signal.resample_poly(y.astype(np.float64), OVERSAMPLING, 1)
    return 20.0 * np.log10(max(np.abs(fine).max(), np.abs(y).max()))


def allowed(result: retimbre.Result) -> float:
    """Return the loudness that the peak of a result allows [LUFS]."""
    return loudness_of(result.y, result.sr) + CEILING_DB - true_peak_of(result.y)


def row(path: Path) -> tuple[str, float, bool]:
    """Play an input with the default settings; return its row, loudness and if it is limited."""
    session = retimbre.Session(retimbre.Settings.from_options(seed=SEEDS[0]))
    analysis = session.analyze(path)
    result = session.render(analysis)
    now, report = loudness_of(result.y, result.sr), result.report
    before = loudness_of(result.y * 10 ** (CEILING_DB / 20) / np.abs(result.y).max(), result.sr)
    recorded = "" if analysis.loudness is None else f"{analysis.loudness:.1f}"
    limited = f"{report.limited_db:.1f} dB" if report.limited_db else "no"
    cells = [path.name, recorded, f"{before:.1f}", f"{now:.2f}", f"{true_peak_of(result.y):.2f}"]
    return f"| {' | '.join(cells)} | {limited} |", now, report.limited_db > 0.0


def on_inputs(paths: list[Path], names: list[str]) -> Iterator[float]:
    """Yield what the peaks of random instruments, and of two named ones, allow on the inputs."""
    for path in paths:
        analysis = None
        for seed in SEEDS:
            pair = np.random.default_rng([seed, 7]).choice(names, 2, replace=False)
            for options in ({}, {"instruments": ",".join(pair)}):
                session = retimbre.Session(retimbre.Settings.from_options(seed=seed, **options))
                analysis = analysis or session.analyze(path)
                yield allowed(session.render(analysis))


def made_up(kind: str, rng: np.random.Generator) -> retimbre.Melody:
    """Return 24 notes with vibrato, each fading by up to 12 dB; plain ones as from MIDI."""
    shortest, longest, gap = KINDS[kind]
    seconds = rng.uniform(shortest, longest, 24)
    onset = np.cumsum(np.r_[0.0, seconds[:-1] + gap])
    pitch = np.clip(rng.integers(50, 72) + np.cumsum(rng.integers(-4, 5, 24)), 40, 90)
    velocity = np.clip(rng.normal(85, 18, 24), 20, 127).astype(int)
    curves = []
    for n in np.maximum(1, np.rint(100 * seconds).astype(int)):
        cents = 20.0 * np.sin(2 * np.pi * 5.5 * np.arange(n) / 100)
        curves.append(retimbre.NoteCurve(cents, -rng.uniform(0, 12) * np.linspace(0, 1, n)))
    notes = retimbre.Notes(onset, onset + seconds, pitch, velocity)
    return retimbre.Melody(notes, None if kind == "plain" else tuple(curves), source=kind)


def of_single_instruments(names: list[str]) -> Iterator[float]:
    """Yield what the peaks of single instruments allow on melodies made here."""
    rng = np.random.default_rng(5)
    for seed, name in enumerate(rng.permutation(names)[:N_SINGLE]):
        settings = retimbre.Settings.from_options(seed=seed, instruments=str(name))
        session = retimbre.Session(settings)
        for kind in KINDS:
            yield allowed(session.play(made_up(kind, rng)))


def shares(name: str, found: list[float]) -> str:
    """Return a row: which share of clips reaches each loudness."""
    cells = [f"{np.mean(np.array(found) >= loudness):.1%}" for loudness in LOUDNESSES]
    ends = f"{min(found):.1f} | {np.median(found):.1f}"
    return f"| {name} | {len(found)} | {ends} | {' | '.join(cells)} |"


def seconds_per_minute() -> str:
    """Return a sentence on the processor time of both measurements."""
    sr = 44100
    y = (0.1 * np.random.default_rng(0).standard_normal(60 * sr)).astype(np.float32)
    spent = {}
    for measure in (integrated_loudness, true_peak):
        measure(y[:sr], sr=sr)  # compiles
        start = time.process_time()
        measure(y, sr=sr)
        spent[measure] = 1000.0 * (time.process_time() - start)
    return (
        f"Processor time for a minute of sound: loudness {spent[integrated_loudness]:.0f} ms "
        f"(measured of the recording, to find the gain, and of the result), true peak "
        f"{spent[true_peak]:.0f} ms."
    )


def reached_of(paths: list[Path]) -> list[str]:
    """Return the lines on the default settings: a table of inputs, and one of figures."""
    rows, loudness, is_limited = zip(*map(row, paths), strict=True)
    reached = np.abs(np.array(loudness) - DEFAULT_LOUDNESS) <= REACHED_LU
    free = np.array(loudness)[~np.array(is_limited)]
    return [
        f"Default settings, seed {SEEDS[0]}; measured by pyloudnorm and SciPy. Before: the same "
        f"samples brought to a sample peak of {CEILING_DB:g} dBFS.",
        "",
        "| input | recording, LUFS | before, LUFS | now, LUFS | true peak, dBTP | limited |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        "| figure | measured | target |",
        "|---|---|---|",
        "| those not limited by their peak: largest less smallest loudness "
        f"| {np.ptp(free):.2f} LU | <= 0.5 LU |",
        f"| inputs that reach {DEFAULT_LOUDNESS:g} LUFS | {reached.sum()} of {len(paths)} "
        "| >= 9 of 10 |",
    ]


def allowed_of(paths: list[Path]) -> list[str]:
    """Return the lines on the loudness that peaks allow: a table of two kinds of clips."""
    names = [str(name) for name in retimbre.load_generator("default").instruments]
    heads = [f"{loudness:g} LUFS" for loudness in LOUDNESSES]
    return [
        f"Share of clips whose true peak allows a loudness at {CEILING_DB:g} dBTP:",
        "",
        f"| clips | how many | least, LUFS | median, LUFS | {' | '.join(heads)} |",
        "|---|---|---|---|" + "---|" * len(LOUDNESSES),
        shares(
            f"these inputs, {len(SEEDS)} seeds, random and two named instruments",
            list(on_inputs(paths, names)),
        ),
        shares(
            f"{N_SINGLE} single instruments, {', '.join(KINDS)} melodies made by the script",
            list(of_single_instruments(names)),
        ),
    ]


def main() -> None:
    """Measure, and write the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE.parent.parent / "shared/data")
    folder = parser.parse_args().folder
    paths = [HERE.parent / "samples/test.webm", HERE.parent / "samples/test.mid"]
    paths += [folder / name for name in INPUTS if (folder / name).is_file()]
    lines = [*reached_of(paths), "", *allowed_of(paths), "", seconds_per_minute()]
    write_section("Loudness", "\n".join(lines))


if __name__ == "__main__":
    main()
