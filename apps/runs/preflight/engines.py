"""What only some engines can be asked; a check says of the others that it does not apply to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Expiring(Protocol):
    """A warehouse whose partitions may expire by themselves."""

    def expirations(self, tables: Sequence[str]) -> Mapping[str, dt.timedelta]:
        """How long partitions are kept, of the tables that do not keep them for ever; in one query."""
        ...


@runtime_checkable
class Rehearsing(Protocol):
    """A warehouse that can look at a script as if it were to be performed, and performs nothing."""

    def rehearse(
        self, sql: str, *, start: dt.date, end: dt.date, timeout: float, stopped: Callable[[], bool]
    ) -> str:
        """What it would do or cost, in words; QueryFailed with what is wrong in it."""
        ...
