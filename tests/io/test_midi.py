"""MIDI in: against pretty_midi where it is right, against the bytes where it is not."""

import warnings

import numpy as np
import pretty_midi
import pytest
from midi_files import off, on, tempo, write
from same_notes import assert_same_notes

from retimbre.errors import DecodeError, ParameterError, ReadError
from retimbre.io.midi import is_midi, load_midi, read_midi
from retimbre.notes.melody import fit_pitches
from retimbre.types import Notes

TEMPO_120, TEMPO_60 = 500_000, 1_000_000


def fit_notes(notes, **options):
    pitches, folded = fit_pitches(notes.pitch, **options)
    return Notes(notes.onset, notes.offset, pitches, notes.velocity), folded


@pytest.fixture
def path(tmp_path):
    return tmp_path / "song.bin"  # the content counts, not the suffix


def test_times_follow_every_change_of_tempo(path):
    notes = load_midi(
        write(
            path,
            [tempo(0, TEMPO_120), tempo(480, TEMPO_60), tempo(480, TEMPO_120)],
            [on(0, 60), off(480, 60), on(240, 62), off(480, 62), on(0, 64), off(480, 64)],
        )
    )
    # A beat at 120 lasts 0.5 s, the next at 60 a second.
    np.testing.assert_allclose(notes.onset, [0.0, 1.0, 1.75])
    np.testing.assert_allclose(notes.offset, [0.5, 1.75, 2.25])


def test_a_tempo_counts_in_whatever_track_it_stands(path):
    notes = load_midi(write(path, [on(0, 60), off(480, 60)], [tempo(0, TEMPO_60)]))
    np.testing.assert_allclose(notes.offset, [1.0])


def test_tempos_of_several_tracks_count_in_the_order_of_time(path):
    notes = load_midi(
        write(path, [tempo(960, TEMPO_120)], [tempo(480, TEMPO_60)], [on(0, 60), off(1440, 60)])
    )
    np.testing.assert_allclose(notes.offset, [0.5 + 1.0 + 0.5])


def test_without_a_tempo_it_is_120(path):
    assert load_midi(write(path, [on(480, 60), off(480, 60)])).onset == [0.5]


def test_tracks_and_channels_are_merged_and_drums_left_out(path):
    notes = load_midi(
        write(
            path,
            [on(480, 60, 10), off(480, 60)],
            [on(0, 72, 20, channel=5), off(960, 72, channel=5)],
            [on(0, 36, 99, channel=9), off(480, 36, channel=9)],
        )
    )
    np.testing.assert_array_equal(notes.pitch, [72, 60])
    np.testing.assert_array_equal(notes.velocity, [20, 10])


def test_a_note_on_of_velocity_zero_is_an_end(path):
    np.testing.assert_allclose(load_midi(write(path, [on(0, 60), on(480, 60, 0)])).offset, [0.5])


def test_overlapping_notes_of_one_pitch_end_in_the_order_they_began(path):
    notes = load_midi(write(path, [on(0, 60), on(480, 60), off(480, 60), off(480, 60)]))
    np.testing.assert_allclose(notes.intervals, [[0.0, 1.0], [0.5, 1.5]])


def test_a_repeated_note_may_begin_before_the_end_of_the_last_is_said(path):
    notes = load_midi(write(path, [on(0, 60), on(480, 60), off(0, 60), off(480, 60)]))
    np.testing.assert_allclose(notes.intervals, [[0.0, 0.5], [0.5, 1.0]])


def test_a_note_of_no_length_gets_one_and_is_reported(path, caplog):
    notes = load_midi(write(path, [on(0, 60), off(0, 60), on(480, 62), off(480, 62)]))
    np.testing.assert_allclose(notes.intervals, [[0.0, 0.05], [0.5, 1.0]])
    assert [r.getMessage() for r in caplog.records] == [
        f"{path} has 1 note of zero length, extended to 50 ms."
    ]


