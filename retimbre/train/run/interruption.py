"""Ctrl-C and SIGTERM in the middle of a step wait until the step is whole."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """What came in while signals were held back.

    Attributes
    ----------
    number : int or None
        The signal, once there was one.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def __bool__(self) -> bool:
        """Tell whether there was a signal."""
        return self.number is not None


@contextmanager
def held_back(tell: Callable[[], None] | None = None) -> Iterator[Interruption]:
    """Hold back Ctrl-C and SIGTERM; who asked for them gets them when the block ends.

    What is ignored stays ignored: a shell starts what runs in its background deaf to Ctrl-C.

    The block looks at the interruption when it can be stopped, and ends. A second signal is not
    held back: whoever sends it does not want to wait. Outside the main thread, which gets no
    signals, nothing is held back.

    Parameters
    ----------
    tell : callable, optional
        Called when a signal comes in, in the midst of whatever is done.

    Yields
    ------
    interruption : Interruption
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
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
        interruption.number = number
        restore()
        if tell is not None:
            tell()

    for number in before:
        signal.signal(number, hold)
    try:
        yield interruption
    finally:
        restore()
    if interruption.number is not None:
        signal.raise_signal(interruption.number)
