"""MIDI in and out: against pretty_midi where it is right, against the bytes where it is not."""

import logging
import warnings

import mido
import numpy as np
import pretty_midi
import pytest

from retimbre.errors import DecodeError, ParameterError
from retimbre.midi import (
    fit_notes,
    is_midi,
    load_midi,
    save_f0_csv,
    save_midi,
    save_notes_csv,
)
from retimbre.types import NoteCurve, Notes, PitchTrack

TICK = 1.0 / 1920.0
TEMPO_120, TEMPO_60 = 500_000, 1_000_000


def on(time, note, velocity=64, channel=0):
    return mido.Message("note_on", note=note, velocity=velocity, time=time, channel=channel)


def off(time, note, channel=0):
    return mido.Message("note_off", note=note, time=time, channel=channel)


def tempo(time, microseconds):
    return mido.MetaMessage("set_tempo", tempo=microseconds, time=time)


def write(path, *tracks, division=480):
    midi = mido.MidiFile(type=1, ticks_per_beat=division)
    midi.tracks.extend(mido.MidiTrack(track) for track in tracks)
    midi.save(path)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "song.bin"  # the content counts, not the suffix


@pytest.fixture
def random_notes(rng):
    onset = np.sort(rng.uniform(0.0, 20.0, 60))
    return Notes(
        onset,
        onset + rng.uniform(0.01, 2.0, 60),
        rng.integers(0, 128, 60),
        rng.integers(1, 128, 60),
    )


def melody(*cents, seconds=0.5, level_db=0.0):
    """Return notes of pitch 60 one after the other, each with a curve of constant cents."""
    n = len(cents)
    onset = seconds * np.arange(n)
    notes = Notes(onset, onset + seconds, np.full(n, 60), np.full(n, 100))
    frames = round(100 * seconds)
    return notes, [NoteCurve(np.full(frames, c), np.full(frames, level_db)) for c in cents]


def assert_same_notes(notes, expected, atol=0.51 * TICK):
    order = np.lexsort((notes.offset, notes.velocity, notes.pitch, np.round(notes.onset, 3)))
    other = np.lexsort(
        (expected.offset, expected.velocity, expected.pitch, np.round(expected.onset, 3))
    )
    np.testing.assert_array_equal(notes.pitch[order], expected.pitch[other])
    np.testing.assert_array_equal(notes.velocity[order], expected.velocity[other])
    np.testing.assert_allclose(notes.onset[order], expected.onset[other], rtol=0, atol=atol)
    np.testing.assert_allclose(notes.offset[order], expected.offset[other], rtol=0, atol=atol)


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
        f"{path} has 1 note of no length, which last 50 ms."
    ]


def test_a_note_without_an_end_lasts_as_long_as_its_track(path, caplog):
    notes = load_midi(write(path, [on(0, 60), on(480, 62), off(480, 62)], [on(0, 64)]))
    np.testing.assert_allclose(notes.intervals, [[0.0, 1.0], [0.0, 0.05], [0.5, 1.0]])
    assert [r.getMessage() for r in caplog.records] == [
        f"{path} has 2 notes without an end, which last to the end of their track "
        "and 1 note of no length, which last 50 ms."
    ]


