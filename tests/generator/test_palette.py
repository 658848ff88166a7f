"""Instruments by name: loosely, but never the wrong one."""

import re

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.generator.palette import AMBIGUOUS_NAMES, Palette
from retimbre.instrument import Instrument

NAMES = (
    "Flute", "Flute 2", "Pan Flute", "Grand Piano", "Electric Piano 1", "Electric Piano 2",
    "Glass Harmonics", "Cello", "Cello Section", "Électro-Basse", "GLASS PAD", "glass pad",
    "Panorama",
)  # fmt: skip


def make(names=NAMES) -> Palette:
    return Palette(
        Instrument(np.full(4, float(k)), name, 1000.0, 0.01, 0.0, -60.0, (21, 108))
        for k, name in enumerate(names)
    )


@pytest.fixture
def palette() -> Palette:
    return make()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Flute", "Flute"),
        ("flute", "Flute"),
        (" FLUTE ", "Flute"),
        ("flute2", "Flute 2"),
        ("flute-2", "Flute 2"),
        ("panflute", "Pan Flute"),
        ("pan", "Pan Flute"),
        ("flute pan", "Pan Flute"),
        ("grand", "Grand Piano"),
        ("piano 2", "Electric Piano 2"),
        ("e piano 1", "Electric Piano 1"),
        ("section", "Cello Section"),
        ("harm", "Glass Harmonics"),
        ("glass harm", "Glass Harmonics"),
        ("electro basse", "Électro-Basse"),
        ("GLASS PAD", "GLASS PAD"),
        ("glass pad", "glass pad"),
    ],
)
def test_names_match_loosely(palette: Palette, asked: str, found: str) -> None:
    assert palette.describe(asked).name == found
    assert palette[asked] is palette[found]
    assert asked in palette


@pytest.mark.parametrize("asked", ["DrawbarOrgan", "drawbar organ", "organ drawbar", "draw"])
def test_a_capital_begins_a_word(asked: str) -> None:
    assert make(("DrawbarOrgan", "Reed Organ"))[asked][0] == 0.0


def test_synonyms_serve_where_a_name_itself_is_not_found() -> None:
    palette = make(("Bowed Glass", "Contrabass", "Glass Harmonica", "Accordian"))
    assert palette.describe("accordeon").name == "Accordian"
    assert palette.describe("double bass").name == "Contrabass"
    assert palette.describe("glass harmonica").name == "Glass Harmonica"
    assert make(("Bowed Glass",)).describe("Glass Harmonica").name == "Bowed Glass"
    with pytest.raises(ParameterError, match="No instrument named 'double bass'"):
        make(("Flute",))["double bass"]


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("Glass Harmonica", "Glass Harmonics"),
        ("chello", "Cello"),
        ("electric bass", "Électro-Basse"),
        ("Flutte", "Flute"),
        ("piano grande", "Grand Piano"),
    ],
)
def test_a_miss_lists_near_names(palette: Palette, asked: str, near: str) -> None:
    with pytest.raises(ParameterError) as told:
        palette[asked]
    sentence = str(told.value)
    question = f"No instrument named {asked!r}. Did you mean "
    assert sentence.startswith(question)
    assert near in re.split(", | or ", sentence.removeprefix(question).removesuffix("?"))
    assert asked not in palette


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("piano", ["Grand Piano", "Electric Piano 1", "Electric Piano 2"]),
        ("Glass Pad", ["GLASS PAD", "glass pad"]),
        ("e", ["Electric Piano 1", "Electric Piano 2", "Électro-Basse"]),
    ],
)
def test_what_could_be_several_is_a_miss(palette: Palette, asked: str, meant: list[str]) -> None:
    with pytest.raises(ParameterError, match=f"matches {len(meant)} instruments") as told:
        palette[asked]
    assert f"({', '.join(meant)});" in str(told.value)
    assert asked not in palette


TWINS = ("Bowed Glass", "Bowed Glass (Other)", "Flute (Other)", "Flute (Third)", "Piano (1)")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("bow", "Bowed Glass"),
        ("glass", "Bowed Glass"),
        ("bowed glass (other)", "Bowed Glass (Other)"),
        ("glass other", "Bowed Glass (Other)"),
        ("piano", "Piano (1)"),
    ],
)
def test_a_name_goes_before_its_twin_in_parentheses(asked: str, found: str) -> None:
    palette = make(TWINS)
    assert palette.describe(asked).name == found
    assert asked in palette


def test_twins_without_a_plain_name_are_several() -> None:
    with pytest.raises(ParameterError, match=r"\(Flute \(Other\), Flute \(Third\)\);"):
        make(TWINS)["flute"]
    with pytest.raises(ParameterError, match=r"\(Bowed Glass \(Other\), Flute \(Other\)\);"):
        make(TWINS)["other"]


def test_what_is_known_of_an_instrument_prints_on_a_line() -> None:
    told = repr(make().describe("Flute"))
    assert told.startswith("Instrument(name='Flute', brightness=1000.0, ")
    assert "array" not in told


def test_a_long_list_is_cut() -> None:
    with pytest.raises(ParameterError, match=r"matches 20 instruments.*Pad 7, \.\.\.\);"):
        make([f"Pad {k}" for k in range(20)])["pad"]
    assert AMBIGUOUS_NAMES == 8


@pytest.mark.parametrize("asked", ["", " ", "--", "?"])
def test_nothing_matches_no_name(palette: Palette, asked: str) -> None:
    assert asked not in palette
    with pytest.raises(ParameterError, match="Did you mean"):
        palette[asked]


def test_it_is_a_mapping(palette: Palette) -> None:
    assert tuple(palette) == NAMES
    assert len(palette) == len(NAMES)
    assert [z[0] for z in palette.values()] == list(range(len(NAMES)))
    assert 3 not in palette
    assert palette.get("cello") is palette["Cello"]
    assert palette.get("kazoo") is None
    assert palette.get("kazoo", 5) == 5
    assert repr(palette) == "<Palette of 13 instruments>"
    with pytest.raises(TypeError):
        palette["Flute"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), list(NAMES)),
        (("flute",), ["Flute", "Flute 2", "Pan Flute"]),
        (("PIANO", "2"), ["Electric Piano 2"]),
        (("piano 2",), ["Electric Piano 2"]),
        (("pia",), ["Grand Piano", "Electric Piano 1", "Electric Piano 2"]),
        (("kazoo",), []),
        (("panflute",), ["Pan Flute"]),
        (("glasshar",), ["Glass Harmonics"]),
        (("pianograndpiano",), []),
    ],
)
def test_instruments_are_selected_by_words(palette: Palette, words, found) -> None:
    assert [entry.name for entry in palette.select(words)] == found


def test_synonyms_select_where_no_name_holds_the_word() -> None:
    palette = make(("Kalimba", "Flute"))
    assert [entry.name for entry in palette.select(("thumb", "piano"))] == ["Kalimba"]
