"""Everything that a run's page shows, in a fixed number of queries, and a version that changes when any of it does."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

from django.db.models import Count, Exists, F, Max, Min, OuterRef, QuerySet, Subquery
from django.db.models.fields import IntegerField

from apps.coverage import strips
from apps.coverage.dates import in_words
from apps.coverage.grid import LETTER
from apps.coverage.models import Partition
from apps.coverage.strips import Strip
from apps.pipeline.definition import Pipeline
from apps.runs import calling, charts, failures, gates, logs, progress, reworking, situation, stalls, triage
from apps.runs.calling import Calling
from apps.runs.charts import FinishedChart, SecondsChart
from apps.runs.failures import FailureGroup
from apps.runs.models import Attempt, Event, Lane, Run, Step
from apps.runs.progress import Progress
from apps.runs.reworking import Rework
from apps.runs.situation import Situation, Surroundings
from apps.runs.words import between, count, duration_range
from apps.workers.models import Worker

EVENTS_SHOWN = 30
GROUPS_SHOWN = 5
RANGES_SHOWN = 8
LOG_LINES = 40
POINTS = 200  # of the chart of finished steps
SOON = 120  # seconds
FRESH_FOR = 30  # seconds after which estimates are told anew although nothing happened

LETTER_OF: dict[str, str] = {
    Step.Status.SUCCEEDED: LETTER[Partition.State.COMPLETE],
    Step.Status.FAILED: LETTER[Partition.Activity.FAILED],
    Step.Status.SKIPPED: LETTER[Partition.State.ACCEPTED],
    Step.Status.CANCELLED: LETTER[Partition.State.ACCEPTED],
    Step.Status.RUNNING: LETTER[Partition.Activity.RUNNING],
    Step.Status.PENDING: LETTER[Partition.State.MISSING],
}
NUMBERS = re.compile(r"\d+")
STATE_OF_EVENT = {
    "launched": "queued",
    "gate": "paused",
    "canary": "queued",
    "override": "warning",
    "preflight": "warning",
    "lost": "warning",
    "stalled": "warning",
    "failed steps": "failed",
    "first failure": "failed",
    "pause": "paused",
    "stop": "paused",
    "cancel": "cancelled",
}


@dataclass(frozen=True)
class TableStrip:
    """A table's steps as a strip, by date."""

    table: str
    strip: Strip
    total: int
    verified: int

    @property
    def label(self) -> str:
        return f"{self.table.rpartition('.')[2]}: {self.verified} of {self.total} verified"


@dataclass(frozen=True)
class Gate:
    """What a person reads before starting a phase."""

    phase: str
    label: str
    needs: list[gates.Need]

    @property
    def is_ready(self) -> bool:
        return all(need.is_met for need in self.needs)


