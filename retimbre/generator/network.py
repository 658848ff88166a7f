"""ONNX Runtime sessions with reproducible numbers on any number of cores.

With several threads ONNX Runtime cuts a convolution by how many they are, which changes the last
digits of its sums. Here a session computes with one thread, and notes are shared out among threads
in pieces of a fixed size.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array
from retimbre.errors import ModelFormatError
from retimbre.runtime import count_cores


def load_onnxruntime() -> Any:
    """Import ONNX Runtime without its telemetry.

    From version 1.32 on it would look up an address on the internet and write into the user's
    cache folder. It reads the setting while it is imported.

    Returns
    -------
    onnxruntime : module
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


def open_session(graph: bytes) -> Any:
    """Open a network that computes with one thread.

    Parameters
    ----------
    graph : bytes
        An ONNX file.

    Returns
    -------
    session : onnxruntime.InferenceSession

    Raises
    ------
    ModelFormatError
        If ONNX Runtime cannot run it; the sentence is the library's.
    """
    onnxruntime = load_onnxruntime()
    from onnxruntime.capi import onnxruntime_pybind11_state as ort

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime's classes have no base of their own.
    except (
        ort.Fail,
        ort.InvalidArgument,
        ort.InvalidGraph,
        ort.InvalidProtobuf,
        ort.NotImplemented,
        ort.RuntimeException,
    ) as error:
        raise ModelFormatError(str(error)) from error


class Network:
    """A network that takes notes, the first axis of its inputs, and gives one array.

    Each note is computed alone: it comes out the same on any number of cores, whatever notes it is
    computed beside.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        As `open_session` opens it.

    Attributes
    ----------
    inputs : frozenset of str
        Names of the inputs.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = frozenset(end.name for end in session.get_inputs())

    def run(
        self, notes: Mapping[str, npt.NDArray[Any]], **constants: npt.NDArray[Any]
    ) -> Float32Array:
        """Compute.

        Parameters
        ----------
        notes : mapping of str to np.ndarray [shape=(n, ...)]
            The inputs that have a row for each note; n > 0.
        **constants : np.ndarray
            The inputs that are the same for all notes.

        Returns
        -------
        output : np.ndarray of float32 [shape=(n, ...)]
        """
        n = len(next(iter(notes.values())))

        def compute(note: int) -> Float32Array:
            row = {name: values[note : note + 1] for name, values in notes.items()}
            return np.asarray(self._session.run(None, row | constants)[0])

        n_threads = min(count_cores(), n)
        if n_threads == 1:
            return np.concatenate([compute(note) for note in range(n)])
        with ThreadPoolExecutor(n_threads, thread_name_prefix="network") as pool:
            return np.concatenate(list(pool.map(compute, range(n))))
