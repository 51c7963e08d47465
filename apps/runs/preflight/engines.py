"""What only some engines can be asked; a check says of the others that it does not apply to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from apps.warehouse.base import Ration
from apps.warehouse.fingerprints import Fingerprints


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


@runtime_checkable
class Fingerprinting(Protocol):
    """A warehouse that can tell cheaply whether tables are still what they were."""

    def fingerprints(self, tables: Sequence[str]) -> Fingerprints:
        """Of these tables, or of all that it has where it can list them."""
        ...


@runtime_checkable
class Estimating(Protocol):
    """A warehouse that bills what a script reads, and tells beforehand how much that would be."""

    def estimate(self, sql: str, *, start: dt.date, end: dt.date, timeout: float) -> tuple[int, int]:
        """At least and at most so many bytes; QueryFailed with what is wrong in the script."""
        ...


@runtime_checkable
class Billing(Protocol):
    """A warehouse that tells afterwards what a job billed."""

    def billed(self, job_id: str) -> int | None:
        """The bytes, 0 where there was no such job; None where that is not known yet."""
        ...


@runtime_checkable
class Rationing(Protocol):
    """A warehouse that allows a table only so many writes a day."""

    load_jobs_a_day: int

    def rations(self, tables: Sequence[str]) -> Mapping[str, Ration]:
        """What each of the tables that are there may be written a day."""
        ...

    def rationed_writes(self, sql: str, table: str) -> int:
        """How many of a script's statements count against the ration of the table."""
        ...
