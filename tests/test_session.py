"""One session: what is kept warm, what an edit changes, and how work is stopped."""

import threading

import numpy as np
import pytest
from fakes import LOUD, tones, write_wav

import retimbre
from retimbre import notes as segmentation
from retimbre.errors import Cancelled, NoPitchError, ParameterError
from retimbre.notes.edits import notes_between, phrase_of
from retimbre.session import Session
from retimbre.settings import Settings
from retimbre.types import Melody, NoteCurve, Notes

N_NOTES = 12
GAP_AFTER = (3, 7)
"""Notes behind which a second is silent: three phrases."""


def song(*, with_curves=True, origin="song"):
    """A melody of three phrases of four notes."""
    onset, time = [], 0.0
    for k in range(N_NOTES):
        onset.append(time)
        time += 0.3 + (1.0 if k in GAP_AFTER else 0.0)
    onset = np.array(onset)
    notes = Notes(onset, onset + 0.28, 60 + np.arange(N_NOTES) % 5, np.full(N_NOTES, 90))
    vibrato = 30.0 * np.sin(np.arange(29))
    curves = tuple(NoteCurve(vibrato, np.linspace(0, -6, 29)) for _ in range(N_NOTES))
    return Melody(notes, curves if with_curves else None, source="song", origin=origin)


@pytest.fixture(scope="module")
def session():
    return Session(Settings.from_options(seed=3, instruments="Flute,Cello"))


@pytest.fixture(scope="module")
def whole(session):
    return session.play(song())


EDITS = {
    "pitch": {"pitch": 67},
    "velocity": {"velocity": 40},
    "later": {"onset": 2.45},
    "shorter": {"offset": 2.6},
    "curve": {"curve": NoteCurve(np.zeros(3), np.zeros(3))},
}


@pytest.mark.parametrize("changes", EDITS.values(), ids=EDITS.keys())
def test_an_edit_changes_no_sample_outside_its_phrase(session, whole, changes):
    melody = song()
    edited = retimbre.edit_note(melody, 5, **changes)
    found = session.play(edited)
    phrases = [session.phrase_of(m, 5) for m in (melody, edited)]
    start = round(min(p[0] for p in phrases) * whole.sr)
    stop = round(max(p[1] for p in phrases) * whole.sr)
    assert 2.0 * whole.sr < start < stop < 4.5 * whole.sr
    assert len(found.y) == len(whole.y)
    assert found.y[:start].tobytes() == whole.y[:start].tobytes()
    assert found.y[stop:].tobytes() == whole.y[stop:].tobytes()
    assert np.any(found.y[start:stop] != whole.y[start:stop])


def test_notes_that_are_added_and_removed_change_their_phrase_alone(session, whole):
    for edited in (
        retimbre.remove_note(song(), 5),
        retimbre.add_note(song(), onset=2.7, offset=3.2, pitch=72),
    ):
        found = session.play(edited)
        start, stop = round(2.0 * whole.sr), round(4.5 * whole.sr)
        assert found.y[:start].tobytes() == whole.y[:start].tobytes()
        assert found.y[stop:].tobytes() == whole.y[stop:].tobytes()


@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (2.3, 4.0), (2.41, None), (None, 3.3)])
def test_a_part_holds_the_samples_of_the_whole(session, whole, start, stop):
    part = session.play(song(), start, stop)
    first = round((start or 0.0) * whole.sr)
    last = len(whole.y) if stop is None else round(stop * whole.sr)
    assert part.start == first / whole.sr
    assert part.y.tobytes() == whole.y[first:last].tobytes()


def test_a_part_that_is_played_first_is_as_loud_as_in_the_whole(whole):
    fresh = Session(Settings.from_options(seed=3, instruments="Flute,Cello"))
    part = fresh.play(song(), 0.0, 1.0)
    assert part.y.tobytes() == whole.y[: len(part.y)].tobytes()


