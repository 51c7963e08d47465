"""Needs and their sources: which source serves which dates, what no source has, and what closes without one."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from apps.coverage.counts import freshness, rollup, serving
from apps.coverage.counts import grid as grids
from apps.coverage.counts.freshness import Freshness
from apps.coverage.counts.grid import Grid
from apps.coverage.counts.rollup import Tally
from apps.coverage.counts.serving import Served, Share
from apps.coverage.models import Partition, TableReading
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Need, Season, Table
from apps.text import date_ranges, successor
from apps.warehouse.base import Absent

EMPTY = "declared, empty"
SETTLED = (*Partition.SETTLED, Partition.State.UNEXPECTED)

# Table to date to the reason why the date cannot be planned.
Closed = dict[str, dict[dt.date, str]]


class NotASource(LookupError):
    """A person named a table that serves no need; the text says which do."""


@dataclass(frozen=True)
class SourceLine:
    """A source of a need: what it has by itself, and on how many dates it is the one that serves."""

    table: Table
    rank: int
    tally: Tally
    serves: int
    problem: str = ""
    is_off: bool = False

    @property
    def has(self) -> Share:
        return self.tally.share

    @property
    def standing(self) -> str:
        """What is wrong with it as a whole; empty where nothing is."""
        if self.problem:
            return (
                "declared, does not exist"
                if self.problem == Absent.of(self.table.name)
                else "could not be read"
            )
        if self.tally.expected and self.tally.missing == self.tally.expected:
            return EMPTY
        return "unknown" if self.tally.is_unknown else ""

    @property
    def standing_state(self) -> str:
        return "missing" if self.standing == EMPTY else "unknown"


@dataclass(frozen=True)
class SeasonServed:
    season: Season
    dates: tuple[dt.date, ...]
    letters: str
    served: Served


@dataclass(frozen=True)
class NeedReport:
    """A need over the chosen dates; `before` is the same with every source on, where one is off."""

    need: Need
    sources: tuple[SourceLine, ...]
    dates: tuple[dt.date, ...]
    letters: str
    served: Served
    seasons: tuple[SeasonServed, ...]
    closed: Mapping[int, str]
    before: Served | None = None

    @property
    def rule(self) -> str:
        """What the need's `at_least` asks for, as a sentence."""
        if self.need.at_least >= 1:
            return "A date that no source has cannot be planned."
        share = f"{100 * self.need.at_least:g} %"
        return f"A season of which its sources together have less than {share} cannot be planned."

    @property
    def residual(self) -> str:
        """The dates that no source has, as ranges."""
        return self.ranges(serving.NOT_SERVED)

    @property
    def unknown_dates(self) -> str:
        return self.ranges(serving.UNKNOWN)

    @property
    def accepted_dates(self) -> str:
        return self.ranges(serving.ACCEPTED)

    def ranges(self, letter: str) -> str:
        return date_ranges(self.dates_of(letter), after=successor(self.dates))

    def dates_of(self, letter: str) -> list[dt.date]:
        return [date for date, found in zip(self.dates, self.letters, strict=True) if found == letter]

    @property
    def closed_reasons(self) -> list[tuple[str, int, str]]:
        """Reason, how many dates it closes, and these as ranges."""
        by_reason: dict[str, list[dt.date]] = defaultdict(list)
        for place, reason in self.closed.items():
            by_reason[reason].append(self.dates[place])
        after = successor(self.dates)
        return [(reason, len(found), date_ranges(found, after=after)) for reason, found in by_reason.items()]


@dataclass(frozen=True)
class Fallback:
    """A table's partitions that were made, in part or whole, from a fallback, among those that say so."""

    table: Table
    shares: Mapping[dt.date, float]
    read: int
    calendar: tuple[dt.date, ...]

    @property
    def dates(self) -> str:
        return date_ranges(self.shares, most=6, after=successor(self.calendar))

    @property
    def of(self) -> Share:
        return Share(len(self.shares), self.read)

    @property
    def most_percent(self) -> str:
        """The largest share of a date's rows."""
        return f"{int(10_000 * max(self.shares.values(), default=0)) / 100:g}"


