"""The checks repeated as a run starts: cheap things that may have changed since its launch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db.models import Max, Min
from django.utils.text import capfirst

from apps.coverage.scanning import questions
from apps.pipeline.check_kinds import Check
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.pipeline.sections import Table
from apps.runs.models import Run
from apps.runs.preflight import check_runner
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Finding, Level, failed
from apps.runs.preflight.registry import KINDS
from apps.runs.preflight.selection import kind_of, select_checks
from apps.warehouse.base import Absent, Warehouse, WarehouseError

# That a worker lives needs no asking: one is about to start the run. Nor does an overlap: the database keeps any
# partition from being pending in two runs, and two runs may well take turns within one range of dates.
AGAIN = ("file", "must_contain")


def obstacle(run: Run, pipeline: Pipeline, warehouse: Warehouse, *, now: dt.datetime) -> str:
    """Why the run should not start, as a sentence without its full stop; empty if nothing is in the way."""
    scope = scope_of_run(run, pipeline)
    if scope is None:
        return ""
    facts = Facts(pipeline, scope, warehouse, now)
    found = next((each for each in findings(facts) if each.level == Level.FAILURE), None)
    return f"Not ready to start: {found.text.rstrip('.')}" if found else ""


def findings(facts: Facts) -> Iterator[Finding]:
    yield from unreadable_tables(facts)
    checks, _ = select_checks(facts.pipeline, facts.scope)
    for check in checks:
        if check.is_critical and kind_of(check) in AGAIN:
            yield from ask(check, facts)


def ask(check: Check, facts: Facts) -> Iterator[Finding]:
    try:
        yield from KINDS[kind_of(check)].perform(check, facts)
    except OSError as error:
        yield failed(f"{check.name} could not be asked: {check_runner.error_text(error)}")


def unreadable_tables(facts: Facts) -> Iterator[Finding]:
    """Tables that are not as the file describes them: asked about a single date. One that does not exist is created."""
    try:
        reading = facts.warehouse.count(
            [questions.question(table) for table in facts.scope.tables], dates=[facts.scope.start]
        )
    except WarehouseError:
        return  # the run waits for a warehouse that is away, and goes on by itself
    for problem in reading.problems.values():
        if not isinstance(problem, Absent):
            yield failed(capfirst(problem))


def scope_of_run(run: Run, pipeline: Pipeline) -> Scope | None:
    """What is left to do; None if that is nothing, or nothing that the pipeline file still has."""
    left = run.steps.unfinished().order_by()
    ends = left.aggregate(first=Min("date"), last=Max("date"))
    names = set(left.values_list("table", flat=True).distinct())
    tables: tuple[Table, ...] = tuple(table for table in pipeline.filled if table.name in names)
    if not tables:
        return None
    return Scope(tables, pipeline.seasons, ends["first"], ends["last"])
