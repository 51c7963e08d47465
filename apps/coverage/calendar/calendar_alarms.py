"""Warnings about the calendar: seasons without dates, rows off the calendar, changes."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from apps import text, timing
from apps.coverage.calendar import removed_dates
from apps.coverage.models import CalendarReading, Partition
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline
from apps.text import count

MOST_RANGES = 8


@dataclass(frozen=True)
class Alarm:
    """`level` is failure, warning or unknown; `detail` are the dates, `remedy` what to do."""

    level: str
    text: str
    detail: str = ""
    remedy: str = ""


def alarms(
    pipeline: Pipeline,
    units: Mapping[dt.date, int],
    to_come: Iterable[dt.date],
    latest: CalendarReading | None,
    readings: Iterable[CalendarReading],
    *,
    now: dt.datetime,
) -> Iterator[Alarm]:
    """The alarms of a calendar that was read, worst first; in two queries."""
    if not units:
        return
    found = [
        *seasons_without_dates(pipeline, units, list(to_come), today=pipeline.today(now)),
        *rows_without_units(pipeline),
        *of_reading(pipeline, latest),
        *changed(readings, since=now - timing.CALENDAR_NEWS),
        *returned(since=now - timing.CALENDAR_NEWS),
    ]
    yield from sorted(found, key=lambda alarm: ("failure", "warning", "unknown", "info").index(alarm.level))


def seasons_without_dates(
    pipeline: Pipeline, units: Mapping[dt.date, int], to_come: Iterable[dt.date], *, today: dt.date
) -> Iterator[Alarm]:
    for season in pipeline.seasons:
        if any(date in season for date in [*units, *to_come]):
            continue
        if season.start >= today:
            yield Alarm(
                "warning",
                f"Season {season.name} has no dates yet; it begins on {season.start}.",
                remedy="Nothing is expected in it until the calendar has them.",
            )
        else:
            yield Alarm(
                "failure",
                f"Season {season.name} has no dates, and it began on {season.start}.",
                remedy="Nothing is expected in it, so nothing can be missing: fill the calendar or correct the season.",
            )


def rows_without_units(pipeline: Pipeline) -> Iterator[Alarm]:
    """Days on which a source has rows and the calendar expects nothing: one of the two is wrong."""
    unit = pipeline.calendar.unit
    names = [table.name for table in pipeline.sources]
    strays = Partition.objects.of(names).filter(state=Partition.State.UNEXPECTED, season="")
    inside: dict[str, list[dt.date]] = defaultdict(list)
    outside: dict[str, list[dt.date]] = defaultdict(list)
    for table, date in strays.order_by("date").values_list("table", "date"):
        (inside if pipeline.season_of(date) else outside)[table].append(date)
    if inside:
        yield Alarm(
            "failure",
            f"The calendar expects 0 {unit}s on {count_of(inside)} on which sources have rows.",
            detail=by_source(inside),
            remedy="If the days are real, the calendar lacks them, and every table does; else the rows are wrong.",
        )
    if outside:
        yield Alarm(
            "warning",
            f"Sources have rows on {count_of(outside)} outside of every season.",
            detail=by_source(outside),
            remedy="Widen a season or add one in the pipeline file, if these dates belong to it.",
        )


def count_of(found: Mapping[str, list[dt.date]]) -> str:
    return count(len({date for some in found.values() for date in some}), "date")


def by_source(found: Mapping[str, list[dt.date]]) -> str:
    return "; ".join(
        f"{definition.short_name(name)}: {text.date_ranges(some, most=MOST_RANGES)}"
        for name, some in found.items()
    )


def of_reading(pipeline: Pipeline, latest: CalendarReading | None) -> Iterator[Alarm]:
    if latest is None:
        return
    if outside := latest.off_season_dates:
        yield Alarm(
            "warning",
            f"The calendar has {pipeline.calendar.unit}s on {count(len(outside), 'date')} that lie in no season.",
            detail=text.date_ranges(outside, most=MOST_RANGES),
            remedy="Nothing is expected there. If they count, widen a season or add one in the pipeline file.",
        )
    if latest.problem:
        yield Alarm("unknown", f"Which past dates are not final could not be asked: {latest.problem}.")
    elif waiting := latest.not_final_dates:
        are = "is" if len(waiting) == 1 else "are"
        yield Alarm(
            "warning",
            f"{count(len(waiting), 'date')} in the past {are} not final, and so not expected.",
            detail=text.date_ranges(waiting, most=MOST_RANGES),
            remedy="Nobody would miss what is not expected: have it made final, or taken off the calendar.",
        )


def changed(readings: Iterable[CalendarReading], *, since: dt.datetime) -> Iterator[Alarm]:
    """Changes since that moment: dates that left and changed units are warnings, new dates are information."""
    for reading in readings:
        if reading.read_at < since:
            continue
        if reading.removed:
            yield Alarm(
                "warning",
                f"{count(len(reading.removed), 'date')} left the calendar.",
                reading.removed_in_words,
            )
        if reading.others:
            some = count(len(reading.others), "date")
            yield Alarm("warning", f"The units of {some} changed.", reading.others_in_words)
        if reading.added:
            yield Alarm(
                "info", f"{count(len(reading.added), 'date')} came to the calendar.", reading.added_in_words
            )


def returned(*, since: dt.datetime) -> Iterator[Alarm]:
    """Dates that came back since that moment: nothing is to be done about them."""
    for at, number in removed_dates.returned_since(since):
        are = "date that had left the calendar is" if number == 1 else "dates that had left the calendar are"
        yield Alarm(
            "info", f"{number:,} {are} back since {at:%Y-%m-%d %H:%M} UTC: nothing is to be confirmed."
        )
