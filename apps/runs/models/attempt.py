"""An attempt: one call of a job, for one or several steps."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps.fields import MaskedJSONField, MaskedTextField
from apps.runs.models.run import Run

LONGEST_LABEL = 63  # https://cloud.google.com/bigquery/docs/labels-intro


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def orphaned(self) -> AttemptQuerySet:
        """Attempts whose scripts may still run in the warehouse although their calls are over."""
        return self.exclude(orphaned_at=None)


class Attempt(models.Model):
    """One call of a job, for one or several steps."""

    class Status(models.TextChoices):
        RUNNING = "running"
        ENDED = "ended"
        TIMED_OUT = "timed out"
        STOPPED = "stopped"
        LOST = "lost"
        NOT_STARTED = "not started"

    run = models.ForeignKey(Run, models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    table = models.CharField(max_length=200)
    dates = models.JSONField(help_text="ISO dates, in order.")
    status = models.CharField(max_length=11, choices=Status, default=Status.RUNNING)
    lease = models.CharField(max_length=64, help_text="Who made it; nobody else may decide it.")
    worker = models.CharField(max_length=200, blank=True, help_text="The name of the machine that made it.")
    argv = MaskedJSONField(default=list)
    cwd = models.TextField(blank=True)
    environment = MaskedJSONField(default=dict, help_text="What the console added, secrets masked.")
    commit = models.CharField(
        max_length=40, blank=True, help_text="Checked out where it ran; empty without version control."
    )
    pid = models.PositiveIntegerField(null=True)
    process = models.CharField(max_length=80, blank=True, help_text="Boot and start of it, to know it again.")
    exit_status = models.IntegerField(null=True, help_text="The job's opinion; negative for a signal.")
    started_at = models.DateTimeField(default=timezone.now)
    heartbeat_at = models.DateTimeField(default=timezone.now)
    output_at = models.DateTimeField(default=timezone.now, help_text="When the job last said something.")
    finished_at = models.DateTimeField(null=True)
    message = MaskedTextField(blank=True)
    stopped_by = models.CharField(
        max_length=200,
        blank=True,
        help_text="The machine whose workers were told to stop while it was under way; else empty.",
    )
    log_key = models.CharField(
        max_length=32,
        blank=True,
        help_text="Makes its log its own, also in another life of the database; empty where it was made without.",
    )
    orphaned_at = models.DateTimeField(
        null=True,
        help_text="When somebody last tried to end its script, which may still run in the warehouse; else empty.",
    )
    bytes_billed = models.PositiveBigIntegerField(
        null=True, help_text="By the job's metadata; empty where nobody knows, or nothing is billed."
    )

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="attempt_numbers_count_up")]
        indexes = [
            models.Index(
                fields=["table"], condition=models.Q(orphaned_at__isnull=False), name="attempt_orphaned"
            )
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of run {self.run_id}"

    def get_absolute_url(self) -> str:
        return reverse("runs:attempt", args=[self.run_id, self.number])

    @property
    def is_sql(self) -> bool:
        """Whether the warehouse performed it itself."""
        return self.argv[:1] == ["sql"]

    @property
    def job_id(self) -> str:
        """The id of its job in a warehouse that keeps jobs: always the same, and no other console's."""
        began = self.started_at.astimezone(dt.UTC)
        return f"backfill_{self.run_id}_{self.number}_{plain(self.table)}_{began:%Y%m%dT%H%M%S%f}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels by which its cost is found in the bill."""
        return {
            "run": str(self.run_id),
            "attempt": str(self.number),
            "table": plain(self.table)[:LONGEST_LABEL],
        }

    @property
    def log_path(self) -> Path:
        return settings.LOG_DIR / self.log_name

    @property
    def log_name(self) -> str:
        """Where its log is, within the folder of the logs: a file of this attempt alone."""
        key = f"-{self.log_key}" if self.log_key else ""
        return f"run-{self.run_id}/attempt-{self.number}{key}.log"

    @property
    def last_output(self) -> dt.datetime | None:
        """When the log last grew, as this machine's files say; None if there is no log here."""
        try:
            return dt.datetime.fromtimestamp(self.log_path.stat().st_mtime, tz=dt.UTC)
        except OSError:
            return None

    @property
    def stopped_in_words(self) -> str:
        """The line of the timeline about a call that ended because its worker was told to stop."""
        return (
            f"Attempt {self.number} was stopped with the workers of {self.stopped_by}, which were told to stop; "
            f"its dates are pending again and do not count it"
        )

    @property
    def is_running(self) -> bool:
        return self.status == self.Status.RUNNING

    @property
    def seconds(self) -> float | None:
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None

    @property
    def date_list(self) -> list[dt.date]:
        return [dt.date.fromisoformat(date) for date in self.dates]


def plain(name: str) -> str:
    """A name in the characters that labels and ids may have."""
    return re.sub(r"[^a-z0-9_-]", "_", name.lower())
