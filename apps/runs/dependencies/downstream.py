"""What is downstream of a plan: complete dates made from what it writes, which it does not fill again after that."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from apps.coverage.models import Partition
from apps.grouping import by_key
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.runs.models import Run
from apps.text import count, date_ranges, successor

MOST_RANGES = 3


@dataclass(frozen=True)
class ReadersLeft:
    """By table its dates, oldest first; `calendar` are the expected ones, which give ranges their words."""

    dates: Mapping[str, Sequence[dt.date]] = field(default_factory=dict)
    calendar: Sequence[dt.date] = ()

    def __bool__(self) -> bool:
        return bool(self.dates)

    @cached_property
    def number(self) -> int:
        return sum(map(len, self.dates.values()))

    @property
    def sentence(self) -> str:
        """ "3 complete dates read what is written here and are left as they are: 2024-01-04 to 2024-01-06 of a."."""
        after = successor(self.calendar)
        some = "; ".join(
            f"{date_ranges(dates, most=MOST_RANGES, after=after)} of {definition.short_name(table)}"
            for table, dates in self.dates.items()
        )
        verbs = ("reads", "is", "it is") if self.number == 1 else ("read", "are", "they are")
        return (
            f"{count(self.number, 'complete date')} {verbs[0]} what is written here and {verbs[1]} left as {verbs[2]}: "
            f"{some}."
        )


def readers_left(
    steps: Iterable[tuple[str, dt.date]], calendar: Sequence[dt.date], pipeline: Pipeline
) -> ReadersLeft:
    """The complete dates that read these steps (tables and dates) and are not filled after them.

    Readers are tables whose `after` reaches a step, and those that need a table of them as their first source. One
    query, or none if no table reads what the steps write.
    """
    written = by_table(steps)
    names = readers_of(pipeline, written)
    if not names:
        return ReadersLeft()
    first = min(dates[0] for dates in written.values())
    partitions = Partition.objects.of(names).filter(date__gte=first, state=Partition.State.COMPLETE)
    complete = by_table(partitions.values_list("table", "date"))
    found = {
        name: left for name in names if (left := left_of(pipeline, name, complete.get(name, ()), written))
    }
    return ReadersLeft(found, calendar)


def are_read_on(run: Run, pipeline: Pipeline) -> bool:
    """Whether steps of a run read complete dates that read what it writes and are left as they are: these become stale
    while it is at work. In two queries."""
    written = by_table(run.steps.filter(table__in=pipeline.by_name).values_list("table", "date"))
    read_on = {name for table in written for name in pipeline.by_name[table].follows}
    names = [name for name in readers_of(pipeline, written) if name in read_on]
    complete = by_table(
        Partition.objects.of(names).filter(state=Partition.State.COMPLETE).values_list("table", "date")
    )
    return any(left_of(pipeline, name, complete.get(name, ()), written) for name in names)


def by_table(partitions: Iterable[tuple[str, dt.date]]) -> dict[str, list[dt.date]]:
    """The dates of each table, oldest first."""
    return {table: sorted(dates) for table, dates in by_key(partitions).items()}


def readers_of(pipeline: Pipeline, written: Mapping[str, Sequence[dt.date]]) -> list[str]:
    """The filled tables that read one of these."""
    return [table.name for table in pipeline.filled if any(inputs(pipeline, table.name, written))]


def read_by(pipeline: Pipeline, table: str) -> set[str]:
    """The tables that a table reads, its upstream: by `after`, and by each need the first source."""
    first = {need.sources[0] for need in pipeline.needs if table in need.used_by}
    return first | {needed.table for needed in pipeline.by_name[table].after}


def left_of(
    pipeline: Pipeline, table: str, complete: Iterable[dt.date], written: Mapping[str, Sequence[dt.date]]
) -> list[dt.date]:
    """Which of a table's complete dates read one that is written and are not written themselves."""
    some, own = list(inputs(pipeline, table, written)), set(written.get(table, ()))
    return [date for date in complete if date not in own and any(reaches(date, *each) for each in some)]


def inputs(
    pipeline: Pipeline, table: str, written: Mapping[str, Sequence[dt.date]]
) -> Iterator[tuple[Sequence[dt.date], int]]:
    """The dates that are written of each table that this one reads, with how many days it looks back."""
    for needed in pipeline.by_name[table].after:
        if needed.table in written:
            yield written[needed.table], needed.lookback
    for need in pipeline.needs:
        if table in need.used_by and need.sources[0] in written:
            yield written[need.sources[0]], 0


def reaches(date: dt.date, written: Sequence[dt.date], lookback: int) -> bool:
    """Whether any of the dates, oldest first, lies in the lookback of this one."""
    place = bisect_left(written, date - dt.timedelta(days=lookback))
    return place < len(written) and written[place] <= date
