"""The main job with its real parts: CREPE, the notes, the embedded model, files in and out."""

import json
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
from click.testing import CliRunner
from fakes import write_wav

from retimbre.cli.command import command
from retimbre.io import audio
from retimbre.io.midi import load_midi
from retimbre.units import midi_to_hz

SR = 22050
TUNE = (60, 62, 64, 67, 64, 60)
NOTE_SECONDS = 0.45
GAP_SECONDS = 0.08

ONSET_SECONDS = 0.05
"""The tolerance that mir_eval scores onsets with."""

EDGE_SECONDS = 0.03
"""The first and last of a note, in which no pitch is heard yet."""

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


def reed(f0, edge=0.03):
    """Sound a reedy tone with soft edges along an f0 curve [shape=(n,)]."""
    t = np.arange(len(f0)) / SR
    level = np.clip(np.minimum(t, t[::-1]) / edge, 0, 1)
    phase = 2 * np.pi * np.cumsum(f0) / SR
    return 0.2 * level * sum(0.7**k * np.sin(k * phase) for k in range(1, 12))


def sing(keys):
    """Sing a tune with vibrato [shape=(n,)]."""
    t = np.arange(round(NOTE_SECONDS * SR)) / SR
    parts = [np.zeros(round(0.2 * SR))]
    for key in keys:
        semitones = 0.25 * np.sin(2 * np.pi * 5.5 * t) * np.clip(t / 0.2, 0, 1)
        parts += [reed(midi_to_hz(key + semitones)), np.zeros(round(GAP_SECONDS * SR))]
    return np.concatenate(parts)


def perform():
    """Perform four notes: vibrato, a slide over two semitones, vibrato, a scoop from below.

    Returns the sound and its true f0, NaN between the notes [both shape=(n,)].
    """
    t = np.arange(round(0.8 * SR)) / SR
    vibrato = 0.4 * np.sin(2 * np.pi * 5.5 * t) * np.clip(t / 0.2, 0, 1)
    curves = (
        57 + vibrato,
        60 + 2 * np.clip((t - 0.3) / 0.2, 0, 1),
        64 - vibrato,
        59 - np.clip(1 - t / 0.15, 0, 1),
    )
    rest = np.zeros(round(0.15 * SR))
    sound, truth = [rest], [rest * np.nan]
    for curve in curves:
        f0 = np.asarray(midi_to_hz(curve))
        sound += [reed(f0), rest]
        truth += [f0, rest * np.nan]
    return np.concatenate(sound), np.concatenate(truth)


def track_f0(y, sr, times, low=80.0, high=800.0):
    """Find f0 by YIN (de Cheveigne and Kawahara, 2002), which shares nothing with the job's."""
    width, longest = round(0.03 * sr), round(sr / low)
    found = np.full(len(times), np.nan)
    for k, time in enumerate(times):
        start = round(time * sr) - (width + longest) // 2
        x = y[max(start, 0) : start + width + longest].astype(np.float64)
        if len(x) < width + longest or not x.any():
            continue
        power = np.convolve(x**2, np.ones(width), "valid")
        crossed = np.correlate(x, x[:width], "valid")
        difference = power[0] + power - 2 * crossed
        mean = np.cumsum(difference[1:]) / np.arange(1, len(difference))
        d = np.concatenate([[1.0], difference[1:] / np.maximum(mean, 1e-12)])
        lags = np.arange(round(sr / high), longest - 1)
        dips = lags[(d[lags] < d[lags - 1]) & (d[lags] <= d[lags + 1])]
        if len(dips) == 0:
            continue
        deep = dips[d[dips] < max(0.15, 1.2 * d[dips].min())]
        lag = int(deep[0])
        bend = d[lag - 1] - 2 * d[lag] + d[lag + 1]
        found[k] = sr / (lag + 0.5 * (d[lag - 1] - d[lag + 1]) / bend)
    return found


def retimbre(*args):
    result = CliRunner().invoke(command, [str(arg) for arg in args], prog_name="retimbre")
    assert result.exit_code == 0, result.stdout + result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def tune(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    return write_wav(folder / "tune.wav", sing(TUNE).astype(np.float32), SR)


@pytest.fixture(scope="module")
def performance(tmp_path_factory):
    y, truth = perform()
    path = tmp_path_factory.mktemp("performance") / "performance.wav"
    return write_wav(path, y.astype(np.float32), SR), truth


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
    assert np.abs(keys[:, None] - np.array(TUNE)).min(axis=1).max() < 0.4


def test_output_is_a_whole_file_as_loud_as_the_default(told):
    y, sr = audio.load(told["output"])
    assert sr == told["sample_rate"] == 44100
    assert len(y) / sr == pytest.approx(told["duration"], abs=1e-6)
    assert (told["loudness"], told["limited_db"]) == (-20.0, 0.0)
    heard = pyloudnorm.Meter(sr, filter_class="DeMan").integrated_loudness(y)
    assert heard == pytest.approx(-20.0, abs=0.1)


def cents_from_truth(path, truth):
    """Measure how far the pitch of a file is from the performer's, where a note is held."""
    times = np.arange(0.0, len(truth) / SR, 0.01)
    margin = round(EDGE_SECONDS * SR)
    index = np.minimum(np.rint(times * SR).astype(int), len(truth) - 1)
    wanted = truth[index]
    inside = np.isfinite(truth[np.maximum(index - margin, 0)])
    inside &= np.isfinite(truth[np.minimum(index + margin, len(truth) - 1)])
    return 1200 * np.log2(track_f0(*audio.load(path), times[inside]) / wanted[inside])


def test_tracker_of_these_tests_is_right(performance):
    path, truth = performance
    cents = cents_from_truth(path, truth)
    assert np.abs(cents).max() < 10
    assert len(cents) > 250


def test_performers_pitch_is_kept(performance, tmp_path):
    path, truth = performance
    retimbre(path, "--crepe-capacity", "tiny", "--seed", 5, "--json", "-o", tmp_path / "y.wav")
    cents = np.abs(cents_from_truth(tmp_path / "y.wav", truth))
    # Raw pitch accuracy: within half a semitone, an octave off is wrong.
    assert np.mean(cents < 50) >= 0.97
    assert np.nanmedian(cents) <= 10


def test_plain_notes_do_not_keep_it(performance, tmp_path):
    path, truth = performance
    retimbre(
        path, "--crepe-capacity", "tiny", "--seed", 5, "--json", "--expression", 0,
        "-o", tmp_path / "y.wav",
    )  # fmt: skip
    cents = np.abs(cents_from_truth(tmp_path / "y.wav", truth))
    assert np.nanpercentile(cents, 75) > 20


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
