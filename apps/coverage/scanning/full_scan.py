"""A scan of everything: asks the warehouse, has the answer judged and stored. Only workers and commands make one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from apps.coverage.calendar import expected_dates
from apps.coverage.models import Partition, Scan, TableReading
from apps.coverage.scanning import judging, questions, run_history, staleness, storing, unreadable
from apps.coverage.scanning.readings import known, store
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.warehouse.base import Reading, Warehouse, WarehouseError

# Stored in one transaction, in less than a second: nothing else can write to SQLite meanwhile.
PARTITIONS_TOGETHER = 5_000


# A whole scan -------------------------------------------------------------------------------------


def scan(pipeline: Pipeline, warehouse: Warehouse, scan: Scan) -> None:
    """Performs a queued scan of everything; its row gets the progress and the problem, if any."""
    asked_at = timezone.now()
    started = Scan.objects.filter(pk=scan.pk, started_at=None).update(
        status=Scan.Status.RUNNING, started_at=asked_at, tables_total=len(pipeline.tables)
    )
    if not started:
        return  # another worker got there first
    cost = cost_since_now(warehouse)
    try:
        said = expected_dates.read_calendar(pipeline, warehouse)
        reading = warehouse.scan(
            [replace(questions.question(table), undated=True) for table in pipeline.tables],
            start=pipeline.start,
            end=pipeline.end,
            known=lambda name: known(pipeline.table(name)),
        )
    except WarehouseError as error:
        give_up(pipeline, scan, error, asked_at=asked_at, cost=cost())
        run_history.record_failure(pipeline, str(error).rstrip("."))
        return
    undated = reading.take_undated()
    with transaction.atomic():
        expected_dates.remember(pipeline, said, read_at=asked_at, scan=scan)
    changed = 0
    for tables in in_transactions(pipeline.tables, said.expected):
        changed += remember_tables(pipeline, tables, said.expected, reading, scan=scan, asked_at=asked_at)
        scan.tables_done += len(tables)
        Scan.objects.filter(pk=scan.pk).update(tables_done=scan.tables_done)
    staleness.mark(pipeline)
    problem_of_history = run_history.read_history(pipeline, warehouse)
    Scan.objects.filter(pk=scan.pk).update(
        status=Scan.Status.SUCCEEDED,
        finished_at=timezone.now(),
        changed=changed,
        problem="; ".join(filter(None, (problems_in_words(reading), problem_of_history))),
        notes="; ".join(
            [
                *(f"{table}: {note}" for table, note in reading.notes.items()),
                *undated_in_words(undated),
            ]
        ),
        **cost(),
    )


def undated_in_words(undated: Mapping[str, int]) -> Iterator[str]:
    """ "5 rows of daily.sales have no date", of each table that has such rows."""
    for table, rows in undated.items():
        if rows:
            yield f"1 row of {table} has no date" if rows == 1 else f"{rows:,} rows of {table} have no date"


def cost_since_now(warehouse: Warehouse) -> Callable[[], dict[str, int]]:
    """Returns a function for the queries since now, and what they billed."""
    queries, billed = warehouse.queries, warehouse.bytes_billed
    return lambda: {"queries": warehouse.queries - queries, "bytes_billed": warehouse.bytes_billed - billed}


def in_transactions(tables: Sequence[Table], expected: Collection[dt.date]) -> Iterator[Sequence[Table]]:
    """The tables in groups, each with as many partitions as one transaction should store."""
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
        clear_other_keys([table for table in tables if not problems[table.name]])
        changed = store(
            judging.judged(pipeline, table, date, expected.get(date), reading, asked_at)
            for table in tables
            for date in sorted(dates[table.name])
        )
        for name in silent:
            unreadable.record_failure([name], problems[name], at=asked_at)
        storing.remove_unread_dates({table.name: dates[table.name] for table in answered}, expected)
        unreadable.record_full_read(
            TableReading(
                table=table.name,
                scan=scan,
                problem=problems[table.name].rstrip("."),  # that it does not exist is an answer too
                **questions.rules_of(pipeline, table),
            )
            for table in answered
        )
    return changed


def clear_other_keys(tables: Collection[Table]) -> None:
    """Clears numbers of keys that cannot be compared, since the table's key has other columns now."""
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


def give_up(
    pipeline: Pipeline, scan: Scan, error: WarehouseError, *, asked_at: dt.datetime, cost: Mapping[str, int]
) -> None:
    """Ends a scan that the warehouse did not answer; stored partitions stay as last known."""
    with transaction.atomic():
        unreadable.note_error((table.name for table in pipeline.tables), error, at=asked_at)
        Scan.objects.filter(pk=scan.pk).update(
            status=Scan.Status.FAILED, finished_at=timezone.now(), problem=not_asked(error), **cost
        )
