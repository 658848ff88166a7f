"""Ctrl-C and SIGTERM in the middle of a step wait until the step is whole."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back(tell: Callable[[], None] | None = None) -> Iterator[list[int]]:
    """Hold back Ctrl-C and SIGTERM; who asked for them gets them when the block ends.

    What is ignored stays ignored: a shell starts what runs in its background deaf to Ctrl-C.

    The block looks whether one came when it can be stopped, and ends. A second signal is not
    held back: whoever sends it does not want to wait. Outside the main thread, which gets no
    signals, nothing is held back.

    Parameters
    ----------
    tell : callable, optional
        Called when a signal comes in, in the midst of whatever is done.

    Yields
    ------
    came : list of int
        The signals that came in while they were held back.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {
        number: handler
        for number in SIGNALS
        if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def hold(number: int, frame: FrameType | None) -> None:
        came.append(number)
        restore()
        if tell is not None:
            tell()

    for number in before:
        signal.signal(number, hold)
    try:
        yield came
    finally:
        restore()
    if came:
        signal.raise_signal(came[-1])