def test_a_note_without_an_end_lasts_as_long_as_its_track(path, caplog):
    notes = load_midi(write(path, [on(0, 60), on(480, 62), off(480, 62)], [on(0, 64)]))
    np.testing.assert_allclose(notes.intervals, [[0.0, 1.0], [0.0, 0.05], [0.5, 1.0]])
    assert [r.getMessage() for r in caplog.records] == [
        f"{path} has 2 notes without an end, extended to the end of the track "
        "and 1 note of zero length, extended to 50 ms."
    ]


def test_only_what_was_changed_is_said(path, caplog):
    load_midi(write(path, [on(0, 60), on(480, 62), off(480, 62)]))
    assert [r.getMessage() for r in caplog.records] == [
        f"{path} has 1 note without an end, extended to the end of the track."
    ]


def test_a_note_that_is_days_away_is_refused(path):
    hour = 480 * 3600
    day = [on(0, 60, 64), off(24 * hour, 60)]
    assert load_midi(write(path, [tempo(0, TEMPO_60), *day])).offset[0] == 24 * 3600
    with pytest.raises(DecodeError, match=r"song\.bin lasts 48\.0 hours, .* more than 24"):
        load_midi(write(path, [tempo(0, TEMPO_60), *day, on(24 * hour - 1, 64), off(1, 64)]))


def test_an_end_without_a_note_is_nothing(path, caplog):
    assert len(load_midi(write(path, [off(0, 60), on(0, 62), off(9, 62)]))) == 1
    assert caplog.text == ""


@pytest.mark.parametrize(("frames_per_second", "rate"), [(25, 25.0), (29, 30_000 / 1001)])
def test_division_by_film_frames(path, frames_per_second, rate):
    write(path, [tempo(0, TEMPO_60), on(0, 60), off(1200, 60)])
    content = bytearray(path.read_bytes())
    content[12:14] = bytes([256 - frames_per_second, 40])
    path.write_bytes(content)
    np.testing.assert_allclose(load_midi(path).offset, [1200 / (rate * 40)])


def test_a_riff_wrapper_is_taken_off(path):
    content = write(path, [on(0, 60), off(480, 60)]).read_bytes()
    size = len(content).to_bytes(4, "little")
    path.write_bytes(
        b"RIFF" + (len(content) + 12).to_bytes(4, "little") + b"RMIDdata" + size + content
    )
    assert is_midi(path)
    assert len(load_midi(path)) == 1


def test_midi_is_told_by_its_content(tmp_path, path):
    assert is_midi(write(path, [on(0, 60)]))
    (tmp_path / "sound.mid").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    assert not is_midi(tmp_path / "sound.mid")
    with pytest.raises(ReadError, match="does not exist"):
        is_midi(tmp_path / "none.mid")


def test_what_may_be_midi_is_read_if_it_is(tmp_path, path):
    assert_same_notes(read_midi(write(path, [on(0, 60), off(480, 60)])).notes, load_midi(path))
    (tmp_path / "sound.mid").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    assert read_midi(tmp_path / "sound.mid") is None


def test_what_is_no_midi_is_refused_in_one_sentence(tmp_path, path):
    whole = write(path, [tempo(0, TEMPO_60), on(0, 60), off(480, 60)]).read_bytes()
    zero_division = whole[:12] + b"\0\0" + whole[14:]
    bad_key = whole.replace(b"\xff\x51\x03\x0f\x42\x40", b"\xff\x59\x02\x50\x01\x00")
    assert bad_key != whole
    far_away = whole.replace(b"\x83\x60\x80", b"\x83" * 200 + b"\x60\x80")
    far_away = far_away.replace(b"\0\0\0\x14", b"\0\0\0\xdb")  # the length of the track
    cases = [
        (b"not music", r"song\.bin is not a MIDI file\."),
        (b"", r"is empty \(0 bytes\)\."),
        (whole[:-6], r"is a damaged MIDI file: it ends too early\."),
        (whole[:16], r"is a damaged MIDI file: it ends too early\."),
        (whole.replace(b"MTrk", b"XXXX"), "is a damaged MIDI file: no MTrk header"),
        (zero_division, r"is a damaged MIDI file: it has 0 ticks per beat\."),
        (bad_key, "is a damaged MIDI file: .*key"),
        (far_away, r"is a damaged MIDI file: its times are too large\."),
    ]
    for content, message in cases:
        path.write_bytes(content)
        with pytest.raises(DecodeError, match=message) as caught:
            load_midi(path)
        assert "\n" not in str(caught.value)


