"""Locks on a DuckDB file, which one process at a time may hold: shared by readers, exclusive for a call.

A job opens the file whenever it likes during its call, and fails where the console has it open just then. So in all of
the console's processes readers share a turn and a call has one alone, by locks (flock) on two empty files beside the
warehouse's. The kernel gives back what a process that died had. A turn is waited for in a queue: a reader that
waits for a call is next when it is over, before another call.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from apps import timing
from apps.warehouse.base import InUse

A_READER = "a scan or a look of this console"


def never_stopped() -> bool:
    return False


class Turns:
    """The turns with one file, as one warehouse object takes them."""

    def __init__(self, path: Path, *, patience: float = timing.DUCKDB_TURN_TIMEOUT):
        self.turn = path.with_name(f".{path.name}.turn")
        self.queue = path.with_name(f".{path.name}.queue")
        self.patience = patience
        self.calling: int | None = None  # the open file of a call's turn that this object has
        self.has_readers_turn = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A turn that readers share, within a call's own turn a part of it. InUse if another call takes longer."""
        if self.calling is not None or self.has_readers_turn:
            yield
            return
        handle = self.take(fcntl.LOCK_SH, never_stopped, self.patience)
        try:
            yield
        finally:
            close(handle)

    @contextmanager
    def of_reader(self, patience: float) -> Iterator[None]:
        """One reader's turn for several looks, so that no call comes in between. InUse after `patience` seconds."""
        handle = self.take(fcntl.LOCK_SH, never_stopped, patience)
        self.has_readers_turn = True
        try:
            yield
        finally:
            self.has_readers_turn = False
            close(handle)

    @contextmanager
    def of_call(
        self, who: str, *, owner: str = "", stopped: Callable[[], bool] = never_stopped
    ) -> Iterator[None]:
        """An exclusive turn for a call named `who`. InUse if others have it for longer, or once `stopped()` is true."""
        if self.calling is not None:
            yield
            return
        handle = self.take(fcntl.LOCK_EX, stopped, self.patience)
        if handle is not None:
            write(handle, f"{owner}\n{who}")
        self.calling = handle
        try:
            yield
        finally:
            self.calling = None
            if handle is not None:
                write(handle, "")
            close(handle)

    def take(self, mode: int, stopped: Callable[[], bool], patience: float) -> int | None:
        """The open and locked file; None if the folder takes no lock file, so that there are no turns."""
        deadline = time.monotonic() + patience
        try:
            queue = opened(self.queue)
        except OSError:
            return None
        try:
            self.lock(queue, fcntl.LOCK_EX, deadline, stopped)
            while True:
                handle = opened(self.turn)
                try:
                    self.lock(handle, mode, deadline, stopped)
                except InUse:
                    os.close(handle)
                    raise
                if is_current(handle, self.turn):
                    return handle
                os.close(handle)  # it was ended while we waited
        finally:
            os.close(queue)

    def lock(self, handle: int, mode: int, deadline: float, stopped: Callable[[], bool]) -> None:
        while True:
            try:
                fcntl.flock(handle, mode | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline or stopped():
                    says = f"{self.who()} has its turn with the warehouse file; this waits until it is over"
                    raise InUse(says) from None
            time.sleep(timing.DUCKDB_TURN_READ_EVERY)

    def who(self) -> str:
        """Who has the turn, for people."""
        return self.written()[1] or A_READER

    def written(self) -> tuple[str, str]:
        """The owner and the name of the call that has the turn."""
        try:
            owner, _, who = self.turn.read_text().partition("\n")
        except OSError:
            return "", ""
        return owner, who

    def end(self, owner: str) -> bool:
        """Ends the turn of a call whose worker is frozen and whose job was ended; returns whether it had one."""
        if not owner or self.written()[0] != owner:
            return False
        with suppress(OSError):
            self.turn.unlink()  # the next turn is taken with a new file
        return True


def opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def is_current(handle: int, path: Path) -> bool:
    """Whether the open file is the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False


def write(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode(), 0)


def close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
