import csv
import json

import numpy as np
import pytest
import sound_fad
import sound_like
import sound_pitch
import sound_reconstruction
import sound_sheet
from sound_models import read_palette
from sound_table import Row, share, to_markdown

from retimbre.train.data.labels import InstrumentKey

SR = 44100

# ---- texture -------------------------------------------------------------------------------------


def test_matching_depths_over_common_partials():
    real = [np.array([1.0, 2.0, np.nan]), np.array([3.0, np.nan, 5.0])]
    made = [np.array([0.5, 1.0, 9.0]), np.array([1.5, 9.0, 2.5])]
    match = sound_reconstruction.match_depths(made, real)
    assert match.ratio == pytest.approx(0.5)
    assert match.correlation == pytest.approx(1.0)
    assert match.of_notes == pytest.approx(1.0)


def test_depths_with_nothing_in_common_are_unknown():
    nothing = [np.full(3, np.nan)] * 3
    assert np.isnan(sound_reconstruction.match_depths(nothing, [np.ones(3)] * 3).ratio)


def test_beating_sounds_and_a_plain_tone_does_not():
    t = np.arange(4 * SR) / SR
    beat = np.sin(2 * np.pi * 440.0 * t) + 0.3 * np.sin(2 * np.pi * 444.0 * t)
    steady = np.sin(2 * np.pi * 880.0 * t)
    beating = sound_reconstruction.sounding_depths((0.1 * beat + steady).astype("f4"), 69)
    plain = sound_reconstruction.sounding_depths((0.1 * np.sin(2 * np.pi * 440.0 * t) + steady), 69)
    assert beating[0] > 1.0
    assert plain[0] < 0.1


# ---- pitch ---------------------------------------------------------------------------------------


def test_weighted_median():
    values = np.array([5.0, 1.0, 3.0])
    assert sound_pitch.weighted_median(values, np.array([1.0, 1.0, 1.0])) == 3.0
    assert sound_pitch.weighted_median(values, np.array([5.0, 1.0, 1.0])) == 5.0
    assert np.isnan(sound_pitch.weighted_median(values, np.zeros(3)))
    assert np.isnan(sound_pitch.weighted_median(np.zeros(0), np.zeros(0)))


def test_loud_times_are_within_30_db():
    t = np.arange(SR) / SR
    y = np.sin(2 * np.pi * 440.0 * t) * np.where(t < 0.5, 1.0, np.where(t < 0.75, 0.05, 0.01))
    loud = sound_pitch.is_loud(y, np.array([0.1, 0.3, 0.6, 0.9, 2.0]), SR)
    assert loud.tolist() == [True, True, True, False, False]


def tone(midi: float) -> np.ndarray:
    f0 = 440.0 * 2.0 ** ((midi - 69.0) / 12.0)
    t = np.arange(2 * SR) / SR
    orders = np.arange(1, int(min(12, 20000 / f0)) + 1)
    y = sum(0.7**k * np.sin(2 * np.pi * k * f0 * t + k * k) for k in orders)
    return (y * np.exp(-t) / 3.0).astype(np.float32)


@pytest.mark.parametrize("midi", [21, 60.3, 108])
def test_pyin_hears_the_whole_range(midi):
    heard = sound_pitch.hear_pyin(tone(midi))
    assert abs(69 + 12 * np.log2(heard / 440.0) - midi) <= 0.07


def test_both_trackers_hear_what_they_cover():
    pytest.importorskip("swift_f0")
    heard = sound_pitch.hear_pitches([tone(60), tone(60.5), tone(100)], np.array([60, 60, 100]))
    np.testing.assert_allclose(heard.swift, [0.0, 50.0, np.nan], atol=8.0)
    np.testing.assert_allclose(heard.pyin, [0.0, 50.0, 0.0], atol=8.0)
    assert sound_pitch.is_in_tune(heard.pyin) == [True, False, True]


def test_notes_out_of_tune_are_listed(tmp_path):
    asked = np.array([30, 31, 95, 96])
    pyin = np.array([25.0, 20.0, -5.0, np.nan])
    heard = sound_pitch.HeardPitches(asked, np.full(4, 1.0), pyin)
    assert sound_pitch.is_in_tune(heard.pyin) == [False, True, True, False]
    path = tmp_path / "failures.csv"
    sound_pitch.write_failures(path, heard)
    with path.open() as file:
        assert [row["midi"] for row in csv.DictReader(file)] == ["30", "96"]


# ---- FAD, recordings, sheet ----------------------------------------------------------------------


