"""Sample sheets: what is on them, and that no run depends on them."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from tiny_runs import TINY

from retimbre.expression import RELEASE_SECONDS
from retimbre.harmonic.image import FEATURE_FILL, feature_mask
from retimbre.train.run.sheet_files import (
    HELD_SECONDS,
    Panel,
    draw_panels,
    write_notes,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SR = 44100


def silence(n, frames=8):
    return np.broadcast_to(FEATURE_FILL, (n, frames, 288)).copy()


def tone(pitches, frames=8):
    """The first partial alone, at 0 dB."""
    features = silence(len(pitches), frames)
    features[..., 0] = 1.0
    return features


def pixels(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


def test_notes_are_played_one_after_another_at_their_pitches(tmp_path):
    pitches = np.array([60, 72])
    write_notes(tmp_path / "a.wav", tone(pitches), pitches)
    y, sr = soundfile.read(tmp_path / "a.wav")
    length = round(SR * HELD_SECONDS) + round(SR * RELEASE_SECONDS)
    assert (sr, len(y)) == (SR, 2 * length)
    for k, f0 in enumerate((261.63, 523.25)):
        held = y[k * length :][: round(0.8 * SR)]
        spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held))))
        assert np.argmax(spectrum) / 0.8 == pytest.approx(f0, abs=2.0)
        assert np.abs(held).max() == pytest.approx(0.5, abs=0.01)


def test_silence_is_written_as_silence(tmp_path):
    write_notes(tmp_path / "a.wav", silence(1), np.array([60]))
    assert not soundfile.read(tmp_path / "a.wav")[0].any()


def test_louder_partials_are_brighter_and_low_ones_are_below(tmp_path):
    features = silence(1)
    features[0, :, :48] = 1.0
    draw_panels(tmp_path / "a.png", "title", [Panel("half", features[..., :96])])
    picture = pixels(tmp_path / "a.png").mean(axis=-1)
    rows, columns = picture.shape
    middle = picture[:, columns // 2]
    # Magma: nearly white where it is loudest, black at the floor.
    assert middle[rows // 3] < 0.05
    assert middle[rows * 3 // 4] > 0.8


def test_a_sheet_shows_fixed_latents_and_fixed_notes(finished, notes, tmp_path, monkeypatch):
    from retimbre.train.export.harmonic import load_run
    from retimbre.train.run import sheets

    drawn = []
    monkeypatch.setattr(
        sheets, "draw_panels", lambda path, title, rows: drawn.append((title, rows[:3], rows[3:]))
    )
    monkeypatch.setattr(sheets, "write_notes", lambda path, features, pitches: None)
    trainer = load_run(finished[0])
    for _ in range(2):
        sheets.HarmonicSheets(tmp_path, notes, [0, 1, 2], [3], TINY).draw(trainer, 32)
    title, upper, lower = drawn[0]
    assert title == "32 notes, 128 frames"
    assert [panel.label for panel in upper] == ["MIDI 48", "MIDI 60", "MIDI 72"]
    assert [panel.images.shape for panel in upper] == [(8, 128, 96)] * 3
    assert [panel.label for panel in lower] == [
        *("trained: real", "trained: played", "held out: real", "held out: played"),
    ]
    assert lower[0].names == ["a tone", "b tone", "c tone"]
    assert lower[2].names == ["d tone"]
    # The real notes are those at middle C, program and pitch in their first frame.
    np.testing.assert_array_equal(lower[0].images[:, 0, 0] * 128, [0, 1, 2])
    np.testing.assert_array_equal(lower[0].images[:, 0, 1] * 128, 60)
    silent = ~feature_mask(np.array([72]))[0, :96]
    np.testing.assert_array_equal(
        upper[2].images[..., silent],
        np.broadcast_to(FEATURE_FILL[:96][silent], (8, 128, silent.sum())),
    )
    # Different latents sound differently, and the same again and again.
    assert np.abs(np.diff(upper[1].images, axis=0)).max() > 1e-4
    for first, again in zip((*upper, *lower), (*drawn[1][1], *drawn[1][2]), strict=True):
        np.testing.assert_array_equal(first.images, again.images)


@pytest.mark.parametrize(
    ("every", "n_seen", "is_last", "is_due"),
    [
        (20, 16, False, False),
        (20, 24, False, True),
        (20, 28, False, False),
        (20, 32, False, False),
        (20, 40, False, True),
        (20, 32, True, True),
        (0, 40, True, False),
    ],
)
def test_sheets_are_due_every_so_many_notes(tmp_path, every, n_seen, is_last, is_due):
    from retimbre.train.run.sheet_drawer import SheetDrawer

    drawn = []
    drawer = SheetDrawer(tmp_path, replace(TINY, sheet_notes=every))
    drawer.draw = lambda trainer, n: drawn.append(n)
    drawer.draw_if_due(None, n_seen, is_last=is_last)
    assert drawn == ([n_seen] if is_due else [])


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError("bad"), MemoryError("none")])
def test_no_sheet_stops_a_run(tmp_path, caplog, error):
    from retimbre.train.run.sheet_drawer import SheetDrawer

    def fail(trainer, n_seen):
        raise error

    drawer = SheetDrawer(tmp_path, TINY)
    drawer.draw = fail
    with caplog.at_level(logging.WARNING, "retimbre"):
        drawer.draw_if_due(None, 32, is_last=False)
    assert caplog.messages == [f"no sheet at 32 notes: {error}"]


def test_sheets_are_drawn_with_the_averages(finished, notes, tmp_path, monkeypatch):
    from retimbre.train.export.harmonic import load_run
    from retimbre.train.run import sheets

    drawn = []
    monkeypatch.setattr(sheets, "draw_panels", lambda path, title, rows: drawn.append(rows[:3]))
    monkeypatch.setattr(sheets, "write_notes", lambda path, features, pitches: None)
    trainer = load_run(finished[0])
    for average, variable in zip(trainer.averages, trainer.maker_variables, strict=True):
        is_last = "g_out" in variable.path and "bias" in variable.path
        average.assign(np.full(average.shape, 0.25 if is_last else 0.0))
    sheets.HarmonicSheets(tmp_path, notes, [0, 1, 2], [], TINY).draw(trainer, 32)
    sounding = feature_mask(np.array([60]))[0, :96]
    np.testing.assert_allclose(drawn[0][1].images[..., sounding], 0.25, atol=1e-6)