def test_only_what_was_changed_is_said(path, caplog):
    load_midi(write(path, [on(0, 60), on(480, 62), off(480, 62)]))
    assert [r.getMessage() for r in caplog.records] == [
        f"{path} has 1 note without an end, which last to the end of their track."
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
    with pytest.raises(DecodeError, match="does not exist"):
        is_midi(tmp_path / "none.mid")


def test_what_is_no_midi_is_refused_in_one_sentence(tmp_path, path):
    whole = write(path, [tempo(0, TEMPO_60), on(0, 60), off(480, 60)]).read_bytes()
    zero_division = whole[:12] + b"\0\0" + whole[14:]
    bad_key = whole.replace(b"\xff\x51\x03\x0f\x42\x40", b"\xff\x59\x02\x50\x01\x00")
    assert bad_key != whole
    cases = [
        (b"not music", r"song\.bin is no MIDI file\."),
        (b"", r"is empty \(0 bytes\)\."),
        (whole[:-6], r"is a damaged MIDI file: it ends too early\."),
        (whole[:16], r"is a damaged MIDI file: it ends too early\."),
        (whole.replace(b"MTrk", b"XXXX"), "is a damaged MIDI file: no MTrk header"),
        (zero_division, r"is a damaged MIDI file: it has 0 ticks a beat\."),
        (bad_key, "is a damaged MIDI file: .*key"),
    ]
    for content, message in cases:
        path.write_bytes(content)
        with pytest.raises(DecodeError, match=message) as caught:
            load_midi(path)
        assert "\n" not in str(caught.value)


def test_a_file_without_notes_is_refused(path):
    with pytest.raises(DecodeError, match=r"song\.bin holds no notes\."):
        load_midi(write(path, [tempo(0, TEMPO_60)]))
    with pytest.raises(DecodeError, match=r"song\.bin holds no notes but 1 drum hits\."):
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


@pytest.mark.parametrize("has_curves", [False, True])
def test_written_notes_are_read_back_to_a_tick(path, random_notes, has_curves):
    curves = [NoteCurve(np.zeros(3), np.zeros(3))] * len(random_notes) if has_curves else None
    save_midi(path, random_notes, curves)
    assert_same_notes(load_midi(path), random_notes)


def test_written_notes_are_those_that_pretty_midi_reads(path, random_notes):
    save_midi(path, random_notes)
    instruments = pretty_midi.PrettyMIDI(str(path)).instruments
    rows = [(n.start, n.end, n.pitch, n.velocity) for i in instruments for n in i.notes]
    assert not any(instrument.is_drum for instrument in instruments)
    assert_same_notes(Notes(*np.array(rows).T), random_notes)


def test_a_note_shorter_than_a_tick_lasts_one(path):
    save_midi(path, Notes([1.0], [1.0 + 1e-6], [60], [64]))
    np.testing.assert_allclose(load_midi(path).intervals, [[1.0, 1.0 + TICK]])


def test_no_notes_can_be_written(path):
    save_midi(path, Notes.empty(), [])
    with pytest.raises(DecodeError, match="holds no notes"):
        load_midi(path)


def read_bends(path):
    """Follow a file as a synthesiser does: {(pitch, onset): [(time, cents), ...]}."""
    channels = {c: {"bend": 0.0, "range": 2.0, "rpn": (127, 127)} for c in range(16)}
    sounding, bends, now = {}, {}, 0.0
    for message in mido.MidiFile(path):
        now += message.time
        if message.is_meta:
            continue
        channel = channels[message.channel]
        if message.type == "control_change":
            high, low = channel["rpn"]
            if message.control == 101:
                channel["rpn"] = (message.value, low)
            elif message.control == 100:
                channel["rpn"] = (high, message.value)
            elif message.control == 6 and (high, low) == (0, 0):
                channel["range"] = float(message.value)
        elif message.type == "pitchwheel":
            channel["bend"] = 100.0 * channel["range"] * message.pitch / 8192.0
            for key in sounding.get(message.channel, []):
                bends[key].append((now, channel["bend"]))
        elif message.type == "note_on":
            key = (message.note, round(now, 3))
            sounding.setdefault(message.channel, []).append(key)
            bends[key] = [(now, channel["bend"])]
        else:
            open_notes = sounding[message.channel]
            open_notes.remove(next(key for key in open_notes if key[0] == message.note))
    return bends


def heard_cents(bends, times):
    """Return what a note is bent to at given times."""
    when, cents = np.array(bends).T
    return cents[np.searchsorted(when, times + TICK, side="right") - 1]


@pytest.mark.parametrize("depth", [30.0, 150.0, 450.0])
def test_bends_follow_the_curves(path, depth):
    frames = np.arange(80)
    curves = [
        NoteCurve(depth * np.sin(2 * np.pi * 5.5 * 0.01 * frames + phase), np.zeros(80))
        for phase in (0.0, 1.0, 2.0)
    ]
    onset = np.array([0.1, 0.9, 1.75])
    notes = Notes(onset, onset + 0.8, [60, 62, 64], [90, 80, 70])
    save_midi(path, notes, curves)
    bends = read_bends(path)
    semitones = max(2, int(np.ceil(depth / 100.0)))
    for k, curve in enumerate(curves):
        times = onset[k] + 0.01 * frames
        heard = heard_cents(bends[notes.pitch[k], round(onset[k], 3)], times)
        # Half a step of the 14-bit wheel.
        np.testing.assert_allclose(heard, curve.cents, rtol=0, atol=0.51 * 100 * semitones / 8192)
    assert_same_notes(load_midi(path), notes)


def test_every_note_begins_with_its_own_bend(path):
    save_midi(path, *melody(40.0, -60.0, 0.0, 40.0))
    bends = read_bends(path)
    firsts = [bends[60, onset][0][1] for onset in (0.0, 0.5, 1.0, 1.5)]
    np.testing.assert_allclose(firsts, [40.0, -60.0, 0.0, 40.0], atol=0.02)


def test_a_repeated_note_ends_before_it_begins_again(path):
    save_midi(path, *melody(0.0, 0.0))
    kinds = [message.type for message in mido.MidiFile(path) if message.type.startswith("note")]
    assert kinds == ["note_on", "note_off", "note_on", "note_off"]


def test_a_curve_longer_than_its_note_stops_with_it(path):
    notes, _ = melody(0.0, 0.0)
    curves = [
        NoteCurve(np.linspace(-50.0, 50.0, 80), np.zeros(80)),
        NoteCurve(np.full(50, 10.0), np.zeros(50)),
    ]
    save_midi(path, notes, curves)
    cents = [c for _, c in read_bends(path)[60, 0.5]]
    np.testing.assert_allclose(cents, 10.0, atol=0.02)


def test_bends_agree_with_pretty_midi(path):
    save_midi(path, *melody(50.0, -50.0))
    (instrument,) = pretty_midi.PrettyMIDI(str(path)).instruments
    assert [(bend.time, bend.pitch) for bend in instrument.pitch_bends] == [
        (0.0, 2048),
        (0.5, -2048),
    ]
    settings = [(change.number, change.value) for change in instrument.control_changes]
    assert settings == [(101, 0), (100, 0), (6, 2), (38, 0), (101, 127), (100, 127)]


def test_bends_beyond_two_octaves_stop_there(path):
    save_midi(path, *melody(3000.0, -3000.0))
    bends = read_bends(path)
    assert bends[60, 0.0][0][1] == pytest.approx(2400.0, abs=0.5)
    assert bends[60, 0.5][0][1] == pytest.approx(-2400.0, abs=0.5)


def test_notes_that_sound_together_are_bent_apart(path):
    notes = Notes([0.0, 0.2, 0.4], [1.0, 1.2, 1.4], [60, 60, 67], [90, 90, 90])
    curves = [NoteCurve(np.full(100, c), np.zeros(100)) for c in (25.0, -25.0, 75.0)]
    save_midi(path, notes, curves)
    bends = read_bends(path)
    for key, cents in (((60, 0.0), 25.0), ((60, 0.2), -25.0), ((67, 0.4), 75.0)):
        np.testing.assert_allclose([c for _, c in bends[key]], cents, atol=0.02)
    assert_same_notes(load_midi(path), notes)


def test_more_notes_than_channels_stay_whole_and_unbent(path, caplog):
    n = 20
    notes = Notes(np.zeros(n), np.ones(n), np.arange(50, 50 + n), np.full(n, 64))
    with caplog.at_level(logging.WARNING, "retimbre"):
        save_midi(path, notes, [NoteCurve(np.full(5, 30.0), np.zeros(5))] * n)
    heard = [cents[0][1] for cents in read_bends(path).values()]
    assert sorted(np.round(heard)) == [0.0] * 6 + [30.0] * 14
    assert "6 of the notes have no pitch bends" in caplog.text
    assert_same_notes(load_midi(path), notes)


def test_the_same_notes_give_the_same_bytes(tmp_path):
    for name in ("1.mid", "2.mid"):
        save_midi(tmp_path / name, *melody(10.0, 20.0))
    assert (tmp_path / "1.mid").read_bytes() == (tmp_path / "2.mid").read_bytes()


def test_curves_must_be_as_many_as_notes(path):
    notes, curves = melody(0.0, 0.0)
    with pytest.raises(ParameterError, match="2 notes need as many curves, given 1"):
        save_midi(path, notes, curves[:1])
    assert not path.exists()


def test_an_unwritable_place_is_refused(tmp_path):
    notes, _ = melody(0.0)
    for save in (save_midi, save_notes_csv):
        with pytest.raises(DecodeError, match="none does not exist"):
            save(tmp_path / "none" / "song.mid", notes)


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


def test_notes_csv(path):
    save_notes_csv(path, Notes([0.0, 1.25], [0.5, 2.0], [60, 72], [1, 127]))
    assert path.read_text() == (
        "onset,offset,pitch,velocity\n0.000000,0.500000,60,1\n1.250000,2.000000,72,127\n"
    )


def test_f0_csv_is_crepes(path):
    f0, confidence = np.array([440.12345, np.nan, 61.0]), np.array([0.98765432, 0.3, 1.0])
    track = PitchTrack(0.01 * np.arange(3), f0, confidence, np.zeros(3), np.zeros(3))
    save_f0_csv(path, track)
    assert path.read_text() == (
        "time,frequency,confidence\n"
        "0.00,440.123,0.987654\n0.01,0.000,0.000000\n0.02,61.000,1.000000\n"
    )


def test_reading_warns_of_nothing(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_midi(write(path, [on(0, 60), off(480, 60)], [tempo(0, TEMPO_60)]))
