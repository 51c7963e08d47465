"""The warehouse's own run history, as a scan read it."""

from __future__ import annotations

from django.db import models

from apps.coverage.models.partition import Partition
from apps.fields import MaskedTextField


class HistoryReading(models.Model):
    """When the warehouse's run history was last asked, and why it could not answer."""

    table = models.CharField(max_length=200, unique=True)
    read_at = models.DateTimeField(null=True, help_text="When it was last asked; empty for never.")
    problem = MaskedTextField(blank=True, help_text="Why it could not answer, without a full stop.")

    def __str__(self) -> str:
        return f"Run history {self.table} at {self.read_at}"

    @property
    def is_known(self) -> bool:
        """Whether it answered when it was last asked; if not, what was tried is unknown, not nothing."""
        return self.read_at is not None and not self.problem


class HistoryTryQuerySet(models.QuerySet["HistoryTry"]):
    def failed(self) -> HistoryTryQuerySet:
        return self.filter(failed=True)

    def still_open(self) -> HistoryTryQuerySet:
        return self.filter(self.is_open())

    def is_open(self) -> models.Exists:
        """Whether its failure is open: one definition for what runs and others tried."""
        partitions = Partition.objects.filter(table=models.OuterRef("table"), date=models.OuterRef("date"))
        return models.Exists(partitions.open_where_tried())

    def of_no_table(self) -> HistoryTryQuerySet:
        return self.filter(table="")


class HistoryTry(models.Model):
    """A processor's latest attempt at a date in the warehouse's run history, started by the console or not."""

    processor = models.CharField(max_length=200)
    date = models.DateField()
    table = models.CharField(
        max_length=200,
        blank=True,
        help_text="The one that the processor fills; empty where no table names it.",
    )
    status = models.CharField(max_length=200, blank=True)
    failed = models.BooleanField()
    started_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    errors = MaskedTextField(blank=True)

    objects = HistoryTryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["processor", "date"], name="one_try_a_processor_and_date")
        ]
        indexes = [
            models.Index(fields=["table", "started_at"]),
            models.Index(fields=["started_at"]),
            models.Index(fields=["table", "date"], condition=models.Q(failed=True), name="history_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.processor} {self.date}: {self.status}"
