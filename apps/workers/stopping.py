"""Stop requests of a cluster, readable in each of its processes, so that long work ends in order.

The word is a byte that the cluster's processes share since they were forked. It needs no lock, which a process that
is killed could keep.
"""

from __future__ import annotations

import mmap
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_asked = mmap.mmap(-1, 1)


def begin() -> None:
    """A byte of its own for the cluster whose main process calls this; what it forks from now on shares it."""
    global _asked
    _asked = mmap.mmap(-1, 1)


def request_stop() -> None:
    """Tells every process of this cluster that it is to stop."""
    _asked[0] = 1


def stop_requested() -> bool:
    """Whether this process is to end what it does soon, and to begin nothing new."""
    return _asked[0] == 1


@contextmanager
def on_signal(*numbers: signal.Signals) -> Iterator[None]:
    """Asks this process to stop in order when it hears one of these; a second one does what it would do without.

    For a program whose main thread does the work itself. Nothing is asked of it any more afterwards.
    """
    begin()
    before = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def heard(number: int, frame: FrameType | None) -> None:
        request_stop()
        restore()

    for number in numbers:
        signal.signal(number, heard)
    try:
        yield
    finally:
        restore()
        begin()
