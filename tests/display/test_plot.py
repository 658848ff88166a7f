"""The picture of a result: its numbers against closed forms, its file, its panels."""

import dataclasses
import struct
import subprocess
import sys

import numpy as np
import pytest
from fakes import LOUD, SR, fake_estimate_pitch, tones

from retimbre.display import plot
from retimbre.display.spectrogram import (
    BINS_PER_OCTAVE,
    COLUMNS,
    WINDOW_SECONDS,
    log_spectrogram,
)
from retimbre.errors import WriteError
from retimbre.instrument import Instruments
from retimbre.result import Report, Result
from retimbre.types import Notes

BIN_CENTS = 40.0
"""A little more than a bin of the spectrogram (36 in an octave)."""

N_NOTES = 3


@pytest.fixture
def result(rng):
    y = tones((60, 0.4, LOUD), (64, 0.4, LOUD), (67, 0.4, LOUD))
    notes = Notes([0.0, 0.5, 1.0], [0.4, 0.9, 1.4], [60, 64, 67], [90, 90, 90])
    return Result(
        y=y,
        sr=SR,
        notes=notes,
        pitch=fake_estimate_pitch(y, SR, None),
        instruments=Instruments(rng.standard_normal((3, 8)), [0.0, 1.0, 2.0]),
        report=Report(
            input="songs/melody.webm",
            confidence=0.5,
            sample_rate=SR,
            notes=3,
            seed=3,
            model="fake",
            instruments=3,
            instrument_names=[],
            heard_names=[],
            input_sample_rate=SR,
            input_duration=1.5,
            voiced_seconds=1.2,
            dropped={},
            folded=0,
            duration=1.5,
            loudness=-20.0,
            limited_db=0.0,
            timings={},
        ),
    )


def strongest(spectrogram):
    """Return the frequency [Hz] of the strongest bin of each column."""
    n_bins = len(spectrogram.level_db)
    bins = np.argmax(spectrogram.level_db, axis=0) + 0.5
    return spectrogram.fmin * (spectrogram.fmax / spectrogram.fmin) ** (bins / n_bins)


@pytest.mark.parametrize("sr", [8000, 44100, 192000])
@pytest.mark.parametrize("frequency", [110.0, 440.0, 3520.0])
def test_tone_lies_in_its_bin(sr, frequency):
    t = np.arange(sr) / sr
    found = strongest(log_spectrogram(np.sin(2 * np.pi * frequency * t), sr))
    inner = found[len(found) // 10 : -len(found) // 10]
    assert np.abs(1200 * np.log2(inner / frequency)).max() < BIN_CENTS


def test_time_axis_is_right():
    y = np.concatenate([np.zeros(SR), tones((69, 1.0, LOUD), gap=0.0), np.zeros(2 * SR)])
    spectrogram = log_spectrogram(y, SR)
    assert spectrogram.duration == 4.0
    loud = np.flatnonzero(spectrogram.level_db.max(axis=0) > -20.0)
    seconds = loud[[0, -1]] / spectrogram.level_db.shape[1] * 4.0
    np.testing.assert_allclose(seconds, [1.0, 2.0], atol=0.04)  # half a window


def test_levels_are_below_the_loudest_and_linear_in_decibels():
    first, second = (tones((69, 1.0, a), gap=0.0) for a in (0.5, 0.05))
    levels = log_spectrogram(np.concatenate([first, second]), SR).level_db
    assert levels.max() == 0.0
    n = levels.shape[1]
    assert levels[:, n // 4].max() - levels[:, 3 * n // 4].max() == pytest.approx(20.0, abs=0.1)


def test_two_tones_keep_their_relation():
    low, high = tones((57, 1.0, 0.5), gap=0.0), tones((93, 1.0, 0.05), gap=0.0)
    column = log_spectrogram(low + high, SR).level_db[:, 200]
    # A bin is the mean over its band. The upper one is wider than the Hann window's main lobe,
    # whose power is the peak's times 1.5 / window length.
    band_hz = 1760.0 * (2 ** (1 / BINS_PER_OCTAVE) - 1)
    expected = -20.0 + 10 * np.log10(1.5 / WINDOW_SECONDS / band_hz)
    assert column[len(column) // 2 :].max() == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("seconds", [0.01, 0.5, 3.0, 3.2, 3.21, 12.7, 30.0])
def test_columns_divide_the_duration_evenly(seconds):
    y = tones((69, seconds, LOUD), gap=0.0)
    n = log_spectrogram(np.concatenate([y, np.zeros_like(y)]), SR).level_db
    loud = np.count_nonzero(n.max(axis=0) > -3.0)
    assert n.shape[1] <= COLUMNS
    assert abs(loud / n.shape[1] - 0.5) < 0.02 + 0.04 / seconds


def test_size_does_not_grow_with_the_length(rng):
    y = rng.standard_normal(10 * 60 * 8000).astype(np.float32)
    spectrogram = log_spectrogram(y, 8000)
    assert spectrogram.level_db.shape[1] == COLUMNS
    assert spectrogram.duration == 600.0


def test_colours_of_instruments_are_inside_srgb_and_differ_from_their_neighbours():
    oklab = plot._instrument_colours(Instruments(np.ones((12, 8)), np.arange(12.0)))
    rgb = plot._to_rgb(oklab)
    assert (rgb > 0).all()
    assert (rgb < 1).all()
    assert np.linalg.norm(np.diff(oklab, axis=0), axis=1).min() > 0.2


def test_instruments_of_one_name_have_one_colour():
    names = ("Flute", "Cello", "Flute")
    first, other, again = plot._instrument_colours(
        Instruments(np.ones((3, 8)), np.arange(3.0), names)
    )
    np.testing.assert_array_equal(first, again)
    assert np.linalg.norm(first - other) > 0.2


def test_oklab_of_known_colours():
    oklab = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.62795536, 0.22486306, 0.1258463]])
    np.testing.assert_allclose(plot._to_rgb(oklab), [[1, 1, 1], [0, 0, 0], [1, 0, 0]], atol=1e-4)


