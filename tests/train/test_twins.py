"""Families of instruments, and that they are held out whole."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_dataset import SETTINGS, write_dataset

from retimbre.train.data import families, shards
from retimbre.train.data.dataset import Dataset
from retimbre.train.data.families import find_families, level_distances, split_families
from retimbre.train.data.labels import InstrumentKey, NoteLabel

PLAYERS = [
    # source, bank, program, name, the bin that sounds
    ("a.sf2", 0, 73, "Flute", 10),
    ("b.sf3", 8, 73, "Flauto", 20),  # the same program
    ("a.sf2", 0, 40, "Violin", 30),
    ("b.sf3", 0, 44, "violin ", 40),  # the same name
    ("a.sf2", 0, 60, "Horn", 50),
    ("rec", -1, -1, "My horn", 50),  # the same sound
    ("rec", -1, -1, "Saw blade", 60),  # none of these, and no program
    ("b.sf3", 0, 90, "Pad", 70),
]

RECORDED = [
    ("a folder", -1, -1, "My pad", 70),  # comes first, and sounds as the pad does
    *(("zoo", -1, -1, name, 76 + 5 * i) for i, name in enumerate(["Zither", "Flute", "Reed"])),
]


def write_players(folder: Path, players: list[tuple[str, int, int, str, int]]) -> None:
    """Write notes of instruments, each of which sounds in five bins."""
    shards.write_settings(folder, SETTINGS)
    for pitch in range(60, 68):
        labels = [
            NoteLabel(source, bank, program, name, pitch, 80)
            for source, bank, program, name, _ in players
        ]
        features = np.zeros((len(players), 128, 288), np.float16)
        features[:, :, :96] = -1.0
        for row, player in enumerate(players):
            features[row, :, player[4] : player[4] + 5] = 0.5
        shards.write_shard(folder, pitch, features, labels)


@pytest.fixture
def notes(tmp_path: Path) -> Dataset:
    write_players(tmp_path / "notes", PLAYERS)
    return Dataset(tmp_path / "notes")


def names(notes: Dataset, family: list[int]) -> set[str]:
    return {notes.instruments[i].name for i in family}


def test_families_share_program_name_or_sound(notes: Dataset) -> None:
    groups = find_families(notes)
    found = {frozenset(names(notes, family)) for family in groups}
    assert found == {
        frozenset({"Flute", "Flauto"}),
        frozenset({"Violin", "violin "}),
        frozenset({"Horn", "My horn"}),
        frozenset({"Saw blade"}),
        frozenset({"Pad"}),
    }
    assert sorted(i for family in groups for i in family) == list(range(len(PLAYERS)))


@pytest.mark.parametrize("seed", range(6))
def test_no_twin_of_a_held_out_instrument_is_trained_on(notes: Dataset, seed: int) -> None:
    trained, held_out = split_families(notes, 3, seed)
    assert sorted(trained + held_out) == list(range(len(PLAYERS)))
    assert 1 <= len(held_out) <= 2
    for family in find_families(notes):
        assert set(family) <= set(trained) or set(family) <= set(held_out)


def test_three_quarters_at_least_are_trained_on(notes: Dataset) -> None:
    trained, held_out = split_families(notes, 100, 0)
    assert len(trained) >= 6
    assert len(held_out) >= 1


def test_the_split_is_drawn_by_the_seed(notes: Dataset) -> None:
    assert split_families(notes, 3, 0) == split_families(notes, 3, 0)
    assert len({tuple(split_families(notes, 3, seed)[1]) for seed in range(8)}) > 1


@pytest.mark.parametrize("seed", range(4))
def test_recordings_are_not_drawn_and_change_nothing_of_what_is(
    notes: Dataset, tmp_path: Path, seed: int
) -> None:
    def held_out(dataset: Dataset) -> list[InstrumentKey]:
        return [dataset.instruments[i] for i in split_families(dataset, 3, seed)[1]]

    write_players(tmp_path / "mixed", [*PLAYERS, *RECORDED])
    drawn, again = held_out(notes), held_out(Dataset(tmp_path / "mixed"))
    assert {key for key in again if key.source != "a folder"} == set(drawn)
    # What sounds as a held-out preset does goes with it, what is called so does not.
    assert ("My pad" in {key.name for key in again}) == ("Pad" in {key.name for key in drawn})
    assert not any(key.source == "zoo" for key in again)


def test_a_recording_that_joins_two_families_changes_nothing_of_what_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    players = [("a.sf2", 0, i, f"{chr(97 + i)} tone", 11 * i) for i in range(8)]
    write_players(tmp_path / "notes", players)
    write_players(tmp_path / "mixed", [*players, ("rec", -1, -1, "Joker", 90)])
    plain, mixed = Dataset(tmp_path / "notes"), Dataset(tmp_path / "mixed")

    def joined(dataset: Dataset, members: np.ndarray | None = None) -> np.ndarray:
        n = len(dataset.instruments) if members is None else len(members)
        distance = np.full((n, n), 99.0)
        if dataset is mixed and members is None:
            distance[8, :2] = distance[:2, 8] = 0.0
        return distance

    monkeypatch.setattr(families, "level_distances", joined)
    assert len(find_families(mixed)) == 7
    for seed in range(8):
        drawn = {plain.instruments[i].name for i in split_families(plain, 2, seed)[1]}
        again = {mixed.instruments[i].name for i in split_families(mixed, 2, seed)[1]}
        assert again - {"Joker"} == drawn
        assert ("Joker" in again) == bool(drawn & {"a tone", "b tone"})


def test_of_a_copy_that_was_never_heard_the_original_is_held_out(tmp_path: Path) -> None:
    write_players(tmp_path, PLAYERS)
    copy, original = InstrumentKey("b.sf3", 0, 90, "Pad"), InstrumentKey("a.sf2", 0, 60, "Horn")
    entry = {**copy._asdict(), "copy_of": original._asdict()}
    (tmp_path / "duplicates.json").write_text(json.dumps({"duplicates": [entry]}))
    notes = Dataset(tmp_path)
    assert copy not in notes.instruments
    assert names(notes, split_families(notes, 0, 0, [copy])[1]) == {"Horn", "My horn"}


def test_what_a_model_never_heard_stays_held_out_with_its_family(notes: Dataset) -> None:
    known = [key for key in notes.instruments if key.name == "Flute"]
    trained, held_out = split_families(notes, 0, 0, known)
    assert names(notes, held_out) == {"Flute", "Flauto"}
    assert len(trained) == len(PLAYERS) - 2
    assert split_families(notes, 0, 0, [InstrumentKey("elsewhere", 0, 1, "Flute")])[1] == []


def test_distances_are_mean_level_differences(tmp_path: Path) -> None:
    write_dataset(tmp_path, n_instruments=2)
    distance = level_distances(Dataset(tmp_path))
    # Each sounds in eight bins at -22.5 dB where the other is silent (counted from -60 dB on).
    assert distance[0, 1] == pytest.approx(60.0 - 22.5, abs=2.0)
    assert np.diag(distance) == pytest.approx(0.0)
    np.testing.assert_allclose(distance, distance.T)


def test_names_without_latin_letters_are_told_apart():
    from retimbre.train.data.families import _plain

    names = ["尺八", "Флейта", "808", "909", "Flute 2", "flute"]
    assert len({_plain(name) for name in names}) == 5
    assert _plain("Flute 2") == _plain("flute")
