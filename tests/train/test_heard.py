"""What of a note was recorded: found in recordings, kept in labels, counted in batches."""

import numpy as np
import pytest
import soundfile

from retimbre.harmonic.image import BIN_PARTIALS, FRAME_TIMES, N_BINS
from retimbre.train.data import shards
from retimbre.train.data.batches import draw_batch
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.heard import COMPLETED, ROOM_HZ, count_heard, find_cut, share_rooms
from retimbre.train.data.labels import NoteLabel
from retimbre.train.data.measure import Reason
from retimbre.train.data.recorded_notes import analyze_recording
from retimbre.train.data.recordings import find_recordings
from retimbre.units import midi_to_hz

SR = 44100


def tone(pitch, seconds, n_partials=8, amplitude=0.2, cents=0.0):
    t = np.arange(round(seconds * SR)) / SR
    f0 = float(midi_to_hz(pitch + cents / 100))
    return amplitude * sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, n_partials + 1))


def noise(seconds, amplitude, seed=0):
    return amplitude * np.random.default_rng(seed).standard_normal(round(seconds * SR))


def analyzed(folder, name, y, sr=SR):
    soundfile.write(folder / name, y, sr, subtype="FLOAT")
    (found,) = find_recordings(folder)
    return analyze_recording(found, found.pitch)


def label(pitch=60, **heard):
    return NoteLabel("mine", -1, -1, "reed", pitch, 80, **heard)


def test_of_a_short_note_its_own_time_counts(tmp_path):
    found, image = analyzed(tmp_path, "reed_60.wav", tone(60, 0.8))
    assert 0.5 < found.heard_seconds < 0.8
    # What follows is completed, not silent.
    assert image[FRAME_TIMES < 2.9][-1, 0, 0] > -10
    heard = count_heard([found], np.zeros((1, 128, 288)))[0]
    is_own = found.heard_seconds > FRAME_TIMES
    np.testing.assert_array_equal(heard[~is_own][:, 0], np.float32(COMPLETED))
    assert (heard[is_own][:, 0] == 1.0).all()


@pytest.mark.parametrize(("seconds", "expected"), [(3.0, 4.0), (3.8, 3.0)])
def test_only_a_note_that_is_let_go_after_3_s_is_heard_to_its_end(tmp_path, seconds, expected):
    found, _ = analyzed(tmp_path, "reed_60.wav", np.append(tone(60, seconds), np.zeros(9000)))
    assert found.heard_seconds == expected


def test_notes_of_soundfonts_count_throughout():
    whole = NoteLabel("font", 0, 3, "Piano", 60, 80)
    assert whole.is_heard_whole
    assert (count_heard([whole], np.zeros((1, 128, 288))) == 1.0).all()


def test_a_room_is_heard_after_the_note_and_what_drowns_in_it_counts_little(tmp_path):
    y = np.concatenate([tone(60, 1.5), np.zeros(SR)])
    found, image = analyzed(tmp_path, "reed_60.wav", y + noise(2.5, 0.003))
    # Density: variance per sample re the power of the partials.
    expected = 10 * np.log10(0.003**2 / (0.04 * sum(1 / k**2 for k in range(1, 9))))
    assert found.room_db == pytest.approx([expected] * len(ROOM_HZ), abs=3.0)
    power = 0.04 * sum(1 / k**2 for k in range(1, 9))
    assert found.loudest_db == pytest.approx(10 * np.log10(power), abs=1.0)
    features = np.zeros((1, 128, 288), np.float32)
    features[0, :, :N_BINS] = image[..., 0] / 45 + 1
    features[0, :, 144:240] = (image[..., 2] + 65) / 45
    heard = count_heard([found], features)[0][(FRAME_TIMES > 0.2) & (FRAME_TIMES < 1.2)]
    assert (heard[:, :8] == 1.0).all()
    assert heard[:, 12:48].mean() < 0.3
    assert heard[:, 144:240].mean() < 0.3


def test_a_room_is_that_of_all_notes_of_an_instrument_where_three_agree():
    room = (-60.0,) * 9
    known = [
        label(room_db=tuple(np.array(room) - db), loudest_db=db) for db in (-20.0, -10.0, -6.0)
    ]
    silent = label(loudest_db=-30.0)
    assert [note.room_db for note in share_rooms([*known, silent])][:3] == [
        n.room_db for n in known
    ]
    assert share_rooms([*known, silent])[3].room_db == (-30.0,) * 9
    # Two are no room, nor are three that differ, as those that were made equally loud.
    assert share_rooms([*known[:2], silent])[2].room_db == ()
    levelled = [label(room_db=note.room_db, loudest_db=-6.0) for note in known]
    assert share_rooms([*levelled, silent])[3].room_db == ()
    # A preset that is not heard in any room has none, whatever its name.
    assert share_rooms([*known, label()])[3].room_db == ()


def test_what_rings_on_is_no_room(tmp_path):
    y = tone(60, 3.0) * 10 ** (-30 * np.arange(3 * SR) / SR / 20)
    assert analyzed(tmp_path, "harp_60.wav", y)[0].room_db == ()


