"""What the README says works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from retimbre.cli.command import command

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_examples_run(tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 2
    code = "\n".join([*blocks, "assert len(out) > 15 * generator.sample_rate"])
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "out.wav").stat().st_size > 1_000_000


def test_every_option_that_is_named_exists() -> None:
    known = CliRunner().invoke(command, ["--help"]).output
    for line in re.findall(r"^retimbre \S.*$", README, re.MULTILINE):
        if line.split()[1] in ("dataset", "train", "export"):
            continue
        for option in re.findall(r"(?<= )--?[a-z][a-z0-9-]*", line.split("#")[0]):
            assert re.search(rf"(?<![\w-]){option}\b", known), option


@pytest.mark.parametrize("name", re.findall(r"\]\(([a-z][\w/.-]+)\)", README))
def test_every_file_that_is_linked_exists(name: str) -> None:
    assert (ROOT / name).exists()