@dataclass(frozen=True)
class Effect:
    """What a source that is off does to a table: dates that no plan would have any more, and with which reasons.

    `to_fill` are those among them that are not filled yet; `behind` are unfilled dates of a table whose gates wait
    for such a one.
    """

    table: Table
    closed: Mapping[dt.date, str]
    to_fill: frozenset[dt.date]
    behind: frozenset[dt.date]
    calendar: tuple[dt.date, ...]

    @property
    def reasons(self) -> list[str]:
        return list(dict.fromkeys(self.closed.values()))

    @property
    def closed_dates(self) -> str:
        return date_ranges(self.closed, most=6, after=successor(self.calendar))

    @property
    def behind_dates(self) -> str:
        return date_ranges(self.behind, most=6, after=successor(self.calendar))


@dataclass(frozen=True)
class Report:
    """All needs over some seasons. `off` are the sources that are taken away to see what follows."""

    needs: tuple[NeedReport, ...]
    grid: Grid
    freshness: Freshness
    fallbacks: tuple[Fallback, ...]
    off: tuple[Table, ...] = ()
    effects: tuple[Effect, ...] = ()

    @property
    def dates_expected(self) -> int:
        return len(self.grid.dates)

    @property
    def off_unknown(self) -> int:
        """The number of dates on which it is unknown whether the other sources serve a need of one that is off."""
        return max((need.served.unknown for need in self.needs if need.before), default=0)


# What is stored -------------------------------------------------------------------------------------


def source_tables(pipeline: Pipeline, needs: Iterable[Need] | None = None) -> list[Table]:
    names = {source for need in (pipeline.needs if needs is None else needs) for source in need.sources}
    return [table for table in pipeline.tables if table.name in names]


def load(pipeline: Pipeline, *, seasons: Sequence[Season] = (), needs: Iterable[Need] | None = None) -> Grid:
    """The sources' dates over whole seasons (all of them without), in three queries. What is silent is unknown."""
    grid = grids.load(
        pipeline,
        start=min((season.start for season in seasons), default=None),
        end=max((season.end for season in seasons), default=None),
        seasons=seasons,
        tables=source_tables(pipeline, needs),
    )
    return grid.unread(freshness.silent_tables())


def closed_dates(pipeline: Pipeline, tables: Collection[str], seasons: Sequence[Season]) -> Closed:
    """For each of these tables the dates that some need keeps from being planned; in two queries, or none."""
    needs = [need for need in pipeline.needs if set(tables) & set(need.used_by)]
    if not (needs and seasons):
        return {}
    return closed(needs, tables, load(pipeline, seasons=seasons, needs=needs))


def closed(
    needs: Iterable[Need], tables: Collection[str], grid: Grid, *, off: Collection[str] = ()
) -> Closed:
    found: Closed = defaultdict(dict)
    for need in needs:
        places = serving.closed(need, serving.serving(need, grid.states, off=off), grid.seasons)
        reasons = {grid.dates[place]: reason for place, reason in places.items()}
        for name in set(tables) & set(need.used_by):
            found[name] = reasons | found[name]  # the first need's reason is the one that is said
    return dict(found)


# The report -----------------------------------------------------------------------------------------


def find_source(pipeline: Pipeline, name: str) -> Table:
    """The source of that name; UnknownName where there is no such table, NotASource where it serves no need."""
    table, known = pipeline.table(name), source_tables(pipeline)
    if table not in known:
        raise NotASource(
            f"{table.name} serves no need. Sources are: {', '.join(each.short_name for each in known)}."
        )
    return table


