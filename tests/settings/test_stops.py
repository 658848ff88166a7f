"""The grammar of lists of instruments."""

from pathlib import Path

import numpy as np
import pytest

from retimbre.errors import ParameterError
from retimbre.instrument import Instrument, Instruments
from retimbre.settings.params import TimbreParams
from retimbre.settings.stops import LARGEST_SEED, Random, Stop, quoted, read_stops, tell


@pytest.mark.parametrize(
    ("given", "stops"),
    [
        ("random", [(Random(), None)]),
        (" RANDOM , Random:7", [(Random(), None), (Random(7), None)]),
        ("random : 007", [(Random(7), None)]),
        (f"random:{LARGEST_SEED}", [(Random(LARGEST_SEED), None)]),
        ("random@0,random:5 @ 4.5", [(Random(), 0.0), (Random(5), 4.5)]),
        ("Flute,random:7,my-oboe.json", [("Flute", None), (Random(7), None),
                                         (Path("my-oboe.json"), None)]),
        ("../a b/My Oboe.JSON@3", [(Path("../a b/My Oboe.JSON"), 3.0)]),
        (r"C:\sounds\oboe.json@3,D:\x.json@4", [(Path(r"C:\sounds\oboe.json"), 3.0),
                                                (Path(r"D:\x.json"), 4.0)]),
        ("me@home.json", [(Path("me@home.json"), None)]),
        ("me@5.json@6", [(Path("me@5.json"), 6.0)]),
        ("random.json", [(Path("random.json"), None)]),
        ("random:7.json", [(Path("random:7.json"), None)]),
        ('"a,b@c.json"@2', [(Path("a,b@c.json"), 2.0)]),
        ('"Piano, grand"@8.5', [("Piano, grand", 8.5)]),
        ('"random", "random:7","A@5" ', [("random", None), ("random:7", None), ("A@5", None)]),
        ('"a ""b"""', [('a "b"', None)]),
        ('12" drum', [('12" drum', None)]),
        ("random7", [("random7", None)]),
        ("Randomizer", [("Randomizer", None)]),
        (["random:1", "Piano, grand", '"random"'], [(Random(1), None), ("Piano, grand", None),
                                                    ("random", None)]),
        (Path("oboe.json"), [(Path("oboe.json"), None)]),
        (["Flute", Path("oboe.json")], [("Flute", None), (Path("oboe.json"), None)]),
    ],
)  # fmt: skip
def test_items_are_read(given, stops):
    assert read_stops(given) == tuple(Stop(*stop) for stop in stops)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        *((f"random:{number}", "a whole number from 0 to")
          for number in ("", " ", "-1", "1e3", "1.0", "+1", "seven", "½", "٣", "1_0",
                         LARGEST_SEED + 1, "9" * 5000)),
        ("random@", "'random@' must be a name, @ and a time"),
        ("oboe.json@", "a time in seconds"),
        ("oboe.json@soon", "'oboe.json@soon' must be"),
        ("@", "'@' must be a name"),
        (" @ ", "'@' must be a name"),
        ("Flute@1_0", "time in seconds"),
        ("Flute@٣", "time in seconds"),
        ("A@home", "in double quotes"),
        ('"Flute', "quotes of '\"Flute' do not fit"),
        ('"Flute" x', "do not fit"),
        ('""', "must be a name"),
        ('"" @3', "must be a name"),
        ("random,random@3", "have a time"),
        ("random@3,random@2", "given 3, 2"),
        (",", "has no name"),
        (3, "3 is no instrument"),
        (None, "None is no instrument"),
        ([None], "None is no instrument"),
        ({}, "has no name"),
        (b"x", "is no instrument"),
        (object(), "is no instrument"),
        (Path("song.wav"), "'song.wav' is no file of instruments"),
        (np.zeros((2, 3, 4)), "one row of finite numbers"),
        (np.float64(3.0), "one row of finite numbers"),
        (np.full((2, 4), np.inf), "NaN or infinity"),
        (Instruments(np.ones((2, 4)), [0.0, np.nan]), "needs finite times"),
    ],
)  # fmt: skip
def test_what_is_none_is_one_sentence(given, match):
    with pytest.raises(ParameterError, match=match) as error:
        read_stops(given)
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["Flute", "random", "Random:7", "A@5", "A@home", "a, b", 'say "x"', '"x"', "x.json@3"]
)
def test_a_quoted_name_is_that_name(name):
    assert read_stops(quoted(name)) == (Stop(name),)
    assert read_stops(f"{quoted(name)}@2, Flute @3") == (Stop(name, 2.0), Stop("Flute", 3.0))


def test_words_ask_for_the_same():
    stops = read_stops('"random",Random : 3,"a,b.json",random,"Piano, grand"')
    assert [stop.word for stop in stops] == [
        '"random"', "random:3", '"a,b.json"', "random", '"Piano, grand"',
    ]  # fmt: skip
    assert read_stops([stop.word for stop in stops]) == stops
    assert read_stops(", ".join(stop.word for stop in stops)) == stops


def test_paths_and_instruments_are_taken_as_they_are():
    path = Instruments(np.ones((2, 4)), [0.0, 1.0], ("A", "B"))
    horn = Instrument(np.ones(4), "Horn")
    assert read_stops(path) == (Stop(path),)
    assert [stop.what for stop in read_stops(["Flute", path, horn])] == ["Flute", path, horn]
    params = TimbreParams(instruments=path)
    assert params.instruments == (path,)
    assert hash(params)
    assert TimbreParams(instruments=["Flute", "a.json"]).saved == ("a.json",)
    assert TimbreParams().saved == ()


def test_a_paced_path_is_refused():
    paced = Instruments(np.ones((3, 4)), [0.0, 0.5, 1.0], places=[0.0, 0.5, 1.0])
    with pytest.raises(ParameterError, match="was paced"):
        read_stops(paced)


def test_long_lists_are_shortened():
    assert tell(list("abcdefgh")) == "a, b, c, d, e, f, g, h"
    assert tell(list("abcdefghi")) == "a, b, c, d, e, f, g, h and 1 more"
    assert tell([]) == ""
