"""MIDI and tables out: read back by mido and pretty_midi."""

import logging

import mido
import numpy as np
import pretty_midi
import pytest
from same_notes import TICK, assert_same_notes

from retimbre.errors import DecodeError, ParameterError, WriteError
from retimbre.io.midi import load_midi, save_midi
from retimbre.io.tables import save_f0_csv, save_notes_csv
from retimbre.types import NoteCurve, Notes, PitchTrack


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
    with pytest.raises(DecodeError, match="contains no notes"):
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
    assert "6 notes were written without pitch bends" in caplog.text
    assert_same_notes(load_midi(path), notes)


def test_the_same_notes_give_the_same_bytes(tmp_path):
    for name in ("1.mid", "2.mid"):
        save_midi(tmp_path / name, *melody(10.0, 20.0))
    assert (tmp_path / "1.mid").read_bytes() == (tmp_path / "2.mid").read_bytes()


def test_curves_must_be_as_many_as_notes(path):
    notes, curves = melody(0.0, 0.0)
    with pytest.raises(ParameterError, match="2 notes needs one curve, given 1"):
        save_midi(path, notes, curves[:1])
    assert not path.exists()


def test_an_unwritable_place_is_refused(tmp_path):
    notes, _ = melody(0.0)
    for save in (save_midi, save_notes_csv):
        with pytest.raises(WriteError, match="none does not exist"):
            save(tmp_path / "none" / "song.mid", notes)


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
