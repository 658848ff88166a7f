"""The same seed gives the same bytes, however many cores there are."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from fakes import files_in
from threadpoolctl import threadpool_limits

import retimbre
from retimbre.units import midi_to_hz

SR = 44100

OPTIONS = ["--crepe-capacity", "tiny", "--save-f0", "--save-midi"]

RUN_ON = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])
from retimbre.cli import main
main()
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Write a stereo recording of six notes with vibrato."""
    t = np.arange(round(0.45 * SR)) / SR
    parts = []
    for key in (60, 62, 64, 67, 64, 60):
        f0 = midi_to_hz(key + 0.25 * np.sin(2 * np.pi * 5.5 * t))
        phase = 2 * np.pi * np.cumsum(f0) / SR
        level = np.clip(np.minimum(t, t[::-1]) / 0.03, 0, 1)
        parts.append(0.2 * level * sum(0.7**k * np.sin(k * phase) for k in range(1, 12)))
    y = np.concatenate(parts)
    noise = np.random.default_rng(0).standard_normal((2, len(y)))
    path = tmp_path_factory.mktemp("in") / "tune.wav"
    soundfile.write(path, (np.stack([y, 0.7 * y]) + 1e-3 * noise).T, SR, "PCM_24")
    return path


def play(cores, folder, *args, threads=None):
    """Run the main job on some cores; return the bytes of all that it writes."""
    env = {**os.environ}
    if threads is not None:
        env |= {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    command = [sys.executable, "-c", RUN_ON.format(cores=cores), *map(str, args)]
    subprocess.run([*command, "--seed", "5", "-o", str(folder / "out")], check=True, env=env)
    names = files_in(folder)
    assert names
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def on_one_core(recording, tmp_path_factory):
    return play(1, tmp_path_factory.mktemp("one"), recording, *OPTIONS)


@pytest.mark.parametrize("threads", [None, 3])
def test_one_core_gives_the_bytes_of_two(recording, on_one_core, tmp_path, threads):
    assert play(2, tmp_path, recording, *OPTIONS, threads=threads) == on_one_core


def test_an_instrument_that_is_heard_is_the_same(recording, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    options = [recording, *OPTIONS, "--like", recording]
    assert play(1, one, *options) == play(2, two, *options)


def test_pyin_is_the_same(recording):
    y, sr = retimbre.load(recording, duration=0.5)
    params = retimbre.PitchParams(method="pyin")
    found = []
    for threads in (1, 3):
        with threadpool_limits(limits=threads):
            track = retimbre.estimate_pitch(y, sr, params)
        found.append((track.f0.tobytes(), track.confidence.tobytes()))
    assert found[0] == found[1]
