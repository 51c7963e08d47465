"""Asks the warehouse, judges what it says and remembers it. Only workers and commands come here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Case, F, Q, TextField, Value, When
from django.utils import timezone

from apps.coverage import accepting, calendar, run_history, silences, staleness
from apps.coverage.expectation import OFF_CALENDAR, Verdict, judge
from apps.coverage.models import (
    Partition,
    PartitionQuerySet,
    Scan,
    TableReading,
    calendar_between,
)
from apps.pipeline import definition
from apps.pipeline.definition import BigQuery, Pipeline, Table
from apps.warehouse.base import (
    EMPTY,
    NO_LABELS,
    Count,
    Question,
    Reading,
    TakesTurns,
    Warehouse,
    WarehouseError,
)

Key = tuple[str, dt.date]
BATCH = 500
PARTITIONS_TOGETHER = (
    20_000  # that a transaction of a scan stores: half a minute, in which others may not write
)
KEY = "key:"  # before a column that names a row, among those that a reading told of


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
    def keys(self) -> int | None:
        return self.count.keys if self.count else None

    @property
    def is_complete(self) -> bool:
        return self.verdict.state == Partition.State.COMPLETE


def open_warehouse(pipeline: Pipeline, labels: Mapping[str, str] = NO_LABELS) -> Warehouse:
    """The engine that the pipeline file names; labels are for what it is asked, where an engine keeps them."""
    engine = pipeline.warehouse  # web processes never pay for the imports
    if isinstance(engine, BigQuery):
        from apps.warehouse.bigquery import BigQueryWarehouse

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
    cost = meter(warehouse)
    try:
        said = calendar.ask(pipeline, warehouse)
        reading = warehouse.scan(
            [replace(question(table), undated=True) for table in pipeline.tables],
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
        calendar.remember(pipeline, said, read_at=asked_at, scan=scan)
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
    if not TableReading.objects.filter(table=table.name, columns=told_columns(table)).exists():
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


def told_columns(table: Table) -> str:
    """The columns of which a partition keeps something."""
    asked = question(table)
    values = (asked.quality_column, asked.written_column, asked.fallback_column)
    return " ".join(filter(None, (*values, *(f"{KEY}{column}" for column in asked.key_columns))))


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
            judged(pipeline, table, date, expected.get(date), reading, asked_at)
            for table in tables
            for date in sorted(dates[table.name])
        )
        for name in silent:
            silences.note([name], problems[name], at=asked_at)
        leave_calendar_of({table.name: dates[table.name] for table in answered}, expected)
        silences.note_whole(whole_reading(pipeline, table, scan, problems[table.name]) for table in answered)
    return changed


def whole_reading(pipeline: Pipeline, table: Table, scan: Scan, problem: str) -> TableReading:
    """The table answered; that it does not exist is an answer too, and its `problem`."""
    from apps.coverage import changed_rules  # it judges anew what this module stored

    return TableReading(
        table=table.name,
        scan=scan,
        problem=problem.rstrip("."),
        columns=told_columns(table),
        rules=changed_rules.digest(pipeline, table),
        dated_by=changed_rules.dated_by(pipeline, table),
    )


def forget_other_keys(tables: Collection[Table]) -> None:
    """Numbers of keys that were made of other columns cannot be compared with those of the key that it has now."""
    columns = dict(
        TableReading.objects.filter(table__in=[table.name for table in tables]).values_list(
            "table", "columns"
        )
    )
    changed = [
        table.name for table in tables if columns.get(table.name, told_columns(table)) != told_columns(table)
    ]
    if changed:
        Partition.objects.of(changed).exclude(complete_keys=None).update(complete_keys=None)


def leave_calendar_of(dates: Mapping[str, Collection[dt.date]], expected: Collection[dt.date]) -> None:
    """Of each table, the stored dates that are not among these are left."""
    stored = Partition.objects.of(dates).exclude(date__in=expected).values_list("pk", "table", "date")
    left = [pk for pk, table, date in stored.order_by() if date not in dates[table]]
    for start in range(0, len(left), BATCH):
        leave_calendar(Partition.objects.filter(pk__in=left[start : start + BATCH]))


def leave_calendar(partitions: PartitionQuerySet) -> None:
    """Those on which nothing is expected and no row was found are nothing any more.

    What a person said of them stays, what failed there, and with how many rows they were complete: the dates may come
    back.
    """
    idle = partitions.exclude(activity__in=Partition.IN_A_RUN)
    said_of = {"acceptance": None, "closed_by": None, "activity": Partition.Activity.NONE}
    idle.filter(complete_rows=None, **said_of).delete()
    idle.exclude(state=Partition.State.NOT_EXPECTED, season="").update(
        state=Partition.State.NOT_EXPECTED,
        season="",
        reason=OFF_CALENDAR,
        read_state="",
        units=0,
        least=None,
        most=None,
        **NOTHING_FOUND,
    )


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
        silences.note_error((table.name for table in pipeline.tables), error, at=asked_at)
        Scan.objects.filter(pk=scan.pk).update(
            status=Scan.Status.FAILED, finished_at=timezone.now(), problem=not_asked(error), **cost
        )


NOTHING_FOUND: dict[str, None] = dict.fromkeys(
    ("rows", "keys", "quality", "fallback_share", "written_at", "modified_at")
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
    return judged_all(pipeline, wanted, reading, asked_at)


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
        [question(table) for table in (*tables, *compared(pipeline, tables))],
        start=min(dates),
        end=max(dates),
        known=lambda name: known(pipeline.table(name)),
    )
    return judged_all(pipeline, wanted, reading, asked_at)


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
    asked = [replace(question(table), undated=undated) for table in tables]
    return warehouse.count([*asked, *map(question, compared(pipeline, tables))], dates=dates)


def compared(pipeline: Pipeline, tables: Collection[Table]) -> list[Table]:
    """The other tables that the rows of these are compared with."""
    names = {table.rows.like for table in tables if table.rows and table.rows.like}
    return [pipeline.table(name) for name in sorted(names - {table.name for table in tables})]


def judged_all(
    pipeline: Pipeline, wanted: Mapping[str, Collection[dt.date]], reading: Reading, asked_at: dt.datetime
) -> dict[Key, Found]:
    dates = [date for some in wanted.values() for date in some]
    units = {date: day.units for date, day in calendar_between(min(dates), max(dates)).items()}
    return {
        (name, date): judged(pipeline, pipeline.table(name), date, units.get(date), reading, asked_at)
        for name, some in wanted.items()
        for date in sorted(some)
    }


def judged(
    pipeline: Pipeline,
    table: Table,
    date: dt.date,
    units: int | None,
    reading: Reading,
    asked_at: dt.datetime,
) -> Found:
    like = table.compared_with
    problem = reading.problems.get(table.name) or reading.problems.get(like or "", "")
    return judged_count(
        pipeline,
        table,
        date,
        units,
        reading.of(table.name, date),
        reading.of(like, date) if like else EMPTY,
        asked_at,
        problem=problem,
        absent=reading.problems[table.name] if reading.is_absent(table.name) else "",
    )


def judged_count(
    pipeline: Pipeline,
    table: Table,
    date: dt.date,
    units: int | None,
    count: Count | None,
    like: Count | None,
    asked_at: dt.datetime,
    *,
    problem: str = "",
    absent: str = "",
) -> Found:
    """What was counted, judged; `like` is what the table has that the rows are compared with, `absent` says that there
    is no such table."""
    season = pipeline.season_of(date)
    verdict = judge(
        table,
        date,
        season=season,
        units=units,
        found=count,
        like=like,
        problem=problem,
        is_over=date < pipeline.today(asked_at),
    )
    if absent and verdict.state in (Partition.State.MISSING, Partition.State.COMPLETE):
        why = ": ".join(filter(None, (absent, verdict.reason)))
        verdict = replace(verdict, state=Partition.State.MISSING, reason=why)
    named = season.name if season and units is not None else ""
    return Found(table.name, date, named, units or 0, count, verdict, asked_at)


def remember(found: Iterable[Found]) -> int:
    """Stores what was found where it differs from what is stored; answers for how many that was so.

    Something newer than the question stays: a run may have filled the partition while a scan was under way. What is
    known of a table stays where it could not be read. A gap that a person accepted stays accepted, whatever kind of gap
    it is now.
    """
    rows = list(found)
    known = stored(rows)
    fresh = [partition(each, known.get((each.table, each.date))) for each in rows if is_news(each, known)]
    with transaction.atomic():
        write(fresh)
        follow_readings(fresh, {(each.table, each.date) for each in rows if each.count})
        silences.end({each.table for each in rows if each.count})
        if rows:
            dates = {each.date for each in rows}
            accepting.hold(
                {each.table for each in rows}, dates, today=definition.current().today(timezone.now())
            )
    return len(fresh)


def follow_readings(fresh: list[Partition], judged: Collection[Key]) -> None:
    from apps.coverage import rejudging  # it judges as this module does

    if fresh:
        rejudging.follow_readings(definition.current(), fresh, judged=judged)


def write(fresh: list[Partition]) -> None:
    Partition.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["table", "date"],
        update_fields=[*FACTS, "complete_rows", "complete_keys", "read_state", "read_at"],
        batch_size=BATCH,
    )
    if fresh:
        clear_filled_failures()


def clear_filled_failures() -> None:
    """What a run had failed to fill is complete: somebody filled it."""
    Partition.objects.filter(activity=Partition.Activity.FAILED, state=Partition.State.COMPLETE).update(
        activity=Partition.Activity.NONE, run_id=None
    )


def is_news(found: Found, known: Mapping[Key, tuple]) -> bool:
    read_at, _, _, *before = known.get((found.table, found.date), (found.asked_at, None, None))
    if found.count is None and before and before[FACTS.index("state")] != Partition.State.UNKNOWN:
        return False  # the last known state stays
    return read_at <= found.asked_at and facts(found, before) != tuple(before)


FACTS = (
    "season",
    "state",
    "reason",
    "units",
    "rows",
    "keys",
    "least",
    "most",
    "quality",
    "fallback_share",
    "written_at",
    "modified_at",
)


def facts(found: Found, before: Sequence) -> tuple:
    count, verdict = found.count, found.verdict
    return (
        found.season,
        str(verdict.state),
        verdict.reason,
        found.units,
        found.rows,
        count.keys if count else None,
        verdict.least,
        verdict.most,
        count.quality if count else None,
        count.fallback_share if count else None,
        count.written_at if count else None,
        modified_at(count, before),
    )


def modified_at(count: Count | None, before: Sequence) -> dt.datetime | None:
    """A reading that does not say it leaves what is known: if it was written later, the next scan looks again."""
    if count is None or not count.rows:
        return None
    return count.modified_at or (before[FACTS.index("modified_at")] if before else None)


def stored(rows: list[Found]) -> dict[Key, tuple]:
    if not rows:
        return {}
    dates = [each.date for each in rows]
    known = Partition.objects.of({each.table for each in rows}).between(min(dates), max(dates))
    # Neither that a person accepted it nor that its inputs are newer is the warehouse's word.
    stale = When(state=Partition.State.STALE, then=Value(Partition.State.COMPLETE))
    said = Case(When(state=Partition.State.ACCEPTED, then=F("read_state")), stale, default=F("state"))
    why = Case(When(state=Partition.State.STALE, then=Value("", TextField())), default=F("reason"))
    columns = [{"state": "said", "reason": "why"}.get(name, name) for name in FACTS]
    return {
        (table, date): tuple(values)
        for table, date, *values in known.annotate(said=said, why=why).values_list(
            "table", "date", "read_at", "complete_rows", "complete_keys", *columns
        )
    }


def partition(found: Found, before: tuple | None) -> Partition:
    _, had_rows, had_keys, *facts_before = before or (None, None, None)
    named = dict(zip(FACTS, facts(found, facts_before), strict=True))
    return Partition(
        table=found.table,
        date=found.date,
        read_at=found.asked_at,
        complete_rows=most_complete(found, found.rows, had_rows),
        complete_keys=most_complete(found, found.keys, had_keys),
        **named,
    )


def most_complete(found: Found, number: int | None, had: int | None) -> int | None:
    """With how many rows or keys the partition was complete. Fewer ones later are a loss, until a run verified them."""
    if found.is_complete and number is not None:
        return max(number, had or 0)
    return had
