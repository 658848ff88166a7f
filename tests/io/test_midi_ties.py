"""Which notes of MIDI files are tied. A tick of these files is 1/960 s unless a tempo says else."""

import mido
import numpy as np
import pytest
from midi_files import control, off, on, tempo, track_of, write

from retimbre.io.midi import load_midi, read_midi

LEGATO, PORTAMENTO, RESET = 68, 65, 121
SECOND = 960
BRIEF, LONG = 30, 300  # ticks of an overlap


@pytest.fixture
def path(tmp_path):
    return tmp_path / "song.mid"


def ties(path, *tracks, **options):
    """Return which notes of a file are tied, as a string of "s" (struck) and "t" (tied)."""
    return "".join(name[0] for name in read_midi(write(path, *tracks, **options)).articulation)


def line(*pitches, overlap=0, length=480):
    """Return notes (onset, offset, pitch) one after the other that overlap by some ticks."""
    return [(length * k, length * (k + 1) + overlap, pitch) for k, pitch in enumerate(pitches)]


# Overlaps


@pytest.mark.parametrize("overlap", [1, 20, 60, 144])
def test_overlapping_notes_of_a_line_are_tied(path, overlap):
    assert ties(path, track_of(*line(60, 62, 64, 62, overlap=overlap))) == "sttt"


def test_touching_notes_of_a_line_are_struck(path):
    assert ties(path, track_of(*line(60, 62, 64))) == "sss"


def test_only_what_overlaps_is_tied(path):
    notes = [(0, 500, 60), (480, 960, 62), (960, 1400, 64), (1440, 1930, 65), (1920, 2400, 67)]
    assert ties(path, track_of(*notes)) == "stsst"


def test_an_overlap_of_half_of_the_shorter_note_is_brief_and_a_tick_more_is_not(path):
    assert ties(path, track_of((0, 400, 60), (340, 460, 62))) == "st"
    assert ties(path, track_of((0, 401, 60), (340, 460, 62))) == "ss"
    assert ties(path, track_of((0, 120, 60), (60, 400, 62))) == "st"
    assert ties(path, track_of((0, 120, 60), (59, 400, 62))) == "ss"


@pytest.mark.parametrize(("microseconds", "expected"), [(500_000, "st"), (1_000_000, "ss")])
def test_an_overlap_is_measured_in_seconds(path, microseconds, expected):
    # 0.104 s or 0.208 s.
    notes = line(60, 62, overlap=100)
    assert ties(path, [tempo(0, microseconds)], track_of(*notes)) == expected


def test_chords_are_struck_and_make_a_voice_struck(path):
    chord = [(0, 480, 60), (0, 480, 64), (0, 480, 67)]
    melody = [(480, 980, 72), (960, 1440, 74)]
    assert ties(path, track_of(*melody)) == "st"
    assert ties(path, track_of(*chord, *melody)) == "sssss"


def test_chords_that_overlap_are_struck(path):
    notes = [
        (480 * k, 480 * (k + 1) + BRIEF, p + d) for k, p in enumerate((60, 65)) for d in (0, 4)
    ]
    assert ties(path, track_of(*notes)) == "ssss"


def test_a_held_bass_keeps_what_is_over_it_struck(path):
    melody = line(60, 62, 64, 65, overlap=BRIEF)
    assert ties(path, track_of((0, 2400, 36), *melody)) == "sssss"
    assert ties(path, track_of((10, 2400, 36), *melody)) == "sssss"


def test_a_note_inside_another_is_struck(path):
    assert ties(path, track_of((0, 960, 60), (480, 500, 72))) == "ss"


@pytest.mark.parametrize("shift", [120, 240, 360])
def test_two_voices_are_struck(path, shift):
    upper = line(72, 74, 76, 77, length=480)
    lower = [(onset + shift, offset + shift, pitch - 20) for onset, offset, pitch in upper]
    assert ties(path, track_of(*upper, *lower)) == "s" * 8


def test_three_that_sound_together_are_struck(path):
    # Each overlap is less than half a note and brief; the first sounds into the third.
    notes = [(0, 300, 60), (200, 320, 62), (270, 600, 64)]
    assert ties(path, track_of(*notes)) == "sss"


