"""The number of threads is that of the cores that may be used."""

import os
import subprocess
import sys

import pytest

from retimbre.runtime import count_cores


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
