"""The tables of a run: steps and dates of each, and the state of each step."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from django.db.models import Count, Max, Min

from apps.coverage.counts import strips
from apps.coverage.counts.grid import LETTER
from apps.coverage.counts.strips import Strip
from apps.coverage.models import Partition
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.models import Run, Step

LETTER_OF: dict[str, str] = {
    Step.Status.SUCCEEDED: LETTER[Partition.State.COMPLETE],
    Step.Status.FAILED: LETTER[Partition.Activity.FAILED],
    Step.Status.SKIPPED: LETTER[Partition.State.ACCEPTED],
    Step.Status.CANCELLED: LETTER[Partition.State.ACCEPTED],
    Step.Status.RUNNING: LETTER[Partition.Activity.RUNNING],
    Step.Status.PENDING: LETTER[Partition.State.MISSING],
}


@dataclass(frozen=True)
class RunLayout:
    """What a run is about: how many steps each table has, by name, and how many dates there are, from when to when."""

    steps: tuple[tuple[str, int], ...]
    dates: int
    first: dt.date | None
    last: dt.date | None


def layout_of(run: Run) -> RunLayout:
    return cached_layout(run.pk, run.launched_at)


@lru_cache(maxsize=100)
def cached_layout(pk: int, launched_at: dt.datetime) -> RunLayout:
    """Asked once by each process: a run's steps are settled when it is launched."""
    steps = Step.objects.filter(run=pk).order_by()
    by_table = steps.order_by("table").values_list("table").annotate(Count("id"))
    dates = steps.aggregate(dates=Count("date", distinct=True), first=Min("date"), last=Max("date"))
    return RunLayout(steps=tuple(by_table), **dates)


@dataclass(frozen=True)
class TableStrip:
    """A table's steps as a strip, by date."""

    table: str
    strip: Strip
    total: int
    verified: int

    @property
    def label(self) -> str:
        return f"{definition.short_name(self.table)}: {self.verified} of {self.total} verified"


def table_strips(run: Run, pipeline: Pipeline, layout: RunLayout) -> list[TableStrip]:
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
