"""Fixtures that several test files share: seeded chance, little recordings, light parts."""

import logging
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from fakes import LOUD, SOFT, fake_estimate_pitch, load_fake_generator, tones, write_wav

from retimbre import generator, pitch

# A shell starts what runs in its background with Ctrl-C ignored, and some tests press it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


HERE = Path(__file__).parent
TRAINING = (HERE / "train", HERE / "benchmarks" / "test_gansynth_training.py")
"""Every test in here needs the extra "train", some to be imported."""


def pytest_ignore_collect(collection_path, config):
    """Leave out the tests of training where they are not wanted, and need not be installed."""
    is_unwanted = (
        re.search(r"\bnot train\b", config.option.markexpr) and collection_path in TRAINING
    )
    return True if is_unwanted else None


def pytest_collection_modifyitems(items):
    """Mark the tests of training."""
    for item in items:
        if any(item.path.is_relative_to(place) for place in TRAINING):
            item.add_marker(pytest.mark.train)


@pytest.fixture
def rng():
    return np.random.default_rng(440)


@pytest.fixture
def melody(tmp_path):
    """A recording of four tones, the last of which is soft."""
    y = tones((60, 0.4, LOUD), (64, 0.4, LOUD), (67, 0.4, LOUD), (72, 0.4, SOFT))
    return write_wav(tmp_path / "melody.wav", y)


@pytest.fixture
def midi_file(tmp_path):
    """A MIDI file of three notes: middle C, E and G, half a second each."""
    import pretty_midi

    song = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(0)
    for k, key in enumerate((60, 64, 67)):
        piano.notes.append(pretty_midi.Note(100, key, 0.5 * k, 0.5 * (k + 1)))
    song.instruments.append(piano)
    path = tmp_path / "song.mid"
    song.write(str(path))
    return path


@pytest.fixture
def fake_parts(monkeypatch):
    """Put light parts in the places of the networks: the pitch estimator and the generator."""
    monkeypatch.setattr(generator, "load_generator", load_fake_generator)
    monkeypatch.setattr(pitch, "estimate_pitch", fake_estimate_pitch, raising=False)


@pytest.fixture
def in_folder(tmp_path, monkeypatch, fake_parts):
    """Work in a fresh folder, with light parts; leave the logger as it was."""
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("retimbre")
    before = (logger.handlers[:], logger.level)
    yield
    logger.handlers[:], logger.level = before
