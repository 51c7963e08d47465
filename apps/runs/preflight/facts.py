"""The facts that checks share: the warehouse is asked once for all of them, and the answer is stored as by a scan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from django.utils import timezone

from apps.coverage.calendar.expected_dates import CalendarAnswer
from apps.coverage.counts import freshness
from apps.coverage.counts import grid as grids
from apps.coverage.counts.grid import Grid
from apps.coverage.scanning import partial_scan
from apps.pipeline.check_kinds import AboutTables, CoverageAtLeast
from apps.pipeline.definition import Pipeline
from apps.pipeline.scope import Scope
from apps.pipeline.sections import Table
from apps.warehouse.base import Warehouse


@dataclass(frozen=True)
class Asked:
    """How the warehouse answered: why not at all, and why some tables could not be counted.

    `said` is what its calendar said, None if it could not be asked.
    """

    at: dt.datetime
    problem: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    said: CalendarAnswer | None = None


@dataclass
class Facts:
    """A range of dates and some tables, about to be filled. `asked` is there for the checks that ask the warehouse."""

    pipeline: Pipeline
    scope: Scope
    warehouse: Warehouse
    now: dt.datetime
    asked: Asked = field(init=False)

    def ask_warehouse(self) -> Asked:
        """A query for the calendar, one for what is not final in it, one for all tables that a check looks at."""
        at = timezone.now()
        found = partial_scan.scan(self.pipeline, self.warehouse, self.reach)
        if found.reading is None:
            return Asked(at, problem=found.problem)
        return Asked(at, problems=found.reading.problems, said=found.said)

    @cached_property
    def reach(self) -> Scope:
        """The tables and dates asked for, with all that these are made from, as far back as it is read."""
        names = set(self.names_in_reach())
        tables = tuple(table for table in self.pipeline.tables if table.name in names)
        lookback = max((need.lookback for table in self.scope.tables for need in table.after), default=0)
        if not lookback:
            return replace(self.scope, tables=tables)
        start = self.scope.start - dt.timedelta(days=lookback)
        return replace(self.scope, tables=tables, seasons=self.pipeline.seasons, start=start)

    def names_in_reach(self) -> Iterator[str]:
        own = {table.name for table in self.scope.tables}
        yield from own
        yield from (needed.table for table in self.scope.tables for needed in table.after)
        for check in self.pipeline.checks:
            if isinstance(check, AboutTables):
                yield from check.tables
                yield from (table.name for phase in check.phases for table in self.pipeline.tables_of(phase))
        phases = {phase for check in self.pipeline.checks for phase in getattr(check, "phases", ())}
        named = {name for check in self.pipeline.checks for name in getattr(check, "needs", ())}
        for need in self.pipeline.needs:
            in_phase = any(need in self.pipeline.needs_of(phase) for phase in phases)
            if own & set(need.used_by) or need.name in named or in_phase:
                yield from need.sources

    def about(self, check: AboutTables) -> list[Table]:
        """The tables of a check among those asked for."""
        return [table for table in self.scope.tables if not check.names_any or names(check, table)]

    def jobs(self, check: AboutTables) -> list[Table]:
        return [table for table in self.about(check) if table.job]

    @cached_property
    def grid(self) -> Grid:
        """The states as just read, over the dates asked for; what could not be read is unknown."""
        grid = grids.load(
            self.pipeline, start=self.scope.start, end=self.scope.end, seasons=self.scope.seasons
        )
        return grid.unread(self.silent)

    @cached_property
    def silent(self) -> set[str]:
        """The tables that could not be read when they were last asked."""
        return set(freshness.silent_tables())

    @property
    def dates_in_words(self) -> str:
        return f"{self.scope.start} to {self.scope.end}"


def names(check: AboutTables, table: Table) -> bool:
    return table.name in check.tables or table.phase in check.phases


def made_from(pipeline: Pipeline, tables: Iterable[Table]) -> set[str]:
    """These tables and all that they are made from, at first hand."""
    own = {table.name for table in tables}
    inputs = {needed.table for table in tables for needed in table.after}
    sources = {name for need in pipeline.needs if own & set(need.used_by) for name in need.sources}
    return own | inputs | sources


def is_about(check: CoverageAtLeast | AboutTables, pipeline: Pipeline, scope: Scope) -> bool:
    """Whether a check that names tables, phases or needs has anything to do with the tables asked for."""
    needs = check.needs if isinstance(check, CoverageAtLeast) else ()
    if not (check.names_any or needs):
        return True
    read = made_from(pipeline, scope.tables) if isinstance(check, CoverageAtLeast) else set()
    own = read or {table.name for table in scope.tables}
    used = {name for need in pipeline.needs if need.name in needs for name in need.sources}
    return bool(own & used) or any(table.name in own and names(check, table) for table in pipeline.tables)
