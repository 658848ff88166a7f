import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
import sound_fad
import sound_like
import sound_pitch
import sound_random
import sound_reconstruction
import sound_sheet
from sound_models import Palette, generate_levels, read_palette
from sound_notes import RealNotes
from sound_table import Row, share, to_markdown

from retimbre.images.harmonic import (
    FRAME_TIMES,
    N_BINS,
    N_CHANNELS,
    N_FRAMES,
    N_SINGLE,
    bin_mask,
    image_to_features,
)
from retimbre.train.labels import InstrumentKey, NoteLabel

SR = 44100
N_INSTRUMENTS = 12
DIM = 16


def spectrum(instrument: int) -> np.ndarray:
    """Return the levels of an instrument [shape=(96,), dB]: its own slope and its own gaps."""
    draws = np.random.default_rng(instrument)
    return np.clip(-draws.uniform(0.5, 3.0) * np.arange(N_BINS) - 10 * draws.random(N_BINS), -90, 0)


def features_of(instrument: int, pitch: int, decay: float = 5.0) -> np.ndarray:
    image = np.full((N_FRAMES, N_BINS, N_CHANNELS), -90.0, np.float32)
    image[..., 0] = np.maximum(spectrum(instrument) - decay * FRAME_TIMES[:, None], -90.0)
    image[:, ~bin_mask(pitch), 0] = -90.0
    image[..., 1], image[..., 3] = 0.0, 0.0
    image[:, :N_SINGLE, 3] = 1.0
    image[..., 2] = -110.0
    return image_to_features(image)


class FakeDataset:
    """Twelve instruments on five keys at two velocities."""

    def __init__(self) -> None:
        self.instruments = [
            InstrumentKey("fake.sf2", 0, i, f"Fake {i}") for i in range(N_INSTRUMENTS)
        ]
        self.labels = [
            NoteLabel(*key, pitch, velocity)
            for key in self.instruments
            for pitch in (48, 55, 60, 67, 72)
            for velocity in (40, 120)
        ]
        self.pitches = np.array([label.pitch for label in self.labels])
        self.notes_of = {
            key: np.array([r for r, label in enumerate(self.labels) if label.instrument == key])
            for key in self.instruments
        }

    def rows(self, rows: np.ndarray) -> np.ndarray:
        labels = [self.labels[row] for row in rows]
        return np.stack([features_of(label.program, label.pitch) for label in labels])


