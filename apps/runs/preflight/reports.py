"""Reports of pre-flights: made, performed, found again for a plan."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.scope import Scope
from apps.runs.calls import jobs
from apps.runs.models import Preflight
from apps.runs.plans.plan import Plan
from apps.runs.preflight import check_runner, verdict
from apps.runs.preflight.facts import Facts
from apps.runs.preflight.finding import Level, Result, from_json
from apps.runs.preflight.selection import select_checks
from apps.warehouse.base import Warehouse

log = logging.getLogger(__name__)

Status = Preflight.Status
LONGEST = 780.0  # seconds for all checks together; the cluster ends a task after 900
LOOKED_AT = 50  # of the newest reports, for one that covers a plan


def create(scope: Scope, *, by: Any, quick: bool = False) -> Preflight:
    return Preflight.objects.create(
        requested_by=str(by),
        requested_by_user=by if getattr(by, "pk", None) else None,
        quick=quick,
        tables=[table.name for table in scope.tables],
        seasons=[season.name for season in scope.seasons],
        start=scope.start,
        end=scope.end,
    )


def perform(
    report: Preflight,
    pipeline: Pipeline,
    warehouse: Warehouse,
    *,
    tell: Callable[[Result], None] | None = None,
) -> None:
    """Performs every check and stores each result as it comes. Does nothing if it is performed already."""
    now = timezone.now()
    taken = Preflight.objects.filter(pk=report.pk, status=Status.QUEUED)
    if not taken.update(status=Status.RUNNING, started_at=now):
        return
    try:
        perform_checks(report, Facts(pipeline, scope_of(report, pipeline), warehouse, now), tell)
    except Exception as error:
        log.exception("Pre-flight %s", report.pk)
        problem = f"The pre-flight did not come to its end: {check_runner.error_text(error)}."
        Preflight.objects.filter(pk=report.pk).update(
            status=Status.FAILED, problem=problem, finished_at=timezone.now()
        )
    report.refresh_from_db()


def perform_checks(report: Preflight, facts: Facts, tell: Callable[[Result], None] | None) -> None:
    checks, elsewhere = select_checks(facts.pipeline, facts.scope)
    stored = Preflight.objects.filter(pk=report.pk)
    stored.update(checks=len(checks), elsewhere=[check.name for check in elsewhere])
    results: list[Result] = []
    until = time.monotonic() + LONGEST
    for result in check_runner.perform_all(checks, facts, quick=report.quick, until=until):
        results.append(result)
        stored.update(results=[each.as_json() for each in results])
        if tell:
            tell(result)
    stored.update(
        status=Status.FINISHED,
        verdict=verdict.verdict(results),
        finished_at=timezone.now(),
        commit=jobs.commit_of(facts.pipeline.folder).get("commit", ""),
    )


def scope_of(report: Preflight, pipeline: Pipeline) -> Scope:
    """What the report is about, by the pipeline file as it is now; UnknownName if that has it no more."""
    return Scope(
        tables=tuple(pipeline.table(name) for name in report.tables),
        seasons=tuple(pipeline.season(name) for name in report.seasons),
        start=report.start,
        end=report.end,
    )


# For a plan -------------------------------------------------------------------------------------------


def scope_of_plan(plan: Plan, pipeline: Pipeline) -> Scope | None:
    """The tables and dates of a plan's steps; None if there are none."""
    if not plan.steps:
        return None
    tables = tuple(table for table in pipeline.filled if table.name in plan.by_table)
    seasons = tuple(season for season in pipeline.seasons if season.name in plan.seasons)
    return Scope(tables, seasons, min(plan.dates), max(plan.dates))


def covering(plan: Plan, pipeline: Pipeline) -> Preflight | None:
    """The newest finished report about exactly the plan's dates; None if there is none that still says something."""
    return newest(about(plan, pipeline))


def newest(reports: list[Preflight]) -> Preflight | None:
    finished = next((report for report in reports if report.is_finished), None)
    return finished if finished and (finished.is_not_ready or not shown_report(finished).is_over) else None


