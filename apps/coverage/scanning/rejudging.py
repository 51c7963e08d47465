"""Judges stored counts again, without asking the warehouse."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from django.db.models import F, Q
from django.utils import timezone

from apps.coverage.accepted import accepting
from apps.coverage.models import Partition, TableReading, calendar_between
from apps.coverage.scanning import judging, storing
from apps.coverage.scanning.expectation import OFF_CALENDAR, Verdict
from apps.coverage.scanning.judging import Found
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.warehouse.base import EMPTY, Absent, Count


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of a partition, None where it could not be, and when."""

    pk: int
    count: Count | None
    read_at: dt.datetime


MANY = 5_000
Stored = Mapping[str, Mapping[dt.date, Counted]]


def rejudge_dependents(
    pipeline: Pipeline, changed: Iterable[Partition], *, judged: Collection[tuple[str, dt.date]] = ()
) -> int:
    """Judges again, on the same dates, the tables whose rows are compared with those that changed.

    `judged` are the tables and dates that the same reading judged, with what it found of both. Call it in the
    transaction that stores the reading. Returns how many verdicts changed.
    """
    dates: dict[str, set[dt.date]] = defaultdict(set)
    for each in changed:
        dates[each.table].add(each.date)
    number = 0
    for table in pipeline.tables:
        other = table.compared_with or ""
        if left := {date for date in dates.get(other, ()) if (table.name, date) not in judged}:
            number += judge_stored(pipeline, [table], left)
    return number


def judge_stored(pipeline: Pipeline, tables: Collection[Table], dates: Collection[dt.date] = ()) -> int:
    """Judges stored partitions of these tables, on some dates or all; returns how many verdicts changed.

    What could not be counted stays unknown.
    """
    found = dict(judged(pipeline, tables, dates))
    known = storing.stored(found.values())
    fresh = {pk: each for pk, each in found.items() if storing.is_news(each, known.get(each.key))}
    if fresh:
        write(fresh)
        days = {each.date for each in fresh.values()}
        accepting.reapply_acceptances(
            {each.table for each in fresh.values()}, days, today=pipeline.today(timezone.now())
        )
    return len(fresh)


def write(fresh: Mapping[int, Found]) -> None:
    """Stores the verdicts with a query for each different one; the counts stay as they are."""
    same: dict[tuple[str, int, Verdict], list[int]] = defaultdict(list)
    for pk, each in fresh.items():
        same[each.season, each.units, each.verdict].append(pk)
    for (season, units, verdict), pks in same.items():
        for place in range(0, len(pks), MANY):
            Partition.objects.filter(pk__in=pks[place : place + MANY]).update(
                season=season, units=units, read_state="", **asdict(verdict)
            )
    complete = Partition.objects.of({each.table for each in fresh.values()}).filter(
        state=Partition.State.COMPLETE
    )
    fewer = Q(complete_rows=None) | Q(complete_rows__lt=F("rows"))
    complete.filter(fewer, rows__isnull=False).update(complete_rows=F("rows"))
    fewer = Q(complete_keys=None) | Q(complete_keys__lt=F("keys"))
    complete.filter(fewer, keys__isnull=False).update(complete_keys=F("keys"))
    storing.clear_filled_failures()


def judged(
    pipeline: Pipeline, tables: Collection[Table], dates: Collection[dt.date]
) -> Iterator[tuple[int, Found]]:
    """The partitions of which something was counted, by id, each as of the moment when it was read."""
    others = {table.compared_with for table in tables if table.compared_with}
    counted = load({table.name for table in tables} | others, dates)
    days = {date for some in counted.values() for date in some}
    calendar = calendar_between(min(days), max(days)) if days else {}
    problems = dict(TableReading.objects.exclude(problem="").values_list("table", "problem"))
    for table in tables:
        absent = problems.get(table.name, "") == Absent.of(table.name)
        for date, stored in counted.get(table.name, {}).items():
            if stored.count is None:
                continue
            if not pipeline.start <= date <= pipeline.end:
                nothing = Verdict(Partition.State.NOT_EXPECTED, OFF_CALENDAR)
                yield stored.pk, Found(table.name, date, "", 0, stored.count, nothing, stored.read_at)
                continue
            found = judging.judged_count(
                pipeline,
                table,
                date,
                calendar[date].units if date in calendar else None,
                stored.count,
                compared_count(table, date, counted),
                stored.read_at,
                absent=problems[table.name] if absent else "",
            )
            yield stored.pk, found


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
    for pk, table, date, read_at, *values in rows.values_list(
        "pk", "table", "date", "read_at", *storing.COUNTED
    ):
        counted = dict(zip(storing.COUNTED, values, strict=True))
        count = None if counted["rows"] is None else Count(**counted)
        found[table][date] = Counted(pk, count, read_at)
    return found
