"""The tiny recipe of the page on training, run as it stands there, with fewer notes."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from training_page import blocks, subsection

from retimbre.cli.command import command

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
RECIPE = subsection("A tiny one")
FEWER = ["--total-notes", "24", "--decay-notes", "0"]


def test_the_tiny_recipe_builds_trains_exports_and_plays(tmp_path, monkeypatch, eagerly):
    (tmp_path / "samples").symlink_to(Path(__file__).resolve().parents[2] / "samples")
    monkeypatch.chdir(tmp_path)
    (script,) = blocks("python", RECIPE)
    exec(compile(script, "training.md", "exec"), {})
    (settings,) = blocks("json", RECIPE)
    Path("tiny.json").write_text(settings)
    (lines,) = blocks("sh", RECIPE)
    for line in lines.splitlines():
        _, *words = shlex.split(line, comments=True)
        more = FEWER if words[0] == "train" else []
        result = CliRunner().invoke(command, [*words, *more], prog_name="retimbre")
        assert result.exit_code == 0, (line, result.output)
    y, _ = soundfile.read("tiny.wav")
    assert np.abs(y).max() > 0.01
