"""Decode a folder of odd and broken files and hold their lengths against a manifest.

    python benchmarks/decode.py [DATA]

DATA holds `manifest.tsv` with the columns file, seconds (empty: to be refused) and samplerate,
and the files that it names under `decode/`. The table goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import csv
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from results import write_section

from retimbre.errors import ReadError
from retimbre.io import audio

TOLERANCE_SECONDS = 0.0015
"""The manifest rounds to milliseconds, and very short clips to one."""


@dataclass(frozen=True)
class Verdict:
    """What became of one file."""

    file: str
    expected: str
    outcome: str
    is_right: bool
    milliseconds: float


def check(data: Path, row: dict[str, str]) -> Verdict:
    """Decode one file of the manifest."""
    path = data / row["file"]
    expected, sr = row["seconds"], row["samplerate"]
    begin = time.perf_counter()
    try:
        y, rate = audio.load(path)
    except ReadError as error:
        outcome = str(error).replace(str(path), path.name)
        is_right = not expected or float(expected) == 0.0
    else:
        seconds = len(y) / rate
        outcome = f"{seconds:.3f} s at {rate} Hz"
        is_right = bool(expected) and abs(seconds - float(expected)) <= TOLERANCE_SECONDS
        is_right = is_right and (not sr or rate == int(sr))
    elapsed = 1000.0 * (time.perf_counter() - begin)
    return Verdict(path.name, expected or "-", outcome, is_right, elapsed)


def main() -> None:
    """Check every file and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("data", nargs="?", type=Path, default=beside)
    data = parser.parse_args().data
    logging.getLogger("retimbre").setLevel(logging.ERROR)
    with (data / "manifest.tsv").open(encoding="utf-8", newline="") as manifest:
        rows = [r for r in csv.DictReader(manifest, delimiter="\t") if r["file"][:7] == "decode/"]
    if not rows:
        raise SystemExit(f"{data} names no files to decode.")
    audio.load(data / next(row["file"] for row in rows if row["seconds"]))  # imports, untimed
    verdicts = [check(data, row) for row in rows]
    n_right = sum(verdict.is_right for verdict in verdicts)
    lines = [
        f"{n_right} of {len(verdicts)} files decode to the right length and rate, or are refused "
        "in one sentence where they hold no sound. The expected lengths are the manifest's.",
        "",
        "| file | expected s | decoded, or the sentence | verdict | ms |",
        "|---|---|---|---|---|",
    ]
    for v in verdicts:
        verdict = "right" if v.is_right else "**wrong**"
        lines.append(
            f"| {v.file} | {v.expected} | {v.outcome} | {verdict} | {v.milliseconds:.0f} |"
        )
    write_section("Decoding", "\n".join(lines))
    print("\n".join(lines))
    raise SystemExit(0 if n_right == len(verdicts) else 1)


if __name__ == "__main__":
    main()
