"""The calendar as it is stored: expected dates and units by season and month, and why the other days have none."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise

from apps import text
from apps.coverage.calendar import calendar_alarms
from apps.coverage.calendar.calendar_alarms import Alarm
from apps.coverage.counts import freshness, strips
from apps.coverage.counts.freshness import Freshness
from apps.coverage.counts.strips import LegendItem, Strip
from apps.coverage.models import CalendarDate, CalendarReading
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import Season, Table

LEVELS = 4
DAYS = 31
CHANGES_SHOWN = 20
ABSENT, NONE, NOT_FINAL, TO_COME = ".", "n", "f", "+"
STATES = {str(level): f"units-{level}" for level in range(LEVELS + 1)} | {
    NOT_FINAL: "stale",
    NONE: "not_expected",
}


@dataclass(frozen=True)
class Month:
    """A row of a season's calendar: a cell a day, and the days without units as numbers."""

    first: dt.date
    strip: Strip
    dates: int
    units: int
    without: str

    @property
    def name(self) -> str:
        return f"{self.first:%b %Y}"

    @property
    def address(self) -> str:
        """The month as the filter of the coverage pages has it."""
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True)
class Skipped:
    """Tables that leave out as many of a season's first days, and the expected dates among these."""

    days: int
    dates: int
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class SeasonCalendar:
    """A season's expected dates; every other day of it is in one of `without`, `not_final` and `to_come`.

    Of the days `to_come` the calendar has `listed` already, with `listed_units`: they are not over yet.
    """

    season: Season
    dates: int
    units: int
    first: dt.date | None
    last: dt.date | None
    without: tuple[dt.date, ...]
    not_final: tuple[dt.date, ...]
    to_come: int
    listed: int
    listed_units: int
    skipped: tuple[Skipped, ...]
    months: tuple[Month, ...]

    @property
    def without_in_words(self) -> str:
        return text.date_ranges(self.without)

    @property
    def not_final_in_words(self) -> str:
        return text.date_ranges(self.not_final)


@dataclass(frozen=True)
class CalendarReport:
    """Everything that the page of the calendar shows; `seasons` are the newest first."""

    known: Freshness
    seasons: tuple[SeasonCalendar, ...]
    off_season: tuple[dt.date, ...]
    alarms: tuple[Alarm, ...]
    changes: tuple[CalendarReading, ...]
    most_units: int

    @property
    def is_known(self) -> bool:
        return any(season.dates for season in self.seasons)

    @property
    def dates(self) -> int:
        return sum(season.dates for season in self.seasons)

    @property
    def units(self) -> int:
        return sum(season.units for season in self.seasons)

    @property
    def off_season_in_words(self) -> str:
        return text.date_ranges(self.off_season)


def report(pipeline: Pipeline, *, now: dt.datetime) -> CalendarReport:
    """The calendar of all seasons, in four queries and two more while the warehouse cannot be asked."""
    known = freshness.now()
    units = dict(CalendarDate.objects.values_list("date", "units"))
    readings = list(CalendarReading.objects.select_related("scan").exclude(changes=[])[:CHANGES_SHOWN])
    latest = CalendarReading.objects.first()
    waiting = latest.not_final_dates if latest else ()
    listed = latest.units_to_come if latest else {}
    most = max(units.values(), default=0)
    until = pipeline.today(known.as_of or now)
    seasons = tuple(
        season_calendar(pipeline, season, units, waiting, listed, most=most, until=until)
        for season in sorted(pipeline.seasons, key=lambda season: season.start, reverse=True)
    )
    return CalendarReport(
        known=known,
        seasons=seasons,
        off_season=latest.off_season_dates if latest else (),
        alarms=tuple(calendar_alarms.alarms(pipeline, units, listed, latest, readings, now=now)),
        changes=tuple(readings),
        most_units=most,
    )


def season_calendar(
    pipeline: Pipeline,
    season: Season,
    units: Mapping[dt.date, int],
    waiting: Iterable[dt.date],
    listed: Mapping[dt.date, int],
    *,
    most: int,
    until: dt.date,
) -> SeasonCalendar:
    """A season's calendar. `until` is the day of the last reading: later days are to come, not without units."""
    days = [season.start + dt.timedelta(days=n) for n in range((season.end - season.start).days + 1)]
    expected = [day for day in days if day in units]
    not_final = sorted(set(waiting).intersection(days).difference(expected))
    rest = [day for day in days if day not in units and day not in not_final]
    soon = [units_then for day, units_then in listed.items() if day in season and day not in units]
    letters = {day: letter(day, units, not_final, most=most, until=until) for day in days}
    return SeasonCalendar(
        season=season,
        dates=len(expected),
        units=sum(units[day] for day in expected),
        first=expected[0] if expected else None,
        last=expected[-1] if expected else None,
        without=tuple(day for day in rest if day < until),
        not_final=tuple(not_final),
        to_come=sum(day >= until for day in rest),
        listed=len(soon),
        listed_units=sum(soon),
        skipped=tuple(skipped(pipeline, season, expected)),
        months=tuple(months(letters, units)),
    )


def letter(
    day: dt.date, units: Mapping[dt.date, int], not_final: list[dt.date], *, most: int, until: dt.date
) -> str:
    if day in units:
        return str(-(-LEVELS * units[day] // most))
    if day in not_final:
        return NOT_FINAL
    return NONE if day < until else TO_COME


def skipped(pipeline: Pipeline, season: Season, expected: list[dt.date]) -> Iterator[Skipped]:
    """Bootstrap: what the tables leave out of a season's first days, fewest days first."""
    tables: dict[int, list[Table]] = defaultdict(list)
    for table in pipeline.tables:
        if table.skip_first_days:
            tables[table.skip_first_days].append(table)
    for days, found in sorted(tables.items()):
        yield Skipped(days, sum(found[0].skips(day, season) for day in expected), tuple(found))


# Months -------------------------------------------------------------------------------------------


def months(letters: Mapping[dt.date, str], units: Mapping[dt.date, int]) -> Iterator[Month]:
    for _, same in groupby(letters, key=lambda day: (day.year, day.month)):
        days = list(same)
        expected = [day for day in days if day in units]
        yield Month(
            first=days[0].replace(day=1),
            strip=strip({day.day: letters[day] for day in days}),
            dates=len(expected),
            units=sum(units[day] for day in expected),
            without=", ".join(str(day.day) for day in days if letters[day] == NONE),
        )


def strip(letters: Mapping[int, str]) -> Strip:
    """31 cells, of which the days that the season does not have stay empty."""
    return strips.draw("".join(letters.get(day, ABSENT) for day in range(1, DAYS + 1)), STATES)


def legend(made: CalendarReport, unit: str) -> list[LegendItem]:
    """What the colours mean: the levels that can be, days without units, days that are not final."""
    tops = [made.most_units * level // LEVELS for level in range(LEVELS + 1)]
    items = [
        LegendItem(f"units-{level}", units_in_words(least + 1, most, unit), None)
        for level, (least, most) in enumerate(pairwise(tops), 1)
        if most > least
    ]
    if any(season.without for season in made.seasons):
        items.append(LegendItem("not_expected", f"no {unit}s", None))
    if any(season.not_final for season in made.seasons):
        items.append(LegendItem("stale", "not final", None))
    return items


def units_in_words(least: int, most: int, unit: str) -> str:
    """ "5 to 8 games"."""
    number = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    return f"{number} {unit}{'' if most == 1 else 's'}"
