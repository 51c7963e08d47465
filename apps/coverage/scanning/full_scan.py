"""Asks the warehouse, judges what it says and remembers it. Only workers and commands come here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.coverage.accepted import accepting
from apps.coverage.calendar import expected_dates
from apps.coverage.models import (
    Partition,
    Scan,
    TableReading,
)
from apps.coverage.scanning import judging, questions, rejudging, run_history, staleness, storing, unreadable
from apps.coverage.scanning.judging import Found, Key
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import BigQuery, Table
from apps.warehouse.base import (
    NO_LABELS,
    Count,
    Reading,
    TakesTurns,
    Warehouse,
    WarehouseError,
)

# That a transaction of a scan stores: in less than a second, since nobody else can write to SQLite meanwhile.
PARTITIONS_TOGETHER = 5_000


def open_warehouse(pipeline: Pipeline, labels: Mapping[str, str] = NO_LABELS) -> Warehouse:
    """The engine that the pipeline file names; labels are for what it is asked, where an engine keeps them."""
    engine = pipeline.warehouse  # web processes never pay for the imports
    if isinstance(engine, BigQuery):
        from apps.warehouse.bigquery.client import BigQueryWarehouse

        return BigQueryWarehouse(
            engine.project,
            engine.location,
            byte_limit=engine.byte_limit,
            impersonate=engine.impersonate,
            labels=labels,
            timezone=pipeline.timezone,
        )
    from apps.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(pipeline.inside(engine.path), timezone=pipeline.timezone)


def turn_of_reader(warehouse: Warehouse, *, patience: float) -> AbstractContextManager[None]:
    """Several looks without a call of a run in between, where the warehouse is one that takes turns."""
    return warehouse.turn_of_reader(patience=patience) if isinstance(warehouse, TakesTurns) else nullcontext()


# A whole scan -------------------------------------------------------------------------------------


def scan(pipeline: Pipeline, warehouse: Warehouse, scan: Scan) -> None:
    """Asks about everything, for a scan that nobody started. Its row carries progress and the problem, if any."""
    asked_at = timezone.now()
    started = Scan.objects.filter(pk=scan.pk, started_at=None).update(
        status=Scan.Status.RUNNING, started_at=asked_at, tables_total=len(pipeline.tables)
    )
    if not started:
        return  # another worker got there first
    cost = meter(warehouse)
    try:
        said = expected_dates.ask(pipeline, warehouse)
        reading = warehouse.scan(
            [replace(questions.question(table), undated=True) for table in pipeline.tables],
            start=pipeline.start,
            end=pipeline.end,
            known=lambda name: known(pipeline.table(name)),
        )
    except WarehouseError as error:
        give_up(pipeline, scan, error, asked_at=asked_at, cost=cost())
        run_history.could_not_ask(pipeline, str(error).rstrip("."))
        return
    undated = reading.take_undated()
    with transaction.atomic():
        expected_dates.remember(pipeline, said, read_at=asked_at, scan=scan)
    changed = 0
    for tables in stored_together(pipeline.tables, said.expected):
        changed += remember_tables(pipeline, tables, said.expected, reading, scan=scan, asked_at=asked_at)
        scan.tables_done += len(tables)
        Scan.objects.filter(pk=scan.pk).update(tables_done=scan.tables_done)
    staleness.mark(pipeline)
    history = run_history.ask(pipeline, warehouse)
    finish(
        scan,
        cost=cost(),
        changed=changed,
        problem="; ".join(filter(None, (problems_in_words(reading), history.problem))),
        notes="; ".join(
            [
                *(f"{table}: {note}" for table, note in reading.notes.items()),
                *undated_in_words(undated),
            ]
        ),
    )


def undated_in_words(undated: Mapping[str, int]) -> Iterator[str]:
    """ "5 rows of daily.sales have no date", of each table that has such rows."""
    for table, rows in undated.items():
        if rows:
            yield f"1 row of {table} has no date" if rows == 1 else f"{rows:,} rows of {table} have no date"


def meter(warehouse: Warehouse) -> Callable[[], dict[str, int]]:
    """Says whenever it is called how much the warehouse was asked since now, and what that billed."""
    queries, billed = warehouse.queries, warehouse.bytes_billed
    return lambda: {"queries": warehouse.queries - queries, "bytes_billed": warehouse.bytes_billed - billed}


def known(table: Table) -> Mapping[dt.date, Count]:
    """What the last reading left of a table, as far as it was asked about the same columns."""
    if not TableReading.objects.filter(table=table.name, columns=questions.told_columns(table)).exists():
        return {}
    rows = Partition.objects.of([table.name]).exclude(modified_at=None).exclude(rows=None).order_by()
    if table.key:
        rows = rows.exclude(keys=None)
    values = rows.values_list(
        "date", "rows", "quality", "written_at", "fallback_share", "keys", "modified_at"
    )
    return {
        date: Count(count or 0, quality, written_at, share, keys, modified_at=modified_at)
        for date, count, quality, written_at, share, keys, modified_at in values
    }


def stored_together(tables: Sequence[Table], expected: Collection[dt.date]) -> Iterator[Sequence[Table]]:
    """The tables in groups of as many partitions as one transaction should store."""
    size = max(1, PARTITIONS_TOGETHER // max(1, len(expected)))
    for start in range(0, len(tables), size):
        yield tables[start : start + size]


def remember_tables(
    pipeline: Pipeline,
    tables: Sequence[Table],
    expected: Mapping[dt.date, int],
    reading: Reading,
    *,
    scan: Scan,
    asked_at: dt.datetime,
) -> int:
    """Judges and stores all dates of these tables; returns how many partitions changed."""
    dates = {table.name: expected.keys() | reading.counts.get(table.name, {}).keys() for table in tables}
    problems = {table.name: reading.problems.get(table.name, "") for table in tables}
    silent = [name for name, problem in problems.items() if problem and not reading.is_absent(name)]
    answered = [table for table in tables if table.name not in silent]
    with transaction.atomic():
        forget_other_keys([table for table in tables if not problems[table.name]])
        changed = remember(
            judging.judged(pipeline, table, date, expected.get(date), reading, asked_at)
            for table in tables
            for date in sorted(dates[table.name])
        )
        for name in silent:
            unreadable.note([name], problems[name], at=asked_at)
        storing.leave_calendar_of({table.name: dates[table.name] for table in answered}, expected)
        unreadable.note_whole(
            whole_reading(pipeline, table, scan, problems[table.name]) for table in answered
        )
    return changed


def whole_reading(pipeline: Pipeline, table: Table, scan: Scan, problem: str) -> TableReading:
    """The table answered; that it does not exist is an answer too, and its `problem`."""
    return TableReading(
        table=table.name,
        scan=scan,
        problem=problem.rstrip("."),
        columns=questions.told_columns(table),
        rules=questions.digest(pipeline, table),
        dated_by=questions.dated_by(pipeline, table),
    )


def forget_other_keys(tables: Collection[Table]) -> None:
    """Numbers of keys that were made of other columns cannot be compared with those of the key that it has now."""
    columns = dict(
        TableReading.objects.filter(table__in=[table.name for table in tables]).values_list(
            "table", "columns"
        )
    )
    changed = [
        table.name
        for table in tables
        if columns.get(table.name, questions.told_columns(table)) != questions.told_columns(table)
    ]
    if changed:
        Partition.objects.of(changed).exclude(complete_keys=None).update(complete_keys=None)


def problems_in_words(reading: Reading) -> str:
    return "; ".join(problem.rstrip(".") for problem in reading.problems.values())


def not_asked(error: WarehouseError) -> str:
    """Why a scan failed, as a sentence."""
    return f"{Scan.NOT_ASKED}{str(error).rstrip('.')}."


def finish(scan: Scan, *, cost: Mapping[str, int], changed: int, problem: str, notes: str) -> None:
    Scan.objects.filter(pk=scan.pk).update(
        status=Scan.Status.SUCCEEDED,
        finished_at=timezone.now(),
        changed=changed,
        problem=problem,
        notes=notes,
        **cost,
    )


def give_up(
    pipeline: Pipeline, scan: Scan, error: WarehouseError, *, asked_at: dt.datetime, cost: Mapping[str, int]
) -> None:
    """Nothing could be asked: what is stored stays, as what was known last."""
    with transaction.atomic():
        unreadable.note_error((table.name for table in pipeline.tables), error, at=asked_at)
        Scan.objects.filter(pk=scan.pk).update(
            status=Scan.Status.FAILED, finished_at=timezone.now(), problem=not_asked(error), **cost
        )


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
    asked_at = timezone.now()
    reading = ask(pipeline, warehouse, [pipeline.table(name) for name in wanted], dates)
    return judging.judged_all(pipeline, wanted, reading, asked_at)


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
    """Whether the warehouse ever answered for this table: if so, one that cannot be asked now is away, not new."""
    found = Partition.objects.of([table])
    return found.filter(Q(rows__isnull=False) | Q(complete_rows__isnull=False)).exists()


def ask(
    pipeline: Pipeline,
    warehouse: Warehouse,
    tables: Collection[Table],
    dates: Collection[dt.date],
    *,
    undated: bool = False,
) -> Reading:
    """Counts these tables, and those that their rows are compared with, in one query.

    `undated` has rows without a date of these tables counted too.
    """
    asked = [replace(questions.question(table), undated=undated) for table in tables]
    return warehouse.count([*asked, *map(questions.question, compared(pipeline, tables))], dates=dates)


def compared(pipeline: Pipeline, tables: Collection[Table]) -> list[Table]:
    """The other tables that the rows of these are compared with."""
    names = {table.rows.like for table in tables if table.rows and table.rows.like}
    return [pipeline.table(name) for name in sorted(names - {table.name for table in tables})]


def remember(found: Iterable[Found]) -> int:
    """Stores what was found where it differs from what is stored; answers for how many that was so.

    Something newer than the question stays: a run may have filled the partition while a scan was under way. What is
    known of a table stays where it could not be read. A gap that a person accepted stays accepted, whatever kind of gap
    it is now.
    """
    rows = list(found)
    known = storing.stored(rows)
    fresh = [
        storing.partition(each, known.get((each.table, each.date)))
        for each in rows
        if storing.is_news(each, known)
    ]
    with transaction.atomic():
        storing.write(fresh)
        follow_readings(fresh, {(each.table, each.date) for each in rows if each.count})
        unreadable.end({each.table for each in rows if each.count})
        if rows:
            dates = {each.date for each in rows}
            accepting.hold(
                {each.table for each in rows}, dates, today=definition.current().today(timezone.now())
            )
    return len(fresh)


def follow_readings(fresh: list[Partition], judged: Collection[Key]) -> None:
    if fresh:
        rejudging.follow_readings(definition.current(), fresh, judged=judged)
