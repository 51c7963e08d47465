"""A pre-flight: the checks before a launch, for some tables and dates, and what they said."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps import timing
from apps.fields import MaskedJSONField, MaskedTextField


class Preflight(models.Model):
    """One round of checks. Its results are stored as they come, so that a page can show how far it is."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    class Verdict(models.TextChoices):
        NONE = "", "none yet"
        READY = "ready"
        WARNINGS = "warnings", "ready with warnings"
        NOT_READY = "not_ready", "not ready"

    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    verdict = models.CharField(max_length=9, choices=Verdict, default=Verdict.NONE, blank=True)
    requested_by = models.CharField(max_length=150)
    requested_by_user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    quick = models.BooleanField(default=False, help_text="Without the dry runs.")
    tables = models.JSONField(default=list)
    seasons = models.JSONField(default=list)
    start = models.DateField()
    end = models.DateField(help_text="Included.")
    checks = models.PositiveIntegerField(default=0, help_text="How many there are to ask.")
    results = MaskedJSONField(default=list)
    elsewhere = models.JSONField(default=list, help_text="Checks that are about other tables.")
    commit = models.CharField(max_length=40, blank=True, help_text="Of the jobs' folder.")
    problem = MaskedTextField(blank=True, help_text="Why it did not come to its end.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Pre-flight {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("preflight:report", args=[self.pk])

    @property
    def is_active(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING) and not self.is_lost

    @property
    def is_lost(self) -> bool:
        """Whether it is older than any pre-flight takes, so that no worker performs it."""
        over = self.status in (self.Status.FINISHED, self.Status.FAILED)
        return not over and (self.started_at or self.requested_at) < timezone.now() - timing.LONGEST_PREFLIGHT

    @property
    def is_finished(self) -> bool:
        return self.status == self.Status.FINISHED

    @property
    def is_not_ready(self) -> bool:
        return self.verdict == self.Verdict.NOT_READY