def test_a_file_without_notes_is_refused(path):
    with pytest.raises(DecodeError, match=r"song\.bin contains no notes\."):
        load_midi(write(path, [tempo(0, TEMPO_60)]))
    with pytest.raises(DecodeError, match=r"song\.bin contains no notes, only 1 drum hits\."):
        load_midi(write(path, [on(0, 36, channel=9), off(9, 36, channel=9)]))


def test_reading_agrees_with_pretty_midi(path, rng):
    song = pretty_midi.PrettyMIDI(resolution=384, initial_tempo=97.0)
    for program in (0, 40):
        instrument = pretty_midi.Instrument(program)
        for pitch in range(40, 80):
            start = rng.uniform(0.0, 10.0)
            note = pretty_midi.Note(int(rng.integers(1, 128)), pitch, start, start + 0.3)
            instrument.notes.append(note)
        song.instruments.append(instrument)
    song.write(str(path))
    parsed = pretty_midi.PrettyMIDI(str(path))
    rows = [(n.start, n.end, n.pitch, n.velocity) for i in parsed.instruments for n in i.notes]
    assert_same_notes(load_midi(path), Notes(*np.array(rows).T), atol=1e-9)


@pytest.mark.parametrize(
    ("pitch", "transpose", "pitch_range", "expected", "n_folded"),
    [
        ([40, 60, 80], 0, (24, 96), [40, 60, 80], 0),
        ([23, 24, 96, 97], 0, (24, 96), [35, 24, 96, 85], 2),
        ([0, 127], 0, (60, 71), [60, 67], 2),
        ([60, 60], 12, (24, 96), [72, 72], 0),
        ([90, 127], 12, (24, 96), [90, 91], 2),
        ([0, 5], -24, (24, 96), [24, 29], 2),
    ],
)
def test_pitches_fold_by_the_fewest_octaves(pitch, transpose, pitch_range, expected, n_folded):
    n = len(pitch)
    notes = Notes(np.arange(n), np.arange(n) + 0.5, pitch, np.full(n, 64))
    fitted, folded = fit_notes(notes, transpose=transpose, pitch_range=pitch_range)
    np.testing.assert_array_equal(fitted.pitch, expected)
    np.testing.assert_array_equal(fitted.intervals, notes.intervals)
    assert folded == n_folded


def test_all_pitches_fold_into_the_narrowest_range():
    notes = Notes(np.arange(128), np.arange(128) + 0.5, np.arange(128), np.full(128, 64))
    fitted, n_folded = fit_notes(notes, pitch_range=(50, 61))
    assert fitted.pitch.min() == 50
    assert fitted.pitch.max() == 61
    np.testing.assert_array_equal(fitted.pitch % 12, np.arange(128) % 12)
    assert n_folded == 128 - 12


@pytest.mark.parametrize("pitch_range", [(60, 70), (-1, 60), (60, 128), (90, 30)])
def test_a_range_without_an_octave_is_refused(pitch_range):
    low, high = pitch_range
    with pytest.raises(ParameterError, match=f"given {low}-{high}"):
        fit_notes(Notes.empty(), pitch_range=pitch_range)


def test_reading_warns_of_nothing(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_midi(write(path, [on(0, 60), off(480, 60)], [tempo(0, TEMPO_60)]))
