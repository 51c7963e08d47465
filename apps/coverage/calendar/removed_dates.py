"""Dates that left the calendar: an event that stays open until a person confirms it, or the dates are back.

A calendar that loses dates makes every percentage look better, so that no percentage shows it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, Min

from apps import text
from apps.coverage.models import CalendarDate, RemovedDate
from apps.pipeline.scope import Scope
from apps.text import date_ranges, ranges, successor

BATCH = 500
MOST_RANGES = 4


class CannotConfirm(Exception):
    """There is nothing to confirm, or another number than the page showed; the text says which."""


@dataclass(frozen=True)
class SeasonPart:
    """What a season lost: its dates in order, and the same as ranges."""

    season: str
    dates: tuple[dt.date, ...]
    ranges: tuple[tuple[dt.date, dt.date], ...]
    dates_in_words: str

    @property
    def sentence(self) -> str:
        """ "2021-22: 215 dates, 2021-10-19 to 2022-06-16"."""
        return f"{self.season}: {number(len(self.dates))}, {self.dates_in_words}"


@dataclass(frozen=True)
class RemovedDates:
    """The dates that left and neither came back nor were confirmed, by season; `left` are those still expected."""

    since: dt.datetime
    parts: tuple[SeasonPart, ...]
    left: int
    after: Callable[[dt.date], dt.date]  # the next date that is on the calendar or was

    @property
    def count(self) -> int:
        return sum(len(part.dates) for part in self.parts)

    @property
    def dates(self) -> list[dt.date]:
        return [date for part in self.parts for date in part.dates]

    @property
    def what(self) -> str:
        """ "661 dates left the calendar"."""
        return f"{number(self.count)} left the calendar"

    @property
    def sentence(self) -> str:
        """ "661 dates left the calendar since 2026-11-29 12:04 UTC", without a full stop."""
        return f"{self.what} since {self.since:%Y-%m-%d %H:%M} UTC"

    @property
    def by_season(self) -> str:
        return "; ".join(part.sentence for part in self.parts)

    @property
    def consequence(self) -> str:
        """What it means for every number, as a sentence."""
        return (
            f"Nothing is expected of {'it' if self.count == 1 else 'them'}, and every percentage is of the "
            f"{number(self.left)} that {'is' if self.left == 1 else 'are'} left."
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "since": self.since.isoformat(),
            "dates_left": self.left,
            "seasons": [
                {
                    "name": part.season,
                    "count": len(part.dates),
                    "ranges": [[str(first), str(last)] for first, last in part.ranges],
                }
                for part in self.parts
            ],
            "text": f"{self.sentence}. {self.consequence}",
        }


def number(count: int) -> str:
    return text.count(count, "date")


# What is open ---------------------------------------------------------------------------------------


def open_now() -> RemovedDates | None:
    """The open dates that left the calendar, None if there are none; in one query, and one more if there are."""
    found = list(RemovedDate.objects.open())
    if not found:
        return None
    expected = set(CalendarDate.objects.values_list("date", flat=True))
    after = successor(sorted(expected | {each.date for each in found}))
    parts = [
        SeasonPart(
            season=season,
            dates=(dates := tuple(each.date for each in same)),
            ranges=tuple(ranges(dates, after)),
            dates_in_words=date_ranges(dates, most=MOST_RANGES, after=after),
        )
        for season, same in groupby(found, key=lambda each: each.season)
    ]
    left = len(expected - {each.date for each in found})
    return RemovedDates(min(each.removed_at for each in found), tuple(parts), left, after)


def within(scope: Scope) -> str:
    """The open dates of the scope as a sentence without its full stop; empty if there are none."""
    removed = open_now()
    dates = [date for date in removed.dates if date in scope] if removed else []
    if not removed or not dates:
        return ""
    where = date_ranges(dates, most=MOST_RANGES, after=removed.after)
    return f"{number(len(dates))} left the calendar since {removed.since:%Y-%m-%d %H:%M} UTC: {where}"


def returned_since(moment: dt.datetime) -> list[tuple[dt.datetime, int]]:
    """When dates that had left came back, newest first, with how many."""
    back = RemovedDate.objects.filter(returned_at__gte=moment).order_by("-returned_at")
    rows = back.values_list("returned_at").annotate(Count("pk"))
    return [(at, count) for at, count in rows if at]


def confirmations(*, most: int) -> Iterable[Mapping[str, object]]:
    """What people confirmed at one moment each, newest first: by, at, note, count, first and last date."""
    found = RemovedDate.objects.confirmed().order_by("-confirmed_at")
    rows = found.values("note", by=F("confirmed_by"), at=F("confirmed_at"))
    return rows.annotate(count=Count("pk"), first=Min("date"), last=Max("date"))[:most]


# Its beginning and its end ----------------------------------------------------------------------------


def note(gone: Iterable[CalendarDate], *, back: Collection[dt.date], read_at: dt.datetime) -> None:
    """After a reading: dates that it had not any more, and those that are `back` on the calendar."""
    RemovedDate.objects.bulk_create(
        [RemovedDate(date=d.date, season=d.season, units=d.units, removed_at=read_at) for d in gone],
        ignore_conflicts=True,  # another scan noted it first
        batch_size=BATCH,
    )
    away = RemovedDate.objects.open()
    returned = [pk for pk, date in away.values_list("pk", "date") if date in back]
    for start in range(0, len(returned), BATCH):
        away.filter(pk__in=returned[start : start + BATCH]).update(returned_at=read_at)


def confirm(*, by: str, at: dt.datetime, seen: int, note: str = "") -> int:
    """Records that a person confirms that the dates left; CannotConfirm if there are not as many as were `seen`."""
    with transaction.atomic():
        count = RemovedDate.objects.open().update(confirmed_by=by, confirmed_at=at, note=note)
        if not count:
            raise CannotConfirm("There is nothing to confirm: no date is missing from the calendar any more.")
        if count != seen:
            raise CannotConfirm(
                f"{number(count)} left the calendar by now, and {seen:,} when you looked. Look again and confirm."
            )
    return count
