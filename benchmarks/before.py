"""Compare this tree with an earlier one: time, bytes of outputs, size.

    git worktree add /tmp/before REVISION
    python benchmarks/before.py /tmp/before

Both trees run with the same libraries, in turns.
"""

import argparse
import ast
import hashlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path

from process import write_midi
from results import write_section

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5

JOBS = {
    "test.webm, three thresholds": ["samples/test.webm", "-c", "0", "-c", "0.5", "-c", "0.8"],
    "test.mid": ["samples/test.mid"],
    "test.mid, named instruments": ["samples/test.mid", "-i", "Flute@0,Cello@5"],
    "notes, pitch and MIDI files": [
        "samples/test.webm", "--save-midi", "--save-notes", "--save-f0", "--expression", "0",
    ],
}  # fmt: skip


ANALYSIS = """
import sys, numpy, retimbre
y, sr = retimbre.load(sys.argv[1])
y = numpy.tile(y, 1 + 180 * sr // len(y))[: 180 * sr]
retimbre.segment_notes(retimbre.estimate_pitch(y, sr))
"""
"""Three minutes of a recording."""


def run(tree: Path, *args: str) -> float:
    """Run the main job of a tree; return its processor seconds."""
    return spend(tree, "-m", "retimbre", *args, "--seed", "0", "-q")


def spend(tree: Path, *args: str) -> float:
    """Run Python on a tree; return its processor seconds."""
    before = os.times()
    command = [sys.executable, *args]
    # The folder that one stands in goes before PYTHONPATH.
    env = os.environ | {"PYTHONPATH": str(tree)}
    subprocess.run(command, cwd=tree, env=env, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    spent = (after.children_user, after.children_system)
    return sum(spent) - before.children_user - before.children_system


def digests(tree: Path, args: list[str], folder: Path) -> dict[str, str]:
    """Run a job; return the digest of each file that it writes."""
    run(tree, *args, "-o", f"{folder}/")
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def count_code(path: Path) -> int:
    """Return the lines of code of a file, without comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    strings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            strings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    others = {
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
        tokenize.ENDMARKER,
    }  # fmt: skip
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in others:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - strings)


def sizes(tree: Path) -> tuple[int, int]:
    """Return the modules at the top of a tree's package, and its lines of code."""
    package = tree / "retimbre"
    return len(list(package.glob("*.py"))), sum(map(count_code, package.rglob("*.py")))


def main() -> None:
    """Measure, and write the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="a checkout of the earlier tree")
    earlier = parser.parse_args().tree.resolve()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for job, args in JOBS.items():
            one, two = (folder / f"{job}-{k}" for k in range(2))
            old, new = digests(earlier, args, one), digests(ROOT, args, two)
            same = sum(old[file] == new.get(file) for file in old)
            rows.append(f"| files of the same bytes: {job} | | {same} of {len(old)} |")
        source = folder / "notes.mid"
        write_midi(source)
        out = ["-o", str(folder / "out.wav"), "--overwrite"]
        pairs = [
            (run(earlier, str(source), *out), run(ROOT, str(source), *out)) for _ in range(RUNS)
        ]
    analysis = ["-c", ANALYSIS, str(ROOT / "samples" / "test.webm")]
    analysed = [(spend(earlier, *analysis), spend(ROOT, *analysis)) for _ in range(RUNS)]
    for label, k in (("modules at the top", 0), ("lines of code", 1)):
        rows.append(f"| {label} | {sizes(earlier)[k]:,} | {sizes(ROOT)[k]:,} |")
    rows.append(_seconds("1,764 MIDI notes", pairs))
    rows.append(_seconds("pitch and notes of a recording of 3 minutes", analysed))
    lines = [
        "This tree beside an earlier one, in the same run and with the same libraries; medians of "
        f"{RUNS} pairs. Written by `python benchmarks/before.py TREE`.",
        "",
        "| figure | before | now |",
        "|---|---|---|",
        *rows,
    ]
    write_section("Before and now", "\n".join(lines))


def _seconds(what: str, pairs: list[tuple[float, float]]) -> str:
    old, new = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(after / before for before, after in pairs)
    return f"| {what}, processor seconds | {old:.2f} | {new:.2f} ({ratio:.3f}) |"


if __name__ == "__main__":
    main()
