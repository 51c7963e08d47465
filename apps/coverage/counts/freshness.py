"""The age of stored readings, and the tables that cannot be read now, since when and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.coverage.models import Partition, Scan, TableReading
from apps.warehouse.base import Absent

Awaited = TableReading.Awaited


def silent_tables() -> dict[str, TableReading]:
    """The readings of the tables that could not be read when they were last asked, by table; in one query.

    Their stored partitions are shown as last known. Code that decides by them treats them as unknown.
    """
    return {each.table: each for each in TableReading.objects.exclude(silent_since=None).order_by("table")}


@dataclass(frozen=True)
class Freshness:
    """`as_of` is the last time that the warehouse answered a scan, `failing_since` the first time after it that it
    did not. `problem` is what the latest scan could not ask, without a full stop. `silences` are the tables that
    could not be read when they were last asked, by a scan of all tables or of some. `scan_died` where the latest scan
    has no answer because its worker died."""

    as_of: dt.datetime | None
    problem: str = ""
    failing_since: dt.datetime | None = None
    silences: Mapping[str, TableReading] = field(default_factory=dict)
    scan_died: bool = False

    @property
    def awaits_turn(self) -> bool:
        """Whether the last scan failed only because a call of the console has the warehouse file."""
        return self._awaits(Awaited.TURN)

    @property
    def answers_again(self) -> bool:
        """Whether the warehouse has answered after the last scan failed, and is being read."""
        return self._awaits(Awaited.SCAN)

    def _awaits(self, what: str) -> bool:
        told = [each for each in self.silences.values() if each.problem in self.problem]
        return bool(self.failing_since and told) and all(each.awaited == what for each in told)

    @property
    def silences_to_tell(self) -> list[TableReading]:
        """Those that `problem` does not name: a scan of some tables and dates found them."""
        if self.failing_since and not self.scan_died:
            return []
        return [each for each in self.silences.values() if each.problem not in self.problem]

    @property
    def sentences(self) -> list[str]:
        """For a terminal: which figures are only last known, since when and why."""
        found = [f"{each.table}: {each.silence_in_words()}" for each in self.silences_to_tell]
        if not self.problem or not self.failing_since:
            return [f"Problem of the last scan: {self.problem}", *found] if self.problem else found
        known = f"last known at {self.as_of:%Y-%m-%d %H:%M} UTC; " if self.as_of else ""
        return [f"Not everything is known: {known}{self.failure}", *found]

    @property
    def failure(self) -> str:
        """ "the warehouse has not answered since 2024-01-15 22:13 UTC: ...", or what else kept the last scan."""
        at = f"{self.failing_since:%Y-%m-%d %H:%M} UTC"
        if self.scan_died:
            return f"the last scan did not end, at {at}: {self.problem}"
        if self.awaits_turn:
            return f"not read since {at}: {self.problem}. That is no outage: a scan follows as soon as it is over"
        if self.answers_again:
            return f"the warehouse did not answer from {at} on ({self.problem}); it answers again and is read now"
        return f"the warehouse has not answered since {at}: {self.problem}"

    @property
    def age(self) -> str:
        """ "as of 2024-01-15 12:00 UTC"."""
        return f"as of {self.as_of:%Y-%m-%d %H:%M} UTC" if self.as_of else "never scanned"

    @property
    def in_words(self) -> str:
        """Its age, and the problem of the last scan, if any."""
        return f"{self.age}; problem of the last scan: {self.problem}" if self.problem else self.age


def open_problems(reason: str) -> str:
    """The problem of a scan without the tables that did not exist then and have rows by now."""
    if Absent.SAYS not in reason:
        return reason
    filled = Partition.objects.filter(rows__gt=0).order_by().values_list("table", flat=True).distinct()
    created = {Absent.of(table).rstrip(".") for table in filled}
    return "; ".join(part for part in reason.split("; ") if part not in created)


def now() -> Freshness:
    """In two queries, and two more while the warehouse cannot be asked or a table does not exist."""
    silences = silent_tables()
    latest = Scan.objects.latest_finished()
    if latest is None:
        return Freshness(None, problem="the warehouse was not scanned yet", silences=silences)
    reading = Scan.objects.latest_reading() if latest.has_failed else latest
    return Freshness(
        as_of=reading.finished_at if reading else None,
        problem=open_problems(latest.reason),
        failing_since=Scan.objects.failing_since(reading) if latest.has_failed else None,
        silences=silences,
        scan_died=latest.has_failed and not latest.was_not_answered,
    )
