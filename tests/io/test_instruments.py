"""Instruments that are saved and loaded again."""

import json

import numpy as np
import pytest

import retimbre
from retimbre.errors import DecodeError, ParameterError
from retimbre.instrument import Correction, Instrument


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


def test_other_things_are_not_saved(tmp_path):
    with pytest.raises(ParameterError, match="given ndarray"):
        retimbre.save_instrument(tmp_path / "voice.json", np.zeros(256))
    assert not list(tmp_path.iterdir())
