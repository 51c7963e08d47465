"""Reads some partitions, as before and after an attempt, and stores what was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.coverage.accepted import accepting
from apps.coverage.models import Partition, TableReading
from apps.coverage.scanning import judging, questions, rejudging, storing, unreadable
from apps.coverage.scanning.judging import Found, Key
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.warehouse.base import Count, Reading, Warehouse


def known(table: Table) -> Mapping[dt.date, Count]:
    """The stored counts of a table that the metadata can confirm, if the last reading counted the same columns."""
    if not TableReading.objects.filter(table=table.name, columns=questions.told_columns(table)).exists():
        return {}
    rows = Partition.objects.of([table.name]).exclude(modified_at=None).exclude(rows=None).order_by()
    if table.key:
        rows = rows.exclude(keys=None)
    values = rows.values_list("date", *storing.COUNTED)
    return {date: Count(**dict(zip(storing.COUNTED, counted, strict=True))) for date, *counted in values}


def read_range(
    pipeline: Pipeline, warehouse: Warehouse, wanted: Mapping[str, Collection[dt.date]]
) -> dict[Key, Found]:
    """What the warehouse has for these dates, asked as a scan asks: of metadata where that says enough.

    One query where the engine counts everything anyway. No date, no query. Stores nothing.
    """
    dates = {date for days in wanted.values() for date in days}
    if not dates:
        return {}
    asked_at = timezone.now()
    tables = [pipeline.table(name) for name in wanted]
    reading = warehouse.scan(
        [questions.question(table) for table in (*tables, *compared(pipeline, tables))],
        start=min(dates),
        end=max(dates),
        known=lambda name: known(pipeline.table(name)),
    )
    return judging.judged_all(pipeline, wanted, reading, asked_at)


def was_read(table: str) -> bool:
    """Whether the table was ever read: if so, one that cannot be read now is away, not new."""
    found = Partition.objects.of([table])
    return found.filter(Q(rows__isnull=False) | Q(complete_rows__isnull=False)).exists()


def count_tables(
    pipeline: Pipeline,
    warehouse: Warehouse,
    tables: Collection[Table],
    dates: Collection[dt.date],
) -> Reading:
    """Counts these tables, their rows without a date too, and those that they are compared with, in one query."""
    asked = [replace(questions.question(table), undated=True) for table in tables]
    return warehouse.count([*asked, *map(questions.question, compared(pipeline, tables))], dates=dates)


def compared(pipeline: Pipeline, tables: Collection[Table]) -> list[Table]:
    """The other tables that the rows of these are compared with."""
    names = {table.rows.like for table in tables if table.rows and table.rows.like}
    return [pipeline.table(name) for name in sorted(names - {table.name for table in tables})]


def store(found: Iterable[Found]) -> int:
    """Stores partitions that differ from what is stored; returns how many.

    A partition that was read later than this reading stays: a run may have filled it during a scan. A partition that
    could not be read keeps its last state, and an accepted gap stays accepted, even as another kind of gap.
    """
    rows = list(found)
    if not rows:
        return 0
    tables, dates = {each.table for each in rows}, {each.date for each in rows}
    known = storing.stored(Partition.objects.of(tables).between(min(dates), max(dates)))
    fresh = [
        storing.partition(each, known.get(each.key))
        for each in rows
        if storing.is_news(each, known.get(each.key))
    ]
    with transaction.atomic():
        storing.write(fresh)
        if fresh:
            judged = {each.key for each in rows if each.count}
            rejudging.rejudge_dependents(definition.current(), fresh, judged=judged)
        unreadable.clear_failure({each.table for each in rows if each.count})
        today = definition.current().today(timezone.now())
        accepting.reapply_acceptances(tables, dates, today=today)
    return len(fresh)
