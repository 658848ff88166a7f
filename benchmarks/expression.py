"""Does the output's pitch follow the performer's? Measured by trackers that play no part in it.

    pip install swift-f0
    python benchmarks/expression.py [FOLDER]      # default ../shared/data, where it exists

Each recording is played at full expression with several seeds. A tracker measures the input and the
output: pYIN (librosa's) and Swift-F0, each against itself. Frames that it calls voiced in the input
and that lie inside a note, its first and last 30 ms left out, are compared (raw pitch accuracy as
mir_eval defines it: within half a semitone, whatever the output's voicing). CREPE's own deviation
from the tracker on the input tells what no output can be better than.
"""

import argparse
from pathlib import Path

import librosa
import mir_eval
import numpy as np
from results import write_section
from swift_f0 import SwiftF0

import retimbre

HERE = Path(__file__).resolve().parent
SEEDS = (0, 1, 2)
VOICED = 0.5
PYIN_SR = 22050
PYIN_HOP = 256
Track = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Times, f0 in Hz (everywhere), and which frames are voiced."""

EDGE = 0.03
RECORDINGS = (
    "vocadito/vocadito_1a.wav",
    "sms-tools/vignesh.wav",
    "sms-tools/sax-phrase.wav",
    "sms-tools/cello-phrase.wav",
    "librosa-data/sorohanro_-_solo-trumpet-06.hq.ogg",
    "pitchdetect/whistling3.ogg",
    "weresax/melody_from_real_notes.flac",
)


def swift_f0(y: np.ndarray, sr: int) -> Track:
    """Track with Swift-F0."""
    found = SwiftF0().detect(y, sr)
    sure = np.asarray(found.confidence) >= VOICED
    return np.asarray(found.timestamps), np.asarray(found.pitch_hz), sure


def pyin(y: np.ndarray, sr: int) -> Track:
    """Track with pYIN (Mauch and Dixon, 2014)."""
    low = retimbre.resample(y, sr, PYIN_SR)
    f0, voiced, _ = librosa.pyin(
        low, sr=PYIN_SR, fmin=55.0, fmax=2100.0, hop_length=PYIN_HOP, fill_na=None
    )
    return np.arange(len(f0)) * PYIN_HOP / PYIN_SR, f0, voiced


TRACKERS = {"pYIN": pyin, "Swift-F0": swift_f0}


def inside(times: np.ndarray, notes: retimbre.Notes) -> np.ndarray:
    """Tell which times lie in a note, its edges left out."""
    index = np.searchsorted(notes.onset, times) - 1
    held = times <= notes.offset[np.maximum(index, 0)] - EDGE
    return (index >= 0) & held & (times >= notes.onset[np.maximum(index, 0)] + EDGE)


def compare(path: Path, name: str) -> tuple[float, ...]:
    """Play one recording with all seeds and return the numbers of its row of the table."""
    tracker = TRACKERS[name]
    y, sr = retimbre.load(path)
    analysis = retimbre.analyze_file(path)
    times, reference, voiced = tracker(y, sr)
    runs = []
    for seed in SEEDS:
        result = retimbre.render(analysis, retimbre.Settings.from_options(seed=seed))
        out_times, estimate, out_voiced = tracker(result.y, result.sr)
        nearest = np.abs(times[:, None] - out_times[None, :]).argmin(axis=1)
        estimate, out_voiced = estimate[nearest], out_voiced[nearest]
        compared = voiced & inside(times, result.notes)
        cents = np.abs(1200 * np.log2(estimate / reference))
        runs.append(
            (
                compared.sum() / voiced.sum(),
                accuracy(times, reference, estimate, compared),
                np.median(cents[compared & out_voiced]),
                accuracy(times, reference, estimate, voiced),
            )
        )
    track = analysis.pitch
    nearest = np.abs(times[:, None] - track.times[None, :]).argmin(axis=1)
    crepe = np.nan_to_num(track.f0[nearest], nan=1.0)
    own = accuracy(times, reference, crepe, compared)
    own_cents = np.median(np.abs(1200 * np.log2(crepe / reference))[compared])
    share, rpa, cents, everywhere = np.mean(runs, axis=0)
    return share, rpa, min(run[1] for run in runs), cents, everywhere, own, own_cents


def row(path: str, tracker: str, numbers: tuple[float, ...]) -> str:
    """Write a row of the table."""
    share, rpa, least, cents, everywhere, own, own_cents = numbers
    return (
        f"| {path} | {tracker} | {share:.2f} | {rpa:.3f} ({least:.3f}) | {cents:.1f} "
        f"| {everywhere:.3f} | {own:.3f} | {own_cents:.1f} |"
    )


def accuracy(
    times: np.ndarray, reference: np.ndarray, estimate: np.ndarray, chosen: np.ndarray
) -> float:
    """Return the raw pitch accuracy over the chosen frames."""
    times, reference, estimate = times[chosen], reference[chosen], estimate[chosen]
    return float(
        mir_eval.melody.raw_pitch_accuracy(
            *mir_eval.melody.to_cent_voicing(times, reference, times, estimate)
        )
    )


def main() -> None:
    """Measure all recordings and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE.parent.parent / "shared/data")
    folder = parser.parse_args().folder
    paths = [HERE.parent / "samples/test.webm"]
    paths += [folder / name for name in RECORDINGS if (folder / name).is_file()]
    rows = []
    for name in TRACKERS:
        found = [compare(path, name) for path in paths]
        rows += [row(path.name, name, found[i]) for i, path in enumerate(paths)]
        rows.append(row("**mean**", name, tuple(np.mean(found, axis=0))))
    lines = [
        f"Expression 1, full CREPE, default threshold, {len(SEEDS)} seeds of other instruments.",
        "",
        "| recording | tracker | voiced frames compared | raw pitch accuracy (least of seeds) "
        "| median deviation, cents | accuracy over all voiced frames | CREPE on the input: accuracy"
        " | its cents |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        "Targets: raw pitch accuracy >= 0.97, median deviation <= 5 cents.",
    ]
    write_section("Expression", "\n".join(lines))


if __name__ == "__main__":
    main()
