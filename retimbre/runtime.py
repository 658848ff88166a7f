"""The machine: cores, threads, clocks and differences between systems.

A result must not depend on the machine's cores. Work is therefore cut into pieces whose size is
fixed, and each piece is computed by one thread: a sum that two threads share is rounded otherwise.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")

READ_BYTES = os.O_RDONLY | getattr(os, "O_BINARY", 0)
"""Flags of `os.open`: Windows would read text otherwise."""


def count_cores() -> int:
    """Return the number of cores that this process may run on [>= 1].

    A process may be held to fewer than the machine has (``taskset``, a container, a batch
    system); more threads than that only wait for each other.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_flags(cpu_info: Path = CPU_INFO) -> frozenset[str]:
    """Return what the processor can do, in Linux's words; empty where there is no Linux.

    Parameters
    ----------
    cpu_info : Path
        Linux's description of the processors.
    """
    if not cpu_info.is_file():
        return frozenset()
    for line in cpu_info.read_text().splitlines():
        name, _, flags = line.partition(":")
        if name.strip().lower() in ("flags", "features"):  # x86, ARM
            return frozenset(flags.split())
    return frozenset()


def interrupt(pid: int) -> None:
    """Press Ctrl-C in another process, if it still runs."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)


@contextmanager
def timed(timings: dict[str, float], key: str) -> Iterator[None]:
    """Add the seconds that the block takes to ``timings[key]``."""
    start = perf_counter()
    try:
        yield
    finally:
        timings[key] = timings.get(key, 0.0) + perf_counter() - start


class _SingleThreadedBlas(ContextDecorator):
    """Hold BLAS to one thread while anybody is inside.

    The limit belongs to the process. If each user set it and restored it, then of two that
    overlap the last to leave would restore the limit that the other had set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_users = 0
        self._controller: Any = None
        self._n_modules = 0
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_users == 0:
                self._limits = self._find_blas().limit(limits=1, user_api="blas")
            self._n_users += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._limits.restore_original_limits()

    def _find_blas(self) -> Any:
        """Look for BLAS, again where an import may have loaded another: a search takes a while."""
        import numpy  # noqa: F401 - loads its own
        from threadpoolctl import ThreadpoolController

        if self._n_modules != len(sys.modules):
            self._controller, self._n_modules = ThreadpoolController(), len(sys.modules)
        return self._controller


single_threaded_blas = _SingleThreadedBlas()
"""Hold BLAS to one thread, in a ``with`` block or around a function.

NumPy's matrix products would be rounded by the number of threads otherwise, and the threads of BLAS
wait for each other in busy loops. Whole tasks are given to threads instead.
"""
