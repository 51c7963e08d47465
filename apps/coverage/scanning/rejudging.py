"""Judges stored counts again, without asking the warehouse."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict

from django.db.models import F, Q
from django.utils import timezone

from apps.coverage.accepted import accepting
from apps.coverage.models import Partition, TableReading, calendar_between
from apps.coverage.scanning import judging, storing
from apps.coverage.scanning.expectation import OFF_CALENDAR, Verdict
from apps.coverage.scanning.judging import Found, Key
from apps.coverage.scanning.storing import Stored
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.warehouse.base import EMPTY, Absent

MANY = 5_000


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
    partitions = Partition.objects.of(
        {table.name for table in tables} | {table.compared_with for table in tables if table.compared_with}
    )
    known = storing.stored(partitions.filter(date__in=dates) if dates else partitions)
    found = judged(pipeline, tables, known)
    fresh = {known[each.key].pk: each for each in found if storing.is_news(each, known[each.key])}
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


def judged(pipeline: Pipeline, tables: Collection[Table], known: Mapping[Key, Stored]) -> Iterator[Found]:
    """The partitions of these tables of which something was counted, each as of the moment when it was read."""
    names, days = {table for table, _ in known}, {date for _, date in known}
    by_name = {table.name: table for table in tables}
    calendar = calendar_between(min(days), max(days)) if days else {}
    problems = dict(TableReading.objects.exclude(problem="").values_list("table", "problem"))
    for (name, date), stored in known.items():
        count = stored.counted if name in by_name else None
        if count is None:
            continue
        if not pipeline.start <= date <= pipeline.end:
            nothing = Verdict(Partition.State.NOT_EXPECTED, OFF_CALENDAR)
            yield Found(name, date, "", 0, count, nothing, stored.read_at)
            continue
        other, problem = by_name[name].compared_with, problems.get(name, "")
        like = known.get((other or "", date))
        yield judging.judged_count(
            pipeline,
            by_name[name],
            date,
            calendar[date].units if date in calendar else None,
            count,
            # None where the other table was not read at all.
            like.counted if like else None if other and other not in names else EMPTY,
            stored.read_at,
            absent=problem if problem == Absent.of(name) else "",
        )