def test_note_has_the_mixture_of_the_instruments_around_its_onset(result):
    notes = Notes([0.0, 0.25, 1.0], [0.1, 0.3, 1.1], [60, 60, 60], [90, 90, 90])
    anchors = plot._instrument_colours(result.instruments)
    expected = [anchors[0], 0.75 * anchors[0] + 0.25 * anchors[1], anchors[1]]
    np.testing.assert_allclose(
        plot._note_colours(notes, result.instruments), plot._to_rgb(np.array(expected))
    )


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (59.5, 65.5, ["C4", "D4", "E4", "F4"]),
        (57.5, 70.0, ["B3", "C4", "D4", "E4", "F4", "G4", "A4"]),
        (36.0, 60.0, ["C2", "E2", "G2", "C3", "E3", "G3", "C4"]),
        (0.0, 60.0, ["C-1", "C0", "C1", "C2", "C3", "C4"]),
    ],
)
def test_labels_of_notes_fit(low, high, labels):
    assert plot._note_ticks(low, high)[1] == labels


def test_times_inside_overlapping_notes():
    notes = Notes([0.0, 0.5, 2.0], [1.0, 0.7, 3.0], [60, 64, 67], [90, 90, 90])
    times = np.array([0.0, 0.6, 0.8, 1.0, 1.5, 2.0, 2.9, 3.0])
    expected = [True, True, True, False, False, True, True, False]
    assert plot._is_inside(times, notes).tolist() == expected


def png_size(path):
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", header[16:24])


