"""What the warehouse's own run history says: the latest attempts that did not succeed, whoever made them."""

from __future__ import annotations

import datetime as dt

from apps.coverage import run_history
from apps.coverage.grid import LETTER
from apps.coverage.models import Partition
from apps.coverage.run_history import table_of
from apps.coverage.verifying.report import Failure, HistoryReport
from apps.coverage.verifying.tables import Seen
from apps.pipeline.definition import History, Pipeline, Table
from apps.pipeline.scope import Scope
from apps.warehouse.base import Try, Warehouse, WarehouseError

ACCEPTED = LETTER[Partition.State.ACCEPTED]
NOTHING_EXPECTED = LETTER[Partition.State.NOT_EXPECTED]


def ask(warehouse: Warehouse, history: History, scope: Scope) -> list[Try] | str:
    """The latest attempts at dates of the scope, or why they could not be asked for."""
    try:
        tries = warehouse.history(run_history.question(history), start=scope.start, end=scope.end)
    except WarehouseError as error:
        return str(error).rstrip(".")
    return [each for each in tries if each.date in scope]


def report(
    pipeline: Pipeline, history: History, tries: list[Try] | str, scope: Scope, seen: Seen
) -> HistoryReport:
    if isinstance(tries, str):
        return HistoryReport(history.table, problem=tries)
    failed = [each for each in tries if not history.is_success(each.status)]
    asked = [each for each in failed if is_asked_about(pipeline, scope, each)]
    failures = tuple(failure(pipeline, each, seen) for each in asked)
    return HistoryReport(history.table, len(tries), failures, others=len(failed) - len(asked))


def is_asked_about(pipeline: Pipeline, scope: Scope, each: Try) -> bool:
    """A processor of no table is nobody's, so it belongs to a report about everything."""
    names = {table.name for table in scope.tables}
    if table := table_of(pipeline, each.processor):
        return table.name in names
    return names >= {table.name for table in pipeline.filled}


def failure(pipeline: Pipeline, each: Try, seen: Seen) -> Failure:
    table = table_of(pipeline, each.processor)
    return Failure(
        processor=each.processor,
        table=table.name if table else "",
        date=each.date,
        status=each.status,
        started_at=each.started_at,
        seconds=each.seconds,
        errors=each.errors,
        excused=excuse(table, each.date, seen),
    )


def excuse(table: Table | None, date: dt.date, seen: Seen) -> str:
    """Why a failure on this date is no harm; empty where it is one."""
    if date not in seen.places:
        return "not expected"
    letter = seen.grid.states[table.name][seen.places[date]] if table else ""
    return {ACCEPTED: "accepted", NOTHING_EXPECTED: "not expected"}.get(letter, "")
