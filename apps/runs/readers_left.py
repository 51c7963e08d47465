"""Complete dates that were made from what a plan writes, and that it does not fill again after that."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from apps.coverage.dates import in_words, successor
from apps.coverage.models import Partition
from apps.pipeline.definition import Pipeline
from apps.runs.planning import Plan
from apps.runs.words import count

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
            f"{in_words(dates, most=MOST_RANGES, after=after)} of {table.rpartition('.')[2]}"
            for table, dates in self.dates.items()
        )
        verbs = ("reads", "is", "it is") if self.number == 1 else ("read", "are", "they are")
        return (
            f"{count(self.number, 'complete date')} {verbs[0]} what is written here and {verbs[1]} left as {verbs[2]}: "
            f"{some}."
        )


def of(plan: Plan, pipeline: Pipeline) -> ReadersLeft:
    """Readers are tables whose `after` reaches a date of the plan, and those that need a table of it as their first
    source. In one query, or none where nobody reads what the plan writes."""
    written: dict[str, list[dt.date]] = defaultdict(list)
    for step in plan.steps:
        written[step.table].append(step.date)
    read = {name: sorted(dates) for name, dates in written.items()}
    readers = {
        table.name: some for table in pipeline.filled if (some := list(inputs(pipeline, table.name, read)))
    }
    if not readers:
        return ReadersLeft()
    first = min(dates[0] for dates in read.values())
    last = max(dates[-1] + dt.timedelta(days=back) for some in readers.values() for dates, back in some)
    complete = Partition.objects.of(readers).between(first, last).filter(state=Partition.State.COMPLETE)
    filled = {name: set(dates) for name, dates in read.items()}
    found: dict[str, list[dt.date]] = defaultdict(list)
    for name, date in complete.order_by("date").values_list("table", "date"):
        if date not in filled.get(name, ()) and any(reaches(date, *each) for each in readers[name]):
            found[name].append(date)
    return ReadersLeft({name: found[name] for name in readers if name in found}, plan.calendar)


def inputs(
    pipeline: Pipeline, table: str, written: Mapping[str, Sequence[dt.date]]
) -> Iterator[tuple[Sequence[dt.date], int]]:
    """The dates that are written of each table that this one reads, with how many days it looks back."""
    for needed in pipeline.table(table).after:
        if needed.table in written:
            yield written[needed.table], needed.lookback
    for need in pipeline.needs:
        if table in need.used_by and need.sources[0] in written:
            yield written[need.sources[0]], 0


def reaches(date: dt.date, written: Sequence[dt.date], lookback: int) -> bool:
    """Whether any of the dates, oldest first, lies in the lookback of this one."""
    place = bisect_left(written, date - dt.timedelta(days=lookback))
    return place < len(written) and written[place] <= date
