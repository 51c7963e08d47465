"""An accepted gap: a gap that an operator knows of, with a reason."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.utils import timezone


class AcceptedGapQuerySet(models.QuerySet["AcceptedGap"]):
    def expired(self, today: dt.date) -> AcceptedGapQuerySet:
        return self.filter(withdrawn_at=None, until__lt=today)


class AcceptedGap(models.Model):
    """Gaps that a person knows of and does not want filled: they leave the to-do and every denominator."""

    tables = models.JSONField(help_text="By name, in the pipeline's order.")
    start = models.DateField()
    end = models.DateField(help_text="Included.")
    dates = models.JSONField(default=dict, help_text="For each table, the ranges that were accepted.")
    count = models.PositiveIntegerField(default=0, help_text="How many partitions that were.")
    failures = models.JSONField(
        default=list, help_text="The open failures that it closed: table, date, activity, run."
    )
    reason = models.TextField()
    accepted_by = models.CharField(max_length=150)
    accepted_at = models.DateTimeField(default=timezone.now)
    until = models.DateField(null=True, help_text="The last day on which it stands; empty for no end.")
    withdrawn_by = models.CharField(max_length=150, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.TextField(blank=True)

    objects = AcceptedGapQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Accepted {self.start} to {self.end}: {self.reason}"

    def status(self, today: dt.date) -> str:
        """ "standing", "expired" or "withdrawn"."""
        if self.withdrawn_at:
            return "withdrawn"
        return "expired" if self.until and self.until < today else "standing"
