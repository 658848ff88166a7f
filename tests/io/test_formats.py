"""Formats of audio files, and what is done where one cannot count its bytes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import retimbre
from fakes import FakeGenerator

import retimbre as package
from retimbre import pitch
from retimbre.errors import ParameterError
from retimbre.io import formats

GIB_SECONDS = 2**30 / 3 / 44100
"""A GiB of 24-bit samples at 44.1 kHz."""


@pytest.mark.parametrize("name", ["x.aiff", "x.AIF"])
def test_aiff_of_more_than_4_gib_is_refused(name):
    formats.check_length(name, 3.99 * GIB_SECONDS, 44100)
    with pytest.raises(ParameterError, match=rf"{name} would be larger than the 4 GiB that AIFF"):
        formats.check_length(name, 4.01 * GIB_SECONDS, 44100)


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.ogg", "x.opus", "x.mp3"])
def test_any_length_can_be_written(name):
    formats.check_length(name, 100 * GIB_SECONDS, 44100)


@pytest.mark.parametrize(
    ("subtype", "bytes_per_sample"), [("PCM_16", 2), ("PCM_24", 3), ("FLOAT", 4), ("DOUBLE", 8)]
)
def test_wav_becomes_rf64_where_its_bytes_are_too_many(subtype, bytes_per_sample):
    most = 2**32 // bytes_per_sample
    assert formats.long_enough("x.wav", "WAV", subtype, most - 2**16) == "WAV"
    assert formats.long_enough("x.wav", "WAV", subtype, most) == "RF64"


def test_rf64_holds_what_was_saved(tmp_path, monkeypatch, rng):
    monkeypatch.setattr(formats, "_MAX_BYTES", 20_000)
    y = rng.uniform(-0.5, 0.5, 10_000).astype(np.float32)
    package.save(tmp_path / "long.wav", y, 44100)
    package.save(tmp_path / "short.wav", y[:5_000], 44100)
    assert (tmp_path / "long.wav").read_bytes()[:4] == b"RF64"
    assert (tmp_path / "short.wav").read_bytes()[:4] == b"RIFF"
    for name, wanted in (("long.wav", y), ("short.wav", y[:5_000])):
        assert soundfile.info(str(tmp_path / name)).frames == len(wanted)
        found, sr = package.load(tmp_path / name)
        assert sr == 44100
        np.testing.assert_allclose(found, wanted, atol=2**-23)


@pytest.mark.usefixtures("in_folder")
def test_a_result_that_aiff_cannot_hold_is_refused_before_the_work(melody, midi_file, monkeypatch):
    monkeypatch.setattr(formats, "_MAX_BYTES", 20_000)
    monkeypatch.setattr(pitch, "estimate_pitch", None)  # it would be called
    monkeypatch.setattr(FakeGenerator, "perform", None)
    for source in ("melody.wav", "song.mid"):
        result = retimbre(source, "-o", "x.aiff", exit_code=1)
        assert "x.aiff would be larger than the 4 GiB that AIFF can hold" in result.stderr
    assert not Path("x.aiff").exists()
