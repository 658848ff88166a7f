"""The main job with its real parts: CREPE, the notes, the embedded model, files in and out."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import write_wav

from retimbre import audio
from retimbre.cli.command import command
from retimbre.midi import load_midi
from retimbre.params import PitchParams
from retimbre.pitch import estimate_pitch
from retimbre.units import hz_to_midi

SR = 22050
TUNE = (60, 62, 64, 67, 64, 60)
NOTE_SECONDS = 0.45
GAP_SECONDS = 0.08

ONSET_SECONDS = 0.05
"""The tolerance that mir_eval scores onsets with."""

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


def sing(keys):
    """Sing a tune on a reedy tone with vibrato and soft edges [shape=(n,)]."""
    t = np.arange(round(NOTE_SECONDS * SR)) / SR
    edge = np.clip(np.minimum(t, t[::-1]) / 0.03, 0, 1)
    parts = [np.zeros(round(0.2 * SR))]
    for key in keys:
        semitones = 0.25 * np.sin(2 * np.pi * 5.5 * t) * np.clip(t / 0.2, 0, 1)
        f0 = 440.0 * 2 ** ((key - 69 + semitones) / 12)
        phase = 2 * np.pi * np.cumsum(f0) / SR
        tone = sum(0.7**k * np.sin(k * phase) for k in range(1, 12))
        parts += [0.2 * edge * tone, np.zeros(round(GAP_SECONDS * SR))]
    return np.concatenate(parts)


def retimbre(*args):
    result = CliRunner().invoke(command, [str(arg) for arg in args], prog_name="retimbre")
    assert result.exit_code == 0, result.stdout + result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def tune(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    return write_wav(folder / "tune.wav", sing(TUNE).astype(np.float32), SR)


@pytest.fixture(scope="module")
def told(tune):
    (told,) = retimbre(
        tune, "--crepe-capacity", "tiny", "--seed", 5, "--json", "--save-midi", "--save-f0"
    )
    return told


def test_tune_is_found_note_by_note(told):
    notes = load_midi(told["files"]["midi"])
    assert notes.pitch.tolist() == list(TUNE)
    onsets = 0.2 + (NOTE_SECONDS + GAP_SECONDS) * np.arange(len(TUNE))
    assert np.abs(notes.onset - onsets).max() < ONSET_SECONDS
    assert told["notes"] == len(TUNE)


def test_f0_of_the_tune_is_written(told):
    table = np.genfromtxt(told["files"]["f0"], delimiter=",", names=True)
    sure = table["confidence"] > 0.8
    assert sure.sum() > 100 * 0.6 * NOTE_SECONDS * len(TUNE)
    keys = 69 + 12 * np.log2(table["frequency"][sure] / 440.0)
    assert np.abs(keys[:, None] - np.array(TUNE)).min(axis=1).max() < 0.6


def test_output_is_heard_at_the_pitches_of_the_tune(told):
    y, sr = audio.load(told["output"])
    assert sr == told["sample_rate"] == 44100
    assert len(y) / sr == pytest.approx(told["duration"], abs=1e-6)
    assert np.abs(y).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    track = estimate_pitch(y, sr, PitchParams(capacity="tiny"))
    n_right = 0
    for k, key in enumerate(TUNE):
        middle = np.abs(track.times - (0.2 + 0.3 + k * (NOTE_SECONDS + GAP_SECONDS))) < 0.1
        semitones = hz_to_midi(np.nanmedian(track.f0[middle])) - key
        # The octave of an instrument that never existed is a matter of taste.
        n_right += abs((semitones + 6) % 12 - 6) < 0.6
    assert n_right >= len(TUNE) - 1


@pytest.mark.parametrize("workers", [1, 2])
def test_same_seed_same_bytes(told, tune, tmp_path, workers):
    other = write_wav(tmp_path / "other.wav", sing((64, 62)).astype(np.float32), SR)
    retimbre(
        tune, other, "--crepe-capacity", "tiny", "--seed", 5, "--json", "-o", tmp_path / "out",
        "-j", workers,
    )  # fmt: skip
    again = (tmp_path / "out" / "tune.retimbred.wav").read_bytes()
    assert again == Path(told["output"]).read_bytes()


def test_midi_with_its_real_parts(tmp_path):
    (told,) = retimbre(SAMPLES / "test.mid", "--seed", 1, "--json", "-o", tmp_path / "x.flac")
    y, sr = audio.load(told["output"])
    assert told["confidence"] is None
    assert told["notes"] == len(load_midi(SAMPLES / "test.mid"))
    assert np.isfinite(y).all()
    assert np.sqrt(np.mean(y**2)) > 0.01
    assert len(y) / sr == pytest.approx(told["duration"], abs=1e-6)


def test_plain_notes_differ_from_expressive_ones(told, tune, tmp_path):
    retimbre(
        tune, "--crepe-capacity", "tiny", "--seed", 5, "--json", "--expression", 0,
        "-o", tmp_path / "plain.wav",
    )  # fmt: skip
    plain, _ = audio.load(tmp_path / "plain.wav")
    expressive, _ = audio.load(told["output"])
    n = min(len(plain), len(expressive))
    assert np.abs(plain[:n] - expressive[:n]).max() > 0.05
