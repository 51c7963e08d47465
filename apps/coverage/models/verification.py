"""A verification: asked for, performed, with its report."""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.fields import MaskedReportField, MaskedTextField


class Verification(models.Model):
    """A range and tables, verified: the report that came of it is kept as it was."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    start = models.DateField()
    end = models.DateField(help_text="Included.")
    seasons = models.JSONField(default=list, help_text="Those that were named; none for all.")
    tables = models.JSONField(default=list, help_text="The tables that were verified, by name.")
    whole = models.BooleanField(default=False, help_text="Whether these are all tables of the pipeline.")
    stage = models.CharField(max_length=200, blank=True, help_text="What it is about, while it runs.")
    verdict = models.CharField(max_length=20, blank=True, help_text="In a word; empty before its end.")
    accepted = models.PositiveIntegerField(default=0, help_text="Accepted gaps that it left out.")
    report = MaskedReportField(null=True, encoder=DjangoJSONEncoder)
    problem = MaskedTextField(blank=True, help_text="Why there is no report, as a sentence.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Verification {self.pk}: {self.verdict or self.status}"

    def get_absolute_url(self) -> str:
        return reverse("verify:report", args=[self.pk])

    @property
    def is_active(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)
