"""Asks the warehouse, judges what it says and remembers it. Only workers and commands come here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from apps.coverage.expectation import Verdict, judge
from apps.coverage.models import (
    CalendarDate,
    Partition,
    PartitionQuerySet,
    Scan,
    TableReading,
    calendar_between,
)
from apps.pipeline.definition import Pipeline, Table
from apps.warehouse.base import EMPTY, Count, QueryFailed, Question, Reading, Warehouse, WarehouseError

Key = tuple[str, dt.date]
BATCH = 500


@dataclass(frozen=True, slots=True)
class Found:
    """One partition as the warehouse has it now, judged. `count` is None where it could not be asked."""

    table: str
    date: dt.date
    season: str
    units: int
    count: Count | None
    verdict: Verdict
    asked_at: dt.datetime

    @property
    def rows(self) -> int | None:
        return self.count.rows if self.count else None

    @property
    def is_complete(self) -> bool:
        return self.verdict.state == Partition.State.COMPLETE


def open_warehouse(pipeline: Pipeline) -> Warehouse:
    """The engine that the pipeline file names."""
    from apps.warehouse.duckdb import DuckDBWarehouse  # web processes never pay for the import

    return DuckDBWarehouse(pipeline.inside(pipeline.warehouse.path))


def question(table: Table) -> Question:
    return Question(
        table=table.name,
        date_column=table.date_column,
        quality_column=table.quality.column if table.quality else None,
        written_column=table.written_column,
        fallback_column=table.fallback_column,
        key_columns=table.key,
        not_null=table.not_null,
    )


# A whole scan -------------------------------------------------------------------------------------


def scan(pipeline: Pipeline, warehouse: Warehouse, scan: Scan) -> None:
    """Asks about everything, for a scan that nobody started. Its row carries progress and the problem, if any."""
    asked_at = timezone.now()
    started = Scan.objects.filter(pk=scan.pk, started_at=None).update(
        status=Scan.Status.RUNNING, started_at=asked_at, tables_total=len(pipeline.tables)
    )
    if not started:
        return  # another worker got there first
    try:
        calendar = ask_calendar(pipeline, warehouse)
        reading = warehouse.count(
            [question(table) for table in pipeline.tables], start=pipeline.start, end=pipeline.end
        )
    except WarehouseError as error:
        give_up(scan, not_asked(error), asked_at=asked_at)
        return
    with transaction.atomic():
        remember_calendar(pipeline, calendar)
    changed = 0
    for table in pipeline.tables:
        changed += remember_table(pipeline, table, calendar, reading, scan=scan, asked_at=asked_at)
        Scan.objects.filter(pk=scan.pk).update(tables_done=scan.tables_done + 1)
        scan.tables_done += 1
    finish(scan, queries=reading.queries + 1, changed=changed, problem=problems_in_words(reading))


def ask_calendar(pipeline: Pipeline, warehouse: Warehouse) -> dict[dt.date, int]:
    """Expected dates with their units, within the seasons. A date without units is not expected."""
    if pipeline.calendar.query:
        asked = warehouse.calendar(pipeline.calendar.query)
    else:
        asked = dict.fromkeys(every_day(pipeline, until=timezone.now().date() - dt.timedelta(days=1)), 1)
    expected = {
        date: units for date, units in sorted(asked.items()) if units > 0 and pipeline.season_of(date)
    }
    if pipeline.calendar.query and not expected:
        # An emptied calendar would make every date not expected, and nothing a gap any more.
        raise QueryFailed("the calendar's query answers no date within a season")
    return expected


def every_day(pipeline: Pipeline, *, until: dt.date) -> Iterable[dt.date]:
    """Every day of every season that is over; today's data is not history yet."""
    for season in pipeline.seasons:
        for offset in range((min(season.end, until) - season.start).days + 1):
            yield season.start + dt.timedelta(days=offset)


def remember_calendar(pipeline: Pipeline, calendar: Mapping[dt.date, int]) -> None:
    CalendarDate.objects.exclude(date__in=list(calendar)).delete()
    add_to_calendar(pipeline, calendar)


def add_to_calendar(pipeline: Pipeline, calendar: Mapping[dt.date, int]) -> None:
    CalendarDate.objects.bulk_create(
        [
            CalendarDate(date=date, season=season.name, units=units)
            for date, units in calendar.items()
            if (season := pipeline.season_of(date))
        ],
        update_conflicts=True,
        unique_fields=["date"],
        update_fields=["season", "units"],
        batch_size=BATCH,
    )


def remember_table(
    pipeline: Pipeline,
    table: Table,
    calendar: Mapping[dt.date, int],
    reading: Reading,
    *,
    scan: Scan,
    asked_at: dt.datetime,
) -> int:
    """Judges and stores all dates of a table; answers about how many something was new."""
    dates = set(calendar) | set(reading.counts.get(table.name, {}))
    with transaction.atomic():
        changed = remember(
            judged(pipeline, table, date, calendar.get(date), reading, asked_at) for date in sorted(dates)
        )
        # A date that left the calendar and has no rows is nothing any more.
        Partition.objects.filter(table=table.name, activity="").exclude(date__in=dates).delete()
        TableReading.objects.update_or_create(
            table=table.name,
            defaults={
                "scan": scan,
                "read_at": timezone.now(),
                "problem": reading.problems.get(table.name, ""),
            },
        )
    return changed


def problems_in_words(reading: Reading) -> str:
    return "; ".join(problem.rstrip(".") for problem in reading.problems.values())


def not_asked(error: WarehouseError) -> str:
    """Why a scan failed, as a sentence."""
    return f"{Scan.NOT_ASKED}{str(error).rstrip('.')}."


