"""The machine: cores, threads, processes and differences between systems.

A result must not depend on the machine's cores. Work is therefore cut into pieces whose size is
fixed, and each piece is computed by one thread: a sum that two threads share is rounded otherwise.
"""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from retimbre._typing import StageProgress
from retimbre.errors import Cancelled

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.process import BaseProcess

Item = TypeVar("Item")
Found = TypeVar("Found")

CPU_INFO = Path("/proc/cpuinfo")

# How often interrupted work is asked again to stop: a process may have just begun another item.
_ASK_AGAIN_SECONDS = 0.2

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
    text = cpu_info.read_text() if cpu_info.is_file() else ""
    # The first is x86's name for them, the second ARM's.
    found = re.search(r"^[ \t]*(?:flags|features)[ \t]*:(.*)", text, re.IGNORECASE | re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


def in_processes(
    work: Callable[[Item], Found],
    items: Iterable[Item],
    workers: int,
    set_up: Callable[[], None] | None = None,
) -> Iterator[tuple[Item, Found | None]]:
    """Do the same with many things in other processes, and yield what comes of each.

    Ctrl-C, an error or leaving the loop interrupts what is under way: there a `KeyboardInterrupt`
    is raised, once, so that no unfinished file stays. The processes end with this one, even if it
    is killed.

    Parameters
    ----------
    work : callable
        Can be pickled, as can the items and what it returns, which is never None.
    items : iterable
    workers : int [>= 1]
        Processes.
    set_up : callable, optional
        Called once in every process.

    Yields
    ------
    item, found : object, object or None
        In the order in which they are done; None where a process died. It takes with it what the
        others were at, and what was still to be done.

    Raises
    ------
    Exception
        What `work` raises; the rest is then not done.
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children, get_context

    others = set(active_children())
    futures: dict[Future[Found], Item] = {}
    # Spawned, because the threads of ONNX Runtime do not survive a fork.
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (set_up,)) as pool:
        try:
            with _interrupts_ignored():
                futures |= {pool.submit(_interruptible, work, item): item for item in items}
            for future in as_completed(futures):
                is_lost = isinstance(future.exception(), BrokenProcessPool)
                yield futures[future], None if is_lost else future.result()
        except BaseException:
            _stop(futures, others)
            raise


def _stop(futures: "Iterable[Future[Found]]", others: "set[BaseProcess]") -> None:
    """Interrupt what the processes of a pool are at until nothing is under way."""
    from concurrent.futures import wait
    from multiprocessing import active_children

    for future in futures:
        future.cancel()
    while not all(future.done() for future in futures):
        for process in set(active_children()) - others:
            if process.pid is not None:
                with suppress(ProcessLookupError):  # it may have just ended
                    os.kill(process.pid, signal.SIGINT)
        wait(futures, timeout=_ASK_AGAIN_SECONDS)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes that start in here ignore Ctrl-C until they have work."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin(set_up: Callable[[], None] | None) -> None:
    """Set up a process that ends when the one that started it ends."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    if set_up is not None:
        set_up()


def _interruptible(work: Callable[[Item], Found], item: Item) -> Found:
    """Do work that Ctrl-C ends, in a process that it does not end."""
    signal.signal(signal.SIGINT, _interrupt_once)
    try:
        return work(item)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    # A second interrupt must not cut short the cleaning up after the first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def compile_kernel(function: Callable[..., None]) -> Callable[..., None]:
    """Compile once per machine; only once per process where no cache folder can be written."""
    import numba

    options: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(**options)(function)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Watch:
    """Passes on progress, and ends the work where somebody wants it to end.

    Attributes
    ----------
    progress : callable or None
    cancel : callable or None
        Asked at each step.

    Raises
    ------
    Cancelled
        Where `cancel` returns True.
    """

    progress: StageProgress | None
    cancel: Callable[[], bool] | None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take in how far a stage is."""
        if self.cancel is not None and self.cancel():
            raise Cancelled("Cancelled.")
        if self.progress is not None:
            self.progress(stage, done, total)


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
