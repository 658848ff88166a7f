"""Threads, memory that is used again, and BLAS held to one thread."""

import subprocess
import sys
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from retimbre.pitch.crepe.threads import open_workspace


def blas_threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.mark.parametrize("n_threads", [1, 3])
def test_every_task_runs_once(n_threads):
    done = []
    with open_workspace(n_threads) as workspace:
        workspace.run(done.append, 50)
    assert sorted(done) == list(range(50))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_the_error_of_a_task_is_raised(n_threads):
    def fail(index):
        if index == 4:
            raise ValueError("task 4")

    with open_workspace(n_threads) as workspace, pytest.raises(ValueError, match="task 4"):
        workspace.run(fail, 9)


def test_blas_is_held_to_one_thread_until_the_last_leaves():
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        first, second = open_workspace(), open_workspace()
        first.__enter__()
        second.__enter__()
        assert blas_threads() == {1}
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before


def test_blas_that_is_loaded_later_is_held_too():
    code = (
        "from threadpoolctl import threadpool_info\n"
        "from retimbre.runtime import single_threaded_blas\n"
        "with single_threaded_blas: pass\n"
        "import scipy.linalg\n"
        "with single_threaded_blas:\n"
        "    print(*[lib['num_threads'] for lib in threadpool_info() if lib['user_api'] == 'blas'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == {"1"}


def test_blas_is_released_after_an_error():
    before = blas_threads()
    with pytest.raises(ValueError, match="inside"), open_workspace():
        raise ValueError("inside")
    assert blas_threads() == before


def test_memory_is_used_again():
    with open_workspace(1) as workspace:
        large = workspace.array("x", (10, 20))
        assert workspace.array("x", (3, 4)).base is large.base
        assert workspace.array("y", (3, 4)).base is not large.base


def test_each_thread_has_memory_of_its_own():
    bases = set()
    barrier = threading.Barrier(2)

    def take(index):
        barrier.wait(timeout=10)
        bases.add(id(workspace.local_array("x", (5,)).base))
        barrier.wait(timeout=10)

    with open_workspace(2) as workspace:
        workspace.run(take, 2)
    assert len(bases) == 2
