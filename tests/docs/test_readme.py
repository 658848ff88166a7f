"""What the README says works."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import retimbre
from retimbre.cli.command import COMMANDS, command
from retimbre.generator.folder import find_model, read_config
from retimbre.generator.palette import open_palette
from retimbre.settings.stops import read_stops

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


NEEDS_A_PALETTE = "<!-- needs a palette -->\n"
"""Stands before examples that only a model with named instruments can run."""

HAS_A_PALETTE = "palette" in read_config(find_model("default")).files


EXCERPT_SECONDS = 5.0
"""Of the sample, for the examples: the whole would take four times as long."""


def run_in(folder: Path, code: str) -> None:
    (folder / "samples").mkdir()
    (folder / "samples" / "test.mid").symlink_to(ROOT / "samples" / "test.mid")
    y, sr = retimbre.load(ROOT / "samples" / "test.webm", duration=EXCERPT_SECONDS)
    retimbre.save(folder / "excerpt.wav", y, sr)
    (folder / "excerpt.wav").rename(folder / "samples" / "test.webm")
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def python_blocks(*, with_palette: bool) -> list[str]:
    found = re.findall(rf"({NEEDS_A_PALETTE})?```python\n(.*?)```", README, re.DOTALL)
    return [code for mark, code in found if bool(mark) == with_palette]


def test_the_python_examples_run(tmp_path: Path) -> None:
    blocks = python_blocks(with_palette=False)
    assert len(blocks) == 3
    run_in(tmp_path, "\n".join([*blocks, "assert len(out) > 4 * generator.sample_rate"]))
    assert (tmp_path / "out.wav").stat().st_size > 500_000


@pytest.mark.skipif(not HAS_A_PALETTE, reason="the embedded model names no instruments")
def test_the_python_examples_with_named_instruments_run(tmp_path: Path) -> None:
    blocks = python_blocks(with_palette=True)
    assert len(blocks) == 1
    first = 'import retimbre\ngenerator = retimbre.load_generator("default")\n'
    run_in(tmp_path, "\n".join([first, *blocks, "assert len(z) == 256"]))


@pytest.mark.skipif(not HAS_A_PALETTE, reason="the embedded model names no instruments")
def test_every_instrument_that_is_named_exists() -> None:
    palette = open_palette(read_config(find_model("default")))
    lists = re.findall(r"(?:-i |instruments=)\"([^\"]+)\"", README)
    assert len(lists) >= 4
    for stop in itertools.chain.from_iterable(map(read_stops, lists)):
        assert not isinstance(stop.what, str) or stop.what in palette


def test_every_option_that_is_named_exists() -> None:
    for line in re.findall(r"^retimbre \S.*$", README, re.MULTILINE):
        name = line.split()[1]
        if name in ("dataset", "train", "export"):
            continue
        args = [name, "--help"] if name in COMMANDS else ["--help"]
        known = CliRunner().invoke(command, args).output
        for option in re.findall(r"(?<= )--?[a-z][a-z0-9-]*", line.split("#")[0]):
            assert re.search(rf"(?<![\w-]){option}\b", known), option


@pytest.mark.skipif(not HAS_A_PALETTE, reason="the embedded model names no instruments")
def test_names_that_are_said_to_match_do() -> None:
    palette = open_palette(read_config(find_model("default")))
    for asked in ("bowedglass", "bow"):
        assert f"`{asked}`" in README
        assert palette.describe(asked).name == "Bowed Glass"


@pytest.mark.parametrize("name", re.findall(r"\]\(([a-z][\w/.-]+)\)", README))
def test_every_file_that_is_linked_exists(name: str) -> None:
    assert (ROOT / name).exists()
