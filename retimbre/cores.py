"""How many processor cores this process may use."""

import os


def count_cores() -> int:
    """Return the number of cores that this process may run on [>= 1].

    A process may be held to fewer than the machine has (``taskset``, a container, a batch
    system); more threads than that only wait for each other.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