def about(plan: Plan, pipeline: Pipeline) -> list[Preflight]:
    """The newest pre-flights of the plan's tables on its dates, finished or not, the newest first.

    Of its dates and no others: in a share of many dates a few that lack everything are lost.
    """
    steps = scope_of_plan(plan, pipeline)
    if steps is None:
        return []
    chosen = plan.selection
    asked = Scope(steps.tables, chosen.seasons, chosen.start, chosen.end)
    reports = Preflight.objects.all()[:LOOKED_AT]
    return [each for each in reports if any(is_about(each, scope, pipeline) for scope in (steps, asked))]


def is_about(report: Preflight, scope: Scope, pipeline: Pipeline) -> bool:
    if not {table.name for table in scope.tables} <= set(report.tables):
        return False
    try:
        own = scope_of(report, pipeline)
    except UnknownName:
        return False  # the pipeline file has changed since
    return own.ends == scope.ends and own.days == scope.days


# To be read -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownReport:
    """A report with its results, as page, command and JSON say them."""

    report: Preflight
    results: tuple[Result, ...]

    @property
    def counts(self) -> str:
        return verdict.verdict_text(self.results)

    @property
    def groups(self) -> list[tuple[str, Level, list[Result]]]:
        """Title, level, results: what is in the way first, then what was not answered."""
        return [
            (title, level, found)
            for level, title in TITLES.items()
            if (found := [each for each in self.results if each.level == level])
        ]

    @property
    def percent(self) -> int:
        return 100 * len(self.results) // (self.report.checks or 1)

    @property
    def segments(self) -> list[dict[str, Any]]:
        width = 1000 * len(self.results) // (self.report.checks or 1)
        return [{"state": "running", "x": 0, "width": width}]

    @property
    def why(self) -> str:
        """What is in the way, by the checks' names."""
        return ", ".join(each.name for each in self.results if each.is_in_the_way)

    @property
    def good_until(self) -> dt.datetime | None:
        """Until when all of its answers are good."""
        return min((each.valid_until for each in self.results if each.valid_for), default=None)

    @property
    def is_old(self) -> bool:
        """Whether some of its answers are not good any more."""
        return self.good_until is not None and self.good_until < timezone.now()

    @property
    def is_over(self) -> bool:
        """Whether none of its answers is good any more."""
        return all(each.valid_until < timezone.now() for each in self.results if each.valid_for)

    @property
    def state(self) -> str:
        """The name of the verdict's colour."""
        return STATES.get(self.report.verdict, "unknown")

    def as_json(self) -> dict[str, Any]:
        report = self.report
        return {
            "preflight": report.pk,
            "status": report.status,
            "verdict": report.get_verdict_display() if report.verdict else "",
            "counts": self.counts,
            "quick": report.quick,
            "tables": report.tables,
            "seasons": report.seasons,
            "start": str(report.start),
            "end": str(report.end),
            "requested_by": report.requested_by,
            "requested_at": report.requested_at.isoformat(),
            "finished_at": report.finished_at.isoformat() if report.finished_at else None,
            "commit": report.commit,
            "problem": report.problem,
            "about_other_tables": report.elsewhere,
            "checks": [each.as_json() for each in self.results],
        }


TITLES = {
    Level.FAILURE: "Failure",
    Level.UNKNOWN: "Could not be asked",
    Level.WARNING: "Needs a look",
    Level.SKIPPED: "Skipped",
    Level.PASS: "Pass",
}
STATES: dict[str, str] = {
    Preflight.Verdict.READY: "pass",
    Preflight.Verdict.WARNINGS: "warning",
    Preflight.Verdict.NOT_READY: "failure",
}


def shown_report(report: Preflight) -> ShownReport:
    return ShownReport(report, tuple(from_json(each) for each in report.results))


@dataclass(frozen=True)
class ForPlan:
    """What a person reads beside a plan: the newest report that covers it, and one that is under way."""

    told: ShownReport | None
    under_way: Preflight | None = None

    @property
    def needs_reason(self) -> bool:
        """Whether a launch has to say why it does not wait."""
        return self.told is not None and self.told.report.is_not_ready


def for_plan(plan: Plan, pipeline: Pipeline) -> ForPlan:
    """The reports for the plan, in one query."""
    reports = about(plan, pipeline)
    report = newest(reports)
    return ForPlan(
        shown_report(report) if report else None, next((each for each in reports if each.is_active), None)
    )
