"""Reads the expected dates and their units from the calendar, and records changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone

from apps.coverage.calendar import removed_dates
from apps.coverage.models import CalendarDate, CalendarReading, Scan
from apps.pipeline.definition import Pipeline
from apps.warehouse.base import QueryFailed, Warehouse, WarehouseError

BATCH = 500
Change = tuple[str, int | None, int | None]


@dataclass(frozen=True)
class CalendarAnswer:
    """The calendar as it was read. `not_final` is None if its query failed, or the pipeline file has none.

    `to_come` are dates on the calendar that are not over yet, so that nothing is expected of them.
    """

    expected: dict[dt.date, int]
    to_come: dict[dt.date, int] = field(default_factory=dict)
    off_season: list[dt.date] = field(default_factory=list)
    not_final: list[dt.date] | None = None
    problem: str = ""
    queries: int = 1

    @property
    def facts(self) -> dict[str, Any]:
        """What a reading stores beside the changes."""
        return {
            "off_season": [str(date) for date in self.off_season],
            "not_final": None if self.not_final is None else [str(date) for date in self.not_final],
            "to_come": [[str(date), units] for date, units in self.to_come.items()],
            "problem": self.problem,
        }


def read_calendar(pipeline: Pipeline, warehouse: Warehouse) -> CalendarAnswer:
    """Expected dates with their units, within the seasons. A date without units is not expected.

    A date that is not over yet is not expected either, since its data cannot be there.
    """
    today = pipeline.today(timezone.now())
    if not pipeline.calendar.query:
        return CalendarAnswer(dict.fromkeys(every_day(pipeline, until=today - dt.timedelta(days=1)), 1))
    answer = warehouse.calendar(pipeline.calendar.query)
    asked = {date: units for date, units in sorted(answer.items()) if units > 0}
    inside = {date: units for date, units in asked.items() if pipeline.season_of(date)}
    if not inside:
        # An emptied calendar would make every date not expected, and nothing a gap any more.
        raise QueryFailed("the calendar's query answers no date within a season")
    said = CalendarAnswer(
        expected={date: units for date, units in inside.items() if date < today},
        to_come={date: units for date, units in inside.items() if date >= today},
        off_season=[date for date in asked if date not in inside],
    )
    if not pipeline.calendar.not_final:
        return said
    return ask_not_final(pipeline, warehouse, pipeline.calendar.not_final, said, today)


def ask_not_final(
    pipeline: Pipeline, warehouse: Warehouse, query: str, said: CalendarAnswer, today: dt.date
) -> CalendarAnswer:
    """The answer with the past dates that are not final yet. A query that fails is its `problem`, and no error."""
    try:
        found = warehouse.calendar(query)
    except WarehouseError as error:
        return replace(said, problem=str(error).rstrip("."), queries=2)
    waiting = sorted(date for date in found if date < today and pipeline.season_of(date))
    return replace(said, not_final=waiting, queries=2)


def every_day(pipeline: Pipeline, *, until: dt.date) -> Iterable[dt.date]:
    """Every day of every season that is over; today's data is not history yet."""
    for season in pipeline.seasons:
        for offset in range((min(season.end, until) - season.start).days + 1):
            yield season.start + dt.timedelta(days=offset)


# Remembering --------------------------------------------------------------------------------------


def remember(
    pipeline: Pipeline,
    said: CalendarAnswer,
    *,
    read_at: dt.datetime,
    scan: Scan | None = None,
    days: Collection[dt.date] | None = None,
) -> set[dt.date]:
    """Stores the calendar, or of it only these `days`, and records what changed.

    Returns the dates that came, went or have other units.
    """
    stored = CalendarDate.objects.all() if days is None else CalendarDate.objects.filter(date__in=days)
    known = {day.date: day for day in stored}
    before = {date: day.units for date, day in known.items()}
    now = said.expected if days is None else {date: n for date, n in said.expected.items() if date in days}
    if CalendarReading.objects.filter(is_first=True).exists():
        note(said, changed(pipeline, said, before, now), scan=scan, read_at=read_at)
        gone = [day for date, day in known.items() if date not in now and date not in said.to_come]
        removed_dates.note(gone, back=now.keys() | said.to_come.keys(), read_at=read_at)
    elif days is None:
        note(said, [], scan=scan, read_at=read_at, is_first=True)
    write(pipeline, before, now)
    return {date for date in before.keys() | now.keys() if before.get(date) != now.get(date)}


def note(said: CalendarAnswer, changes: list[Change], **when: Any) -> None:
    """Records the reading where it differs from the latest one."""
    latest = CalendarReading.objects.first()
    if changes or latest is None or any(getattr(latest, name) != fact for name, fact in said.facts.items()):
        CalendarReading.objects.create(changes=changes, **said.facts, **when)


def changed(
    pipeline: Pipeline, said: CalendarAnswer, before: Mapping[dt.date, int], now: Mapping[dt.date, int]
) -> list[Change]:
    """Dates whose units are others than before, in order; None where the date is not expected.

    A day that ended is no change of the calendar, nor is one that is not over yet after all: the zone is another.
    """
    dates = {date for date in before.keys() | now.keys() if before.get(date) != now.get(date)}
    added = dates - before.keys()
    no_change = ended(pipeline, added) | said.to_come.keys()
    return [(str(date), before.get(date), now.get(date)) for date in sorted(dates - no_change)]


def ended(pipeline: Pipeline, added: Collection[dt.date]) -> set[dt.date]:
    """Those among dates that are expected now whose day was not over yet at the reading before."""
    latest = CalendarReading.objects.first() if added else None
    if latest is None:
        return set()
    if pipeline.calendar.every:
        today = pipeline.today(latest.read_at)
        return {date for date in added if date >= today}
    return set(added) & latest.units_to_come.keys()


def write(pipeline: Pipeline, before: Mapping[dt.date, int], now: Mapping[dt.date, int]) -> None:
    CalendarDate.objects.filter(date__in=before.keys() - now.keys()).delete()
    CalendarDate.read.filter(season="").delete()
    CalendarDate.objects.bulk_create(
        [
            CalendarDate(date=date, season=season.name, units=units)
            for date, units in now.items()
            if (season := pipeline.season_of(date))
        ],
        update_conflicts=True,
        unique_fields=["date"],
        update_fields=["season", "units"],
        batch_size=BATCH,
    )
