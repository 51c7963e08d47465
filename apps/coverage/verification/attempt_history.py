"""The latest attempts of the run history that failed or still run, for a verification."""

from __future__ import annotations

from dataclasses import asdict

from apps.coverage.counts.grid import LETTER
from apps.coverage.models import Partition
from apps.coverage.scanning import run_history
from apps.coverage.scanning.run_history import table_of
from apps.coverage.verification.report import Failure, HistoryReport
from apps.coverage.verification.tables import RangeReading
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.pipeline.sections import History
from apps.warehouse.base import Try, Warehouse, WarehouseError

ACCEPTED = LETTER[Partition.State.ACCEPTED]
NOTHING_EXPECTED = LETTER[Partition.State.NOT_EXPECTED]
STILL_RUNNING = "still running"


def read_attempts(warehouse: Warehouse, history: History, scope: Scope) -> list[Try] | str:
    """The latest attempts at dates of the scope, or why they could not be asked for."""
    try:
        tries = warehouse.history(run_history.question(history), start=scope.start, end=scope.end)
    except WarehouseError as error:
        return str(error).rstrip(".")
    return [each for each in tries if each.date in scope]


def report(
    pipeline: Pipeline, history: History, tries: list[Try] | str, scope: Scope, seen: RangeReading
) -> HistoryReport:
    if isinstance(tries, str):
        return HistoryReport(history.table, problem=tries)
    failed = [each for each in tries if history.is_failure(each.status)]
    asked = [each for each in failed if is_asked_about(pipeline, scope, each)]
    at_work = [
        each for each in tries if history.is_running(each.status) and is_asked_about(pipeline, scope, each)
    ]
    failures = (
        *(failure(pipeline, each, excused=excuse(pipeline, each, seen)) for each in asked),
        *(failure(pipeline, each, excused=STILL_RUNNING) for each in at_work),
    )
    return HistoryReport(history.table, len(tries), failures, others=len(failed) - len(asked))


def is_asked_about(pipeline: Pipeline, scope: Scope, each: Try) -> bool:
    """Whether the attempt belongs to the scope; a processor of no table belongs to a scope of all filled tables."""
    names = {table.name for table in scope.tables}
    if table := table_of(pipeline, each.processor):
        return table.name in names
    return names >= {table.name for table in pipeline.filled}


def failure(pipeline: Pipeline, each: Try, *, excused: str) -> Failure:
    table = table_of(pipeline, each.processor)
    return Failure(**asdict(each), table=table.name if table else "", excused=excused)


def excuse(pipeline: Pipeline, each: Try, seen: RangeReading) -> str:
    """Why a failure on this date is no harm; empty where it is one."""
    if each.date not in seen.places:
        return "not expected"
    table = table_of(pipeline, each.processor)
    letter = seen.grid.states[table.name][seen.places[each.date]] if table else ""
    return {ACCEPTED: "accepted", NOTHING_EXPECTED: "not expected"}.get(letter, "")
