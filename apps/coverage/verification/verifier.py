"""Verifies a range: reads the warehouse, stores the partitions as a scan does, and stores a report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import replace

from django.utils import timezone

from apps.coverage import regressions
from apps.coverage.calendar import removed_dates
from apps.coverage.counts import freshness
from apps.coverage.counts import grid as grids
from apps.coverage.models import Scan, Verification
from apps.coverage.scanning import partial_scan
from apps.coverage.scanning.partial_scan import Partial
from apps.coverage.verification import attempt_history, json_objects, leftovers, qualities, tables
from apps.coverage.verification.reasons import reasons, verdict
from apps.coverage.verification.report import Report
from apps.coverage.verification.scope import EveryDay, scope
from apps.coverage.verification.tables import RangeReading
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.scope import DoesNotFit, Scope
from apps.text import successor
from apps.warehouse.base import Try, Warehouse

Tell = Callable[[str], object]


# Asked for, and performed --------------------------------------------------------------------------


def request(pipeline: Pipeline, wanted: Scope, *, by: str) -> Verification:
    """Creates a verification for a worker or command to perform."""
    return Verification.objects.create(
        requested_by=by,
        start=wanted.start,
        end=wanted.end,
        seasons=[] if isinstance(wanted, EveryDay) else [season.name for season in wanted.seasons],
        tables=[table.name for table in wanted.tables],
        whole=len(wanted.tables) == len(pipeline.tables),
    )


def perform(pipeline: Pipeline, warehouse: Warehouse, verification: Verification) -> None:
    """Performs a queued verification, and stores its report or its problem."""
    mine = Verification.objects.filter(pk=verification.pk)
    if not mine.filter(started_at=None).update(status=Verification.Status.RUNNING, started_at=timezone.now()):
        return  # another worker got there first
    try:
        found = verify(
            pipeline,
            warehouse,
            scope(
                pipeline,
                tables=verification.tables,
                seasons=verification.seasons,
                start=verification.start,
                end=verification.end,
            ),
            tell=lambda stage: mine.update(stage=stage),
        )
    except (UnknownName, DoesNotFit) as error:
        give_up(verification, f"The pipeline file has changed since this was asked for. {error}")
        return
    except Exception as error:
        give_up(verification, f"The console failed at it: {type(error).__name__}. Its log says more.")
        raise
    mine.update(
        status=Verification.Status.FINISHED,
        finished_at=timezone.now(),
        verdict=str(found.verdict),
        accepted=found.accepted,
        report=json_objects.dump(found),
        stage="",
    )


def give_up(verification: Verification, problem: str) -> None:
    Verification.objects.filter(pk=verification.pk, finished_at=None).update(
        status=Verification.Status.FAILED, finished_at=timezone.now(), problem=problem, stage=""
    )


def report_of(verification: Verification) -> Report | None:
    """The stored report; None where there is none yet, or never will be."""
    return json_objects.load(Report, verification.report) if verification.report else None


# The report ---------------------------------------------------------------------------------------


def verify(
    pipeline: Pipeline, warehouse: Warehouse, wanted: Scope, *, tell: Tell = lambda stage: None
) -> Report:
    """One query a kind of question: the calendar, all tables in one, the run history."""
    asked_at = timezone.now()
    tell(f"asking the warehouse about {len(wanted.tables)} tables")
    answer = partial_scan.scan(pipeline, warehouse, with_inputs(pipeline, wanted))
    tries: list[Try] | str | None = None
    if pipeline.history:
        tell("asking for the run history")
        away = "" if answer.reading else Scan.clause(answer.problem)  # who is not there is not asked twice
        tries = away or attempt_history.read_attempts(warehouse, pipeline.history, wanted)
    tell("judging what it said")
    return judged(pipeline, wanted, answer, tries, asked_at=asked_at)


def with_inputs(pipeline: Pipeline, wanted: Scope) -> Scope:
    """The same with what its tables read, on the same dates: whether they are stale is only known of both."""
    names = {table.name for table in wanted.tables}
    names |= {needed.table for table in wanted.tables for needed in table.after}
    return replace(wanted, tables=tuple(table for table in pipeline.tables if table.name in names))


def judged(
    pipeline: Pipeline,
    wanted: Scope,
    answer: Partial,
    tries: list[Try] | str | None,
    *,
    asked_at: dt.datetime,
) -> Report:
    silent = freshness.silent_tables()
    seen = look(pipeline, wanted, answer, silent)
    read = replace(wanted, tables=tuple(table for table in wanted.tables if table.name not in silent))
    needs = tables.needs_within(pipeline, wanted.tables)
    found = Report(
        pipeline=pipeline.name,
        start=wanted.start,
        end=wanted.end,
        asked_at=asked_at,
        dates_expected=tables.dates_expected(wanted.tables, seen),
        queries=answer.queries + isinstance(tries, list),
        problem=seen.problem,
        tables=tuple(tables.tables(wanted.tables, seen, needs)),
        needs=tuple(tables.need(need, wanted, seen) for need in needs),
        quality=tuple(qualities.qualities(pipeline, wanted.tables, seen)),
        history=None
        if pipeline.history is None or tries is None
        else attempt_history.report(pipeline, pipeline.history, tries, wanted, seen),
        losses=tuple(loss.sentence for loss in regressions.within(pipeline, read)),
        removed=removed_dates.within(wanted),
        leftovers=tuple(leftovers.sentences(wanted)),
    )
    why = tuple(reasons(found, seen.after))
    return replace(found, reasons=why, verdict=verdict(found, why))


def look(pipeline: Pipeline, wanted: Scope, answer: Partial, silent: Collection[str]) -> RangeReading:
    """What is known of the range now, beside what the warehouse said; what is silent now is unknown."""
    grid = grids.load(
        pipeline,
        start=wanted.start,
        end=wanted.end,
        seasons=() if isinstance(wanted, EveryDay) else wanted.seasons,
        tables=wanted.tables,
    )
    grid = grid.unread(silent)
    problem = answer.problem if answer.reading is None else ""
    return RangeReading(
        grid=grid,
        reading=answer.reading,
        problem=problem.removeprefix(Scan.NOT_ASKED).rstrip("."),
        after=successor(grid.dates),
        undated={
            table.name: answer.undated[table.name] for table in wanted.tables if table.name in answer.undated
        },
    )
