"""Judges counted partitions by the rules of the pipeline file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from apps.coverage.models import Partition, calendar_between
from apps.coverage.scanning.expectation import Verdict, judge
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table
from apps.warehouse.base import EMPTY, Count, Reading

Key = tuple[str, dt.date]


@dataclass(frozen=True, slots=True)
class Found:
    """One partition as the warehouse has it now, judged. `count` is None where it could not be asked."""

    table: str
    date: dt.date
    season: str
    units: int
    count: Count | None
    verdict: Verdict
    asked_at: dt.datetime

    @property
    def key(self) -> Key:
        return self.table, self.date

    @property
    def rows(self) -> int | None:
        return self.count.rows if self.count else None

    @property
    def keys(self) -> int | None:
        return self.count.keys if self.count else None

    @property
    def is_complete(self) -> bool:
        return self.verdict.state == Partition.State.COMPLETE


def judged_all(
    pipeline: Pipeline, wanted: Mapping[str, Collection[dt.date]], reading: Reading, asked_at: dt.datetime
) -> dict[Key, Found]:
    dates = [date for some in wanted.values() for date in some]
    units = {date: day.units for date, day in calendar_between(min(dates), max(dates)).items()}
    return {
        (name, date): judged(pipeline, pipeline.table(name), date, units.get(date), reading, asked_at)
        for name, some in wanted.items()
        for date in sorted(some)
    }


def judged(
    pipeline: Pipeline,
    table: Table,
    date: dt.date,
    units: int | None,
    reading: Reading,
    asked_at: dt.datetime,
) -> Found:
    like = table.compared_with
    problem = reading.problems.get(table.name) or reading.problems.get(like or "", "")
    return judged_count(
        pipeline,
        table,
        date,
        units,
        reading.of(table.name, date),
        reading.of(like, date) if like else EMPTY,
        asked_at,
        problem=problem,
        absent=reading.problems[table.name] if reading.is_absent(table.name) else "",
    )


def judged_count(
    pipeline: Pipeline,
    table: Table,
    date: dt.date,
    units: int | None,
    count: Count | None,
    like: Count | None,
    asked_at: dt.datetime,
    *,
    problem: str = "",
    absent: str = "",
) -> Found:
    """What was counted, judged; `like` is what the table has that the rows are compared with, `absent` says that there
    is no such table."""
    season = pipeline.season_of(date)
    verdict = judge(
        table,
        date,
        season=season,
        units=units,
        found=count,
        like=like,
        problem=problem,
        is_over=date < pipeline.today(asked_at),
    )
    if absent and verdict.state in (Partition.State.MISSING, Partition.State.COMPLETE):
        why = ": ".join(filter(None, (absent, verdict.reason)))
        verdict = replace(verdict, state=Partition.State.MISSING, reason=why)
    named = season.name if season and units is not None else ""
    return Found(table.name, date, named, units or 0, count, verdict, asked_at)
