"""The same seed gives the same bytes, however many cores there are."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import files_in
from threadpoolctl import threadpool_limits

import retimbre
from retimbre.pitch.crepe.network import load_network

SAMPLES = Path(__file__).resolve().parents[1] / "samples"

OPTIONS = ["--crepe-capacity", "tiny", "--save-f0", "--save-midi"]

RUN_ON = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])
from retimbre.cli import main
main()
"""


SECONDS = 5.0
"""Of the sample: enough for products of matrices that BLAS would share out among threads."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Write an excerpt of the sample in stereo, with one channel softer."""
    y, sr = retimbre.load(SAMPLES / "test.webm", duration=SECONDS)
    path = tmp_path_factory.mktemp("in") / "tune.wav"
    soundfile.write(path, np.stack([y, 0.7 * y]).T, sr, "PCM_24")
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


@pytest.mark.parametrize("options", [{"capacity": "tiny"}, {"method": "pyin"}], ids=str)
def test_each_step_alone_is_the_same(recording, options):
    y, sr = retimbre.load(recording, duration=2.0)
    found = []
    for threads in (1, 2):
        load_network.cache_clear()
        with threadpool_limits(limits=threads):
            track = retimbre.estimate_pitch(y, sr, retimbre.PitchParams(**options))
        found.append([getattr(track, f.name).tobytes() for f in fields(track)])
    assert found[0] == found[1]
