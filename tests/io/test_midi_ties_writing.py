"""Ties that are written to MIDI files are those that are read from them."""

import tempfile
from collections import Counter
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from same_notes import TICK, assert_same_notes

from retimbre.errors import ParameterError
from retimbre.io.midi import load_midi, read_midi, save_midi
from retimbre.types import NoteCurve, Notes

LEGATO = 68
GAP_SECONDS = 0.020
NAMES = {"s": "struck", "t": "tied", "o": "soft"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "song.mid"


def melody(*rows):
    """Return notes of (onset, offset, pitch), in the order in which they are sorted."""
    onset, offset, pitch = zip(*rows, strict=True)
    return Notes(onset, offset, pitch, [90] * len(rows))


def line(*pitches, seconds=0.5, gap=0.0):
    """Return notes one after the other."""
    return melody(*((seconds * k, seconds * (k + 1) - gap, p) for k, p in enumerate(pitches)))


def curves_of(notes):
    """Return a bend of its own for each note."""
    depths = [20.0 + 10.0 * (k % 5) for k in range(len(notes))]
    return [
        NoteCurve(np.full(round(100 * seconds) + 1, depth), np.zeros(round(100 * seconds) + 1))
        for seconds, depth in zip(notes.duration, depths, strict=True)
    ]


def names(letters):
    return tuple(NAMES[letter] for letter in letters)


def letters(path):
    return "".join(name[0] for name in read_midi(path).articulation)


def save(path, notes, said, *, is_bent=False):
    save_midi(path, notes, curves_of(notes) if is_bent else None, articulation=names(said))


def messages(path):
    """Return what the notes' track says, in words, with the tick of each."""
    now, said = 0, []
    for message in mido.MidiFile(path).tracks[1]:
        now += message.time
        if message.type == "control_change" and message.control == LEGATO:
            said.append((now, "legato", message.value))
        elif message.type in ("note_on", "note_off"):
            said.append((now, message.type, message.note))
    return said


def channels(path):
    """Return the channel of each note, in the order of their onsets."""
    return [m.channel for m in mido.MidiFile(path).tracks[1] if m.type == "note_on"]


@pytest.mark.parametrize("is_bent", [False, True])
@pytest.mark.parametrize("said", ["sssss", "stsst", "stttt"])
@pytest.mark.parametrize("gap", [0.0, 0.001, 0.010, GAP_SECONDS])
def test_a_line_is_read_as_it_was_written(path, is_bent, said, gap):
    notes = line(60, 62, 60, 67, 65, gap=gap)
    save(path, notes, said, is_bent=is_bent)
    assert letters(path) == said
    assert_same_notes(read_midi(path).notes, notes)
    assert_same_notes(load_midi(path), notes)
    assert set(channels(path)) == {0}


def test_the_footswitch_is_on_from_the_first_tie_to_the_end_of_the_line(path):
    save(path, line(60, 62, 64, 65), "stts")
    assert messages(path) == [
        (0, "note_on", 60),
        (960, "legato", 127),
        (960, "note_on", 62),
        # A synthesiser plays legato into what begins before a note ends.
        (960, "note_off", 60),
        (1920, "note_on", 64),
        (1920, "note_off", 62),
        (2880, "note_off", 64),
        (2880, "legato", 0),
        (2880, "note_on", 65),
        (3840, "note_off", 65),
    ]


def test_the_footswitch_is_left_off(path):
    save(path, line(60, 62), "st")
    assert messages(path)[-2:] == [(1920, "note_off", 62), (1920, "legato", 0)]


def test_nothing_is_said_of_ties_where_there_are_none(path):
    for articulation in (None, ("struck", "soft", "struck")):
        save_midi(path, line(60, 62, 64), articulation=articulation)
        assert not [m for m in messages(path) if m[1] == "legato"]


def test_other_programs_read_the_same_notes(path):
    notes = line(60, 62, 64, 65)
    save(path, notes, "stts", is_bent=True)
    (instrument,) = pretty_midi.PrettyMIDI(str(path)).instruments
    rows = [(n.start, n.end, n.pitch, n.velocity) for n in instrument.notes]
    assert_same_notes(Notes(*np.array(rows).T), notes)


def test_bends_of_tied_notes_are_their_own(path):
    notes = line(60, 62, 64)
    save_midi(path, notes, curves_of(notes), articulation=names("stt"))
    bends, heard = [], []
    for message in mido.MidiFile(path):
        if message.type == "pitchwheel":
            bends.append(message.pitch)
        elif message.type == "note_on":
            heard.append(bends[-1])
    np.testing.assert_allclose(heard, np.array([20.0, 30.0, 40.0]) * 8192 / 200, atol=0.5)


@pytest.mark.parametrize("is_bent", [False, True])
def test_a_line_over_chords_keeps_its_ties(path, is_bent):
    chords = [(0.0, 1.0, 48), (0.0, 1.0, 52), (0.0, 1.0, 55), (1.0, 2.0, 50), (1.0, 2.0, 53)]
    lead = [(0.0, 0.5, 72), (0.5, 1.0, 74), (1.0, 1.5, 76), (1.5, 2.0, 77)]
    rows = sorted([*chords, *lead], key=lambda row: (row[0], row[2]))
    said = "".join("t" if row in lead[1:] else "s" for row in rows)
    save(path, melody(*rows), said, is_bent=is_bent)
    assert letters(path) == said
    assert_same_notes(read_midi(path).notes, melody(*rows))


def test_two_lines_keep_their_ties(path):
    rows = [(0.0, 0.5, 50), (0.0, 0.5, 70), (0.5, 1.0, 52), (0.5, 1.0, 72)]
    save(path, melody(*rows), "sstt")
    assert letters(path) == "sstt"
    by_channel = dict(zip((50, 70, 52, 72), channels(path), strict=True))
    assert by_channel[50] == by_channel[52] != by_channel[70] == by_channel[72]


@pytest.mark.parametrize("is_bent", [False, True])
def test_struck_notes_that_overlap_stay_struck(path, is_bent):
    notes = melody((0.0, 0.53, 60), (0.5, 1.03, 62), (1.0, 1.5, 64))
    save_midi(path, notes)
    assert letters(path) == "stt"  # what nobody says anything of
    save(path, notes, "sss", is_bent=is_bent)
    assert letters(path) == "sss"
    assert_same_notes(read_midi(path).notes, notes)


def test_chords_stay_on_one_channel(path):
    save(path, melody((0.0, 1.0, 60), (0.0, 1.0, 64), (0.0, 1.0, 67), (1.0, 2.0, 65)), "ssss")
    assert channels(path) == [0] * 4


@pytest.mark.parametrize("is_bent", [False, True])
def test_what_a_tied_note_overlaps_a_little_is_cut(path, is_bent):
    notes = melody((0.0, 0.51, 60), (0.5, 1.0, 62))
    save(path, notes, "st", is_bent=is_bent)
    assert letters(path) == "st"
    assert_same_notes(load_midi(path), line(60, 62))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(0.0, 0.5, 60), (0.5, 1.0, 60)], "st"),  # one key twice
        ([(0.0, 0.5, 60), (0.6, 1.0, 62)], "st"),  # a gap
        ([(0.0, 0.5, 60), (0.4, 1.0, 62)], "st"),  # a long overlap
        ([(0.0, 0.5, 60)], "t"),  # nothing before
        ([(0.0, 0.5, 60), (0.0, 0.5, 62)], "st"),  # a chord
        ([(0.0, 0.51, 60), (0.5, 0.505, 62)], "st"),  # the end within the note before
        ([(0.0, 0.5, 60), (0.5, 1.0, 62)], "oo"),  # soft
    ],
)
@pytest.mark.parametrize("is_bent", [False, True])
def test_what_no_file_says_is_read_as_struck(path, rows, said, is_bent):
    save(path, melody(*rows), said, is_bent=is_bent)
    assert letters(path) == "s" * len(rows)
    assert_same_notes(read_midi(path).notes, melody(*rows))


