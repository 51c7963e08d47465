"""Statistics of a run's calls: lanes in use, dates a call, seconds a call."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from apps.grouping import by_key
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Job
from apps.runs.models import Run
from apps.runs.plans import batching, options
from apps.runs.plans.batching import EndedCall
from apps.text import count, duration

# Of a call: neither its command nor its environment.
LOADED = ("run_id", "table", "dates", "status", "started_at", "finished_at")


@dataclass(frozen=True)
class CallStats:
    """The lanes of a run, and what its last calls say."""

    run: Run
    in_use: int
    most: int
    why: str
    tables: tuple[TableCalls, ...]

    @property
    def lanes(self) -> str:
        """ "2 lanes, 1 in use"; a run that is over used none."""
        lanes = count(self.run.lanes, "lane")
        return lanes if self.run.is_finished else f"{lanes}, {self.in_use} in use"

    @property
    def can_change(self) -> bool:
        return self.most > 1 and not self.run.is_finished


@dataclass(frozen=True)
class TableCalls:
    """What the last calls for a table say. `dates` is how many the next one takes."""

    table: str
    dates: int
    seconds: float
    is_automatic: bool

    @property
    def says(self) -> str:
        """ "7 dates a call, calls average 71 s"."""
        size = f"{count(self.dates, 'date')} a call{' (automatic)' if self.is_automatic else ''}"
        return f"{size}, calls average {duration(self.seconds)}"


def call_stats(run: Run, pipeline: Pipeline, *, in_use: int) -> CallStats:
    """How the run calls its jobs; in one query, however many tables it has."""
    jobs = {table.name: table.job for table in pipeline.tables if table.job}
    return CallStats(
        run=run,
        in_use=in_use,
        most=pipeline.warehouse.most_lanes,
        why=options.why_so_many(pipeline),
        tables=tuple(
            table_calls(run, name, jobs[name], calls)
            for name, calls in last_calls(run).items()
            if name in jobs
        ),
    )


def table_calls(run: Run, table: str, job: Job, calls: list[EndedCall]) -> TableCalls:
    asked_for = job.dates_a_call if run.batch is None else run.batch
    return TableCalls(
        table=table,
        dates=batching.dates_a_call(job, run.batch, calls),
        seconds=mean(call.seconds for call in calls),
        is_automatic=asked_for == Run.AUTO and job.dates != "single",
    )


def last_calls(run: Run) -> dict[str, list[EndedCall]]:
    """What `batching.last_calls` says, for all tables at once, the one called last first."""
    place = Window(RowNumber(), partition_by=F("table"), order_by="-number")
    calls = batching.with_verified(run.attempts.filter(status__in=batching.CAME_TO_AN_END))
    newest = calls.annotate(place=place).only(*LOADED)
    attempts = newest.filter(place__lte=batching.CALLS_USED).order_by("-number")
    return by_key((attempt.table, batching.ended_call(attempt)) for attempt in attempts if attempt.dates)
