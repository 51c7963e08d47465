"""A scan of some tables and dates, which leaves what is stored of all others.

It is no Scan: those say how old the picture as a whole is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from apps.coverage.calendar import expected_dates
from apps.coverage.calendar.expected_dates import CalendarAnswer
from apps.coverage.models import Partition, Scan, TableReading
from apps.coverage.scanning import (
    full_scan,
    judging,
    questions,
    readings,
    rejudging,
    staleness,
    storing,
    unreadable,
)
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.warehouse.base import Reading, Warehouse, WarehouseError


@dataclass(frozen=True)
class Partial:
    """The outcome, with the fields of a Scan; it has no number, since only its partitions are stored.

    `reading` and `said` are what the warehouse and its calendar said, None where they could not be asked. `undated` are
    the rows without a date of the tables where these were counted.
    """

    status: Scan.Status
    tables_done: int = 0
    queries: int = 0
    changed: int = 0
    problem: str = ""
    reading: Reading | None = None
    said: CalendarAnswer | None = None
    undated: Mapping[str, int] = field(default_factory=dict)
    pk: None = None

    @property
    def notes(self) -> str:
        """What to know of tables that did answer, as a Scan has it."""
        return "; ".join(full_scan.undated_in_words(self.undated))


def scan(pipeline: Pipeline, warehouse: Warehouse, scope: Scope) -> Partial:
    """Two queries, as for everything: the calendar, and all tables of the scope in one."""
    days, asked_at = scope.days, timezone.now()
    try:
        said = expected_dates.read_calendar(pipeline, warehouse)
        reading = readings.count_tables(pipeline, warehouse, scope.tables, days)
    except WarehouseError as error:
        unreadable.note_error((table.name for table in scope.tables), error, at=asked_at)
        return Partial(Scan.Status.FAILED, problem=full_scan.not_asked(error))
    undated = reading.take_undated()
    expected = {date: units for date, units in said.expected.items() if date in scope}
    with transaction.atomic():
        moved = expected_dates.remember(pipeline, said, read_at=asked_at, days=set(days))
        if others := [table for table in pipeline.tables if table not in scope.tables and moved]:
            rejudging.judge_stored(pipeline, others, moved)
        changed = sum(remember(pipeline, scope, expected, reading, asked_at=asked_at))
        staleness.mark(pipeline)
    problem, queries = full_scan.problems_in_words(reading), reading.queries + said.queries
    return Partial(
        Scan.Status.SUCCEEDED, len(scope.tables), queries, changed, problem, reading, said, undated
    )


def remember(
    pipeline: Pipeline,
    scope: Scope,
    expected: Mapping[dt.date, int],
    reading: Reading,
    *,
    asked_at: dt.datetime,
) -> list[int]:
    """Judges and stores the scope's partitions; returns for each table how many changed."""
    changed = []
    for table in scope.tables:
        dates = sorted(set(expected) | set(reading.counts.get(table.name, {})))
        found = [
            judging.judged(pipeline, table, date, expected.get(date), reading, asked_at) for date in dates
        ]
        changed.append(readings.store(found))
        stored = Partition.objects.filter(table=table.name, date__in=scope.days)
        problem = reading.problems.get(table.name, "")
        if problem and not reading.is_absent(table.name):
            unreadable.record_failure([table.name], problem, at=asked_at)
            continue
        storing.remove_unexpected_partitions(stored.exclude(date__in=dates))
        stored.filter(read_at__lt=asked_at).update(read_at=asked_at)
        unreadable.clear_failure([table.name], problem)
        # So that a change of the file is noticed, if no full scan recorded the table's rules before.
        TableReading.objects.get_or_create(table=table.name, defaults=questions.rules_of(pipeline, table))
    return changed
