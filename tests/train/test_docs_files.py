"""The files and figures that the page on training tells of are those that are made."""

import re

import pytest
from tiny_soundfont import SAW, TinyPlayer, Tone, write_soundfont
from training_page import rows, spans

from retimbre.train.data import build as rendering
from retimbre.train.data import fluid

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def told(first):
    """Return patterns of the files of a table: any number stands for any other."""
    found = []
    for names, _ in rows(first):
        for name in spans(names):
            # `shards/060.npy`, `.jsonl`: the name before with another end.
            whole = re.sub(r"\.\w+$", name, found[-1]) if name[0] == "." else name
            found.append(whole)
    return [re.sub(r"\d+", r"\\d+", re.escape(name)) for name in found]


def assert_told(first, folder):
    """See that what is told is there, and that nothing else is."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    patterns = told(first)
    for pattern in patterns:
        assert any(re.match(pattern, name) for name in names), pattern
    for name in names:
        assert any(re.match(pattern, name) for pattern in patterns), name


def test_a_dataset_has_the_files_that_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(fluid, "FluidSynth", TinyPlayer)
    still = Tone("Still", 0, 6, 0.0 * SAW.wave, True)
    font = write_soundfont(tmp_path / "tiny.sf2", [SAW, still])
    recordings = tmp_path / "mine"
    recordings.mkdir()
    (recordings / "unnamed.wav").touch()
    folder = tmp_path / "notes"
    rendering.build(folder, [font], recordings=[recordings], pitches=range(72, 74), workers=1)
    assert_told("file", folder)


def test_a_run_has_the_files_and_figures_that_are_told(finished):
    folder, _, lines, _ = finished
    assert_told("file in the run", folder)
    figures = {name for names, _ in rows("figure in stats.jsonl") for name in spans(names)}
    assert figures == set(lines[-1])


def test_a_model_has_the_files_that_are_told(finished, notes, tmp_path):
    from retimbre.train.export.harmonic import export_run

    export_run(finished[0], notes, tmp_path)
    assert_told("file of the model", tmp_path)
