"""Instruments that are saved and loaded again."""

import json

import numpy as np
import pytest

import retimbre
from retimbre.errors import DecodeError, ParameterError
from retimbre.instrument import Correction, Instrument, Instruments


def an_instrument(**facts):
    rng = np.random.default_rng(1)
    correction = Correction(np.full(5, 60.0), np.arange(1.0, 6.0), *rng.standard_normal((2, 5, 6)))
    return Instrument(
        rng.standard_normal(256), "Voice", range=(55, 67), correction=correction, **facts
    )


def test_nothing_is_lost(tmp_path):
    saved = an_instrument(brightness=1234.5, z_at=((60, np.arange(256.0)),), licence="CC0")
    retimbre.save_instrument(tmp_path / "voice.json", saved)
    loaded = retimbre.load_instrument(tmp_path / "voice.json")
    np.testing.assert_array_equal(loaded.z, saved.z)
    for part in ("pitches", "partials", "levels", "noises"):
        there = getattr(loaded.correction, part)
        np.testing.assert_array_equal(there, getattr(saved.correction, part))
    assert (loaded.name, loaded.range, loaded.licence) == ("Voice", (55, 67), "CC0")
    assert loaded.brightness == 1234.5
    assert np.isnan(loaded.decay)
    assert loaded.z_at[0][0] == 60
    np.testing.assert_array_equal(loaded.z_at[0][1], np.arange(256.0))


def test_an_instrument_needs_a_z_only(tmp_path):
    path = tmp_path / "z.json"
    path.write_text(json.dumps({"format": "retimbre instrument", "z": [1.0, 2.0]}))
    assert retimbre.load_instrument(path).z.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not a retimbre instrument"),
        (b'{"format": "retimbre melody"}', "not a retimbre instrument"),
        (b'{"format": "retimbre instrument"}', "'z' is missing"),
        (b'{"format": "retimbre instrument", "format_version": 99, "z": [1]}', "version 99"),
        (b'{"format": "retimbre instrument", "z": [1e300]}', "beyond 1000"),
        (b'{"format": "retimbre instrument", "z": [1], "z_at": [[60, [1e9]]]}', "beyond 1000"),
        (
            b'{"format": "retimbre instrument", "z": [1], "range": [80, 20]}',
            "lowest and the highest",
        ),
        (b'{"format": "retimbre instrument", "z": [1], "bank": "1"}', "'bank' is no number"),
        (b'{"format": "retimbre instrument", "z": "x"}', "numbers"),
        (b'{"format": "retimbre instrument", "z": [1], "range": 5}', "lowest and the highest"),
        (b'{"format": "retimbre instrument", "z": [1], "correction": {}}', "'pitches'"),
        (b'{"format": "retimbre instrument", "z": [NaN]}', "NaN"),
        (b'{"format": "retimbre instrument", "z": [1], "correction": 3}', "no object but 3"),
        (b'{"format": "retimbre instrument", "z": [1], "z_at": 5}', "pairs of a MIDI note"),
        (b'{"format": "retimbre instrument", "z": [1], "name": null}', "'name' is no text"),
    ],
)
def test_what_is_no_instrument_is_one_sentence(tmp_path, content, match):
    path = tmp_path / "voice.json"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=match) as error:
        retimbre.load_instrument(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_correction_is_one_row_per_point():
    with pytest.raises(ParameterError, match="one row per point"):
        Correction(np.zeros(2), np.ones(3), np.zeros((2, 6)), np.zeros((2, 6)))
    with pytest.raises(ParameterError, match="finite"):
        Correction(np.zeros(1), np.ones(1), np.full((1, 6), np.nan), np.zeros((1, 6)))


def test_a_correction_is_of_partials_and_within_sense():
    def correction(pitch=60.0, partial=1.0, level=1.0):
        return Correction([pitch], [partial], np.full((1, 6), level), np.zeros((1, 6)))

    correction()
    for wrong in ({"pitch": 1e308}, {"partial": 0.0}, {"partial": -1.0}, {"level": 1e308}):
        with pytest.raises(ParameterError, match="A correction needs"):
            correction(**wrong)
    with pytest.raises(ParameterError, match="must be a Correction, given str"):
        Instrument(np.ones(3), correction="x")


def test_every_place_has_a_correction_or_none():
    path = Instruments(np.ones((2, 3)), [0.0, 1.0], corrections=(None, None))
    assert path.corrections_of(np.zeros(1)) is None
    with pytest.raises(ParameterError, match="2 places need a correction or None for each"):
        Instruments(np.ones((2, 3)), [0.0, 1.0], corrections=(None,))


def test_other_things_are_not_saved(tmp_path):
    with pytest.raises(ParameterError, match="given ndarray"):
        retimbre.save_instrument(tmp_path / "voice.json", np.zeros(256))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["keep.wav", "voice", "voice.txt"])
def test_an_instrument_replaces_no_recording(tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(ParameterError, match=r"end its name with \.json"):
        retimbre.save_instrument(tmp_path / name, Instrument(np.ones(4), "it"))
    assert (tmp_path / name).read_bytes() == b"mine"
