"""What the page on instruments says works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from retimbre.cli.command import command
from retimbre.generator.folder import find_model, read_config
from retimbre.generator.palette import open_palette
from retimbre.settings.stops import LARGEST_SEED, Random, Stop, read_stops

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "instruments.md").read_text(encoding="utf-8")
HAS_A_PALETTE = "palette" in read_config(find_model("default")).files


def test_every_item_of_the_table_is_what_it_says() -> None:
    items = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
    assert [read_stops(item) for item in items] == [
        (Stop(what),)
        for what in ("Flute", Random(), Random(7), Path("my-oboe.json"), Path("evening.json"))
    ]
    assert LARGEST_SEED == 2**53
    assert "2^53" in PAGE


def test_the_lists_in_the_text_are_read() -> None:
    assert "`Flute@0,random:7@8.5`" in PAGE
    assert read_stops("Flute@0,random:7@8.5") == (Stop("Flute", 0.0), Stop(Random(7), 8.5))
    assert '`"Piano, grand"@8.5`' in PAGE
    assert read_stops('"Piano, grand"@8.5') == (Stop("Piano, grand", 8.5),)
    assert "`me@home.json`" in PAGE
    assert read_stops("me@home.json") == (Stop(Path("me@home.json")),)


def test_the_options_and_commands_exist() -> None:
    known = {opt for param in command.params for opt in param.opts}
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]+", PAGE)) - {"-oboe"}
    assert {"--save-instruments", "--seed", "--overwrite"} <= options <= known
    assert set(re.findall(r"retimbre instruments (show|play)", PAGE)) == {"show", "play"}


@pytest.mark.skipif(not HAS_A_PALETTE, reason="the embedded model names no instruments")
def test_the_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    checks = """
assert (again.y == first.y).all()
assert result.report.instrument_names[:3] == ["z", "random:7", "mine"]
assert len(result.report.instrument_names) == 4 + len(path.z)
"""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    subprocess.run([sys.executable, "-c", example + checks], cwd=tmp_path, check=True)
    assert "Flute" in open_palette(read_config(find_model("default")))