@pytest.mark.parametrize(("n_long", "expected"), [(1, "t"), (2, "s")])
def test_a_line_may_have_one_long_overlap_in_ten(path, n_long, expected):
    pitches = [60 + k % 3 for k in range(11)]
    notes = line(*pitches, overlap=BRIEF)
    for k in (3, 7)[:n_long]:
        notes[k] = (*notes[k][:1], notes[k][1] - BRIEF + LONG, notes[k][2])
    found = ties(path, track_of(*notes))
    assert found[4] == "s"  # the long one itself is none
    assert found[1] == expected


@pytest.mark.parametrize(
    "third",
    [
        (0, 20, 50),  # begins with a note of the line
        (900, 1000, 50),  # sounds when the line goes from one note to the next
    ],
)
def test_a_line_may_not_have_a_single_chord(path, third):
    notes = line(*(60 + k % 3 for k in range(20)), overlap=BRIEF)
    assert ties(path, track_of(*notes)) == "s" + "t" * 19
    assert ties(path, track_of(*notes, third)) == "s" * 21


def test_voices_are_judged_one_by_one(path):
    piano = track_of((0, 960, 48), (0, 960, 52), (960, 1920, 50), (960, 1920, 53))
    lead = line(72, 74, 76, overlap=BRIEF)
    on_one_channel = read_midi(write(path, piano, track_of(*lead)))
    on_two_channels = read_midi(write(path, [*piano], track_of(*lead, channel=3)))
    for read in (on_one_channel, on_two_channels):
        said = dict(zip(read.notes.pitch.tolist(), read.articulation, strict=True))
        assert [pitch for pitch, name in said.items() if name == "tied"] == [74, 76]


def test_notes_of_two_voices_are_not_tied_to_each_other(path):
    first, second = line(60, 62, overlap=BRIEF)
    assert ties(path, track_of(first), track_of(second)) == "ss"
    assert ties(path, track_of(first), track_of(second, channel=1)) == "ss"


def test_several_channels_of_one_track_are_several_voices(path):
    lead = [*track_of(*line(60, 62, overlap=BRIEF), channel=0)]
    merged = mido.merge_tracks([lead, track_of((0, 990, 40), (0, 990, 43), channel=1)])
    read = read_midi(write(path, list(merged)[:-1], kind=0))
    assert read.notes.pitch.tolist() == [40, 43, 60, 62]
    assert read.articulation == ("struck", "struck", "struck", "tied")


def test_the_drum_channel_is_left_out(path):
    drums = track_of(*line(36, 38, 36, overlap=BRIEF), channel=9)
    assert ties(path, drums, track_of((0, 480, 60))) == "s"


# One key twice


@pytest.mark.parametrize("controls", [(), [(0, LEGATO, 127)], [(0, PORTAMENTO, 127)]])
@pytest.mark.parametrize("overlap", [0, BRIEF])
def test_one_key_twice_is_struck_anew(path, controls, overlap):
    notes = [(0, 480 + overlap, 60), (480, 960 + overlap, 60), (960, 1440, 62)]
    assert ties(path, track_of(*notes, controls=controls))[:2] == "ss"


def test_one_key_twice_does_not_end_a_line(path):
    assert ties(path, track_of(*line(60, 62, 62, 64, overlap=BRIEF))) == "stst"


# Switches


@pytest.mark.parametrize("switch", [LEGATO, PORTAMENTO])
@pytest.mark.parametrize("overlap", [0, BRIEF])
def test_a_switch_ties_what_touches_or_overlaps(path, switch, overlap):
    notes = line(60, 62, 64, 60, overlap=overlap)
    assert ties(path, track_of(*notes, controls=[(0, switch, 127)])) == "sttt"


@pytest.mark.parametrize("switch", [LEGATO, PORTAMENTO])
@pytest.mark.parametrize(("value", "expected"), [(0, "s"), (63, "s"), (64, "t"), (127, "t")])
def test_a_switch_is_on_from_64(path, switch, value, expected):
    assert ties(path, track_of(*line(60, 62), controls=[(0, switch, value)])) == "s" + expected


def test_a_switch_counts_where_the_second_note_begins(path):
    notes = line(60, 62, 64, 65)
    assert ties(path, track_of(*notes, controls=[(480, LEGATO, 127)])) == "sttt"
    assert ties(path, track_of(*notes, controls=[(481, LEGATO, 127)])) == "sstt"
    assert ties(path, track_of(*notes, controls=[(0, LEGATO, 127), (960, LEGATO, 0)])) == "stss"