def test_picture_is_a_png_written_as_a_whole(result, tmp_path):
    path = tmp_path / "picture.png"
    path.write_text("an older one")
    plot.plot_result(path, result, result.y, SR)
    assert png_size(path)[0] == 1820
    assert [p.name for p in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.parametrize("name", ["$x^$.wav", "歌.wav", "_^{.wav", "\udcff.wav"])
def test_any_name_can_be_drawn(result, tmp_path, name):
    report = dataclasses.replace(result.report, input=name)
    plot.plot_result(tmp_path / "p.png", dataclasses.replace(result, report=report))
    assert png_size(tmp_path / "p.png")[0] == 1820


def test_panels_of_a_recording(result):
    figure = plot._figure(result, log_spectrogram(result.y, SR))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == [
        "input",
        "pitch and notes",
        "evidence",
        "output",
        "instruments",
    ]
    lane = figure.axes[titles.index("evidence")]
    np.testing.assert_allclose(lane.lines[0].get_xdata(), result.notes.onset)
    filled, *onsets = lane.collections
    heights = filled.get_paths()[0].vertices[:, 1]
    assert heights.max() > 0.5
    # A line stands where each note begins; the first begins with the recording.
    times = np.concatenate([o.get_segments() for o in onsets if len(o.get_segments())])[:, 0, 0]
    for onset in result.notes.onset[1:]:
        assert np.abs(times - onset).min() < 0.03
    notes = figure.axes[titles.index("pitch and notes")]
    bars, dots = sorted(notes.collections, key=lambda c: type(c).__name__, reverse=True)
    assert len(bars.get_paths()) == N_NOTES
    n_voiced = np.isfinite(result.pitch.f0).sum()
    assert dots.get_offsets().shape == (n_voiced, 2)
    np.testing.assert_allclose(np.median(np.asarray(dots.get_offsets())[:, 1]), 64.0, atol=0.2)
    limits = {axes.get_xlim() for axes in figure.axes if axes.get_title(loc="left")}
    assert limits == {(0.0, 1.5)}


def test_panels_of_midi(result):
    figure = plot._figure(dataclasses.replace(result, pitch=None), None)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == ["notes", "output", "instruments"]


def timbre_panel(result, instruments):
    figure = plot._figure(dataclasses.replace(result, instruments=instruments), None)
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == "instruments")


def test_instruments_are_called_by_their_names(result):
    instruments = Instruments(np.ones((3, 8)), [0.2, 0.9, 0.9], ("Flute", "Flute", "$Cello"))
    panel = timbre_panel(result, instruments)
    assert [label.get_text() for label in panel.texts] == [" Flute ", " Flute ", " $Cello "]
    # Two at one time stand on either side of it.
    assert [label.get_ha() for label in panel.texts] == ["left", "right", "left"]
    assert panel.get_title(loc="right").startswith("3 chosen instruments; share: of the way from ")
    alone = timbre_panel(result, Instruments(np.ones((1, 8)), [0.2], ("Flute",)))
    assert alone.get_title(loc="right") == "1 chosen instrument"


def test_random_instruments_are_numbered(result):
    panel = timbre_panel(result, result.instruments)
    assert [label.get_text() for label in panel.texts] == [" 1 ", " 2 ", " 3 "]
    assert panel.get_title(loc="right") == (
        "3 random instruments, one every 1 s; "
        "share: of the way from one to the next, at an even pace"
    )


def test_first_and_last_instrument_are_held(result):
    """Shares of instruments at 0.5 and 1 s: the first alone before, the last alone behind."""
    panel = timbre_panel(result, Instruments(np.ones((2, 8)), [0.5, 1.0]))
    outlines = [area.get_paths()[0] for area in panel.collections[:2]]
    inside = [[bool(path.contains_point((t, 0.9))) for path in outlines] for t in (0.1, 1.4)]
    assert inside == [[True, False], [False, True]]


@pytest.mark.parametrize("n", [1, 2, 200])
def test_any_number_of_instruments(result, tmp_path, n):
    instruments = Instruments(np.ones((n, 8)), np.linspace(0, 1.5, n))
    plot.plot_result(tmp_path / "p.png", dataclasses.replace(result, instruments=instruments))
    assert png_size(tmp_path / "p.png")[0] == 1820


def test_long_results_are_labelled_in_minutes(result):
    long = dataclasses.replace(result, y=np.zeros(200 * 100, np.float32), sr=100, pitch=None)
    figure = plot._figure(long, None)
    last = next(axes for axes in figure.axes if axes.get_title(loc="left") == "instruments")
    assert last.xaxis.get_major_formatter()(90.0) == "1:30"


def test_folder_that_is_not_there_is_told(result, tmp_path):
    with pytest.raises(WriteError, match="nowhere"):
        plot.plot_result(tmp_path / "nowhere" / "p.png", result)


def test_pyplot_is_not_needed(tmp_path):
    code = (
        "import sys, retimbre.display.plot, matplotlib.figure;"
        " print('matplotlib.pyplot' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
