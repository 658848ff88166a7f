"""Melodies put together from single notes: their truth is what sounds."""

import numpy as np
import pytest
import soundfile
from phrase_figures import invented, outcome_of
from phrase_joins import Event, Ways, play
from phrase_segment import Found
from phrase_takes import SR, Player, level_db, players, read_at
from phrases import Phrase, make_ghosts, make_phrases

CENTS_OFF = 23.0


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder of notes that are 23 cents too high, of eight instruments in each set."""
    root = tmp_path_factory.mktemp("notes")
    for number in range(16):
        folder = root / ("train" if number < 12 else "held_out") / f"{'abcdefgh'[number % 8]}_flute"
        if number >= 8:
            folder = folder.with_name(f"{'ijklmnop'[number % 8]}_viola")
        folder.mkdir(parents=True)
        for key in range(58, 76, 3):
            hz = 440.0 * 2.0 ** ((key + CENTS_OFF / 100.0 - 69) / 12.0)
            t = np.arange(round(2.5 * SR)) / SR
            y = sum(np.sin(2 * np.pi * k * hz * t) / k**2 for k in range(1, 5))
            y = 0.3 * y * np.clip((t - 0.02) / 0.05, 0, 1) * np.clip((2.45 - t) / 0.1, 0, 1)
            soundfile.write(folder / f"{folder.name}_{key}_80.ogg", y, SR)
    return root


def _events():
    return [
        Event(0.3, 0.8, 60.0),
        Event(0.8, 1.3, 62.0, "tied", 0.04),
        Event(1.3, 1.8, 62.0, "dip", 0.05, dip_db=9.0),
        Event(2.0, 2.4, 65.0, "rise", 0.2),
    ]


def _played(root):
    player = Player(root / "train" / "a_flute", True)
    rng = np.random.default_rng(0)
    return play(_events(), player, Ways(), lambda t: 0.0 * t, rng)


def test_pitches_are_those_asked_for_whatever_the_recordings_were(root):
    played = _played(root)
    for (start, end), midi in zip(played.intervals, played.midi, strict=True):
        part = played.y[round((start + 0.15) * SR) : round((end - 0.1) * SR)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 19))
        hz = np.argmax(spectrum) * SR / (1 << 19)
        assert 69 + 12 * np.log2(hz / 440.0) == pytest.approx(midi, abs=0.05)


def test_onsets_and_offsets_lie_where_the_level_comes_and_goes(root):
    played = _played(root)
    level = level_db(played.y)
    assert played.intervals[1:3, 0] == pytest.approx([0.8, 1.3])
    assert played.intervals[0, 0] == pytest.approx(0.3, abs=0.01)
    for onset in played.intervals[[0, 3], 0]:
        held = level[round(onset * 1000) :][:300].max()
        assert level[round(onset * 1000)] == pytest.approx(held - 20.0, abs=3.0)
    assert played.intervals[3, 1] == pytest.approx(2.4, abs=0.01)


def test_the_level_dips_by_what_is_asked_for_and_only_there(root):
    level = level_db(_played(root).y)
    assert level[1300] == pytest.approx(-9.0, abs=1.5)
    steady = np.concatenate([level[500:1260], level[1340:1750]])
    assert steady.min() > -1.5
    assert steady.max() < 1.5


def test_sets_share_no_instrument_and_are_made_alike_each_time(root):
    sets = {which: [p.name for p in players(which, root, True)] for which in ("dev", "test")}
    assert not set(sets["dev"]) & set(sets["test"])
    one, two = (next(make_phrases("dev", root, ("repeats",))) for _ in range(2))
    assert np.array_equal(one.y, two.y)
    assert {"struck", "soft"} >= set(one.articulation)
    assert np.nanmax(one.dip_db) == 18.0


def test_ghosts_have_no_notes():
    assert len(next(make_ghosts("dev")).pitch_hz) == 0


def test_samples_between_samples():
    t = np.arange(400) / SR
    at = np.arange(100.25, 200.0)
    wanted = np.sin(2 * np.pi * 1000.0 * at / SR)
    assert read_at(np.sin(2 * np.pi * 1000.0 * t), at) == pytest.approx(wanted, abs=2e-3)


def test_a_tone_found_twice_has_one_note_too_many():
    intervals = np.array([[0.0, 2.0]])
    phrase = Phrase(
        "steady-0", "steady", np.zeros(SR, np.float32), SR, intervals, np.array([440.0]),
        ("struck",), np.array([np.nan]), ("plain",),
    )  # fmt: skip
    halves = Found(np.array([[0.0, 1.0], [1.0, 2.0]]), np.array([440.0, 440.0]), np.array([]))
    assert invented([outcome_of(phrase, halves)]) == {"plain": (1, 1)}
