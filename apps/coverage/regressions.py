"""Regressions found by scans: complete partitions that have fewer rows or different keys now."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from apps.coverage import date_lists
from apps.coverage.models import CalendarDate, Partition
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.pipeline.sections import Table
from apps.text import count, date_ranges, successor

RANGES_SHOWN = 6
SOURCE_REMEDY = "It is a source: what produces it has to load these dates again."


@dataclass(frozen=True)
class Loss:
    """One table that lost rows: on which dates, how many it had there when they were complete, and has now.

    Different keys tell more only where no row is gone: then `what`, `then` and `now` are about them.
    """

    table: str
    phase: str
    is_source: bool
    dates: tuple[dt.date, ...]
    in_words: str
    had: int
    has: int
    lost: int
    had_keys: int
    has_keys: int

    @property
    def what(self) -> str:
        """ "12 rows"; "1 different key" where there are as many rows as before."""
        if self.lost:
            return count(self.lost, "row")
        return count(self.had_keys - self.has_keys, "different key")

    @property
    def then(self) -> str:
        return count(self.had, "row") if self.lost else count(self.had_keys, "different key")

    @property
    def now(self) -> str:
        return f"{self.has if self.lost else self.has_keys:,}"

    @property
    def sentence(self) -> str:
        """ "sales lost 12 rows on 2 dates that were complete: 2024-01-02 to 2024-01-03"."""
        name, number = definition.short_name(self.table), len(self.dates)
        dates = "1 date that was" if number == 1 else f"{number:,} dates that were"
        return f"{name} lost {self.what} on {dates} complete: {self.in_words}"

    @property
    def plan_query(self) -> str:
        """What a link to the plan of these dates asks for; empty for a source, which no job of the pipeline fills."""
        return "" if self.is_source else date_lists.query(self.table, self.dates)

    @property
    def remedy(self) -> str:
        """Who fills a source again, as a sentence; empty for a table that a job fills."""
        return SOURCE_REMEDY if self.is_source else ""


def losses(pipeline: Pipeline, *, phase: str = "", table: str = "", season: str = "") -> list[Loss]:
    """The tables that lost rows, in the pipeline's order; in two queries."""
    rows = Partition.objects.regressions()
    if table:
        rows = rows.filter(table=table)
    if season:
        rows = rows.filter(season=season)
    if phase:
        rows = rows.of(each.name for each in pipeline.tables if each.phase == phase)
    return by_table(pipeline, rows)


def within(pipeline: Pipeline, scope: Scope) -> list[Loss]:
    """The same of a scope: of its tables, on its dates."""
    rows = Partition.objects.regressions().of(each.name for each in scope.tables)
    return by_table(pipeline, [row for row in rows.between(scope.start, scope.end) if row.date in scope])


def by_table(pipeline: Pipeline, rows: Iterable[Partition]) -> list[Loss]:
    found: dict[str, list[Partition]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.date):
        found[row.table].append(row)
    if not found:
        return []
    after = successor(list(CalendarDate.objects.order_by("date").values_list("date", flat=True)))
    return [loss(each, found[each.name], after) for each in pipeline.tables if each.name in found]


def loss(table: Table, rows: list[Partition], after: Callable[[dt.date], dt.date]) -> Loss:
    dates = tuple(row.date for row in rows)
    return Loss(
        table=table.name,
        phase=table.phase,
        is_source=table.is_source,
        dates=dates,
        in_words=date_ranges(dates, most=RANGES_SHOWN, after=after),
        had=sum(row.complete_rows or 0 for row in rows),
        has=sum(row.rows or 0 for row in rows),
        lost=sum(row.lost_rows for row in rows),
        had_keys=sum(row.complete_keys or 0 for row in rows),
        has_keys=sum(row.keys or 0 for row in rows),
    )
