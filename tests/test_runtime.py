"""Threads as many as there are cores, and processes that end when they should."""

import math
import os
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from retimbre.runtime import count_cores, in_processes


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs processor affinity")
def test_only_cores_that_may_be_used_are_counted():
    code = (
        "import os; from retimbre.runtime import count_cores;"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(count_cores())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "1\n"


@pytest.mark.parametrize(("known", "counted"), [(6, 6), (None, 1)])
def test_all_cores_are_counted_where_there_is_no_affinity(monkeypatch, known, counted):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: known)
    assert count_cores() == counted


def sleep(seconds):
    """Take some time and say how much."""
    time.sleep(seconds)
    return seconds


def test_processes_find_what_one_finds():
    found = dict(in_processes(math.factorial, range(6), 2))
    assert found == {n: math.factorial(n) for n in range(6)}


def test_a_process_that_dies_is_told():
    assert list(in_processes(os._exit, [3], 1)) == [(3, None)]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_what_is_under_way_is_interrupted_where_the_loop_is_left():
    start = time.monotonic()
    found = in_processes(sleep, [0, 300, 300, 300], 2)
    assert next(found) == (0, 0)
    found.close()
    assert time.monotonic() - start < 60
    assert not active_children()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_an_error_ends_the_rest():
    start = time.monotonic()
    with pytest.raises(TypeError):
        list(in_processes(sleep, ["long", 300, 300], 2))
    assert time.monotonic() - start < 60


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs Linux's list of processes")
def test_processes_end_with_one_that_is_killed():
    code = (
        "import os, time; from multiprocessing import active_children;"
        "from retimbre.runtime import in_processes; found = in_processes(os.getpgid, [0, 0], 2);"
        "next(found); print(*(child.pid for child in active_children()), flush=True);"
        "time.sleep(300)"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        pids = process.stdout.readline().split()
        process.kill()
    assert pids
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)
