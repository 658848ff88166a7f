"""Networks with reproducible numbers on any number of cores.

With several threads ONNX Runtime cuts a convolution by how many they are, which changes the last
digits of its sums. Here a session computes with one thread, and notes are shared out among threads
in pieces of a fixed size.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from retimbre._typing import Float32Array
from retimbre.runtime import count_cores


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