def report(pipeline: Pipeline, *, seasons: Sequence[Season] = (), off: Collection[Table] = ()) -> Report:
    """From what is stored, in seven queries; one more with a source off, two while the warehouse cannot be asked."""
    grid = load(pipeline, seasons=seasons)
    problems = dict(TableReading.objects.exclude(problem="").values_list("table", "problem"))
    names = {table.name for table in off}
    return Report(
        needs=tuple(need_report(pipeline, need, grid, problems, names) for need in pipeline.needs),
        grid=grid,
        freshness=freshness.now(),
        fallbacks=tuple(fallbacks(pipeline, grid)),
        off=tuple(off),
        effects=tuple(effects(pipeline, grid, names)) if off else (),
    )


def need_report(
    pipeline: Pipeline, need: Need, grid: Grid, problems: Mapping[str, str], off: Collection[str]
) -> NeedReport:
    letters = serving.serving(need, grid.states, off=off)
    served = serving.tally(need, letters)
    is_affected = bool(set(off) & set(need.sources))
    return NeedReport(
        need=need,
        sources=tuple(
            SourceLine(
                table=pipeline.table(name),
                rank=rank,
                tally=rollup.tally(grid.states[name], grid.activities[name]),
                serves=served.by_source[rank - 1],
                problem=problems.get(name, ""),
                is_off=name in off,
            )
            for rank, name in enumerate(need.sources, 1)
        ),
        dates=grid.dates,
        letters=letters,
        served=served,
        seasons=tuple(
            SeasonServed(season, grid.dates[part], letters[part], serving.tally(need, letters[part]))
            for season, part in grid.seasons
        ),
        closed=serving.closed(need, letters, grid.seasons),
        before=serving.tally(need, serving.serving(need, grid.states)) if is_affected else None,
    )


def fallbacks(pipeline: Pipeline, grid: Grid) -> Iterable[Fallback]:
    """For each table that says which of its rows come from a fallback, on which dates some do; in one query."""
    tables = [table for table in pipeline.filled if table.fallback_column]
    expected = set(grid.dates)
    shares: dict[str, dict[dt.date, float]] = {table.name: {} for table in tables}
    rows = Partition.objects.of(shares).order_by()
    for name, date, share in rows.values_list("table", "date", "fallback_share"):
        if date in expected and share is not None:
            shares[name][date] = share
    for table in tables:
        found = shares[table.name]
        some = {date: share for date, share in found.items() if share > 0}
        yield Fallback(table, some, read=len(found), calendar=grid.dates)


# What if ---------------------------------------------------------------------------------------------


def effects(pipeline: Pipeline, grid: Grid, off: Collection[str]) -> Iterable[Effect]:
    """What closes beyond what is closed already, table by table in the order in which a run fills them."""
    tables = [table.name for table in pipeline.filled]
    before, after = (closed(pipeline.needs, tables, grid, off=some) for some in ((), off))
    settled = settled_dates(tables)
    blocked: dict[str, list[dt.date]] = {}
    for table in pipeline.filled:
        done, known = settled[table.name], before.get(table.name, {})
        new = {date: why for date, why in after.get(table.name, {}).items() if date not in known}
        to_fill = new.keys() - done
        open_dates = [date for date in grid.dates if date not in done]
        behind = {date for date in open_dates if waits(table, date, blocked)} - to_fill
        blocked[table.name] = sorted(to_fill | behind)
        if new or behind:
            yield Effect(table, new, frozenset(to_fill), frozenset(behind), grid.dates)


def settled_dates(tables: Collection[str]) -> dict[str, set[dt.date]]:
    """The dates on which there is nothing to fill, in one query."""
    found: dict[str, set[dt.date]] = {name: set() for name in tables}
    rows = Partition.objects.of(tables).filter(state__in=SETTLED).order_by()
    for name, date in rows.values_list("table", "date"):
        found[name].add(date)
    return found


def waits(table: Table, date: dt.date, blocked: Mapping[str, Sequence[dt.date]]) -> bool:
    """Whether an input, on the date or in its lookback, is among those that cannot be filled."""
    return any(
        bisect_left(dates, date - dt.timedelta(days=needed.lookback)) < bisect_right(dates, date)
        for needed in table.after
        if (dates := blocked.get(needed.table, ()))
    )
