"""The calendar as it was read last: expected dates, and those that left it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import models

from apps import text
from apps.coverage.models.scan import Scan
from apps.fields import MaskedTextField

RANGES_SHOWN = 8


class InSeason(models.Manager["CalendarDate"]):
    def get_queryset(self) -> models.QuerySet[CalendarDate]:
        return super().get_queryset().exclude(season="")


class CalendarDate(models.Model):
    """A date on which tables are expected to have rows, and how much there is to do on it.

    `read` has those too that lie in no season of the pipeline file since it was changed, until the next scan.
    """

    date = models.DateField(unique=True)
    season = models.CharField(max_length=200)
    units = models.PositiveIntegerField()

    objects = InSeason()
    read = models.Manager["CalendarDate"]()

    class Meta:
        ordering = ["date"]

    def __str__(self) -> str:
        return f"{self.date}: {self.units}"


class CalendarReading(models.Model):
    """What the calendar said when it said something new. Until the next one it says the same."""

    scan = models.ForeignKey(Scan, models.SET_NULL, null=True, help_text="Empty for a scan of some dates.")
    read_at = models.DateTimeField()
    is_first = models.BooleanField(default=False, help_text="The first of the whole calendar: no change.")
    changes = models.JSONField(
        default=list, help_text="Date, units before and after; null where not expected."
    )
    off_season = models.JSONField(default=list, help_text="Dates with units that lie in no season.")
    not_final = models.JSONField(null=True, help_text="Past dates that are not final; null where unknown.")
    to_come = models.JSONField(
        default=list, help_text="Dates on it that were not over yet, with their units."
    )
    problem = MaskedTextField(blank=True, help_text="Why nobody could say which dates are not final.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Calendar at {self.read_at}: {len(self.changes)} changes"

    @property
    def off_season_dates(self) -> tuple[dt.date, ...]:
        return as_dates(self.off_season)

    @property
    def not_final_dates(self) -> tuple[dt.date, ...]:
        return as_dates(self.not_final or ())

    @property
    def units_to_come(self) -> dict[dt.date, int]:
        """The dates that were not over yet, with their units."""
        return {dt.date.fromisoformat(date): units for date, units in self.to_come}

    @property
    def added(self) -> tuple[dt.date, ...]:
        return as_dates(date for date, was, _ in self.changes if was is None)

    @property
    def removed(self) -> tuple[dt.date, ...]:
        return as_dates(date for date, _, now in self.changes if now is None)

    @property
    def others(self) -> list[tuple[str, int, int]]:
        """Dates that stayed, with their units before and after."""
        return [(date, was, now) for date, was, now in self.changes if was is not None and now is not None]

    @property
    def added_in_words(self) -> str:
        return text.date_ranges(self.added, most=RANGES_SHOWN)

    @property
    def removed_in_words(self) -> str:
        return text.date_ranges(self.removed, most=RANGES_SHOWN)

    @property
    def others_in_words(self) -> str:
        """ "2024-01-05 (4, was 3), and 2 more"."""
        words = [f"{date} ({now:,}, was {was:,})" for date, was, now in self.others[:RANGES_SHOWN]]
        more = len(self.others) - RANGES_SHOWN
        return ", ".join([*words, f"and {more} more"] if more > 0 else words)


def as_dates(texts: Iterable[str]) -> tuple[dt.date, ...]:
    return tuple(map(dt.date.fromisoformat, texts))


class RemovedDateQuerySet(models.QuerySet["RemovedDate"]):
    def open(self) -> RemovedDateQuerySet:
        """Those that did not come back and were not confirmed."""
        return self.filter(returned_at=None, confirmed_at=None)

    def confirmed(self) -> RemovedDateQuerySet:
        return self.exclude(confirmed_at=None)


class RemovedDate(models.Model):
    """A date that left the calendar: nothing is expected of it, so that every percentage has a smaller whole."""

    date = models.DateField()
    season = models.CharField(max_length=200, help_text="The one that it was expected in.")
    units = models.PositiveIntegerField()
    removed_at = models.DateTimeField(help_text="When the calendar was read without it.")
    returned_at = models.DateTimeField(null=True, help_text="When the calendar had it again.")
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.CharField(max_length=150, blank=True)
    note = models.TextField(blank=True, help_text="Why it is right, as far as the person said so.")

    objects = RemovedDateQuerySet.as_manager()

    class Meta:
        ordering = ["date", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["date"],
                condition=models.Q(returned_at=None, confirmed_at=None),
                name="one_open_removal_a_date",
            )
        ]

    def __str__(self) -> str:
        return f"{self.date} left the calendar at {self.removed_at}"


def calendar_between(start: dt.date, end: dt.date) -> dict[dt.date, CalendarDate]:
    """The stored calendar of a range, by date."""
    return {day.date: day for day in CalendarDate.objects.filter(date__range=(start, end))}
