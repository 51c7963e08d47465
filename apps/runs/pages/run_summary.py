"""The summary of a finished run: coverage before and after, what was left out, forecast against actual."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce

from apps.pipeline.definition import Pipeline
from apps.runs.calls import commits
from apps.runs.estimates import billing, progress
from apps.runs.estimates.billing import Bill
from apps.runs.estimates.progress import Progress
from apps.runs.failures import failure_groups, open_failures
from apps.runs.models import EventQuerySet, Run
from apps.runs.pages.run_tables import RunLayout, layout_of
from apps.runs.results import discrepancies, outcomes, redos
from apps.runs.results.outcomes import Counts, counted
from apps.runs.results.redos import Rework
from apps.text import between, duration, duration_range


@dataclass(frozen=True)
class Change:
    """Complete of expected dates, before and after. `before` or `after` is None if it is not known."""

    season: str
    before: tuple[int, int] | None
    after: tuple[int, int] | None

    @property
    def gained(self) -> int | None:
        return self.after[0] - self.before[0] if self.before and self.after else None


@dataclass(frozen=True)
class TableResult(Counts):
    """What a run did for a table, in all and by season."""

    table: str
    seasons: tuple[Change, ...]


@dataclass(frozen=True)
class Summary:
    """A finished run, to be printed."""

    run: Run
    progress: Progress
    tables: list[TableResult]
    layout: RunLayout
    worked_seconds: float
    attempts: int
    forecast_seconds: tuple[float, float] | None
    bill: Bill | None

    @property
    def commits(self) -> list[tuple[str, int, dt.datetime]]:
        """The commits of the jobs' code that its calls ran, each with number and start of its first attempt."""
        return commits.of_run(self.run)

    @property
    def took(self) -> str:
        """From the start to the end, pauses included."""
        return between(self.run.started_at, self.run.finished_at)

    @property
    def worked(self) -> str:
        """The time that calls took, pauses left out."""
        return duration(self.worked_seconds)

    @property
    def forecast(self) -> str:
        return duration_range(*self.forecast_seconds) if self.forecast_seconds else ""

    @property
    def verdict(self) -> str:
        """Actual against forecast: "as forecast", "slower than forecast"; empty without a forecast."""
        forecast, worked = self.forecast_seconds, self.worked_seconds
        return billing.against_forecast(worked, forecast, less="faster", more="slower") if forecast else ""

    @property
    def left_out(self) -> list[tuple[str, int]]:
        return sorted(self.run.left_out.items())

    @cached_property
    def failures(self) -> list[open_failures.ShownGroup]:
        return open_failures.shown_groups(failure_groups.groups_of(self.run.steps.failed()))

    @cached_property
    def skipped(self) -> list[open_failures.ShownGroup]:
        """Why steps were skipped, grouped as failures are."""
        return open_failures.shown_groups(outcomes.reasons_for_skips(self.run))

    @cached_property
    def notes(self) -> list[str]:
        """What else is to be said of its verified steps: calls that ended badly, and what is not complete now."""
        return discrepancies.notes(self.run, verified=self.progress.verified)

    @cached_property
    def rework(self) -> Rework | None:
        return redos.rework_of(self.run)

    @property
    def timeline(self) -> EventQuerySet:
        return self.run.events.order_by("id")


def summary(run: Run, pipeline: Pipeline) -> Summary:
    calls = run.attempts.exclude(finished_at=None).aggregate(
        number=Count("id"), seconds=Coalesce(Sum(F("finished_at") - F("started_at")), dt.timedelta())
    )
    launched = run.events.filter(kind="launched").values_list("data", flat=True).first() or {}
    forecast = launched.get("forecast_seconds")
    return Summary(
        run=run,
        progress=progress.progress_of(run, pipeline),
        tables=tables_of(run),
        layout=layout_of(run),
        worked_seconds=calls["seconds"].total_seconds(),
        attempts=calls["number"],
        forecast_seconds=tuple(forecast) if forecast else None,
        bill=billing.bill_of(run, pipeline),
    )


def tables_of(run: Run) -> list[TableResult]:
    """The run's tables in its order, with their seasons as they were at launch and at the end."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    seasons: defaultdict[str, set[str]] = defaultdict(set)
    rows = run.steps.order_by().values_list("table", "season", "status").annotate(Count("id"))
    for table, season, status, number in rows:
        counts[table][status] += number
        seasons[table].add(season)
    return [result(run, table, counts[table], sorted(seasons[table])) for table in in_order(run, counts)]


def in_order(run: Run, counts: Mapping[str, Any]) -> list[str]:
    asked = [table for table in run.selection.get("tables", []) if table in counts]
    return [*asked, *(table for table in counts if table not in asked)]


def result(run: Run, table: str, counts: Mapping[str, int], seasons: list[str]) -> TableResult:
    return TableResult(
        table=table,
        **counted(counts),
        seasons=tuple(
            Change(
                season,
                of_season(run.coverage_before, table, season),
                of_season(run.coverage_after, table, season),
            )
            for season in seasons
        ),
    )


def of_season(coverage: dict[str, Any], table: str, season: str) -> tuple[int, int] | None:
    """Complete and expected; None if nothing was known."""
    found = coverage.get("tables", {}).get(table, {}).get(season)
    if not found or 0 < found[1] == found[2]:
        return None
    return found[0], found[1]