def test_halves_by_instrument_are_farther_than_random_ones(rng):
    instruments = np.repeat(np.arange(40), 20)
    real = rng.standard_normal((40, 6))[instruments] + 0.1 * rng.standard_normal((800, 6))
    made = rng.permutation(real)
    across, within = sound_fad.distances(real, made, instruments, rng)
    assert across < 0.2 * within
    far, _ = sound_fad.distances(real, made + 10.0, instruments, rng)
    assert far == pytest.approx(600.0, rel=0.05)


def test_clips_are_three_seconds_at_16_khz_with_peak_one():
    clip = sound_fad.to_clip(0.1 * tone(69))
    assert clip.shape == (48000,)
    assert np.abs(clip).max() == pytest.approx(1.0)
    assert not clip[33000:].any()
    spectrum = np.abs(np.fft.rfft(clip[:16000]))
    assert spectrum.argmax() == 440


def test_a_missing_musicnn_is_told_in_a_sentence():
    with pytest.raises(sound_fad.MusicnnMissingError, match="/nowhere/python is no interpreter"):
        sound_fad.check_musicnn("/nowhere/python")
    with pytest.raises(sound_fad.MusicnnMissingError, match="pip install --no-deps musicnn"):
        sound_fad.check_musicnn("/bin/false")


def test_share_that_is_farther():
    others = np.array([1.0, 2.0, 3.0, 4.0])
    shares = sound_like.closer_share(np.array([0.5, 2.0, 9.0]), others)
    assert shares.tolist() == [1.0, 0.5, 0.0]


def test_the_best_named_instrument_is_close_to_most_notes():
    rows = np.arange(40.0)[:, None]
    distances = np.concatenate([np.tile(rows, (1, 2)), np.tile(rows[::-1], (1, 2))], axis=1)
    distances[7, :3] = -1.0  # the closest of three notes out of four
    assert sound_like.best_named(distances) == (7, 0.75)


def test_recordings_are_single_notes_of_several_pitches(tmp_path):
    lines = [
        "file\tinstrument\tannotation_file\tnote",
        "a/1.flac\talto sax single note (sounding pitch)\tMIDI 56 (sfz)\t",
        "a/2.flac\talto sax single note (sounding pitch)\tMIDI 68 (sfz)\t",
        "b/1.wav\tflute single note\t\tpitch in name: A4=69",
        "c/1.wav\tcello phrase\t\tdemo",
    ]
    (tmp_path / "manifest.tsv").write_text("\n".join(lines))
    found = sound_like.find_recordings(tmp_path)
    assert list(found) == ["alto sax"]
    assert [note.pitch for note in found["alto sax"]] == [56, 68]
    assert found["alto sax"][0].path == tmp_path / "a" / "1.flac"


def test_a_spectrogram_shows_a_tone_where_it_is():
    y = np.sin(2 * np.pi * 1000.0 * np.arange(SR) / SR)
    level = sound_sheet.log_spectrogram(y)
    peak = level[:, 20].argmax()
    wanted = sound_sheet.BINS_PER_OCTAVE * np.log2(1000.0 / sound_sheet.LOW_HZ)
    assert abs(peak - wanted) <= 1.0
    assert level.max() == 0.0
    assert level[peak + 36, 20] < -40.0


def test_the_sheet_is_drawn(tmp_path):
    panel = sound_sheet.Panel("a tone", tone(69))
    path = tmp_path / "sheet.png"
    sound_sheet.draw_sheet(path, [("fewer", [panel] * 3)], "title")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


# ---- tables and palettes -------------------------------------------------------------------------


def test_rows_become_a_table():
    text = to_markdown([Row("a", "1", "<= 2", "b"), Row("c", "3")])
    assert text.splitlines() == [
        "| figure | measured | target | |",
        "|---|---|---|---|",
        "| a | 1 | <= 2 | b |",
        "| c | 3 |  |  |",
    ]


def test_a_share_is_told_with_its_counts():
    assert share([True, False, True]) == "66.7 % (2 of 3)"
    assert share([]) == "0.0 % (0 of 0)"


def test_a_palette_is_read(tmp_path):
    entry = {"name": "Flute", "z": [1.0, -1.0], "range": [60, 90], "source": "a.sf2"}
    path = tmp_path / "palette.json"
    path.write_text(json.dumps({"instruments": [{**entry, "bank": 0, "program": 73}]}))
    palette = read_palette(path)
    assert palette.names == ("Flute",)
    assert palette.keys == (InstrumentKey("a.sf2", 0, 73, "Flute"),)
    assert palette.z.tolist() == [[1.0, -1.0]]
    assert palette.ranges.tolist() == [[60, 90]]
