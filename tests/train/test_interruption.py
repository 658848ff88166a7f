"""Signals wait for the end of a block, and then do what they always do."""

import os
import signal
import threading

import pytest

from retimbre.train.run.interruption import held_back


def send(number):
    os.kill(os.getpid(), number)


def work(done, n_signals):
    """Send signals in the midst of a block, and say what was done after."""
    with held_back() as interruption:
        assert not interruption
        for _ in range(n_signals):
            send(signal.SIGINT)
        assert interruption
        done.append("all of it")


def test_ctrl_c_waits_for_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt):
        work(done, 1)
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_is_held_back_is_told():
    told = []

    @held_back(lambda: told.append("heard"))
    def wait():
        assert told == []
        send(signal.SIGINT)
        told.append("done")

    with pytest.raises(KeyboardInterrupt):
        wait()
    assert told == ["heard", "done"]


def test_sigterm_goes_to_whoever_handles_it():
    got = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
    try:
        with held_back() as interruption:
            send(signal.SIGTERM)
            assert got == []
        assert got == [signal.SIGTERM]
        assert interruption == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_second_ctrl_c_does_not_wait():
    done = []
    with pytest.raises(KeyboardInterrupt):
        work(done, 2)
    assert done == []


def test_an_error_of_the_block_comes_first():
    @held_back()
    def fail():
        send(signal.SIGINT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_hold_nothing_back():
    found = []

    def run():
        with held_back() as interruption:
            found.append(bool(interruption))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [False]


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back() as interruption:
            send(signal.SIGINT)
        assert not interruption
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
