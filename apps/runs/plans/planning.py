"""Which steps a launch would make, and for every other date the reason why not."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from django.utils import timezone

from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import CalendarDate, Partition, RemovedDate
from apps.coverage.scanning.expectation import like_decides
from apps.coverage.sources import need_coverage
from apps.grouping import by_key
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.pipeline.sections import Table
from apps.runs.dependencies import gates
from apps.runs.dependencies.blocked import Blocked, Forecast
from apps.runs.estimates import eta, progress
from apps.runs.estimates.eta import Estimate, Part
from apps.runs.estimates.remaining_work import Left
from apps.runs.models import Run
from apps.runs.plans.plan import Plan, PlannedStep
from apps.runs.plans.reasons import (
    ACCEPTED,
    BEHIND_GAPS,
    BOOTSTRAP,
    COMPLETE,
    ELSEWHERE,
    FAILED_BEFORE,
    LEFT_CALENDAR,
    NOT_OVER,
    OFF_CALENDAR,
    UNCOMPARED,
    UNKNOWN,
)
from apps.runs.plans.selections import Selection, first_read_date, is_skipped

State, Activity = Partition.State, Partition.Activity
FAILED = (Activity.FAILED, *Partition.NOT_REDONE)


class Known(NamedTuple):
    """What is stored of a partition; `rows` is None if they were not counted."""

    state: str
    activity: str
    run_id: int | None
    rows: int | None


NEVER_READ = Known(State.UNKNOWN, "", None, None)


def of_scope(pipeline: Pipeline, found: Scope, reprocess: str) -> Plan:
    """What a plan would take in of some tables and dates; sources are among them and no job fills these."""
    chosen = Selection(
        tables=tuple(table for table in pipeline.filled if table in found.tables),
        seasons=found.seasons,
        start=found.start,
        end=found.end,
        reprocess=Run.Reprocess(reprocess),
    )
    return plan(pipeline, chosen)


def plan(pipeline: Pipeline, selection: Selection) -> Plan:
    """The plan for a selection, from what is stored; in seven queries however many dates there are."""
    reach = first_read_date(selection)
    days = list(CalendarDate.objects.filter(date__range=(reach, selection.end)))
    calendar = {day.date: day for day in days if day.date in selection}
    read = {needed.table for table in selection.tables for needed in table.after}
    read |= {table.compared_with for table in selection.tables if table.compared_with}
    stored = Partition.objects.of({table.name for table in selection.tables} | read)
    partitions = {
        (table, date): Known(state, activity, run_id, rows)
        for table, date, state, activity, run_id, rows in stored.between(reach, selection.end).values_list(
            "table", "date", "state", "activity", "run_id", "rows"
        )
    }
    unserved = unserved_dates(pipeline, selection)
    removed = RemovedDate.objects.open().filter(date__range=(selection.start, selection.end))
    left_calendar = frozenset(removed.values_list("date", flat=True))
    steps: list[PlannedStep] = []
    planned: set[tuple[str, dt.date]] = set()
    left_out: dict[str, list[tuple[str, dt.date]]] = defaultdict(list)
    dates, today = selection.dates_in_order, pipeline.today(timezone.now())
    for table in selection.tables:
        for date in dates:
            if not selection.takes(table, date):
                continue
            reason = why_not(table, date, selection, calendar, partitions, unserved)
            if reason == OFF_CALENDAR:
                reason = why_not_expected(date, today, left_calendar)
            if reason == UNKNOWN and only_uncompared(partitions, table, date):
                reason = "" if (table.compared_with, date) in planned else UNCOMPARED
            if not reason and lacks_comparison(partitions, table, date, planned):
                reason = "" if selection.through_gaps else UNCOMPARED
            if reason:
                left_out[reason].append((table.name, date))
            else:
                day = calendar[date]
                known = partitions[table.name, date]
                redo = is_redo(known.state, known.activity)
                steps.append(PlannedStep(table.name, table.phase, date, day.season, day.units, redo))
                planned.add((table.name, date))
    behind, waits_for = look_ahead(pipeline, steps, [day.date for day in days], partitions)
    if behind.steps and not selection.through_gaps:
        skipped = {(table, date) for table, some in behind.dates.items() for date in some}
        left_out[BEHIND_GAPS] = [
            (step.table, step.date) for step in steps if (step.table, step.date) in skipped
        ]
        steps = [step for step in steps if (step.table, step.date) not in skipped]
    return Plan(
        selection,
        tuple(steps),
        dict(left_out),
        calendar=tuple(day.date for day in days if day.date >= selection.start),
        was_scanned=bool(calendar) or CalendarDate.objects.exists(),
        blocked=behind,
        waits_for=waits_for,
    )


def look_ahead(
    pipeline: Pipeline,
    steps: Sequence[PlannedStep],
    calendar: Sequence[dt.date],
    partitions: Mapping[tuple[str, dt.date], Known],
) -> tuple[Blocked, dict[int, int]]:
    """What of these steps would be skipped; and the runs that are about to fill inputs of them, with how many.

    Inputs that could not be read at the last try are read again by the run: they keep nothing from starting.
    """
    wanted = by_key((step.table, step.date) for step in steps)
    tables = [table for table in pipeline.filled if table.name in wanted]
    states: dict[str, dict[dt.date, str]] = {needed.table: {} for table in tables for needed in table.after}
    in_other_runs: dict[str, dict[dt.date, int | None]] = {name: {} for name in states}
    silent = silent_tables()
    for (name, date), known in partitions.items():
        if name in states:
            is_known = name not in silent or known.state == State.NOT_EXPECTED
            states[name][date] = known.state if is_known else State.UNKNOWN
            if known.activity in Partition.IN_A_RUN:
                in_other_runs[name][date] = known.run_id
    if not states:
        return Blocked(), {}
    return (
        Forecast(pipeline, wanted, calendar, states, in_other_runs).result(),
        awaited(tables, wanted, in_other_runs),
    )


def awaited(
    tables: Sequence[Table],
    wanted: Mapping[str, Sequence[dt.date]],
    in_other_runs: Mapping[str, Mapping[dt.date, int | None]],
) -> dict[int, int]:
    """Runs that are about to fill what these dates read, with how many of such inputs."""
    found: set[tuple[str, dt.date]] = set()
    for table in tables:
        dates = sorted(wanted[table.name])
        for needed in table.after:
            readers = gates.Reader(dates, dt.timedelta(days=needed.lookback))
            found |= {(needed.table, date) for date in in_other_runs[needed.table] if readers.reads(date)}
    return dict(Counter(run for name, date in found if (run := in_other_runs[name][date])))


def why_not(
    table: Table,
    date: dt.date,
    selection: Selection,
    calendar: Mapping[dt.date, CalendarDate],
    partitions: Mapping[tuple[str, dt.date], Known],
    unserved: need_coverage.Closed,
) -> str:
    """The reason for leaving a partition out; empty if it is a step."""
    if date not in calendar:
        return OFF_CALENDAR
    known = partitions.get((table.name, date), NEVER_READ)
    if known.activity in (Activity.QUEUED, Activity.RUNNING):
        return f"{ELSEWHERE}{known.run_id}"
    if known.state == State.UNKNOWN and is_skipped(table, date, selection):
        return BOOTSTRAP
    has_old_rows = known.state == State.COMPLETE and known.activity in Partition.NOT_REDONE
    if not has_old_rows and (reason := why_settled(known.state, selection.reprocess)):
        return reason
    if reason := unserved.get(table.name, {}).get(date, ""):
        return reason
    if known.activity in FAILED and selection.reprocess == Run.Reprocess.MISSING:
        return FAILED_BEFORE
    return ""


def only_uncompared(partitions: Mapping[tuple[str, dt.date], Known], table: Table, date: dt.date) -> bool:
    """Whether a date that is unknown was counted, and what it is compared with is known to have no rows: no scan is
    lacking."""
    counted = partitions.get((table.name, date), NEVER_READ).rows is not None
    other = partitions.get((table.compared_with or "", date), NEVER_READ)
    return counted and other.state != State.UNKNOWN and not other.rows


def lacks_comparison(
    partitions: Mapping[tuple[str, dt.date], Known],
    table: Table,
    date: dt.date,
    planned: Collection[tuple[str, dt.date]],
) -> bool:
    """Whether only a date of another table says how many rows are expected, and that date has none and is not about to
    be filled: a call would be judged unknown."""
    if not table.compared_with or not table.rows or like_decides(table.rows, None):
        return False
    other = (table.compared_with, date)
    known = partitions.get(other, NEVER_READ)
    return known.rows == 0 and other not in planned and known.activity not in Partition.IN_A_RUN


def why_not_expected(date: dt.date, today: dt.date, left_calendar: Collection[dt.date]) -> str:
    """Why nothing is expected of a date that is not on the calendar."""
    if date in left_calendar:
        return LEFT_CALENDAR
    return NOT_OVER if date >= today else OFF_CALENDAR


def why_settled(state: str, reprocess: str) -> str:
    match state:
        case State.NOT_EXPECTED | State.UNEXPECTED:
            return BOOTSTRAP
        case State.ACCEPTED:
            return ACCEPTED
        case State.UNKNOWN:
            return UNKNOWN
        case State.COMPLETE if reprocess != Run.Reprocess.ALL:
            return COMPLETE
    return ""


def is_redo(state: str, activity: str) -> bool:
    """Whether a run would fill again what is complete, or was when the redo failed that it is to make good."""
    return state in (State.COMPLETE, State.STALE) or activity in Partition.NOT_REDONE


def unserved_dates(pipeline: Pipeline, selection: Selection) -> need_coverage.Closed:
    """For each table the dates that a need keeps from being planned: its `at_least` counts over whole seasons."""
    seasons = [
        season
        for season in selection.seasons
        if season.start <= selection.end and selection.start <= season.end
    ]
    return need_coverage.closed_dates(pipeline, {table.name for table in selection.tables}, seasons)


def estimate(plan: Plan, pipeline: Pipeline, *, lanes: int = 1, canary: Collection[dt.date] = ()) -> Estimate:
    """How long the plan likely takes, as a run of it will say before its first call; in two queries."""
    units = by_key(((step.table, step.date in canary), step.units) for step in plan.steps)
    parts = [
        Part(table, Left(len(some), sum(some), min(some), max(some)), is_first)
        for (table, is_first), some in units.items()
    ]
    ahead = eta.legs(
        parts,
        pipeline=pipeline,
        gates=[phase.name for phase in plan.manual_gates(pipeline)],
        has_canary=bool(canary),
    )
    return eta.estimate(ahead, earlier=progress.history(set(plan.by_table)), lanes=lanes)