def test_only_one_note_goes_on_from_another(path):
    save(path, melody((0.0, 0.5, 60), (0.5, 1.0, 59), (0.5, 1.0, 64)), "stt")
    assert letters(path) == "sts"


def test_what_ends_right_there_is_gone_on_from(path):
    # The other one is nearer in pitch, but ends 10 ms too late.
    rows = [(0.0, 0.5, 50), (0.0, 0.51, 62), (0.5, 1.0, 64)]
    save(path, melody(*rows), "sst")
    assert letters(path) == "sst"
    assert_same_notes(read_midi(path).notes, melody(*rows))


def test_ties_without_a_channel_are_lost_and_notes_are_not(path):
    pedal = [(0.0, 3.0, 20 + k) for k in range(13)]
    rows = [*pedal, (0.0, 3.0, 70), (0.1, 1.0, 80), (1.0, 2.0, 81)]
    said = "s" * 15 + "t"
    save(path, melody(*rows), said, is_bent=True)
    assert letters(path) == "s" * 16
    assert_same_notes(read_midi(path).notes, melody(*rows))
    save(path, melody(*rows), said)  # without bends the others share one
    assert letters(path) == said


@pytest.mark.parametrize(
    ("articulation", "match"),
    [(("struck",), "2 notes needs one articulation, given 1"), (("struck", "hit"), "'hit'")],
)
def test_articulations_must_be_known_and_as_many_as_notes(path, articulation, match):
    with pytest.raises(ParameterError, match=match):
        save_midi(path, line(60, 62), articulation=articulation)
    assert not path.exists()