def finish(scan: Scan, *, queries: int, changed: int, problem: str) -> None:
    Scan.objects.filter(pk=scan.pk).update(
        status=Scan.Status.SUCCEEDED,
        finished_at=timezone.now(),
        queries=queries,
        changed=changed,
        problem=problem,
    )


def give_up(scan: Scan, problem: str, *, asked_at: dt.datetime) -> None:
    """Nothing could be asked: what was known is not known any more, but for what a run read meanwhile."""
    with transaction.atomic():
        forget(Partition.objects.filter(read_at__lte=asked_at), problem)
        Scan.objects.filter(pk=scan.pk).update(
            status=Scan.Status.FAILED, finished_at=timezone.now(), problem=problem
        )


def forget(partitions: PartitionQuerySet, problem: str) -> None:
    """What was known of them is not known any more. What nobody expects or misses stays that: no table said so."""
    kept = (Partition.State.NOT_EXPECTED, Partition.State.ACCEPTED)
    why = f"{problem[:1].lower()}{problem[1:].rstrip('.')}"
    partitions.exclude(state__in=kept).update(state=Partition.State.UNKNOWN, reason=why, **NOTHING_FOUND)


NOTHING_FOUND: dict[str, None] = dict.fromkeys(("rows", "quality", "fallback_share", "written_at"))


# Some partitions, before and after an attempt --------------------------------------------------------


def read(
    pipeline: Pipeline, warehouse: Warehouse, wanted: Mapping[str, Collection[dt.date]]
) -> dict[Key, Found]:
    """What the warehouse has for some dates of some tables, in one query. Stores nothing.

    A WarehouseError where the warehouse as a whole cannot be asked; a table that cannot is judged unknown.
    """
    dates = {date for some in wanted.values() for date in some}
    if not dates:
        return {}
    tables = [pipeline.table(name) for name in wanted]
    asked_at = timezone.now()
    reading = ask(pipeline, warehouse, tables, dates)
    units = {date: day.units for date, day in calendar_between(min(dates), max(dates)).items()}
    return {
        (table.name, date): judged(pipeline, table, date, units.get(date), reading, asked_at)
        for table in tables
        for date in sorted(wanted[table.name])
    }


def ask(
    pipeline: Pipeline, warehouse: Warehouse, tables: Collection[Table], dates: Collection[dt.date]
) -> Reading:
    """Counts these tables, and those that their rows are compared with, in one query."""
    compared = {table.rows.like for table in tables if table.rows and table.rows.like}
    others = [pipeline.table(name) for name in sorted(compared - {table.name for table in tables})]
    return warehouse.count([question(table) for table in (*tables, *others)], dates=dates)


def judged(
    pipeline: Pipeline,
    table: Table,
    date: dt.date,
    units: int | None,
    reading: Reading,
    asked_at: dt.datetime,
) -> Found:
    season = pipeline.season_of(date)
    like = table.rows.like if table.rows else None
    count = reading.of(table.name, date)
    verdict = judge(
        table,
        date,
        season=season,
        units=units,
        found=count,
        like=reading.of(like, date) if like else EMPTY,
        problem=reading.problems.get(table.name) or reading.problems.get(like or "", ""),
    )
    named = season.name if season and units is not None else ""
    return Found(table.name, date, named, units or 0, count, verdict, asked_at)


def remember(found: Iterable[Found]) -> int:
    """Stores what was found where it differs from what is stored; answers for how many that was so.

    Something newer than the question stays: a run may have filled the partition while a scan was under way.
    """
    rows = list(found)
    known = stored(rows)
    fresh = [partition(each, known.get((each.table, each.date))) for each in rows if is_news(each, known)]
    Partition.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["table", "date"],
        update_fields=[*FACTS, "complete_rows", "read_at"],
        batch_size=BATCH,
    )
    if fresh:  # somebody filled what a run had failed to fill
        Partition.objects.filter(activity=Partition.Activity.FAILED, state=Partition.State.COMPLETE).update(
            activity=Partition.Activity.NONE, run_id=None
        )
    return len(fresh)


def is_news(found: Found, known: Mapping[Key, tuple]) -> bool:
    read_at, _, *before = known.get((found.table, found.date), (found.asked_at, None))
    return read_at <= found.asked_at and facts(found) != tuple(before)


FACTS = (
    "season",
    "state",
    "reason",
    "units",
    "rows",
    "least",
    "most",
    "quality",
    "fallback_share",
    "written_at",
)


def facts(found: Found) -> tuple:
    count, verdict = found.count, found.verdict
    return (
        found.season,
        str(verdict.state),
        verdict.reason,
        found.units,
        found.rows,
        verdict.least,
        verdict.most,
        count.quality if count else None,
        count.fallback_share if count else None,
        count.written_at if count else None,
    )


def stored(rows: list[Found]) -> dict[Key, tuple]:
    if not rows:
        return {}
    dates = [each.date for each in rows]
    known = Partition.objects.of({each.table for each in rows}).between(min(dates), max(dates))
    return {
        (table, date): tuple(values)
        for table, date, *values in known.values_list("table", "date", "read_at", "complete_rows", *FACTS)
    }


def partition(found: Found, before: tuple | None) -> Partition:
    named = dict(zip(FACTS, facts(found), strict=True))
    had = before[1] if before else None
    return Partition(
        table=found.table,
        date=found.date,
        read_at=found.asked_at,
        complete_rows=most_complete_rows(found, had),
        **named,
    )


def most_complete_rows(found: Found, had: int | None) -> int | None:
    """With how many rows the partition was complete. Fewer ones later are a loss, until a run verified them."""
    if found.is_complete and found.rows is not None:
        return max(found.rows, had or 0)
    return had
