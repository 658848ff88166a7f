"""Threads and memory for heavy NumPy work.

NumPy's operations let other threads run meanwhile, and BLAS has threads of its own, but those wait
for each other in busy loops: on a machine that does anything else, small products then take a
hundred times longer. So BLAS is held to one thread, and whole tasks are given to threads here.

Large arrays are kept and used again: the system takes as long to hand out fresh memory as a
processor to fill it.
"""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from retimbre._typing import Float32Array
from retimbre.runtime import count_cores, single_threaded_blas

MAX_THREADS = 8
"""Each thread needs some 20 MB of its own, and the tasks of a step are few."""

# A step's tasks are handed out in so many runs for each thread: often enough to keep all busy.
_RUNS_PER_THREAD = 4


class Workspace:
    """Threads that run numbered tasks, and arrays that outlive a call; see `open_workspace`.

    One caller at a time may use it.
    """

    def __init__(self, pool: ThreadPoolExecutor, n_threads: int) -> None:
        self._pool = pool
        self._n_threads = n_threads
        self._shared: dict[str, Float32Array] = {}
        self._local = threading.local()

    def run(self, task: Callable[[int], None], n_tasks: int) -> None:
        """Call ``task(0) .. task(n_tasks - 1)`` in any order and return when all are done.

        Raises
        ------
        BaseException
            The first error of a task.
        """
        n_runs = min(n_tasks, _RUNS_PER_THREAD * self._n_threads)

        def run(index: int) -> None:
            for number in range(n_tasks * index // n_runs, n_tasks * (index + 1) // n_runs):
                task(number)

        in_threads = min(n_runs, self._n_threads) > 1
        for _ in (self._pool.map if in_threads else map)(run, range(n_runs)):
            pass

    def array(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        """Return an array of any content that is valid until `name` is asked for again."""
        return _take(self._shared, name, shape)

    def local_array(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        """Return what `array` does, one for each thread that asks."""
        return _take(self._local.__dict__, name, shape)


@contextmanager
def open_workspace(n_threads: int | None = None) -> Iterator[Workspace]:
    """Yield a workspace; as long as it is open, BLAS is held to one thread.

    Parameters
    ----------
    n_threads : int, optional [> 0]
        Default: one for each core that the process may use, 8 at most.
    """
    if n_threads is None:
        n_threads = min(count_cores(), MAX_THREADS)
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="retimbre-pitch")
    with single_threaded_blas, pool:
        yield Workspace(pool, n_threads)


def _take(arrays: dict[str, Float32Array], name: str, shape: tuple[int, ...]) -> Float32Array:
    size = math.prod(shape)
    if name not in arrays or arrays[name].size < size:
        arrays[name] = np.empty(size, np.float32)
    return arrays[name][:size].reshape(shape)
