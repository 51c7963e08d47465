"""Stop requests of a cluster, readable in each of its processes, so that long work ends in order.

A request is a byte of memory that the cluster's processes share. It needs no lock, which a killed process could keep.
"""

from __future__ import annotations

import mmap
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_requested = mmap.mmap(-1, 1)


def begin() -> None:
    """Create the byte of the cluster whose main process calls this; processes forked from now on share it."""
    global _requested
    _requested = mmap.mmap(-1, 1)


def request_stop() -> None:
    """Request every process of this cluster to stop."""
    _requested[0] = 1


def stop_requested() -> bool:
    """Whether this process should end its work soon, and begin nothing new."""
    return _requested[0] == 1


@contextmanager
def on_signal(*numbers: signal.Signals) -> Iterator[None]:
    """The first of these signals requests this process to stop in order; a second one has its usual effect.

    For a program whose main thread does the work itself. At the end the request is cleared.
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
