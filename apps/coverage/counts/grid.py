"""The grid: partitions of a range as strings, a letter a date. Roll-ups and strips are computed from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import repeat
from typing import NamedTuple

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from apps.coverage import models
from apps.coverage.counts.string_agg import StringAgg
from apps.coverage.models import CalendarDate, Partition, PartitionQuerySet
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Season, Table

State, Activity = Partition.State, Partition.Activity

LETTERS = {
    State.COMPLETE: "c",
    State.THIN: "t",
    State.EXCESS: "e",
    State.MISSING: "m",
    State.STALE: "s",
    State.UNEXPECTED: "x",
    State.UNKNOWN: "u",
    State.ACCEPTED: "a",
    State.NOT_EXPECTED: "n",
    Activity.QUEUED: "q",
    Activity.RUNNING: "r",
    Activity.FAILED: "f",
    Activity.REDO_FAILED: "d",
    Activity.REDO_SKIPPED: "k",
    Activity.NONE: "-",
}
LETTER = {str(name): letter for name, letter in LETTERS.items()}  # plain text is found twice as fast
# Nothing is expected, and it was not read: shown as unknown, but in no denominator.
UNREAD = "w"
NAME = {letter: str(name) for name, letter in LETTER.items() if name} | {UNREAD: str(State.UNKNOWN)}
UNKNOWN_NOW = str.maketrans("ctemsxa", "uuuuuuu")
FAILED = (Activity.FAILED, *Partition.NOT_REDONE)
NOTHING = ""  # where nothing is stored of a partition
NEVER_STORED = "."
STATE = {str(state): LETTER[state] for state in State} | {NOTHING: NEVER_STORED}


@dataclass(frozen=True)
class Grid:
    """The calendar's dates in order; for each table a letter a date for its state and one for its activity.

    `strays` are dates off the calendar on which a table has rows, `failed_off` those on which a failure is open.
    """

    dates: tuple[dt.date, ...]
    units: tuple[int, ...]
    seasons: tuple[tuple[Season, slice], ...]
    states: dict[str, str]
    activities: dict[str, str]
    strays: dict[str, tuple[dt.date, ...]]
    failed_off: dict[str, tuple[dt.date, ...]] = field(default_factory=dict)

    def unread(self, tables: Collection[str]) -> Grid:
        """The grid with these tables unknown, for code that decides by it; pages show them as last known."""
        names = set(tables) & self.states.keys()
        if not names:
            return self
        return replace(
            self,
            states=self.states | {name: self.states[name].translate(UNKNOWN_NOW) for name in names},
            strays=self.strays | dict.fromkeys(names, ()),
        )

    def shown(self, table: str) -> str:
        """A letter a date for what a cell shows: `shown` of coverage.models, for a whole row."""
        states, activities = self.states[table].replace(UNREAD, "u"), self.activities[table]
        if not activities.strip("-"):
            return states
        pairs = zip(states, activities, strict=True)
        return "".join(map(shown, pairs))


@cache  # few pairs, thousands of times
def shown(pair: tuple[str, str]) -> str:
    """The letter that a cell shows, of its state and its activity."""
    state, activity = pair
    return LETTER[models.shown(NAME[state], NAME.get(activity, ""))]


def load(
    pipeline: Pipeline,
    *,
    start: dt.date | None = None,
    end: dt.date | None = None,
    seasons: Collection[Season] = (),
    tables: Collection[Table] | None = None,
) -> Grid:
    """The grid of a range (both ends included), some seasons, some tables; of everything without. Two queries."""
    wanted = pipeline.tables if tables is None else tables
    expected = CalendarDate.objects.filter(date__gte=start or pipeline.start, date__lte=end or pipeline.end)
    if seasons:
        expected = expected.filter(season__in=[season.name for season in seasons])
    calendar = calendar_of(expected)
    found = strings(Partition.objects.between(start, end), None if tables is None else wanted)
    rows = {table.name: row(found.get(table.name), calendar) for table in wanted}
    return Grid(
        dates=calendar.dates,
        units=calendar.units,
        seasons=seasons_of(pipeline, calendar.seasons),
        states={table.name: states(pipeline, table, rows[table.name].states, calendar) for table in wanted},
        activities={name: each.activities for name, each in rows.items()},
        strays={name: strays(each.off, seasons) for name, each in rows.items()},
        failed_off={name: strays(each.failed_off, seasons) for name, each in rows.items()},
    )


@dataclass(frozen=True, eq=False)
class Calendar:
    """Expected dates in their order, with their units, the names of their seasons, and as texts."""

    dates: tuple[dt.date, ...]
    units: tuple[int, ...]
    seasons: tuple[str, ...]
    days: tuple[str, ...]
    text: str


def calendar_of(expected: QuerySet[CalendarDate]) -> Calendar:
    """These dates, in one query for a row a season."""
    days, units = StringAgg(Cast("date", TextField())), StringAgg(Cast("units", TextField()))
    rows = expected.order_by().values("season").annotate(days=days, sizes=units)
    return parsed(frozenset(rows.values_list("season", "days", "sizes")))


@lru_cache(maxsize=16)  # a calendar is hardly ever another one at the next look
def parsed(rows: frozenset[tuple[str, str, str]]) -> Calendar:
    found = sorted(
        (day, int(size), season)
        for season, days, sizes in rows
        for day, size in zip(days.split(","), sizes.split(","), strict=True)
    )
    days = tuple(day for day, _, _ in found)
    return Calendar(
        dates=tuple(map(dt.date.fromisoformat, days)),
        units=tuple(size for _, size, _ in found),
        seasons=tuple(season for _, _, season in found),
        days=days,
        text=",".join(days),
    )


class Strings(NamedTuple):
    """What is stored of a table, a word a partition, joined by commas."""

    days: str
    states: str
    activities: str


def strings(partitions: PartitionQuerySet, tables: Collection[Table] | None) -> dict[str, Strings]:
    """By table what is stored, of some tables or all, in one query.

    Dates stay text here: to make an object of each of many thousands would take longer than all else.
    """
    if tables is not None:
        partitions = partitions.of(table.name for table in tables)
    rows = partitions.order_by().values("table").annotate(
        days=StringAgg(Cast("date", TextField())), states=StringAgg("state"), activities=StringAgg("activity")
    )  # fmt: skip
    found = rows.values_list("table", "days", "states", "activities")
    return {table: Strings(*words) for table, *words in found}


class Row(NamedTuple):
    """What is stored of a table, a letter for each day of the calendar; `off` are the days off it that have rows,
    `failed_off` those with an open failure of a run."""

    states: str
    activities: str
    off: tuple[str, ...]
    failed_off: tuple[str, ...]


@lru_cache(maxsize=128)  # at the next look most tables are as they were
def row(strings: Strings | None, calendar: Calendar) -> Row:
    """The usual table has a partition for each day in order, which is faster than to look each day up."""
    days = calendar.days
    if strings is None:
        return Row(STATE[NOTHING] * len(days), LETTER[NOTHING] * len(days), (), ())
    if strings.days == calendar.text:
        doing = letters(LETTER, strings.activities.split(","))
        return Row(letters(STATE, strings.states.split(",")), doing, (), ())
    its_days = strings.days.split(",")
    states = dict(zip(its_days, strings.states.split(","), strict=True))
    activities = dict(zip(its_days, strings.activities.split(","), strict=True))
    others = sorted(states.keys() - set(days))
    off = [day for day in others if states[day] == State.UNEXPECTED]
    failed = [
        day
        for day in others
        if activities[day] in FAILED and states[day] not in (State.COMPLETE, State.ACCEPTED)
    ]
    nothing = repeat(NOTHING)
    return Row(
        letters(STATE, map(states.get, days, nothing)),
        letters(LETTER, map(activities.get, days, nothing)),
        tuple(off),
        tuple(failed),
    )


def letters(alphabet: Mapping[str, str], words: Iterable[str]) -> str:
    return "".join(map(alphabet.__getitem__, words))


def states(pipeline: Pipeline, table: Table, told: str, calendar: Calendar) -> str:
    """A letter a date. Dates of the bootstrap are not expected even before the first scan."""
    shown = told.replace(NEVER_STORED, LETTER[State.UNKNOWN])
    if not table.skip_first_days or "u" not in shown:
        return shown
    seasons = {season.name: season for season in pipeline.seasons}
    row = list(shown)
    for place, (date, name) in enumerate(zip(calendar.dates, calendar.seasons, strict=True)):
        if row[place] == "u" and name in seasons and table.skips(date, seasons[name]):
            row[place] = "n" if told[place] == NEVER_STORED else UNREAD
    return "".join(row)


def strays(days: Iterable[str], seasons: Collection[Season]) -> tuple[dt.date, ...]:
    """The dates among them that are within the seasons that are asked for."""
    dates = map(dt.date.fromisoformat, days)
    return tuple(date for date in dates if not seasons or any(date in season for season in seasons))


def seasons_of(pipeline: Pipeline, names: Sequence[str]) -> tuple[tuple[Season, slice], ...]:
    """The seasons that have dates here, each with its place among them."""
    found = []
    for season in sorted(pipeline.seasons, key=lambda season: season.start):
        if season.name in names:
            first = names.index(season.name)
            found.append((season, slice(first, first + names.count(season.name))))
    return tuple(found)