def written_and_read(notes, articulation, is_bent):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mid"
        curves = curves_of(notes) if is_bent else None
        save_midi(path, notes, curves, articulation=articulation)
        return read_midi(path)


@given(data=st.data(), is_bent=st.booleans())
def test_any_line_is_read_as_it_was_written(data, is_bent):
    n = data.draw(st.integers(1, 12))
    time, rows, said = 0.0, [], []
    for k in range(n):
        is_tied = k > 0 and data.draw(st.booleans())
        gap = data.draw(st.floats(0.0, GAP_SECONDS) if is_tied else st.floats(0.0, 0.3))
        length = data.draw(st.floats(0.03, 1.0))
        step = data.draw(st.integers(1, 12) if is_tied else st.integers(0, 12))
        pitch = 40 + (rows[-1][2] - 40 + step) % 40 if rows else 60
        rows.append((time + gap, time + gap + length, pitch))
        said.append("tied" if is_tied else data.draw(st.sampled_from(("struck", "soft"))))
        time += gap + length
    read = written_and_read(melody(*rows), said, is_bent)
    assert_same_notes(read.notes, melody(*rows))
    assert read.articulation == tuple("tied" if name == "tied" else "struck" for name in said)


NOTE = st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(60, 66))
"""Onset and length in a grid of 1/20 s, and pitch."""


@given(
    grid=st.lists(NOTE, min_size=1, max_size=12, unique=True),
    said=st.lists(st.sampled_from(("struck", "tied")), min_size=12, max_size=12),
    late=st.lists(st.sampled_from((-0.03, -0.01, 0.0, 0.01, 0.03)), min_size=12, max_size=12),
    is_bent=st.booleans(),
)
def test_of_any_notes_only_those_are_tied_that_were(grid, said, late, is_bent):
    ends = [onset + length for onset, length, _ in grid]
    rows = [
        (0.05 * onset, max(0.05 * end + more, 0.05 * onset + 0.01), pitch)
        for (onset, _, pitch), end, more in zip(grid, ends, late, strict=False)
    ]
    rows.sort(key=lambda row: (row[0], row[2]))
    notes, said = melody(*rows), said[: len(rows)]
    read = written_and_read(notes, said, is_bent)

    def counted(notes, names):
        times = np.rint(notes.onset / TICK).astype(int).tolist()
        return Counter(zip(times, notes.pitch.tolist(), names, strict=True))

    asked = counted(notes, said)
    found = counted(read.notes, read.articulation)
    for (onset, pitch, name), n in found.items():
        assert name == "struck" or n <= asked[onset, pitch, "tied"]
    # All notes are there; one that another is tied to ends up to 20 ms earlier.
    n_tied = read.articulation.count("tied")
    assert np.array_equal(np.sort(read.notes.pitch), np.sort(notes.pitch))
    shorter = notes.duration.sum() - read.notes.duration.sum()
    assert -len(rows) * TICK <= shorter <= n_tied * (GAP_SECONDS + TICK) + len(rows) * TICK
    # What was read can be written and read again, and nothing changes any more.
    again = written_and_read(read.notes, read.articulation, is_bent)
    assert_same_notes(again.notes, read.notes)
    assert counted(again.notes, again.articulation) == found