def test_the_order_of_a_track_counts_within_a_tick(path):
    before = [on(0, 60), off(480, 60), control(0, LEGATO, 127), on(0, 62), off(480, 62)]
    after = [on(0, 60), off(480, 60), on(0, 62), control(0, LEGATO, 127), off(480, 62)]
    assert (ties(path, before), ties(path, after)) == ("st", "ss")


@pytest.mark.parametrize("switches", [(LEGATO,), (PORTAMENTO,), (LEGATO, PORTAMENTO)])
def test_a_reset_of_all_controllers_ends_switches(path, switches):
    controls = [(0, switch, 127) for switch in switches]
    notes = line(60, 62, 64, 65)
    assert ties(path, track_of(*notes, controls=[*controls, (960, RESET, 0)])) == "stss"


def test_one_switch_stays_on_when_the_other_is_let_go(path):
    controls = [(0, LEGATO, 127), (0, PORTAMENTO, 127), (480, LEGATO, 0)]
    assert ties(path, track_of(*line(60, 62, 64), controls=controls)) == "stt"


@pytest.mark.parametrize("switch", [LEGATO, PORTAMENTO])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_switch_counts_in_whatever_track_it_stands(path, switch, is_first):
    notes = track_of(*line(60, 62, 64))
    # At the very tick at which a note begins.
    switches = track_of(controls=[(480, switch, 127), (960, switch, 0)])
    tracks = (switches, notes) if is_first else (notes, switches)
    assert ties(path, *tracks) == "sts"


@pytest.mark.parametrize("number", [LEGATO, RESET])
def test_a_control_counts_for_its_channel_only(path, number):
    controls = [(0, LEGATO, 127)] if number == RESET else []
    elsewhere = track_of(controls=[(0, number, 127)], channel=1)
    expected = "stt" if number == RESET else "sss"
    assert ties(path, track_of(*line(60, 62, 64), controls=controls), elsewhere) == expected


def test_other_controls_tie_nothing(path):
    controls = [(0, number, 127) for number in range(128) if number not in (LEGATO, PORTAMENTO)]
    controls.remove((0, RESET, 127))
    assert ties(path, track_of(*line(60, 62, 64), controls=controls)) == "sss"


def test_running_status_is_followed(path):
    # As sequencers write it: the status byte once, a velocity of 0 for an end.
    events = bytes([
        0, 0xB0, LEGATO, 127,
        0, 0x90, 60, 64,
        0x60, 62, 64, 0, 60, 0,
        0x60, 64, 64, 0, 62, 0,
        0x60, 64, 0,
        0, 0xFF, 0x2F, 0,
    ])  # fmt: skip
    head = b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(events).to_bytes(4, "big")
    path.write_bytes(head + events)
    read = read_midi(path)
    assert read.articulation == ("struck", "tied", "tied")
    np.testing.assert_allclose(read.notes.intervals[:, 0], np.array([0, 0.1, 0.2]))


@pytest.mark.parametrize("switch", [LEGATO, PORTAMENTO])
def test_a_short_gap_is_none_with_a_switch_on(path, switch):
    found = {
        gap: ties(path, track_of(*line(60, 62, overlap=-gap), controls=[(0, switch, 127)]))
        for gap in (1, 19, 21, 100)
    }
    assert found == {1: "st", 19: "st", 21: "ss", 100: "ss"}


def test_long_overlaps_are_tied_by_the_footswitch_and_not_by_portamento(path):
    notes = line(60, 62, 64, 65, overlap=LONG)
    assert ties(path, track_of(*notes, controls=[(0, LEGATO, 127)])) == "sttt"
    assert ties(path, track_of(*notes, controls=[(0, PORTAMENTO, 127)])) == "ssss"


@pytest.mark.parametrize("switch", [LEGATO, PORTAMENTO])
def test_a_switch_ties_no_chords_and_nothing_over_a_held_note(path, switch):
    controls = [(0, switch, 127)]
    chords = [(480 * k, 480 * (k + 1), p + d) for k, p in enumerate((60, 65)) for d in (0, 4, 7)]
    assert ties(path, track_of(*chords, controls=controls)) == "s" * 6
    held = [(0, 4800, 36), *[(240 + a, 240 + b, p) for a, b, p in line(60, 62, 64)]]
    assert ties(path, track_of(*held, controls=controls)) == "ssss"


def test_what_outlasts_a_note_keeps_its_length(path):
    notes = [(0, 960, 60), (480, 500, 72), (960, 1440, 64)]
    read = read_midi(write(path, track_of(*notes, controls=[(0, LEGATO, 127)])))
    assert read.articulation == ("struck", "struck", "tied")
    np.testing.assert_allclose(read.notes.offset, np.array([960, 500, 1440]) / SECOND)