def test_midi_is_a_melody_too(tmp_path, midi_file, session):
    melody = session.melody(session.analyze(midi_file))
    assert melody.curves is None
    assert (melody.confidence, melody.voiced_seconds) == (None, None)
    edited = retimbre.edit_note(melody, 1, pitch=70)
    assert edited.notes.pitch.tolist() == [60, 70, 67]
    assert len(session.play(edited).y) == len(session.play(melody).y)


def test_one_session_plays_as_fresh_ones_do(tmp_path):
    paths = [
        write_wav(tmp_path / f"{k}.wav", tones((key, 0.5, LOUD))) for k, key in enumerate((60, 67))
    ]
    options = {"seed": 1, "crepe_capacity": "tiny"}
    warm = Session(Settings.from_options(**options))
    for path in [*paths, paths[0]]:
        found = warm.render(warm.analyze(path))
        np.testing.assert_array_equal(found.y, retimbre.retimbre_file(path, **options).y)


@pytest.mark.parametrize("time", [np.nan, np.inf, "0", 1j])
def test_a_part_needs_numbers(session, time):
    for part in ({"start": time}, {"stop": time}):
        with pytest.raises(ParameterError, match="finite number of seconds"):
            session.play(song(), **part)


def test_a_session_needs_settings():
    with pytest.raises(ParameterError, match="a Settings, given str"):
        Session("models/default")


def test_no_note_is_refused(session):
    with pytest.raises(NoPitchError, match="no note"):
        session.play(Melody(Notes.empty()))


def test_notes_outside_the_range_are_folded_into_it(session):
    low = retimbre.edit_note(song(), 0, pitch=3)
    result = session.play(low)
    assert result.notes.pitch[0] % 12 == 3
    assert result.report.folded == 1


def test_the_track_so_far_grows_to_the_whole(tmp_path, session):
    y = tones((60, 1.0, LOUD), (64, 1.0, LOUD), (67, 1.0, LOUD))
    options = Settings.from_options(seed=3, crepe_capacity="tiny")
    seen = []
    analysis = Session(options).analyze((y, 8000), on_pitch=seen.append)
    lengths = [len(track) for track in seen]
    assert len(seen) > 1
    assert lengths == sorted(lengths)
    assert 0 < lengths[-1] <= len(analysis.pitch)
    last = seen[-1]
    np.testing.assert_array_equal(last.level_db, analysis.pitch.level_db[: len(last)])
    np.testing.assert_array_equal(last.confidence, analysis.pitch.confidence[: len(last)])
    near = np.isfinite(last.f0) & (last.confidence > 0.9)
    np.testing.assert_allclose(last.f0[near], analysis.pitch.f0[: len(last)][near], rtol=1e-3)


def test_analysis_and_playing_can_be_cancelled(session):
    y = tones((60, 1.0, LOUD), (64, 1.0, LOUD))
    stop = threading.Event()
    calls = []

    def progress(stage, done, total):
        calls.append(stage)
        stop.set()

    with pytest.raises(Cancelled):
        session.analyze((y, 8000), progress=progress, cancel=stop.is_set)
    assert calls == ["pitch"]
    stop.clear()
    with pytest.raises(Cancelled):
        session.play(song(), progress=progress, cancel=stop.is_set)
    assert calls == ["pitch", "generate"]
    assert len(session.play(song()).y)  # the session goes on


def test_phrases_end_where_nothing_sounds():
    melody = song()
    assert phrase_of(melody, 0) == pytest.approx((0.0, 0.9 + 0.28 + 0.3 + 0.01))
    assert phrase_of(melody, 5) == pytest.approx((2.2 - 0.01, 3.1 + 0.28 + 0.3 + 0.01))
    with pytest.raises(ParameterError, match="no note of id 99"):
        phrase_of(melody, 99)


