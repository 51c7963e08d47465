"""The audit trail of a run, its timeline: who did what when, written in the transaction that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db import models
from django.utils import timezone

from apps.fields import MaskedReportField, MaskedTextField
from apps.runs.models.run import Run

NUMBERS = re.compile(r"\d+")
STATE_OF_KIND = {
    "launched": "queued",
    "gate": "paused",
    "canary": "queued",
    "override": "warning",
    "preflight": "warning",
    "lost": "warning",
    "commit": "warning",
    "worker stopped": "queued",
    "stalled": "warning",
    "orphaned job": "warning",
    "broke off": "warning",
    "failed steps": "failed",
    "first failure": "failed",
    "regression": "failed",
    "wrote beside": "warning",
    "made stale": "warning",
    "pause": "paused",
    "stop": "paused",
    "cancel": "cancelled",
}


class EventQuerySet(models.QuerySet["Event"]):
    def untold(self, kinds: Iterable[str]) -> EventQuerySet:
        return self.filter(told_at=None, kind__in=list(kinds))


class Event(models.Model):
    """A line of a run's timeline: who did what when, written in the transaction that it is about."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=20)
    text = MaskedTextField()
    by = models.CharField(max_length=150, blank=True, help_text="A person; empty for the console itself.")
    data = MaskedReportField(default=dict)
    told_at = models.DateTimeField(null=True, help_text="When people were mailed about it.")

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["kind"], condition=models.Q(told_at=None), name="event_untold")]

    def __str__(self) -> str:
        return self.text

    @property
    def state(self) -> str:
        """The state whose colour it is shown with. A table that ended is as good as its numbers."""
        if self.kind == "table":
            verified, total = NUMBERS.findall(self.text)[-2:]
            return "complete" if verified == total else "failed"
        return STATE_OF_KIND.get(self.kind, self.kind)
