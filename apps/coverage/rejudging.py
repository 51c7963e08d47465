"""Judges anew what was counted, without asking the warehouse: counts are facts, and verdicts follow from them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from django.utils import timezone

from apps.coverage import accepting, scanning
from apps.coverage.models import Partition, TableReading, calendar_between
from apps.coverage.scanning import Found
from apps.pipeline.definition import Pipeline, Table
from apps.warehouse.base import EMPTY, Absent, Count


class Counted(NamedTuple):
    """What was counted of a partition, None where it could not be, and when."""

    count: Count | None
    read_at: dt.datetime


Stored = Mapping[str, Mapping[dt.date, Counted]]


def follow_readings(pipeline: Pipeline, read: Iterable[Partition]) -> int:
    """Judges anew, on the same dates, the tables whose rows are compared with those that were just read.

    Call it in the transaction that stores what was read. Answers how many verdicts are other ones.
    """
    dates: dict[str, set[dt.date]] = defaultdict(set)
    for each in read:
        dates[each.table].add(each.date)
    return sum(
        judge_stored(pipeline, [table], dates[table.compared_with])
        for table in pipeline.tables
        if table.compared_with in dates
    )


def judge_stored(pipeline: Pipeline, tables: Collection[Table], dates: Collection[dt.date] = ()) -> int:
    """Judges what is stored of these tables, on some dates or all; answers how many verdicts are other ones.

    What could not be counted stays unknown.
    """
    found = list(judged(pipeline, tables, dates))
    if not found:
        return 0
    known = scanning.stored(found)
    fresh = [each for each in found if scanning.is_news(each, known)]
    if fresh:
        scanning.write([scanning.partition(each, known[each.table, each.date]) for each in fresh])
        days = {each.date for each in fresh}
        accepting.hold({each.table for each in fresh}, days, today=pipeline.today(timezone.now()))
    return len(fresh)


def judged(pipeline: Pipeline, tables: Collection[Table], dates: Collection[dt.date]) -> Iterator[Found]:
    """The partitions of which something was counted, each as of the moment when it was read."""
    others = {table.compared_with for table in tables if table.compared_with}
    counted = load({table.name for table in tables} | others, dates)
    days = {date for some in counted.values() for date in some}
    calendar = calendar_between(min(days), max(days)) if days else {}
    problems = dict(TableReading.objects.exclude(problem="").values_list("table", "problem"))
    for table in tables:
        absent = problems.get(table.name, "") == Absent.of(table.name)
        for date, (count, read_at) in counted.get(table.name, {}).items():
            if count is None:
                continue
            yield scanning.judged_count(
                pipeline,
                table,
                date,
                calendar[date].units if date in calendar else None,
                count,
                compared_count(table, date, counted),
                read_at,
                absent=problems[table.name] if absent else "",
            )


def compared_count(table: Table, date: dt.date, counted: Stored) -> Count | None:
    """What the other table has on the date; None where that one was not read."""
    if not table.compared_with:
        return EMPTY
    other = counted.get(table.compared_with, {})
    if date in other:
        return other[date].count
    return EMPTY if other else None


def load(tables: Collection[str], dates: Collection[dt.date]) -> Stored:
    """What is stored of these tables, on some dates or all; in one query."""
    rows = Partition.objects.of(tables).order_by()
    if dates:
        rows = rows.filter(date__in=dates)
    found: dict[str, dict[dt.date, Counted]] = defaultdict(dict)
    columns = "rows", "quality", "written_at", "fallback_share", "keys", "modified_at"
    for table, date, read_at, number, quality, written_at, share, keys, modified_at in rows.values_list(
        "table", "date", "read_at", *columns
    ):
        count = None
        if number is not None:
            count = Count(number, quality, written_at, share, keys, modified_at=modified_at)
        found[table][date] = Counted(count, read_at)
    return found