def test_above_a_cut_nothing_counts(tmp_path):
    found, _ = analyzed(tmp_path, "phone_60.wav", tone(60, 1.0)[::2], SR // 2)
    assert 10000 < found.heard_hz < 11025
    heard = count_heard([found], np.zeros((1, 128, 288)))[0]
    is_above = BIN_PARTIALS * float(midi_to_hz(60)) > found.heard_hz
    assert is_above.any()
    assert (heard[:, :N_BINS][:, is_above] == 0.0).all()
    assert (heard[0, :N_BINS][~is_above] == 1.0).all()


def test_a_codecs_cut_is_found_and_a_quiet_top_is_none():
    y = noise(1.0, 0.1)
    spectrum = np.fft.rfft(y)
    frequencies = np.fft.rfftfreq(len(y), 1 / SR)
    cut = np.fft.irfft(np.where(frequencies < 12000, spectrum, 0), len(y))
    assert find_cut(cut, SR) == pytest.approx(11875, abs=600)
    falling = np.fft.irfft(spectrum / (1 + (frequencies / 1000) ** 3), len(y))
    assert find_cut(falling, SR) == SR / 2
    assert find_cut(y, 16000) == pytest.approx(7600)


@pytest.mark.parametrize("cents", [-55.0, 30.0, 55.0])
def test_a_note_that_is_a_little_off_is_tuned(tmp_path, cents):
    _, image = analyzed(tmp_path, "reed_60.wav", tone(60, 1.5, cents=cents))
    held = image[(FRAME_TIMES > 0.1) & (FRAME_TIMES < 1.0)]
    assert 1200 * np.log2(1 + np.median(held[:, 0, 1])) == pytest.approx(0.0, abs=4.0)


@pytest.mark.parametrize(
    ("cents", "reason"),
    [
        (70.0, Reason.PITCH),
        (-200.0, Reason.PITCH),
        (1200.0, Reason.OCTAVE),
        (-1200.0, Reason.OCTAVE),
    ],
)
def test_a_wrong_label_is_refused(tmp_path, cents, reason):
    assert analyzed(tmp_path, "reed_60.wav", tone(60, 1.5, cents=cents))[1] is reason


def test_a_hoarse_low_note_is_at_its_pitch_if_it_is_heard_there(tmp_path):
    # By its partials alone it would be refused: its noise between them is loud.
    y = tone(36, 1.5, 20) + noise(1.5, 0.2)
    assert not isinstance(analyzed(tmp_path, "bass_36.wav", y)[1], Reason)


def test_a_velocity_is_told_or_not(tmp_path):
    found, _ = analyzed(tmp_path, "reed_60.wav", tone(60, 1.0))
    assert (found.velocity, found.has_velocity) == (80, False)
    (tmp_path / "reed_60.wav").unlink()
    assert analyzed(tmp_path, "reed_60_80.wav", tone(60, 1.0))[0].has_velocity


@pytest.fixture
def mixed(tmp_path):
    """Two instruments, one of many notes and heard whole, one of few and short ones."""
    shards.write_settings(tmp_path, {"sources": ["font", "mine"], "pitches": [40, 99]})
    for pitch in range(40, 100):
        labels = [NoteLabel("font", 0, 3, "Piano", pitch, 80)]
        if pitch < 48:
            labels.append(label(pitch, heard_seconds=0.8, heard_hz=8000.0, room_db=(-60.0,) * 9))
        shards.write_shard(tmp_path, pitch, np.zeros((len(labels), 128, 288), np.float16), labels)
    return Dataset(tmp_path)


def test_labels_keep_what_was_heard(mixed):
    kept = mixed.labels[1]
    assert kept == label(40, heard_seconds=0.8, heard_hz=8000.0, room_db=(-60.0,) * 9)
    assert not mixed.is_heard_whole


def test_instruments_count_alike_however_many_notes_they_have(mixed):
    rng = np.random.default_rng(0)
    chosen, first, _ = mixed.draw_pairs([0, 1], 2000, rng)
    assert np.mean(chosen == 1) == pytest.approx(0.5, abs=0.05)
    rows = mixed.draw_notes([0, 1], 2000, (21, 108), rng)
    for drawn in (first, rows):
        is_few = np.array([mixed.labels[row].name == "reed" for row in drawn])
        assert is_few.mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("n_frames", [8, 128])
def test_batches_say_what_was_heard(mixed, n_frames):
    heard, wanted = draw_batch(mixed, [0], 8, n_frames, np.random.default_rng(0))
    assert (heard.heard == 1.0).all()
    heard, wanted = draw_batch(mixed, [1], 8, n_frames, np.random.default_rng(0))
    for notes in (heard, wanted):
        assert notes.heard.shape == notes.features.shape
        assert notes.heard[:, 0, 0].min() == 1.0
        assert notes.heard[:, -1, 0].max() == pytest.approx(COMPLETED)
        # At half the rate and below MIDI 55 the last bin lies above the cut.
        assert notes.heard[:, :, N_BINS - 1].max() == 0.0


def test_a_dataset_heard_whole_pays_nothing_for_it(notes):
    heard, wanted = draw_batch(notes, [0, 2], 8, 8, np.random.default_rng(0))
    assert heard.heard.shape == wanted.heard.shape == (1, 1, 1)


@pytest.mark.parametrize("slope", [1.5, 0.8])
def test_a_label_an_octave_too_high_is_heard(tmp_path, slope):
    t = np.arange(SR) / SR
    y = 0.2 * sum(np.sin(2 * np.pi * k * 440 * t) / k**slope for k in range(1, 16))
    assert analyzed(tmp_path, "reed_81.wav", y)[1] is Reason.OCTAVE
    right = tmp_path / "right"
    right.mkdir()
    assert not isinstance(analyzed(right, "reed_69.wav", y)[1], Reason)
