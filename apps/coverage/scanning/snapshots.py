"""Reads the warehouse before or after a call: the dates of the call, and whole tables where that costs nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from django.utils import timezone

from apps.coverage.scanning import judging, questions, readings
from apps.coverage.scanning.judging import Found, Key
from apps.pipeline.definition import Pipeline
from apps.warehouse.base import EMPTY, Count, Reading, Warehouse

NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Snapshot:
    """What the warehouse answered to one query. `found` are the dates that were asked about, judged."""

    found: dict[Key, Found] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    asked_at: dt.datetime = NEVER

    def counts(self, table: str) -> Mapping[dt.date, Count] | None:
        """All dates of the table that have rows; None where only some dates were counted."""
        if self.reading.is_absent(table):
            return {}
        return self.reading.counts.get(table) if table in self.reading.whole else None

    def judged(self, pipeline: Pipeline, table: str, dates: Collection[dt.date]) -> dict[dt.date, Found]:
        """These dates of a table of which all dates were counted."""
        if not dates:
            return {}
        found = judging.judged_all(pipeline, {table: dates}, self.reading, self.asked_at)
        return {date: each for (_, date), each in found.items()}


def take_snapshot(
    pipeline: Pipeline, warehouse: Warehouse, wanted: Mapping[str, Collection[dt.date]]
) -> Snapshot:
    """Some dates of some tables, and of these tables all dates where that costs no more. Stores nothing.

    One query. A WarehouseError where the warehouse as a whole cannot be asked; a table that cannot is judged unknown.
    """
    dates = {date for some in wanted.values() for date in some}
    tables = [pipeline.table(name) for name in wanted]
    asked_at = timezone.now()
    asked = [
        replace(questions.question(table), whole=True)
        for table in (*tables, *readings.compared(pipeline, tables))
    ]
    reading = warehouse.count(asked, dates=dates)
    return Snapshot(judging.judged_all(pipeline, wanted, reading, asked_at), reading, asked_at)


def differences(table: str, before: Snapshot, after: Snapshot) -> set[dt.date]:
    """The dates of the table that have other rows or keys after than before; none where not all were counted."""
    was, now = before.counts(table), after.counts(table)
    if was is None or now is None:
        return set()
    return {
        date for date in was.keys() | now.keys() if size(was.get(date, EMPTY)) != size(now.get(date, EMPTY))
    }


def size(count: Count) -> tuple[int, int | None]:
    return count.rows, count.keys or None
