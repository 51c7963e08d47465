"""All partitions of a range as strings, a letter a date: what roll-ups and strips are computed from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import TextField
from django.db.models.functions import Cast

from apps.coverage.models import CalendarDate, Partition
from apps.pipeline.definition import Pipeline, Season, Table

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
    Activity.NONE: "-",
}
LETTER = {str(name): letter for name, letter in LETTERS.items()}  # plain text is found twice as fast
# Nothing is expected there, and nobody knows what is: unknown to look at, but in no denominator.
UNREAD = "w"
NAME = {letter: str(name) for name, letter in LETTER.items() if name} | {UNREAD: str(State.UNKNOWN)}


@dataclass(frozen=True)
class Grid:
    """The calendar's dates in order; for each table a letter a date for its state and one for its activity.

    `strays` are dates off the calendar on which a table has rows.
    """

    dates: tuple[dt.date, ...]
    units: tuple[int, ...]
    seasons: tuple[tuple[Season, slice], ...]
    states: dict[str, str]
    activities: dict[str, str]
    strays: dict[str, tuple[dt.date, ...]]

    def shown(self, table: str) -> str:
        """A letter a date for what a cell shows: `shown` of coverage.models, for a whole row."""
        states, activities = self.states[table].replace(UNREAD, "u"), self.activities[table]
        if not activities.strip("-"):
            return states
        pairs = zip(states, activities, strict=True)
        return "".join(
            activity if activity in "qr" or (activity == "f" and state == "m") else state
            for state, activity in pairs
        )


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
    days = CalendarDate.objects.filter(date__gte=start or pipeline.start, date__lte=end or pipeline.end)
    if seasons:
        days = days.filter(season__in=[season.name for season in seasons])
    calendar = list(days.values_list("date", "units", "season"))
    dates = tuple(date for date, _, _ in calendar)
    # Dates stay text here: to make an object of each of many thousands would take longer than all else.
    place = {date.isoformat(): index for index, date in enumerate(dates)}
    states = {table.name: ["u"] * len(dates) for table in wanted}
    activities = {table.name: ["-"] * len(dates) for table in wanted}
    strays: dict[str, list[dt.date]] = {table.name: [] for table in wanted}
    mark_bootstrap(pipeline, wanted, states, calendar)

    day = Cast("date", TextField())
    found = Partition.objects.between(start, end).order_by()
    if tables is not None:
        found = found.of(states)
    rows = found.values_list("table", day, "state", "activity")
    for table, date, state, activity in rows.iterator():  # kept rows would only feed the garbage collector
        if (row := states.get(table)) is None:
            continue
        if (index := place.get(date)) is not None:
            letter = LETTER[state]
            row[index] = UNREAD if letter == "u" and row[index] == "n" else letter
            if activity:
                activities[table][index] = LETTER[activity]
        elif state == State.UNEXPECTED:
            stray = dt.date.fromisoformat(date)
            if not seasons or any(stray in season for season in seasons):
                strays[table].append(stray)
    return Grid(
        dates=dates,
        units=tuple(units for _, units, _ in calendar),
        seasons=seasons_of(pipeline, [season for _, _, season in calendar]),
        states={table: "".join(letters) for table, letters in states.items()},
        activities={table: "".join(letters) for table, letters in activities.items()},
        strays={table: tuple(sorted(found)) for table, found in strays.items()},
    )


def mark_bootstrap(
    pipeline: Pipeline,
    tables: Collection[Table],
    states: dict[str, list[str]],
    calendar: list[tuple[dt.date, int, str]],
) -> None:
    """Before the first scan nothing is known, except that some dates are left out on purpose."""
    seasons = {season.name: season for season in pipeline.seasons}
    for table in tables:
        if table.skip_first_days:
            for index, (date, _, name) in enumerate(calendar):
                if name in seasons and table.skips(date, seasons[name]):
                    states[table.name][index] = "n"


def seasons_of(pipeline: Pipeline, names: list[str]) -> tuple[tuple[Season, slice], ...]:
    """The seasons that have dates here, each with its place among them."""
    found = []
    for season in sorted(pipeline.seasons, key=lambda season: season.start):
        if season.name in names:
            first = names.index(season.name)
            found.append((season, slice(first, first + names.count(season.name))))
    return tuple(found)


def tables_shown(pipeline: Pipeline) -> list[tuple[str, list[Table]]]:
    """Phase labels with their tables, in the order in which every page lists them."""
    return [(phase.full_label, list(pipeline.tables_of(phase.name))) for phase in pipeline.phases]
