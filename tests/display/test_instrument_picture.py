"""The picture of one instrument: its panels against the notes that were played."""

import numpy as np
import pytest
from fakes import load_fake_generator

from retimbre import generator
from retimbre.display import instrument as picture
from retimbre.display.spectrogram import BINS_PER_OCTAVE, log_spectrogram
from retimbre.errors import WriteError
from retimbre.notes.demo import SLOT_SECONDS, VELOCITIES, demo_keys, touch_grid
from retimbre.session import Session
from retimbre.settings import Settings
from retimbre.units import midi_to_hz


@pytest.fixture
def result(monkeypatch):
    monkeypatch.setattr(generator, "load_generator", load_fake_generator)
    session = Session(Settings.from_options(instruments="Flute", seed=0))
    return session.play(touch_grid(demo_keys((36, 84))))


def test_each_panel_holds_its_own_note_on_one_scale(result):
    n = len(result.notes)
    cells = picture._cut(log_spectrogram(result.y, result.sr), n)
    assert len(cells) == n == 15
    for cell, pitch in zip(cells, result.notes.pitch, strict=True):
        frequency = float(midi_to_hz(int(pitch)))
        held = cell.level_db[:, : cell.level_db.shape[1] // 2].mean(axis=1)
        bin_ = np.log2(frequency / cell.fmin) * BINS_PER_OCTAVE
        # The widest lines, of the lowest keys, are some bins wide.
        assert abs(held.argmax() - bin_) < 4.0
    loudest = [cell.level_db.max() for cell in cells]
    assert max(loudest) == pytest.approx(0.0, abs=0.01)
    rows = np.reshape(loudest, (len(VELOCITIES), -1)).mean(axis=1)
    assert rows[0] < rows[1] - 1.0 < rows[2] - 2.0
    assert cells[0].duration < SLOT_SECONDS


def test_panels_say_their_key_and_velocity(result):
    keys = demo_keys((36, 84))
    cells = picture._cut(log_spectrogram(result.y, result.sr), len(result.notes))
    figure = picture._figure(cells, keys, "Flûte $x$", "fake")
    panels = figure.axes[:15]
    assert [axes.get_title() for axes in panels if axes.get_title()] == [
        "C2, 65 Hz", "C3, 131 Hz", "C4, 262 Hz", "C5, 523 Hz", "C6, 1047 Hz",
    ]  # fmt: skip
    assert [axes.get_ylabel() for axes in panels if axes.get_ylabel()] == [
        "soft: velocity 40\nHz", "medium: velocity 80\nHz", "loud: velocity 120\nHz",
    ]  # fmt: skip
    scales = {mesh.get_clim() for axes in panels for mesh in axes.collections}
    assert len(scales) == 1
    texts = [text.get_text() for text in figure.texts]
    assert texts[0] == "Flûte $x$"
    assert "model fake" in texts[1]


def test_the_file_appears_whole_or_not_at_all(result, tmp_path):
    picture.draw_instrument(tmp_path / "a.png", result)
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(WriteError, match="does not exist"):
        picture.draw_instrument(tmp_path / "none" / "a.png", result)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
