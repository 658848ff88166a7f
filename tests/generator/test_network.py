"""Networks: the same numbers on any number of cores, and no telemetry."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fake_mel_model import write_mel_model
from fakes import LOUD, tones

from retimbre.errors import ModelFormatError
from retimbre.generator import load_generator, network
from retimbre.generator.folder import find_model, read_config
from retimbre.io import networks

ROOT = Path(__file__).resolve().parents[2]
CORES = (1, 2, 3, 8)
N_NOTES = 5


def default_images():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((N_NOTES, 256))
    return load_generator("default").generate_images(z, np.arange(60, 60 + N_NOTES)).images


def default_latent():
    return load_generator("default").encode(tones((60, 1.0, LOUD)), 16000)


def mel_specgrams(folder):
    z = np.random.default_rng(0).standard_normal((N_NOTES, 256))
    return load_generator(folder).generate_specgrams(z, np.arange(60, 60 + N_NOTES), 20)


@pytest.fixture(params=["images", "latent", "specgrams"])
def compute(request, tmp_path):
    if request.param == "specgrams":
        image = np.random.default_rng(1).uniform(-1, 1, (128, 1024, 2)).astype(np.float32)
        return partial(mel_specgrams, write_mel_model(tmp_path / "imported", image))
    return {"images": default_images, "latent": default_latent}[request.param]


def test_any_number_of_cores_gives_the_same_bytes(compute, monkeypatch):
    found = []
    for cores in CORES:
        monkeypatch.setattr(network, "count_cores", lambda cores=cores: cores)
        found.append(compute().tobytes())
    assert len(set(found)) == 1


def test_a_network_computes_with_one_thread():
    config = read_config(find_model("default"))
    for part in ("generator", "encoder"):
        options = networks.open_session(config.read(part, part)).get_session_options()
        assert options.intra_op_num_threads == 1


def test_a_note_is_the_same_whatever_it_is_computed_beside():
    rng = np.random.default_rng(0)
    z, pitches = rng.standard_normal((4, 256)), np.array([48, 60, 72, 84])
    generator = load_generator("default")
    together = generator.generate_images(z, pitches)
    for k in range(4):
        alone = generator.generate_images(z[k : k + 1], pitches[k : k + 1]).images[0]
        np.testing.assert_array_equal(alone, together.images[together.index[k]])


def test_what_is_no_network_is_refused():
    with pytest.raises(ModelFormatError):
        networks.open_session(b"no network")


def test_nothing_else_loads_the_library():
    found = [
        path.name
        for folder in ("retimbre", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(import|from) onnxruntime", path.read_text(), re.MULTILINE)
    ]
    assert found == ["networks.py"]


@pytest.mark.parametrize("before", [None, "0"])
def test_telemetry_is_off_before_the_library_is_loaded(before):
    code = (
        "import os, sys\n"
        f"before = {before!r}\n"
        "if before is not None: os.environ['ORT_DISABLE_TELEMETRY'] = before\n"
        "from retimbre.io.networks import load_onnxruntime\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "load_onnxruntime()\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "1\n"
