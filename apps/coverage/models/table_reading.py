"""What is known of a table as a whole: when it answered last, and why it does not."""

from __future__ import annotations

import datetime as dt

from django.db import models

from apps.coverage.models.scan import Scan
from apps.fields import MaskedTextField


class TableReading(models.Model):
    """When a table as a whole was last read, and since when and why it cannot be read, where that is so."""

    class Awaited(models.TextChoices):
        WAREHOUSE = "warehouse"  # it did not answer
        TURN = "turn"  # a call of the console's own has the warehouse file
        SCAN = "scan"  # it answers again, and is read

    table = models.CharField(max_length=200, unique=True)
    scan = models.ForeignKey(Scan, models.SET_NULL, null=True, help_text="The one that read it last.")
    read_at = models.DateTimeField(null=True, help_text="Empty while it was never read as a whole.")
    silent_since = models.DateTimeField(
        null=True, help_text="Empty where it answered when it was last asked."
    )
    is_outage = models.BooleanField(
        default=False, help_text="Whether the warehouse as a whole did not answer, not only this table."
    )
    awaited = models.CharField(
        max_length=10,
        choices=Awaited,
        blank=True,
        help_text="What is looked for every minute until the table is read again; empty where looking does not help.",
    )
    problem = MaskedTextField(blank=True, help_text="Why it cannot be read, without a full stop.")
    columns = models.TextField(blank=True, help_text="Those that its partitions tell of beside their rows.")
    rules = models.CharField(
        max_length=64,
        blank=True,
        help_text="A digest of the rules in the pipeline file that it was judged by.",
    )
    dated_by = models.TextField(
        blank=True, help_text="The column and the time zone that gave its rows their dates."
    )

    def __str__(self) -> str:
        return f"{self.table} at {self.read_at}"

    def silence_in_words(self, read_at: dt.datetime | None = None) -> str:
        """ "last known at 2024-01-15 21:34 UTC; the warehouse has not answered since 22:13 UTC: ...", no full stop.

        `read_at` is given where a date of the table was read later than the table as a whole.
        """
        at, silent_since = read_at or self.read_at, self.silent_since
        if silent_since is None:
            return ""
        known = f"last known at {at:%Y-%m-%d %H:%M} UTC" if at else "never read"
        is_same_day = at is not None and at.date() == silent_since.date()
        since = f"{silent_since:%H:%M}" if is_same_day else f"{silent_since:%Y-%m-%d %H:%M}"
        if self.awaited == self.Awaited.SCAN:
            return f"{known}; not read since {since} UTC ({self.problem}), it is read again now"
        what = "the warehouse has not answered" if self.is_outage else "the table could not be read"
        what = "not read" if self.awaited == self.Awaited.TURN else what
        return f"{known}; {what} since {since} UTC: {self.problem}"