# What becomes of the notes


def test_a_note_ends_where_the_one_tied_to_it_begins(path):
    read = read_midi(write(path, track_of(*line(60, 62, 64, overlap=BRIEF))))
    np.testing.assert_allclose(
        read.notes.intervals, [[0, 0.5], [0.5, 1], [1, 1.5 + BRIEF / SECOND]]
    )
    assert read.notes.offset[0] == read.notes.onset[1]


def test_a_gap_before_a_tied_note_stays(path):
    notes = line(60, 62, overlap=-5)
    read = read_midi(write(path, track_of(*notes, controls=[(0, LEGATO, 127)])))
    np.testing.assert_allclose(read.notes.offset, np.array([475, 955]) / SECOND)


def test_load_midi_gives_the_times_of_the_file(path):
    write(path, track_of(*line(60, 62, 64, overlap=BRIEF)))
    np.testing.assert_allclose(load_midi(path).offset, 0.5 * np.arange(1, 4) + BRIEF / SECOND)


def test_articulations_are_in_the_order_of_the_notes(path):
    # Onsets of the tracks alternate; two notes begin together and are sorted by pitch.
    low = track_of(*line(50, 52, 53), controls=[(0, LEGATO, 127)])
    high = track_of(*[(a + 240, b + 240, p) for a, b, p in line(70, 72)], channel=1)
    same = track_of((480, 500, 40), channel=2)
    read = read_midi(write(path, high, low, same))
    assert list(zip(read.notes.pitch.tolist(), read.articulation, strict=True)) == [
        (50, "struck"), (70, "struck"), (40, "struck"), (52, "tied"), (72, "struck"), (53, "tied"),
    ]  # fmt: skip


@pytest.mark.parametrize("controls", [(), [(0, LEGATO, 127)]])
def test_notes_of_no_length(path, controls):
    notes = [(0, 480, 60), (480, 480, 62), (480, 480, 64), (960, 960, 65)]
    read = read_midi(write(path, [
        control(0, *controls[0][1:]) if controls else tempo(0, 500_000),
        on(0, 60), off(480, 60), on(0, 62), off(0, 62), on(0, 64), off(0, 64), on(480, 65),
        off(0, 65),
    ]))  # fmt: skip
    assert len(read.notes) == len(notes)
    assert set(read.articulation) == {"struck"}
    np.testing.assert_allclose(read.notes.duration, [0.5, 0.05, 0.05, 0.05])


def test_a_note_of_no_length_can_be_tied_to_and_does_not_overlap(path):
    # Its 50 ms, which no file gives it, would reach into the next note.
    notes = [on(0, 60), off(0, 60), on(10, 62), off(480, 62)]
    assert ties(path, notes) == "ss"
    read = read_midi(write(path, [control(0, LEGATO, 127), *notes]))
    assert read.articulation == ("struck", "tied")
    np.testing.assert_allclose(read.notes.offset[0], 10 / SECOND)


def test_a_note_without_an_end_sounds_in_all_that_follow(path):
    assert ties(path, [on(0, 60), on(480, 62), on(460, 64), off(20, 62), off(480, 64)]) == "sss"
    line_ = [on(0, 60), on(460, 62), off(20, 60), on(460, 64), off(20, 62)]
    assert ties(path, [*line_, on(480, 65), off(0, 64), off(480, 65)]) == "stts"
    assert ties(path, [*line_, tempo(480, 500_000)]) == "stt"


def test_where_time_stands_still_nothing_is_tied(path):
    # With a tempo of 0 all notes begin together.
    notes = track_of(*line(60, 62, 64, overlap=BRIEF), controls=[(0, LEGATO, 127)])
    read = read_midi(write(path, [tempo(0, 0)], notes))
    assert read.articulation == ("struck",) * 3


@pytest.mark.parametrize(("switch", "expected"), [(LEGATO, "t"), (PORTAMENTO, "s")])
def test_a_file_of_notes_that_never_end_is_read_in_time(path, switch, expected):
    # All of them end with the track: the footswitch cuts each where the next begins.
    n = 20_000
    messages = [control(0, switch, 127), *(on(1, k % 100) for k in range(n)), tempo(9, 500_000)]
    assert ties(path, messages) == "s" + expected * (n - 1)
