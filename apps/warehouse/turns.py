"""Locks on a DuckDB file, which one process at a time may hold: shared by readers, exclusive for a call.

A job opens the file whenever it likes during its call, and fails where the console has it open just then. So in all of
the console's processes readers share a turn and a call has one alone, by locks (flock) on two empty files beside the
warehouse's. The kernel gives back what a process that died had. A turn is waited for in a queue: whoever waits for a
call is next when it is over, before another call.
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


def nobody_stops() -> bool:
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
        """A turn that readers share; nothing more to do within a call's own. InUse where a call goes on for longer."""
        if self.calling is not None or self.has_readers_turn:
            yield
            return
        handle = self.take(fcntl.LOCK_SH, nobody_stops, self.patience)
        try:
            yield
        finally:
            give_back(handle)

    @contextmanager
    def of_reader(self, patience: float) -> Iterator[None]:
        """One reader's turn for several looks, so that no call comes in between. InUse after `patience` seconds."""
        handle = self.take(fcntl.LOCK_SH, nobody_stops, patience)
        self.has_readers_turn = True
        try:
            yield
        finally:
            self.has_readers_turn = False
            give_back(handle)

    @contextmanager
    def of_call(
        self, who: str, *, owner: str = "", stopped: Callable[[], bool] = nobody_stops
    ) -> Iterator[None]:
        """A turn alone, for a call that reads as `who`. InUse where others have it for longer, or `stopped()`."""
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
            give_back(handle)

    def take(self, mode: int, stopped: Callable[[], bool], patience: float) -> int | None:
        """The open and locked file; None where there is no place for one, and so no turns."""
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
                if is_still(handle, self.turn):
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
        """Ends the turn of a call whose worker is frozen, and whose job was ended; whether it had one."""
        if not owner or self.written()[0] != owner:
            return False
        with suppress(OSError):
            self.turn.unlink()  # whoever comes takes turns with a new file
        return True


def opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def is_still(handle: int, path: Path) -> bool:
    """Whether the open file is the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False


def write(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode(), 0)


def give_back(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
