"""The plan on the launch page, and the check that the plan launched is the plan shown."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import dataclass, field
from functools import cached_property

from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.runs.calls import jobs
from apps.runs.control import LaunchRefused
from apps.runs.dependencies import downstream
from apps.runs.dependencies.downstream import ReadersLeft
from apps.runs.estimates.eta import Estimate
from apps.runs.models import Run
from apps.runs.pages.run_status import workers_alive
from apps.runs.plans import forecasts, planning, reasons
from apps.runs.plans.forecasts import Forecast
from apps.runs.plans.options import Options
from apps.runs.plans.plan import Plan
from apps.runs.plans.selections import PlanRefused
from apps.runs.results import outcomes
from apps.runs.results.outcomes import Counts
from apps.text import count

# They get their values when the call is made.
NUMBERED = ("BACKFILL_RUN", "BACKFILL_ATTEMPT")
STATE_OF_REASON = {
    reasons.COMPLETE: "complete",
    reasons.BOOTSTRAP: "not-expected",
    reasons.OFF_CALENDAR: "not-expected",
    reasons.NOT_OVER: "not-expected",
    reasons.ACCEPTED: "accepted",
    reasons.LEFT_CALENDAR: "unknown",
    reasons.UNKNOWN: "unknown",
    reasons.UNCOMPARED: "unknown",
    reasons.FAILED_BEFORE: "failed",
    reasons.BEHIND_GAPS: "missing",
}


@dataclass(frozen=True)
class ShownCall:
    """A table's first call, as it will be made."""

    table: Table
    command: str
    folder: str
    environment: list[tuple[str, str]]
    dates_a_call: int
    calls: int


@dataclass(frozen=True)
class LeftOut:
    """Why some partitions are no steps, with their dates in words."""

    reason: str
    state: str
    count: int
    dates: str


@dataclass(frozen=True)
class Overlap:
    """A run that is about to fill some of what was asked for, and how far it is."""

    run: Run
    counts: Counts
    count: int
    dates: str

    @property
    def who(self) -> str:
        return outcomes.introduced(self.run, self.counts)


@dataclass(frozen=True)
class ShownPlan:
    """A plan with everything that its page says of it."""

    plan: Plan
    pipeline: Pipeline = field(repr=False)
    estimate: Estimate
    overlaps: list[Overlap]
    workers_alive: int
    forecast: Forecast | None
    readers_left: ReadersLeft

    @cached_property
    def seasons(self) -> list[str]:
        return [season.name for season in self.pipeline.seasons if season.name in self.plan.seasons]

    @property
    def matrix(self) -> list[tuple[str, list[tuple[str, int]], int]]:
        """Table, its steps in each season, all of its steps."""
        dates = self.plan.dates_by_table_and_season
        return [
            (table, [(season, len(dates[table].get(season, ()))) for season in self.seasons], total)
            for table, total in self.plan.by_table.items()
        ]

    @property
    def size(self) -> str:
        """ "5 tables, 14 dates, 10 calls"."""
        calls = sum(call.calls for call in self.calls)
        tables, dates = count(len(self.plan.by_table), "table"), count(len(self.plan.dates), "date")
        return f"{tables}, {dates}, at least {count(calls, 'call')}"

    @property
    def left_out(self) -> list[LeftOut]:
        """All reasons but the runs, which `overlaps` names."""
        return [
            LeftOut(reason, STATE_OF_REASON.get(reason, "missing"), number, dates)
            for reason, number, dates in self.plan.left_out_ranges
            if not reason.startswith(reasons.ELSEWHERE)
        ]

    @property
    def leaves_out_blocked(self) -> bool:
        """Whether what would be skipped is left out; else an override starts it."""
        return not self.plan.selection.through_gaps

    @cached_property
    def gates(self) -> list[str]:
        return [phase.label for phase in self.plan.manual_gates(self.pipeline)]

    @cached_property
    def calls(self) -> list[ShownCall]:
        return shown_calls(self.plan, self.pipeline)


def shown_calls(plan: Plan, pipeline: Pipeline) -> list[ShownCall]:
    """The first call of each table, as page, command and JSON show it before it is made."""
    return [shown_call(plan, pipeline, pipeline.table(name)) for name in plan.by_table]


def shown_call(plan: Plan, pipeline: Pipeline, table: Table) -> ShownCall:
    assert table.job
    calls = plan.calls(table)
    call = jobs.prepare(pipeline, table.job, calls[0])
    return ShownCall(
        table=table,
        command=shlex.join(call.shown_argv),
        folder=str(call.cwd),
        environment=[each for each in call.shown_environment.items() if each[0] not in NUMBERED],
        dates_a_call=plan.dates_a_call(table),
        calls=len(calls),
    )


def draw(plan: Plan, pipeline: Pipeline, *, now: dt.datetime, options: Options | None = None) -> ShownPlan:
    """The plan with its estimates, its overlaps and who could perform it, as these options have it performed."""
    return ShownPlan(
        plan=plan,
        pipeline=pipeline,
        estimate=estimate(plan, pipeline, options or Options()),
        overlaps=overlaps(plan),
        workers_alive=workers_alive(now),
        forecast=forecasts.forecast_of(plan, pipeline),
        readers_left=downstream.readers_left(plan.partitions, plan.calendar, pipeline),
    )


def estimate(plan: Plan, pipeline: Pipeline, options: Options) -> Estimate:
    """How long it takes with so many lanes, and with such a canary where there can be one."""
    try:
        canary = options.canary_dates(plan)
    except PlanRefused:
        canary = []  # the form says beside its field why not
    return planning.estimate(plan, pipeline, lanes=options.lanes, canary=canary)


def overlaps(plan: Plan) -> list[Overlap]:
    if not plan.elsewhere:
        return []
    dates = {reason: words for reason, _, words in plan.left_out_ranges}
    runs = list(Run.objects.filter(pk__in=plan.elsewhere))
    counts = outcomes.of_runs(runs)
    return [
        Overlap(run, counts[run.pk], plan.elsewhere[run.pk], dates[f"{reasons.ELSEWHERE}{run.pk}"])
        for run in runs
    ]


def check_seen(plan: Plan, *, digest: str, steps: str) -> None:
    """LaunchRefused if the plan is not the one that the person looked at."""
    if not plan.steps and not plan.elsewhere:
        raise LaunchRefused(plan.why_nothing, left_out=plan.left_out_counts)
    if plan.digest == digest:
        return
    taken = "".join(f" {each.who} is about to fill {each.count:,} of these." for each in overlaps(plan))
    before = f"{steps} steps then, " if steps.isdecimal() else ""
    raise LaunchRefused(
        f"The plan is not the one you saw: {before}{len(plan.steps):,} now.{taken} Nothing was launched; look again."
    )
