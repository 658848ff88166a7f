"""Paths of instruments that are saved and loaded again."""

import json

import numpy as np
import pytest

import retimbre
from retimbre.errors import DecodeError, ParameterError, ReadError, WriteError
from retimbre.instrument import Correction, Instrument, Instruments
from retimbre.io.instruments import load_saved


def a_path(rng, **more):
    correction = Correction([60.0], [1.0], *rng.standard_normal((2, 1, 6)))
    z = np.concatenate([rng.standard_normal((2, 16)), np.float32([rng.standard_normal(16)])])
    times = np.linspace(-0.0001, 7.3, 3)
    return Instruments(
        z, times, ("Flute", "random:7", "z"), (None, correction, None), model="fake 12", **more
    )


def test_nothing_is_lost(tmp_path, rng):
    saved = a_path(rng)
    retimbre.save_instruments(tmp_path / "p.json", saved)
    for load in (retimbre.load_instruments, load_saved):
        loaded = load(tmp_path / "p.json")
        np.testing.assert_array_equal(loaded.z, saved.z)
        np.testing.assert_array_equal(loaded.times, saved.times)
        assert (loaded.names, loaded.model) == (saved.names, "fake 12")
        assert loaded.corrections[::2] == (None, None)
        for part in ("pitches", "partials", "levels", "noises"):
            there = getattr(loaded.corrections[1], part)
            np.testing.assert_array_equal(there, getattr(saved.corrections[1], part))


def test_a_path_needs_times_and_z_only(tmp_path):
    retimbre.save_instruments(tmp_path / "p.json", Instruments(np.ones((1, 3)), [0.0]))
    loaded = retimbre.load_instruments(tmp_path / "p.json")
    assert (loaded.names, loaded.model, loaded.z.tolist()) == (("z",), "", [[1.0, 1.0, 1.0]])


def test_one_kind_is_not_the_other(tmp_path, rng):
    retimbre.save_instruments(tmp_path / "p.json", a_path(rng))
    retimbre.save_instrument(tmp_path / "i.json", Instrument(np.ones(3), "it"))
    with pytest.raises(DecodeError, match="not a retimbre instrument: its 'format' is"):
        retimbre.load_instrument(tmp_path / "p.json")
    with pytest.raises(DecodeError, match="not a retimbre instrument path: its 'format' is"):
        retimbre.load_instruments(tmp_path / "i.json")
    assert isinstance(load_saved(tmp_path / "i.json"), Instrument)
    with pytest.raises(ReadError, match="does not exist"):
        retimbre.load_instruments(tmp_path / "nowhere.json")


def test_what_is_no_path_is_not_saved(tmp_path, rng):
    paced = Instruments(np.ones((3, 4)), [0.0, 0.5, 1.0], places=[0.0, 0.5, 1.0])
    for wrong, match in ((paced, "was paced"), (np.ones((2, 4)), "given ndarray")):
        with pytest.raises(ParameterError, match=match):
            retimbre.save_instruments(tmp_path / "p.json", wrong)
    with pytest.raises(ParameterError, match=r"end its name with \.json"):
        retimbre.save_instruments(tmp_path / "p.wav", a_path(rng))
    with pytest.raises(WriteError, match="does not exist"):
        retimbre.save_instruments(tmp_path / "none" / "p.json", a_path(rng))
    assert not list(tmp_path.iterdir())


ROW = {"time": 0.0, "z": [1.0, 2.0]}
PYTHONS = ("NoneType", "Traceback", "convert", "setting an array", "float()", "char ", "Expecting")
"""Words of Python that say nothing to a user."""


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"instruments": []}, "must be a list of objects"),
        ({"instruments": None}, "must be a list of objects"),
        ({"instruments": [3]}, "must be a list of objects"),
        ({"instruments": [{"z": [1.0]}]}, "'time' is missing"),
        ({"instruments": [{"time": 0.0}]}, "'z' is missing"),
        ({"instruments": [ROW | {"time": "now"}]}, "'time' is no number but 'now'"),
        ({"instruments": [ROW | {"time": True}]}, "'time' is no number"),
        ({"instruments": [ROW | {"time": float("nan")}]}, "not finite"),
        ({"instruments": [ROW | {"time": 10**400}]}, "a number in it is none"),
        ({"instruments": [ROW | {"time": 1.0}, ROW]}, "ascending"),
        ({"instruments": [ROW, ROW | {"z": [1.0]}]}, "z of 1 and 2 numbers"),
        ({"instruments": [ROW | {"z": [float("nan"), 1.0]}]}, "NaN"),
        ({"instruments": [ROW | {"z": [None, 1.0]}]}, "NaN"),
        ({"instruments": [ROW | {"z": "abc"}]}, "array of numbers"),
        ({"instruments": [ROW | {"z": [[1.0, 2.0]]}]}, "one row"),
        ({"instruments": [ROW | {"z": [1e9, 1.0]}]}, "beyond 1000"),
        ({"instruments": [ROW | {"name": 3}]}, "'name' is no text"),
        ({"instruments": [ROW | {"correction": 3}]}, "no object but 3"),
        (
            {"instruments": [ROW | {"correction": {
                "pitches": [60.0, [1.0]], "partials": [1.0], "levels": [], "noises": []}}]},
            "differ in length",
        ),
        ({"model": 3}, "'model' is no text"),
        ({"format_version": 99}, "version 99"),
        ({"format": ["x"]}, "not a retimbre instrument path"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_one_sentence(tmp_path, change, match):
    path = tmp_path / "p.json"
    table = {"format": "retimbre instrument path", "format_version": 1, "instruments": [ROW]}
    path.write_text(json.dumps(table))
    assert len(retimbre.load_instruments(path).times) == 1
    path.write_text(json.dumps(table | change))
    with pytest.raises(DecodeError, match=match) as error:
        retimbre.load_instruments(path)
    assert str(path) in str(error.value)
    assert not [word for word in PYTHONS if word in str(error.value)]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (b"\x80{}", "not text"),
        (b"{", "line 1, column 2"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        (b"null", "not a retimbre instrument or retimbre instrument path"),
    ],
)
def test_what_is_no_json_is_one_sentence(tmp_path, content, match):
    path = tmp_path / "p.json"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=match) as error:
        load_saved(path)
    assert not [word for word in PYTHONS if word in str(error.value)]
