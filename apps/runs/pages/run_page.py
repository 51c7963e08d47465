"""Everything that a run's page shows, in a fixed number of queries."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Max, QuerySet

from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.calls import commits, logs
from apps.runs.dependencies import blocked_steps, gates
from apps.runs.dependencies.blocked import Blocked
from apps.runs.estimates import billing, progress, stalls
from apps.runs.estimates.billing import Bill
from apps.runs.estimates.paces import FEWEST
from apps.runs.estimates.progress import Progress
from apps.runs.failures import failure_groups, open_failures
from apps.runs.failures.failure_groups import FailureGroup
from apps.runs.models import Attempt, Event, Lane, Run, Step
from apps.runs.pages import call_stats, charts, gate_inputs, run_status, step_list
from apps.runs.pages.call_stats import CallStats
from apps.runs.pages.charts import FinishedChart, SecondsChart
from apps.runs.pages.gate_inputs import GateInput
from apps.runs.pages.run_status import RunContext, RunStatus, workers_alive
from apps.runs.pages.run_tables import RunLayout, TableStrip, layout_of, table_strips
from apps.runs.results import discrepancies, outcomes, redos
from apps.runs.results.redos import Rework
from apps.text import between, count, date_ranges, duration_range

EVENTS_SHOWN = 30
GROUPS_SHOWN = 5
RANGES_SHOWN = 8
LOG_LINES = 40
POINTS = 200  # of the chart of finished steps
SOON = 120  # seconds


@dataclass(frozen=True)
class Gate:
    """What a person reads before starting a phase."""

    phase: str
    label: str
    inputs: list[GateInput]
    blocked: Blocked
    unfinished: int

    @property
    def is_ready(self) -> bool:
        return all(each.need.is_met for each in self.inputs) and not self.blocked.steps

    @property
    def would_be_skipped(self) -> str:
        """ "8 of 14 steps would be skipped, behind 3 dates"; empty if none would."""
        return self.blocked.of(self.unfinished)


@dataclass(frozen=True)
class RunPage:
    """A run, looked at."""

    run: Run
    pipeline: Pipeline
    now: dt.datetime
    progress: Progress
    situation: RunStatus
    calls: list[Attempt]
    strips: list[TableStrip] = field(repr=False)
    layout: RunLayout = field(repr=False)

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The bar, on which what is bad or under way keeps a visible width."""
        return self.progress.bar(least=4)

    @property
    def legend(self) -> list[dict[str, Any]]:
        now = self.progress
        items = [
            ("complete", "verified", now.verified, "verified"),
            ("failed", "failed", now.failed, "failed"),
            ("accepted", "skipped", now.skipped, "skipped"),
            ("accepted", "cancelled", now.cancelled, "cancelled"),
            ("running", "running", now.running, "running"),
            ("missing", "left", now.pending, "pending"),
        ]
        return [
            {
                "state": state,
                "label": label,
                "count": number,
                "url": step_list.address(self.run, state=listed),
            }
            for state, label, number, listed in items
            if number or label == "verified"
        ]

    @property
    def bar_label(self) -> str:
        said = ", ".join(f"{item['count']:,} {item['label']}" for item in self.legend)
        return f"{said}, of {self.progress.total:,}"

    @property
    def of_total(self) -> str:
        return f"of {self.progress.total:,}"

    @property
    def percent(self) -> str:
        return f"{self.progress.percent} %"

    @property
    def kinds(self) -> str:
        """How many kinds of failures there are; while there is none, when the run would pause."""
        if self.failures:
            return count(len(self.failures), "kind")
        return f"pauses after {self.run.stop_after_failures} in a row" if not self.run.is_finished else ""

    @property
    def reasons(self) -> str:
        """How many reasons there are for what was skipped."""
        return count(len(self.skips), "reason")

    @property
    def reasons_and_cancelled(self) -> str:
        """What else is to be said of a finished run that left steps undone."""
        cancelled = f"{self.progress.cancelled:,} cancelled" if self.progress.cancelled else ""
        return ", ".join(filter(None, (self.reasons if self.skips else "", cancelled)))

    @property
    def to_retry(self) -> int:
        """Steps that another run could try again."""
        return self.progress.failed + self.progress.skipped

    @property
    def attempt(self) -> Attempt | None:
        """The call under way; the last one made, where there are several."""
        return self.calls[0] if self.calls else None

    @property
    def goes_on_by_itself(self) -> bool:
        """Whether the page may change by itself."""
        return self.run.is_active or self.run.again_at is not None

    @property
    def may_override(self) -> bool:
        """Whether something is left that would wait for its inputs."""
        if self.run.is_finished or self.run.override_reason:
            return False
        tables = [table for strip in self.strips if (table := self.pipeline.by_name.get(strip.table))]
        needing = {name for need in self.pipeline.needs for name in need.used_by}
        return any(table.after or table.name in needing for table in tables)

    @cached_property
    def calling(self) -> CallStats:
        return call_stats.call_stats(self.run, self.pipeline, in_use=len(self.calls))

    @cached_property
    def notes(self) -> list[str]:
        """What else is to be said of its verified steps: calls that ended badly, and what is not complete now."""
        return discrepancies.notes(self.run, verified=self.progress.verified)

    @cached_property
    def rework(self) -> Rework | None:
        return redos.rework_of(self.run)

    @cached_property
    def bill(self) -> Bill | None:
        """What its SQL jobs billed, where the warehouse takes money."""
        return billing.bill_of(self.run, self.pipeline)

    @property
    def commits(self) -> list[tuple[str, dt.datetime]]:
        """The commits that its calls ran other than that of its launch, each with the start of its first call."""
        found = commits.of_run(self.run)
        return [(commit, since) for commit, _, since in found if commit != self.run.commit]

    @property
    def canary(self) -> str:
        """The dates that go before the others."""
        return date_ranges(map(dt.date.fromisoformat, self.run.canary_dates))

    @property
    def pace(self) -> tuple[str, str] | None:
        """A number and its unit: steps a minute, or an hour where they are slow."""
        hourly = self.progress.steps_an_hour
        if hourly is None:
            return None
        number, unit = (hourly / 60, "steps a minute") if hourly >= 120 else (hourly, "steps an hour")
        return f"{number:,.0f}" if number >= 100 else f"{number:,.1f}", unit

    @property
    def slowing(self) -> str:
        if self.progress.slowing is None:
            return ""
        table, percent = self.progress.slowing
        return f"slowing {percent} % a date in {definition.short_name(table)}"

    @property
    def finish(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Between which times it likely ends; None while no worker performs it, or it cannot be known."""
        return self.progress.finish_range(now=self.now) if self.situation.moves else None

    @property
    def finish_shown(self) -> tuple[dt.datetime, ...]:
        return progress.to_the_minute(self.finish)

    @property
    def stop_shown(self) -> tuple[dt.datetime, ...]:
        """Between which moments it likely comes to where it waits for a person."""
        found = self.progress.stop_range(now=self.now) if self.situation.moves else None
        return progress.to_the_minute(found)

    @property
    def ends_soon(self) -> bool:
        """Whether a clock would say the same twice."""
        seconds = self.progress.seconds_range
        return seconds is not None and seconds[1] < SOON

    @property
    def work_left(self) -> str:
        """The time that the steps left will take once the run goes on; empty if it cannot be known."""
        seconds = self.progress.seconds_range
        return duration_range(*seconds) if seconds and self.progress.unfinished else ""

    @property
    def took(self) -> str:
        """From the start to the end, pauses included."""
        return between(self.run.started_at, self.run.finished_at)

    @property
    def not_known(self) -> str:
        """ "not known yet" if the steps of this run may still show it, else "not known"."""
        may_be_measured = self.progress.verified + self.progress.unfinished >= FEWEST
        return "not known yet" if may_be_measured else "not known"

    @property
    def why_no_pace(self) -> str:
        """ "not before 5 steps are verified (3 so far)", or that the run has too few for a pace."""
        verified = self.progress.verified
        if verified + self.progress.unfinished < FEWEST:
            return f"fewer than {FEWEST} steps to verify"
        return f"not before {FEWEST} steps are verified ({verified} so far)" if verified < FEWEST else ""

    @cached_property
    def failures(self) -> list[FailureGroup]:
        return failure_groups.groups_of(self.run.steps.failed())

    @cached_property
    def skips(self) -> list[FailureGroup]:
        """Why steps were skipped."""
        return outcomes.reasons_for_skips(self.run) if self.progress.skipped else []

    @property
    def failures_shown(self) -> list[open_failures.ShownGroup]:
        return self.told[: len(self.failures[:GROUPS_SHOWN])]

    @property
    def skips_shown(self) -> list[open_failures.ShownGroup]:
        return self.told[len(self.failures[:GROUPS_SHOWN]) :]

    @cached_property
    def told(self) -> list[open_failures.ShownGroup]:
        """The most frequent failures, then reasons for skips; together, for they ask the calendar."""
        return open_failures.shown_groups(
            [*self.failures[:GROUPS_SHOWN], *self.skips[:GROUPS_SHOWN]], most=RANGES_SHOWN
        )

    @cached_property
    def timeline(self) -> list[Event]:
        return list(self.run.events.order_by("-id")[:EVENTS_SHOWN])

    @cached_property
    def gate(self) -> Gate | None:
        phase = gates.waiting_phase(self.run)
        if phase is None:
            return None
        label = run_status.phase_label(self.pipeline, phase)
        inputs = gate_inputs.of_run(self.pipeline, self.run, phase)
        blocked = blocked_steps.of_run(self.pipeline, self.run)
        return Gate(phase, label, inputs, blocked, self.progress.unfinished)

    @cached_property
    def seconds_chart(self) -> SecondsChart | None:
        steps = ended(self.run).filter(seconds__isnull=False).order_by("finished_at", "position")
        return charts.seconds_chart([each or 0.0 for each in steps.values_list("seconds", flat=True)])

    @cached_property
    def finished_chart(self) -> FinishedChart | None:
        return charts.finished_chart(
            finished_points(self.run, self.progress.total),
            start=self.run.started_at,
            now=self.now,
            total=self.progress.total,
            finish=self.finish,
        )

    @cached_property
    def last_attempt(self) -> Attempt | None:
        """The call under way, else the last one."""
        return self.attempt or self.run.attempts.order_by("-number").first()

    @cached_property
    def log(self) -> logs.Piece:
        assert self.last_attempt
        return logs.last_lines(
            self.last_attempt.log_path, LOG_LINES, is_over=not self.last_attempt.is_running
        )

    @property
    def log_elsewhere(self) -> str:
        assert self.last_attempt
        return logs.other_machine(self.last_attempt.log_path, self.last_attempt.worker)


def run_page(run: Run, pipeline: Pipeline, *, now: dt.datetime) -> RunPage:
    """The run as it is now."""
    found, layout = progress.progress_of(run, pipeline), layout_of(run)
    calls = list(run.attempts.filter(status=Attempt.Status.RUNNING).order_by("-number"))
    if calls and run.status != Run.Status.RUNNING:
        run.refresh_from_db()  # it began between the two looks
    return RunPage(
        run=run,
        pipeline=pipeline,
        now=now,
        progress=found,
        calls=calls,
        situation=run_status.status_of(run, found, calls, run_context(run, calls, now=now), now=now),
        strips=table_strips(run, pipeline, layout),
        layout=layout,
    )


def run_context(run: Run, calls: list[Attempt], *, now: dt.datetime) -> RunContext:
    if not run.is_active and run.again_at is None:
        return RunContext(workers_alive=0)
    ahead = None
    if run.status == Run.Status.QUEUED:
        others = Run.objects.filter(status=Run.Status.RUNNING).exclude(pk=run.pk)  # it may have begun since
        ahead = others.filter(held_lanes__in=Lane.objects.held(now)).first()
    return RunContext(
        workers_alive=workers_alive(now),
        ahead=ahead,
        is_held=Lane.objects.held(now).filter(run=run).exists(),
        stalls=stalls.stalled(calls, now=now),
    )


def ended(run: Run) -> QuerySet[Step]:
    """The steps that are over, which have an index of their own."""
    return run.steps.filter(finished_at__isnull=False)


def finished_points(run: Run, total: int) -> list[tuple[dt.datetime, int]]:
    """Moments with how many steps were finished by then, from every n-th step and the last one."""
    every = math.ceil(total / POINTS) or 1
    done = ended(run).exclude(status=Step.Status.CANCELLED)
    some = done.annotate(place=F("position") % every).filter(place=0).order_by("finished_at")
    moments = [moment for moment in some.values_list("finished_at", flat=True) if moment]
    finished, last = done.aggregate(count=Count("id"), last=Max("finished_at")).values()
    points = {moment: min(1 + place * every, finished) for place, moment in enumerate(moments)}
    return list((points | {last: finished}).items()) if points else []
