"""Stale partitions: complete, but older than what they were made from, by when each was written."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from apps.coverage.models import Partition, PartitionQuerySet
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Table

State = Partition.State
Key = tuple[str, dt.date]
Moments = dict[dt.date, dt.datetime]  # when each date of a table was written last

BATCH = 500
WHOLE = (State.COMPLETE, State.STALE)


@dataclass(frozen=True, slots=True)
class Newer:
    """An input that was written after the partition that was made from it."""

    table: str
    date: dt.date
    at: dt.datetime

    @property
    def in_words(self) -> str:
        at = self.at.astimezone(dt.UTC)
        return f"{definition.short_name(self.table)} of {self.date} was written after it, on {at:%Y-%m-%d at %H:%M} UTC"


def mark(pipeline: Pipeline) -> list[Partition]:
    """Makes complete partitions stale where an input was written after them, and stale ones complete where none was.

    Returns those that changed. Three queries, one for each table with dates that become stale, and one for
    each 500 of the news.
    """
    newer = dict(find(pipeline, read({name for need in pipeline.needs for name in need.sources})))
    was_stale = list(known().filter(state=State.STALE))
    changed = [row for row in was_stale if update_stale_state(row, newer.pop((row.table, row.date), None))]
    for row in complete(newer):
        update_stale_state(row, newer[row.table, row.date])
        changed.append(row)
    Partition.objects.bulk_update(changed, ["state", "reason"], batch_size=BATCH)
    return changed


def known() -> PartitionQuerySet:
    """Partitions with a known moment of writing."""
    found = Partition.objects.exclude(state=State.UNKNOWN).order_by("table", "date")
    return found.exclude(modified_at=None, written_at=None)


@dataclass(frozen=True)
class Written:
    """By table when each of its dates was written, as the warehouse notes it, else by the table's own column; those
    dates that have not all their rows, or too many; and of sources those that are complete and do not say when they
    were written."""

    moments: dict[str, Moments]
    partial: dict[str, set[dt.date]]
    undated: dict[str, set[dt.date]] = field(default_factory=lambda: defaultdict(set))

    def of(self, table: str) -> Moments:
        return self.moments.get(table, {})

    def is_whole(self, table: str, date: dt.date) -> bool:
        return date in self.of(table) and date not in self.partial.get(table, ())

    def serves(self, table: str, date: dt.date) -> bool:
        return self.is_whole(table, date) or date in self.undated.get(table, ())


def read(sources: Collection[str] = ()) -> Written:
    found = Written(defaultdict(dict), defaultdict(set))
    rows = known().values_list("table", "date", "modified_at", "written_at", "state")
    for table, date, noted, said, state in rows.iterator():
        if moment := noted or said:
            found.moments[table][date] = moment
            if state not in WHOLE:
                found.partial[table].add(date)
    silent = Partition.objects.of(sources).filter(state__in=WHOLE, modified_at=None, written_at=None)
    for table, date in silent.order_by().values_list("table", "date"):
        found.undated[table].add(date)
    return found


def complete(keys: Iterable[Key]) -> Iterator[Partition]:
    for table, some in groupby(sorted(keys), key=itemgetter(0)):
        dates = [date for _, date in some]
        yield from Partition.objects.of([table]).filter(state=State.COMPLETE, date__in=dates)


def update_stale_state(row: Partition, newer: Newer | None) -> bool:
    """Sets its state; returns whether that changed it."""
    state, reason = (State.STALE, newer.in_words) if newer else (State.COMPLETE, "")
    if (row.state, row.reason if newer else "") == (state, reason):
        return False
    row.state, row.reason = state, reason
    return True


def find(pipeline: Pipeline, written: Written) -> Iterator[tuple[Key, Newer]]:
    """Of each partition that is older than its inputs the one that was written last.

    Inputs are the tables that it reads, in their lookback, complete or not, and of each need the source that serves its
    date.
    """
    for table in pipeline.filled:
        own = written.of(table.name)
        dates = sorted(date for date in own if written.is_whole(table.name, date))
        found: dict[dt.date, Newer] = {}
        for newer in inputs(pipeline, table, dates, written):
            for date, each in newer.items():
                if each.at > own[date] and (date not in found or each.at > found[date].at):
                    found[date] = each
        for date, each in found.items():
            yield (table.name, date), each


def inputs(
    pipeline: Pipeline, table: Table, dates: Sequence[dt.date], written: Written
) -> Iterator[dict[dt.date, Newer]]:
    """For each input of the table what was written last in reach of each date."""
    for needed in table.after:
        yield latest(needed.table, written.of(needed.table), dates, needed.lookback)
    for need in pipeline.needs:
        if table.name in need.used_by:
            yield dict(served(need.sources, dates, written))


def served(
    sources: Sequence[str], dates: Sequence[dt.date], written: Written
) -> Iterator[tuple[dt.date, Newer]]:
    """What serves each date, where it says when it was written: another source makes nothing stale."""
    for date in dates:
        source = next((name for name in sources if written.serves(name, date)), None)
        if source and date in written.of(source):
            yield date, Newer(source, date, written.of(source)[date])


def latest(
    name: str, written_at: Mapping[dt.date, dt.datetime], dates: Sequence[dt.date], lookback: int
) -> dict[dt.date, Newer]:
    """The input's partition that was written last within the lookback of each date; dates come oldest first.

    A window that slides: each partition enters it once and leaves it once.
    """
    found: dict[dt.date, Newer] = {}
    window: deque[Newer] = deque()  # each was written before the one in front of it
    coming = deque(sorted(written_at.items()))
    for date in dates:
        while coming and coming[0][0] <= date:
            each = Newer(name, *coming.popleft())
            while window and window[-1].at <= each.at:
                window.pop()
            window.append(each)
        while window and window[0].date < date - dt.timedelta(days=lookback):
            window.popleft()
        if window:
            found[date] = window[0]
    return found
