"""A step: one partition to fill within a run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Self

from django.db import models
from django.utils import timezone

from apps.coverage.models import CalendarDate, Partition, set_activity
from apps.fields import MaskedTextField
from apps.grouping import by_key
from apps.runs.models.run import Run


class StepQuerySet(models.QuerySet["Step"]):
    def pending(self) -> StepQuerySet:
        return self.filter(status=Step.Status.PENDING)

    def on_calendar(self) -> StepQuerySet:
        """Steps whose date is on the calendar."""
        return self.filter(date__in=CalendarDate.objects.order_by().values("date"))

    def off_calendar(self) -> StepQuerySet:
        return self.exclude(date__in=CalendarDate.objects.order_by().values("date"))

    def unfinished(self) -> StepQuerySet:
        return self.filter(status__in=Step.UNFINISHED)

    def failed(self) -> StepQuerySet:
        return self.filter(status=Step.Status.FAILED)

    def not_done(self) -> StepQuerySet:
        """Failed, or a redo that was skipped: the date has the rows that it was to lose."""
        return self.filter(
            models.Q(status=Step.Status.FAILED) | models.Q(status=Step.Status.SKIPPED, is_redo=True)
        )

    def cancel(self) -> int:
        """Takes unfinished steps out of their run; returns how many."""
        dates = by_key(self.values_list("table", "date"))
        cancelled = self.update(status=Step.Status.CANCELLED, finished_at=timezone.now())
        for table, some in dates.items():
            set_activity(table, some, Partition.Activity.NONE, run_id=None)
            Step.objects.restore_failures(table, some)
        return cancelled

    def restore_failures(self, table: str, dates: Collection[dt.date]) -> None:
        """A retry that was cancelled leaves the failure that it was for: what a run decided last still counts.

        A date that was never filled, and one that was filled since, has none any more.
        """
        steps = self.filter(table=table, date__in=dates)
        decided = steps.not_done() | steps.filter(status=Step.Status.SUCCEEDED)
        last = {
            date: (Step.activity_left(status, is_redo), run_id)
            for date, status, is_redo, run_id in decided.order_by("id").values_list(
                "date", "status", "is_redo", "run_id"
            )
        }
        marks = by_key((mark, date) for date, mark in last.items())
        for (activity, run_id), some in marks.items():
            still_open = Partition.objects.still_open(table, some, activity)
            if activity != Partition.Activity.NONE:
                set_activity(table, still_open, activity, run_id=run_id)


class Step(models.Model):
    """One partition to fill within a run."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        SUCCEEDED = "succeeded", "verified"
        FAILED = "failed"
        SKIPPED = "skipped"
        CANCELLED = "cancelled"

    UNFINISHED = (Status.PENDING, Status.RUNNING)

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField(help_text="The place in the run's order.")
    phase = models.CharField(max_length=200)
    table = models.CharField(max_length=200)
    date = models.DateField()
    season = models.CharField(max_length=200)
    units = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    attempt = models.ForeignKey("runs.Attempt", models.SET_NULL, null=True, related_name="steps")
    is_canary = models.BooleanField(default=False)
    is_redo = models.BooleanField(
        default=False, help_text="Its date was complete, at the launch or before a call."
    )
    is_overridden = models.BooleanField(
        default=False, help_text="Started although an input was not complete."
    )
    rows_before = models.PositiveBigIntegerField(null=True)
    rows_after = models.PositiveBigIntegerField(null=True)
    keys_before = models.PositiveBigIntegerField(null=True, help_text="Distinct keys, where configured.")
    keys_after = models.PositiveBigIntegerField(null=True)
    written_before = models.DateTimeField(null=True)
    written_after = models.DateTimeField(null=True)
    state_after = models.CharField(max_length=12, blank=True)
    message = MaskedTextField(blank=True, help_text="Why it failed or was skipped.")
    signature = MaskedTextField(blank=True, help_text="The message without its dates and numbers.")
    seconds = models.FloatField(null=True, help_text="Its share of its last attempt.")
    finished_at = models.DateTimeField(null=True)

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            # Whatever the code believes: a table's date is being filled by one run at a time.
            models.UniqueConstraint(
                fields=["table", "date"],
                condition=models.Q(status__in=("pending", "running")),
                name="one_unfinished_step_a_partition",
            ),
            models.UniqueConstraint(fields=["run", "table", "date"], name="one_step_a_partition_and_run"),
        ]
        indexes = [
            models.Index(fields=["run", "status", "position"]),
            models.Index(fields=["run", "table", "status", "units"], name="step_counts"),
            models.Index(fields=["table", "date", "-id"]),
            models.Index(
                fields=["table", "-id"], condition=models.Q(status="succeeded"), name="step_verified"
            ),
            # In the order in which they ended, with all that a run's charts ask for: no row is looked up.
            models.Index(
                fields=["run", "finished_at", "position", "status", "seconds"],
                condition=models.Q(finished_at__isnull=False),
                name="step_finished",
            ),
            models.Index(
                fields=["signature"], condition=models.Q(status="failed"), name="step_failed_signature"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.date}: {self.status}"

    def undo_attempt(self, message: str) -> None:
        """Makes the step pending as it was before its last call, without saving it."""
        self.status, self.attempts = Step.Status.PENDING, self.attempts - 1
        self.message, self.signature = message, ""
        self.finished_at = self.seconds = None

    @classmethod
    def store(cls, steps: Sequence[Self], fields: Sequence[str]) -> None:
        """Stores these fields of the steps. One by itself takes a fifth of the time that `bulk_update` takes."""
        if len(steps) == 1:
            steps[0].save(update_fields=fields)
        else:
            cls.objects.bulk_update(steps, fields, batch_size=500)

    @staticmethod
    def activity_left(status: str, is_redo: bool) -> Partition.Activity:
        """What a decided step leaves on its partition, until another run decides that."""
        match status:
            case Step.Status.FAILED:
                return Partition.Activity.REDO_FAILED if is_redo else Partition.Activity.FAILED
            case Step.Status.SKIPPED if is_redo:
                return Partition.Activity.REDO_SKIPPED
        return Partition.Activity.NONE