def test_notes_between_are_those_that_sound():
    releases = np.full(N_NOTES, 0.1)
    assert notes_between(song(), 0.0, 0.3, releases).tolist() == [0]
    assert notes_between(song(), 0.33, 0.5, releases).tolist() == [0, 1]
    assert notes_between(song(), 1.6, 2.1, releases).tolist() == []


def test_a_melody_made_by_hand_has_an_origin_that_its_edits_keep(session):
    melody = song(origin="")
    edited = retimbre.edit_note(melody, 5, pitch=67)
    assert melody.origin
    assert edited.origin == melody.origin != song(origin="other").origin
    before, after = session.play(melody), session.play(edited)
    assert after.y[: 2 * after.sr].tobytes() == before.y[: 2 * after.sr].tobytes()


def test_a_note_that_overlaps_another_changes_its_phrase_alone(session):
    notes = Notes([0.0, 0.5, 0.8, 3.0], [0.4, 0.86, 0.81, 3.4], [60, 62, 64, 65], [90] * 4)
    melody = Melody(notes, tuple(NoteCurve(np.zeros(40), np.zeros(40)) for _ in range(4)))
    before = session.play(melody)
    start, stop = (round(edge * before.sr) for edge in session.phrase_of(melody, 2))
    for edited in (
        retimbre.remove_note(melody, 2),
        retimbre.edit_note(melody, 2, onset=5.0, offset=5.2),
    ):
        after = session.play(edited)
        assert after.y[:start].tobytes() == before.y[:start].tobytes()
        n = round(3.6 * before.sr)
        assert after.y[stop:n].tobytes() == before.y[stop:n].tobytes()


def test_a_chord_that_is_folded_keeps_who_is_who(session):
    notes = Notes([0.0] * 3, [1.0] * 3, [6, 40, 60], [70, 80, 90])
    melody = Melody(notes, ids=[5, 6, 7], articulation=("struck", "soft", "tied"))
    played = session.play(melody).melody
    found = dict(zip(played.ids.tolist(), played.notes.velocity.tolist(), strict=True))
    assert found == {5: 70, 6: 80, 7: 90}
    assert played.notes.pitch.tolist() == sorted(played.notes.pitch.tolist())
    said = dict(zip(played.ids.tolist(), played.articulation, strict=True))
    assert said == {5: "struck", 6: "soft", 7: "tied"}


def test_ids_are_single_numbers():
    melody = song()
    for given in (melody.ids, [0, 1], 1.0, True, None):
        with pytest.raises(ParameterError, match="no note of id"):
            retimbre.remove_note(melody, given)


def test_a_melody_that_was_emptied_takes_notes_with_curves_again():
    emptied = song()
    for note_id in song().ids:
        emptied = retimbre.remove_note(emptied, int(note_id))
    again = retimbre.add_note(emptied, onset=0.0, offset=1.0, pitch=60, curve=song().curves[0])
    np.testing.assert_array_equal(again.curves[0].cents, song().curves[0].cents)


@pytest.mark.parametrize(
    "call",
    [
        lambda session, melody: session.play(melody.notes),
        lambda session, melody: session.melody(melody),
        lambda session, melody: retimbre.save_melody(melody, "out.json"),
        lambda session, melody: retimbre.to_pretty_midi(melody),
        lambda session, melody: retimbre.from_pretty_midi("in.mid"),
        lambda session, melody: retimbre.edit_note(0, melody, pitch=60),
    ],
)
def test_other_things_than_were_asked_for_are_named(session, call):
    with pytest.raises(ParameterError, match=r"must be an? .*, given"):
        call(session, song())


def test_notes_are_found_once_for_each_threshold(melody, monkeypatch):
    found = []
    find = segmentation.segment
    monkeypatch.setattr(segmentation, "segment", lambda *a: found.append(a[1]) or find(*a))
    session = Session(Settings.from_options(seed=0))
    analysis = session.analyze(melody)
    for confidence in (0.5, 0.8):
        session.render(analysis, confidence)
    assert found == [0.5, 0.8]
