"""The table of settings, and what derives from it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import retimbre
from retimbre.cli.command import command
from retimbre.cli.options import PARAMS
from retimbre.errors import ParameterError
from retimbre.settings import Options, Settings
from retimbre.settings.params import TABLE
from retimbre.types import PitchTrack

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_flat_keywords_are_those_of_the_table():
    assert Options.__annotations__.keys() == TABLE.keys()


def test_every_setting_reaches_its_stage():
    for name, entry in TABLE.items():
        settings = Settings.from_options(**{name: entry.default})
        assert getattr(getattr(settings, entry.stage), entry.attribute) == entry.default


def test_options_of_the_command_line_are_those_of_the_table():
    options = {param.name: param for param in PARAMS}
    for name, entry in TABLE.items():
        assert (name in options) == bool(entry.about.section), name
        if entry.about.section:
            assert entry.about.help.split(";")[0] in options[name].help


@pytest.mark.parametrize(
    "name", [name for name, entry in TABLE.items() if entry.about.low is not None]
)
def test_the_command_line_refuses_what_is_below_the_range(name):
    low = TABLE[name].about.low
    option = f"--{name.replace('_', '-')}"
    result = CliRunner().invoke(command, ["x.wav", option, f"{low - 1:g}"])
    assert result.exit_code == 2
    assert option in result.output


def test_a_dry_run_shows_units(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x.wav").write_bytes(b"RIFF")
    shown = CliRunner().invoke(command, ["x.wav", "-n"]).stderr
    assert "fmin 32.7 Hz" in shown
    assert "min note length 0.04 s" in shown


def test_the_page_of_settings_is_written_from_the_table():
    spec = importlib.util.spec_from_file_location("make_settings", DOCS / "make_settings.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == script.settings_page()


def test_steps_take_flat_keywords():
    t = np.arange(4000) / 8000
    track = retimbre.estimate_pitch(
        0.3 * np.sin(2 * np.pi * 220 * t), 8000, capacity="tiny", fmin=100.0
    )
    assert np.nanmedian(track.f0) == pytest.approx(220, rel=0.01)
    with pytest.raises(ParameterError, match="0 < fmin < fmax"):
        retimbre.estimate_pitch(np.zeros(800), 8000, fmin=-1.0)


def test_notes_take_flat_keywords():
    times = np.arange(100) * 0.01
    f0 = np.where(times < 0.9, 440.0, 493.9)
    track = PitchTrack(times, f0, np.full(100, 0.9), np.full(100, -20.0), np.zeros(100))
    assert retimbre.segment_notes(track, confidence=0.8).pitch.tolist() == [69, 71]
    assert retimbre.segment_notes(track, confidence=0.8, min_note_length=0.3).pitch.tolist() == [69]
