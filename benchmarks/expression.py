"""Does the output's pitch follow the performer's? Measured by a tracker that the tool never uses.

    pip install swift-f0
    python benchmarks/expression.py [FOLDER]      # default ../shared/data, where it exists

Each recording is played at full expression with several seeds. Swift-F0 measures the input and the
output; frames that it calls voiced in the input and that lie inside a note are compared (raw pitch
accuracy as mir_eval defines it: within half a semitone, whatever the output's voicing).
"""

import argparse
from pathlib import Path

import mir_eval
import numpy as np
from results import write_section
from swift_f0 import SwiftF0

import retimbre

HERE = Path(__file__).resolve().parent
SEEDS = (0, 1, 2)
VOICED = 0.5
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


def track(detector: SwiftF0, y: np.ndarray, sr: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, f0 in Hz and confidence."""
    found = detector.detect(y, sr)
    return np.asarray(found.timestamps), np.asarray(found.pitch_hz), np.asarray(found.confidence)


def inside(times: np.ndarray, notes: retimbre.Notes) -> np.ndarray:
    """Tell which times lie in a note, its edges left out."""
    index = np.searchsorted(notes.onset, times) - 1
    held = times <= notes.offset[np.maximum(index, 0)] - EDGE
    return (index >= 0) & held & (times >= notes.onset[np.maximum(index, 0)] + EDGE)


def compare(path: Path, detector: SwiftF0, seed: int) -> tuple[float, float, int]:
    """Return raw pitch accuracy, median deviation in cents and frames compared."""
    y, sr = retimbre.load(path)
    result = retimbre.retimbre_file(path, seed=seed)
    times, reference, sure = track(detector, y, sr)
    out_times, estimate, out_sure = track(detector, result.y, result.sr)
    nearest = np.abs(times[:, None] - out_times[None, :]).argmin(axis=1)
    estimate, out_sure = estimate[nearest], out_sure[nearest]
    compared = inside(times, result.notes) & (sure >= VOICED)
    cents = np.abs(1200 * np.log2(estimate[compared] / reference[compared]))
    times, reference, estimate = times[compared], reference[compared], estimate[compared]
    accuracy = mir_eval.melody.raw_pitch_accuracy(
        *mir_eval.melody.to_cent_voicing(times, reference, times, estimate)
    )
    return float(accuracy), float(np.median(cents[out_sure[compared] >= VOICED])), len(times)


def main() -> None:
    """Measure all recordings and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE.parent.parent / "shared/data")
    folder = parser.parse_args().folder
    paths = [HERE.parent / "samples/test.webm"]
    paths += [folder / name for name in RECORDINGS if (folder / name).is_file()]
    detector = SwiftF0()
    rows = []
    for path in paths:
        scores = np.array([compare(path, detector, seed) for seed in SEEDS])
        accuracy, cents, frames = scores.mean(axis=0)
        worst = scores[:, 0].min()
        rows.append(f"| {path.name} | {frames:.0f} | {accuracy:.3f} | {worst:.3f} | {cents:.1f} |")
    lines = [
        f"Expression 1, full CREPE, default threshold, {len(SEEDS)} seeds of other instruments; "
        "Swift-F0 on input and output.",
        "",
        "| recording | frames | raw pitch accuracy | least of seeds | median deviation, cents |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "To reach: raw pitch accuracy >= 0.97, median deviation <= 5 cents.",
    ]
    write_section("Expression", "\n".join(lines))


if __name__ == "__main__":
    main()
