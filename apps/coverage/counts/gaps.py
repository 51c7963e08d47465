"""Gaps and other states as ranges: "missing 2022-02-19 to 2022-03-04, 14 dates"."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from apps.coverage.counts.filters import CoverageFilter
from apps.coverage.counts.grid import NAME, Grid
from apps.coverage.counts.strips import state_label
from apps.coverage.models import Partition, PartitionQuerySet
from apps.pipeline.sections import Table


@dataclass(frozen=True)
class Span:
    """Dates of a table that follow each other on the calendar and show the same.

    `first` is what is stored about the first of them, where someone asked for it (`with_reasons`).
    """

    table: Table
    state: str
    start: dt.date
    end: dt.date
    dates: int
    is_gap: bool
    first: Partition | None = None

    @property
    def state_in_words(self) -> str:
        return state_label(self.state)

    @property
    def can_be_planned(self) -> bool:
        return (self.is_gap or self.state in Partition.NOT_REDONE) and not self.table.is_source

    @property
    def can_be_accepted(self) -> bool:
        return (self.is_gap or self.state in Partition.NOT_REDONE) and self.state not in Partition.IN_A_RUN

    @property
    def reason(self) -> str:
        """Why, where one reason stands for all of its dates."""
        alone = self.dates == 1 or self.state == Partition.State.UNKNOWN
        return self.first.reason if self.first and alone else ""

    @property
    def run_id(self) -> int | None:
        return self.first.run_id if self.first and self.first.activity else None


def spans(grid: Grid, tables: Iterable[Table], chosen: CoverageFilter) -> list[Span]:
    """What the filter lists, by table and date. A day off the calendar tears no range, a new season does."""
    return [
        span
        for table in tables
        for span in sorted(
            [*on_the_calendar(grid, table, chosen), *off_the_calendar(grid, table, chosen)],
            key=lambda span: span.start,
        )
    ]


def on_the_calendar(grid: Grid, table: Table, chosen: CoverageFilter) -> Iterable[Span]:
    states, activities, letters = grid.states[table.name], grid.activities[table.name], grid.shown(table.name)
    listed = {
        (state, activity): chosen.lists(NAME[state], NAME.get(activity, ""))
        for state, activity in set(zip(states, activities, strict=True))
    }
    for _, part in grid.seasons:
        cells = zip(grid.dates[part], letters[part], states[part], activities[part], strict=True)
        kinds = (
            (date, (letter, NAME[state] in Partition.GAPS, listed[state, activity]))
            for date, letter, state, activity in cells
        )
        for (letter, is_gap, wanted), same in groupby(kinds, key=lambda kind: kind[1]):
            if wanted:
                dates = [date for date, _ in same]
                yield Span(table, NAME[letter], dates[0], dates[-1], len(dates), is_gap)


def off_the_calendar(grid: Grid, table: Table, chosen: CoverageFilter) -> list[Span]:
    if not chosen.lists(Partition.State.UNEXPECTED, ""):
        return []
    return [
        Span(table, Partition.State.UNEXPECTED, date, date, 1, is_gap=False)
        for date in grid.strays[table.name]
    ]


def with_reasons(found: Sequence[Span]) -> list[Span]:
    """The same with what is stored about their first dates, in one query."""
    stored = {(each.table, each.date): each for each in first_partitions(found)}
    return [replace(span, first=stored.get((span.table.name, span.start))) for span in found]


def first_partitions(found: Sequence[Span]) -> PartitionQuerySet:
    """What is stored about them, and about the same dates of the other tables: both are found by the index."""
    stored = Partition.objects.of({span.table.name for span in found})
    chosen = stored.filter(date__in={span.start for span in found})
    return chosen.only("table", "date", "reason", "activity", "run_id")
