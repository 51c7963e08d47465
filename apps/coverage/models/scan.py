"""A scan: one question to the warehouse about everything."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.fields import MaskedTextField


class ScanQuerySet(models.QuerySet["Scan"]):
    def active(self) -> ScanQuerySet:
        return self.filter(status__in=(Scan.Status.QUEUED, Scan.Status.RUNNING))

    def latest_finished(self) -> Scan | None:
        return self.exclude(finished_at=None).order_by("-finished_at").first()

    def latest_reading(self) -> Scan | None:
        """The last one to which the warehouse answered: everything that is known is at least that fresh."""
        return self.filter(status=Scan.Status.SUCCEEDED).latest_finished()

    def failing_since(self, reading: Scan | None) -> dt.datetime | None:
        """When the first scan after that reading could not ask; None where all could."""
        failed = self.filter(status=Scan.Status.FAILED)
        if reading:
            failed = failed.filter(finished_at__gt=reading.finished_at)
        return failed.aggregate(first=models.Min("finished_at"))["first"]


class Scan(models.Model):
    """One round of asking the warehouse about all tables."""

    # What the problem of a failed scan begins with.
    NOT_ASKED = "The warehouse could not be asked: "

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    tables_done = models.PositiveIntegerField(default=0)
    tables_total = models.PositiveIntegerField(default=0)
    queries = models.PositiveIntegerField(default=0)
    bytes_billed = models.PositiveBigIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0, help_text="Partitions about which something was new.")
    problem = MaskedTextField(blank=True, help_text="Why the warehouse could not be asked, as a sentence.")
    notes = MaskedTextField(blank=True, help_text="What to know of tables that did answer, a sentence each.")

    objects = ScanQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=models.Q(status="queued"), name="one_scan_in_the_queue"
            )
        ]

    def __str__(self) -> str:
        return f"Scan {self.pk}: {self.status}"

    @property
    def is_active(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def seconds(self) -> float | None:
        """How long it took; None before its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def reason(self) -> str:
        """The problem to be put into a sentence: without its beginning, without its full stop."""
        return self.clause(self.problem)

    @classmethod
    def clause(cls, problem: str) -> str:
        return problem.removeprefix(cls.NOT_ASKED).rstrip(".")

    @property
    def has_failed(self) -> bool:
        return self.status == self.Status.FAILED

    @property
    def was_not_answered(self) -> bool:
        """Whether it failed since the warehouse could not be asked, and not since its worker died."""
        return self.has_failed and self.problem.startswith(self.NOT_ASKED)
