"""How old what is stored is, and why it may not be what the warehouse has now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from apps.coverage.models import Scan


@dataclass(frozen=True)
class Freshness:
    """`as_of` is the last time that the warehouse answered a scan, `failing_since` the first time after it that it
    did not. `problem` is what the latest scan could not ask, without a full stop."""

    as_of: dt.datetime | None
    problem: str = ""
    failing_since: dt.datetime | None = None

    @property
    def in_words(self) -> str:
        """ "as of 2024-01-15 12:00 UTC", and what could not be asked since."""
        age = f"as of {self.as_of:%Y-%m-%d %H:%M} UTC" if self.as_of else "never scanned"
        return f"{age}; not everything is known: {self.problem}" if self.problem else age


def now() -> Freshness:
    """In one query, and two more while the warehouse cannot be asked."""
    latest = Scan.objects.latest_finished()
    if latest is None:
        return Freshness(as_of=None, problem="the warehouse was not scanned yet")
    reading = Scan.objects.latest_reading() if latest.has_failed else latest
    return Freshness(
        as_of=reading.finished_at if reading else None,
        problem=latest.reason,
        failing_since=Scan.objects.failing_since(reading) if latest.has_failed else None,
    )