class FakeModel:
    """Knows all instruments of the data set: a z plays the one that it points at."""

    name = "fake"
    latent_dim = DIM
    pitch_range = (21, 108)

    def __init__(self, n_known: int = N_INSTRUMENTS, decay: float = 5.0) -> None:
        codes = np.random.default_rng(1).standard_normal((N_INSTRUMENTS, DIM))
        self.codes = codes.astype(np.float32)
        self.n_known = n_known
        self.decay = decay
        keys = FakeDataset().instruments
        self.palette = Palette(
            tuple(keys),
            tuple(key.name for key in keys),
            self.codes,
            np.tile([21, 108], (N_INSTRUMENTS, 1)),
        )

    def generate(self, z: np.ndarray, pitches: np.ndarray, velocities: np.ndarray) -> np.ndarray:
        assert z.shape == (len(pitches), DIM)
        assert velocities.min() >= 1
        chosen = (z @ self.codes[: self.n_known].T).argmax(axis=1)
        return np.stack(
            [features_of(i, p, self.decay) for i, p in zip(chosen, pitches, strict=True)]
        )

    def encode(self, features: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        first = features[:, 0, :8]
        heads = np.stack([features_of(i, 60)[0, :8] for i in range(N_INSTRUMENTS)])
        chosen = np.abs(first[:, None] - heads).sum(axis=2).argmin(axis=1)
        return self.codes[chosen]


@pytest.fixture
def real():
    return RealNotes(FakeDataset(), list(range(8)), list(range(8, N_INSTRUMENTS)))


# ---- real notes ----------------------------------------------------------------------------------


def test_drawn_notes_are_different_and_of_the_asked_instruments(real, rng):
    notes = real.draw([2, 3], 15, rng)
    assert len(set(notes.rows.tolist())) == 15
    assert set(notes.instruments.tolist()) == {2, 3}
    labels = [real.label(row) for row in notes.rows]
    assert [label.program for label in labels] == notes.instruments.tolist()
    assert [label.pitch for label in labels] == notes.pitches.tolist()
    assert [label.velocity for label in labels] == notes.velocities.tolist()


def test_no_more_notes_come_than_there_are(real, rng):
    assert len(real.draw([2, 3], 100, rng)) == 20


def test_pairs_are_two_pitches_of_one_instrument(real, rng):
    first, second = real.draw_pairs(real.held_out, 50, rng)
    assert (first.instruments == second.instruments).all()
    assert (first.pitches != second.pitches).all()
    assert set(first.instruments.tolist()) == set(real.held_out)
    assert (np.diff(second.pitches) >= 0).all()


def test_one_note_of_each_instrument_at_a_pitch(real, rng):
    notes = real.at_pitch(real.trained, 60, rng)
    assert notes.instruments.tolist() == real.trained
    assert set(notes.pitches.tolist()) == {60}


# ---- figures of a model that is known ------------------------------------------------------------


def test_a_model_that_knows_all_has_no_error(real, rng):
    pairs = real.draw_pairs(real.held_out, 20, rng)
    found = sound_reconstruction.rebuild(FakeModel(), real, *pairs)
    np.testing.assert_allclose(found.separated, 0.0, atol=0.01)
    assert np.isnan(found.raw).all()


def test_the_raw_reference_is_what_the_renderer_gives(real, rng):
    pairs = real.draw_pairs(real.held_out, 10, rng)
    image = np.full((N_FRAMES, N_BINS, N_CHANNELS), -90.0)
    image[:, 0, 0] = -6.0
    renderer = SimpleNamespace(image=lambda label: image)
    found = sound_reconstruction.rebuild(FakeModel(decay=0.0), real, *pairs, renderer)
    firsts = [abs(spectrum(i)[0] + 6.0) for i in pairs[0].instruments]
    np.testing.assert_allclose(found.raw, firsts, atol=0.01)


def test_an_error_of_level_is_told_in_db(real, rng):
    notes = real.draw(real.trained, 10, rng)
    found = sound_reconstruction.rebuild(FakeModel(decay=6.0), real, notes, notes)
    # One dB a second more decay: the mean over audible points is that of their times.
    assert 0.5 < np.mean(found.separated) < 2.0


def test_random_instruments_of_a_model_that_knows_all_are_varied(real):
    found = sound_random.measure_spread(FakeModel(8), real, n=60, seed=0, floor_db=-90.0)
    # Pairs of the same instrument lie at 0: 7 of 8 pairs are left.
    assert found.ratio == pytest.approx(7 / 8, abs=0.12)
    assert found.named == pytest.approx(found.real, rel=0.25)
    assert found.random_to_real == pytest.approx(0.0, abs=0.01)
    assert found.real_to_real > 1.0


def test_a_model_of_one_instrument_has_no_diversity(real):
    found = sound_random.measure_spread(FakeModel(1), real, n=20, seed=0, floor_db=-90.0)
    assert found.ratio == pytest.approx(0.0, abs=1e-3)
    assert found.real_to_random > found.real_to_real


def test_a_model_of_one_instrument_fills_other_bins(real, monkeypatch):
    monkeypatch.setattr(sound_random, "N_BINS", 8)
    few = sound_random.measure_bins(FakeModel(1), real, n=40, seed=0)
    assert few.random > few.same_instruments
    assert few.random >= 3


def test_a_path_that_leaps_is_told(real):
    rows = sound_random.path_rows(FakeModel(), n=3, seed=0)
    # The fake model knows nothing between instruments: one or two leaps in 50 steps.
    assert float(rows[0].measured) >= 10.0
    assert "0.0 % of the pairs" in rows[0].remark


def test_levels_do_not_depend_on_the_batches(real, rng):
    model = FakeModel()
    z = rng.standard_normal((300, DIM))
    pitches, velocities = rng.integers(40, 80, 300), rng.integers(1, 128, 300)
    whole = generate_levels(model, z, pitches, velocities)
    one = generate_levels(model, z[200:201], pitches[200:201], velocities[200:201])
    np.testing.assert_array_equal(whole[200], one[0])


def test_real_brightness_is_a_ratio_for_each_trained_preset(real):
    ratios = sound_reconstruction.real_brightness_ratios(real)
    assert len(ratios) == len(real.trained)
    np.testing.assert_allclose(ratios, 1.0, atol=1e-5)


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


def test_no_recordings_without_a_folder(tmp_path):
    assert sound_like.find_recordings(tmp_path / "none") == {}
    assert sound_like.like_rows(FakeModel(), tmp_path / "none") == []


def heard(instrument: int, pitch: int) -> SimpleNamespace:
    from retimbre.images.harmonic import features_to_image

    features = features_of(instrument, pitch)
    return SimpleNamespace(
        features=features, image=features_to_image(features), pitch=pitch, seconds=5.0
    )


def test_a_timbre_that_is_known_is_closer_than_the_palette():
    shares = sound_like.like_shares(FakeModel(), [heard(3, 60), heard(3, 67), heard(3, 60)])
    assert np.isnan(shares[np.eye(3, dtype=bool)]).all()
    assert np.isnan(shares[0, 2])
    # All but the palette's own entry of that instrument.
    assert shares[0, 1] == pytest.approx(1 - 1 / N_INSTRUMENTS)


def test_a_timbre_of_another_instrument_is_not_closer():
    shares = sound_like.like_shares(FakeModel(), [heard(3, 60), heard(7, 67)])
    assert shares[0, 1] < 0.9


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
        "| figure | measured | reach | |",
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