@dataclass(frozen=True)
class Watched:
    """A run, looked at."""

    run: Run
    pipeline: Pipeline
    now: dt.datetime
    progress: Progress
    situation: Situation
    calls: list[Attempt]
    strips: list[TableStrip] = field(repr=False)
    layout: Layout = field(repr=False)

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The bar, in thousandths, rounded down; what is bad or under way keeps a visible width. Left is its ground."""
        found, x = [], 0
        for state, number in self.progress.segments[:-1]:
            share = 1000 * number // (self.progress.total or 1)
            width = max(share, 4) if number and state in ("failed", "running") else share
            found.append({"state": state, "x": min(x, 1000 - width), "width": width})
            x += share
        return [segment for segment in found if segment["width"]]

    @property
    def legend(self) -> list[dict[str, Any]]:
        now = self.progress
        items = [
            ("complete", "verified", now.verified),
            ("failed", "failed", now.failed),
            ("accepted", "skipped", now.skipped),
            ("accepted", "cancelled", now.cancelled),
            ("running", "running", now.running),
            ("missing", "left", now.pending),
        ]
        return [
            {"state": state, "label": label, "count": number}
            for state, label, number in items
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
        """How many kinds of failures there are; while there is none, when the run would rest."""
        if self.failures:
            return count(len(self.failures), "kind")
        return f"rests after {self.run.stop_after_failures} in a row" if not self.run.is_finished else ""

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
        """Whether the page may change without anybody's doing."""
        return self.run.is_active or self.run.again_at is not None

    @property
    def may_override(self) -> bool:
        """Whether something is left that would wait for its inputs."""
        if self.run.is_finished or self.run.override_reason:
            return False
        tables = (self.pipeline.by_name.get(strip.table) for strip in self.strips)
        return any(table.after for table in tables if table)

    @cached_property
    def calling(self) -> Calling:
        return calling.of(self.run, self.pipeline, in_use=len(self.calls))

    @cached_property
    def rework(self) -> Rework | None:
        return reworking.of(self.run)

    @property
    def canary(self) -> str:
        """The dates that go before the others."""
        return in_words(map(dt.date.fromisoformat, self.run.canary_dates))

    @property
    def fillable(self) -> set[str]:
        return {table.name for table in self.pipeline.filled}

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
        return f"slowing {percent} % a date in {table.rpartition('.')[2]}"

    @property
    def finish(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Between which moments it likely ends; None while nobody works on it, or nobody can know."""
        return self.progress.finish_range(now=self.now) if self.situation.moves else None

    @property
    def ends_soon(self) -> bool:
        """Whether a clock would say the same twice."""
        seconds = self.progress.seconds_range
        return seconds is not None and seconds[1] < SOON

    @property
    def work_left(self) -> str:
        """The time that the steps left will take once the run goes on; empty where nobody can know."""
        seconds = self.progress.seconds_range
        return duration_range(*seconds) if seconds and self.progress.unfinished else ""

    @property
    def took(self) -> str:
        """From the start to the end, rests included."""
        return between(self.run.started_at, self.run.finished_at)

    @property
    def finished_for_estimate(self) -> str:
        """ "3 of 5 steps finished": how far an estimate still is."""
        return f"{min(self.progress.decided, progress.FEWEST)} of {progress.FEWEST} steps finished"

    @cached_property
    def failures(self) -> list[FailureGroup]:
        return failures.groups_of(self.run.steps.failed())

    @cached_property
    def failures_shown(self) -> list[triage.Told]:
        return triage.told(self.failures[:GROUPS_SHOWN], most=RANGES_SHOWN)

    @cached_property
    def timeline(self) -> list[dict[str, Any]]:
        return timeline(self.run.events.order_by("-id")[:EVENTS_SHOWN])

    @cached_property
    def gate(self) -> Gate | None:
        phase = gates.waiting_phase(self.run)
        if phase is None:
            return None
        label = situation.phase_label(self.pipeline, phase)
        return Gate(phase, label, gates.readiness(self.pipeline, self.run, phase))

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
        return logs.elsewhere(self.last_attempt.log_path, self.last_attempt.worker)


def watch(run: Run, pipeline: Pipeline, *, now: dt.datetime) -> Watched:
    """The run as it is now."""
    found, layout = progress.of(run), layout_of(run)
    calls = list(run.attempts.filter(status=Attempt.Status.RUNNING).order_by("-number"))
    return Watched(
        run=run,
        pipeline=pipeline,
        now=now,
        progress=found,
        calls=calls,
        situation=situation.of(run, found, calls, surroundings(run, calls, now=now), now=now),
        strips=table_strips(run, pipeline, layout),
        layout=layout,
    )


def surroundings(run: Run, calls: list[Attempt], *, now: dt.datetime) -> Surroundings:
    if not run.is_active and run.again_at is None:
        return Surroundings(workers_alive=0)
    ahead = None
    if run.status == Run.Status.QUEUED:
        ahead = Run.objects.filter(status=Run.Status.RUNNING, held_lanes__in=Lane.objects.held(now)).first()
    return Surroundings(
        workers_alive=workers_alive(now),
        ahead=ahead,
        is_held=Lane.objects.held(now).filter(run=run).exists(),
        stalls=stalls.among(calls, now=now),
    )


def workers_alive(now: dt.datetime) -> int:
    """How many workers could perform a run."""
    return Worker.objects.alive(now).filter(cluster="runs").count()


def table_strips(run: Run, pipeline: Pipeline, layout: Layout) -> list[TableStrip]:
    """A strip a table in the order of the pipeline file, its steps by date, in one query."""
    statuses = run.steps.order_by("table", "date").values_list("status", flat=True)
    # One by one: kept rows would only feed the garbage collector.
    letters = iter("".join(map(LETTER_OF.__getitem__, statuses.iterator())))
    found = {table: "".join(islice(letters, steps)) for table, steps in layout.steps}
    place = {table.name: number for number, table in enumerate(pipeline.tables)}
    return [
        TableStrip(table, strips.strip(found[table]), len(found[table]), verified=found[table].count("c"))
        for table in sorted(found, key=lambda name: place.get(name, len(place)))
    ]


@dataclass(frozen=True)
class Layout:
    """What a run is about: how many steps each table has, by name, and how many dates there are, from when to when."""

    steps: tuple[tuple[str, int], ...]
    dates: int
    first: dt.date | None
    last: dt.date | None


def layout_of(run: Run) -> Layout:
    return settled(run.pk, run.launched_at)


@lru_cache(maxsize=100)
def settled(pk: int, launched_at: dt.datetime) -> Layout:
    """Asked once by each process: a run's steps are settled when it is launched."""
    steps = Step.objects.filter(run=pk).order_by()
    by_table = steps.order_by("table").values_list("table").annotate(Count("id"))
    dates = steps.aggregate(dates=Count("date", distinct=True), first=Min("date"), last=Max("date"))
    return Layout(steps=tuple(by_table), **dates)


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


def timeline(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Events as `components/_timeline.html` draws them."""
    return [
        {"at": event.at, "text": event.text, "who": event.by, "state": state_of(event)} for event in events
    ]


def state_of(event: Event) -> str:
    """The colour of an event. A table that ended is as good as its numbers."""
    if event.kind == "table":
        verified, total = NUMBERS.findall(event.text)[-2:]
        return "complete" if verified == total else "failed"
    return STATE_OF_EVENT.get(event.kind, event.kind)


def version(pk: int, *, now: dt.datetime) -> tuple[str, str] | None:
    """Two words that change when the page's head, or anything below it, does; None where there is no such run."""
    found = (
        Run.objects.filter(pk=pk)
        .annotate(
            last_event=newest(Event, "id"),
            last_attempt=newest(Attempt, "number"),
            under_way=number_of(Attempt, Attempt.Status.RUNNING),
            pending=number_of(Step, Step.Status.PENDING),
            last_end=last_end(),
            is_held=Exists(Lane.objects.held(now).filter(run=OuterRef("pk"))),
        )
        .values_list(
            "status",
            "pause",
            "request",
            "override_reason",
            "is_held",
            "lanes",
            "last_event",
            "last_attempt",
            "under_way",
            "pending",
            "last_end",
        )
        .first()
    )
    if found is None:
        return None
    status, pause, request, override, is_held, *rest = found
    head = f"{status}{pause}{request}{bool(override)}".replace(" ", "")
    clock = int(now.timestamp()) // FRESH_FOR
    return head, "-".join(map(str, (head, is_held, workers_alive(now) > 0, clock, *rest))).replace(" ", "")


def newest(model: type[Event] | type[Attempt], column: str) -> Subquery:
    rows = model._default_manager.filter(run=OuterRef("pk"))
    order = "-number" if model is Attempt else "-id"
    return Subquery(rows.order_by(order).values(column)[:1])


def last_end() -> Subquery:
    """When the run's last step ended."""
    rows = Step.objects.filter(run=OuterRef("pk"), finished_at__isnull=False)
    return Subquery(rows.order_by("-finished_at").values("finished_at")[:1])


def number_of(model: type[Attempt] | type[Step], status: str) -> Subquery:
    rows = model._default_manager.filter(run=OuterRef("pk"), status=status).order_by().values("run")
    return Subquery(rows.annotate(number=Count("id")).values("number"), output_field=IntegerField())
