"""A run, its steps, its attempts and its events: the state that everything else reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone


class IllegalMove(Exception):
    """The run is not in a state from which this is possible; the text says what it is in."""


class RunQuerySet(models.QuerySet["Run"]):
    def active(self) -> RunQuerySet:
        """Runs that a worker performs or should."""
        return self.filter(status__in=(Run.Status.QUEUED, Run.Status.RUNNING))

    def unfinished(self) -> RunQuerySet:
        return self.filter(status__in=Run.UNFINISHED)

    def without_a_sign_of_life(self, now: dt.datetime) -> RunQuerySet:
        """Runs that nobody holds although somebody should."""
        return self.active().filter(models.Q(lease_until=None) | models.Q(lease_until__lt=now))


class Run(models.Model):
    """One backfill that someone launched."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        PAUSED = "paused"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Pause(models.TextChoices):
        NONE = "", "none"
        OPERATOR = "operator"
        GATE = "gate"
        FAILURES = "failures", "too many failures"
        WAREHOUSE = "warehouse", "warehouse away"

    class Request(models.TextChoices):
        """What a person asked of a run while a worker holds it; the worker obeys at its next look."""

        NONE = "", "none"
        PAUSE = "pause"
        STOP = "stop"
        CANCEL = "cancel"

    class Reprocess(models.TextChoices):
        MISSING = "missing", "missing only"
        FAILED = "failed", "missing and failed"
        ALL = "all", "everything"

    class Order(models.TextChoices):
        OLDEST = "oldest", "oldest first"
        NEWEST = "newest", "newest first"

    # From a status to those that may follow it.
    MOVES = {
        Status.QUEUED: {
            Status.RUNNING,  # a worker took it
            Status.PAUSED,  # a person paused it before a worker came
            Status.CANCELLED,  # a person cancelled it before a worker came
        },
        Status.RUNNING: {
            Status.PAUSED,  # by a person, at a manual gate, after too many failures
            Status.SUCCEEDED,  # every step is verified
            Status.FAILED,  # every step is decided, and some are not verified
            Status.CANCELLED,  # by a person
        },
        Status.PAUSED: {
            Status.QUEUED,  # resumed
            Status.CANCELLED,  # given up
        },
        Status.SUCCEEDED: set(),
        Status.FAILED: set(),
        Status.CANCELLED: set(),
    }
    UNFINISHED = (Status.QUEUED, Status.RUNNING, Status.PAUSED)

    title = models.CharField(max_length=200)
    note = models.TextField(blank=True, help_text="Why it was launched.")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    pause = models.CharField(max_length=10, choices=Pause, default=Pause.NONE, blank=True)
    message = models.TextField(blank=True, help_text="Why it is paused or how it ended, as a sentence.")
    request = models.CharField(max_length=6, choices=Request, default=Request.NONE, blank=True)
    launched_by = models.CharField(max_length=150)
    launched_by_user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    launched_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    reprocess = models.CharField(max_length=7, choices=Reprocess, default=Reprocess.FAILED)
    order = models.CharField(max_length=6, choices=Order, default=Order.OLDEST)
    batch = models.PositiveIntegerField(null=True, help_text="Dates a call; empty for the pipeline file's.")
    stop_after_failures = models.PositiveIntegerField(default=5, help_text="In a row, with one signature.")
    selection = models.JSONField(default=dict, help_text="What was asked for: phases, tables, dates.")
    left_out = models.JSONField(default=dict, help_text="Reason to number of partitions not planned.")
    coverage_before = models.JSONField(default=dict)
    coverage_after = models.JSONField(default=dict)
    released_phases = models.JSONField(default=list, help_text="Manual gates that a person opened.")
    resumed_at = models.DateTimeField(null=True)
    retry_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True)
    commit = models.CharField(max_length=40, blank=True, help_text="Of the jobs' folder.")
    commit_dirty = models.BooleanField(default=False)

    lease = models.CharField(max_length=64, blank=True, help_text="Who performs it now.")
    lease_until = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("operate_run", "Can launch, pause, stop, resume, cancel and retry runs")]

    def __str__(self) -> str:
        return f"Run {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("runs:detail", args=[self.pk])

    # Questions -----------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def is_paused(self) -> bool:
        return self.status == self.Status.PAUSED

    @property
    def is_finished(self) -> bool:
        return self.status not in self.UNFINISHED

    @property
    def waits_at_gate(self) -> bool:
        return self.is_paused and self.pause == self.Pause.GATE

    # Verbs ---------------------------------------------------------------------------------------

    def move(self, to: Status, *, says: str, by: str = "", **changes: Any) -> None:
        """Takes the run to another status, in one conditional update, and writes it in the timeline.

        IllegalMove where the run, as the database has it now, may not go there.
        """
        sources = [status for status, targets in self.MOVES.items() if to in targets]
        changes |= {"status": to, "message": says, "request": self.Request.NONE}
        if to != self.Status.PAUSED:
            changes["pause"] = self.Pause.NONE
        if to not in (self.Status.QUEUED, self.Status.RUNNING):
            changes |= {"lease": "", "lease_until": None}  # a worker that still believes in it writes nothing
        moved = Run.objects.filter(pk=self.pk, status__in=sources).update(**changes)
        self.refresh_from_db()
        if not moved:
            raise IllegalMove(f"Run {self.pk} is {self.status}; it cannot become {to.value} now.")
        self.record(to, says, by=by)

    def record(self, kind: str, text: str, *, by: str = "", data: dict[str, Any] | None = None) -> Event:
        """A line in the timeline."""
        return self.events.create(kind=kind, text=text, by=by, data=data or {})


class StepQuerySet(models.QuerySet["Step"]):
    def pending(self) -> StepQuerySet:
        return self.filter(status=Step.Status.PENDING)

    def unfinished(self) -> StepQuerySet:
        return self.filter(status__in=Step.UNFINISHED)

    def failed(self) -> StepQuerySet:
        return self.filter(status=Step.Status.FAILED)


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
    attempt = models.ForeignKey("Attempt", models.SET_NULL, null=True, related_name="steps")
    rows_before = models.PositiveBigIntegerField(null=True)
    rows_after = models.PositiveBigIntegerField(null=True)
    state_after = models.CharField(max_length=12, blank=True)
    message = models.TextField(blank=True, help_text="Why it failed or was skipped.")
    signature = models.TextField(blank=True, help_text="The message without its dates and numbers.")
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
            models.Index(fields=["table", "date", "-id"]),
            models.Index(
                fields=["signature"], condition=models.Q(status="failed"), name="step_failed_signature"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.date}: {self.status}"


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
    argv = models.JSONField(default=list)
    cwd = models.TextField(blank=True)
    environment = models.JSONField(default=dict, help_text="What the console added, secrets masked.")
    pid = models.PositiveIntegerField(null=True)
    pid_started = models.FloatField(null=True, help_text="The process's start, to know it again.")
    exit_status = models.IntegerField(null=True, help_text="The job's opinion; negative for a signal.")
    started_at = models.DateTimeField(default=timezone.now)
    beat_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="attempt_numbers_count_up")]

    def __str__(self) -> str:
        return f"Attempt {self.number} of run {self.run_id}"

    def get_absolute_url(self) -> str:
        return reverse("runs:attempt", args=[self.run_id, self.number])

    @property
    def log_path(self) -> Path:
        return settings.LOG_DIR / f"run-{self.run_id}" / f"attempt-{self.number}.log"

    @property
    def is_running(self) -> bool:
        return self.status == self.Status.RUNNING

    @property
    def seconds(self) -> float | None:
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None

    @property
    def date_list(self) -> list[dt.date]:
        return [dt.date.fromisoformat(date) for date in self.dates]


class EventQuerySet(models.QuerySet["Event"]):
    def untold(self, kinds: Iterable[str]) -> EventQuerySet:
        return self.filter(told_at=None, kind__in=list(kinds))


class Event(models.Model):
    """A line of a run's timeline: who did what when, written in the transaction that it is about."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=20)
    text = models.TextField()
    by = models.CharField(max_length=150, blank=True, help_text="A person; empty for the console itself.")
    data = models.JSONField(default=dict)
    told_at = models.DateTimeField(null=True, help_text="When people were mailed about it.")

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["kind"], condition=models.Q(told_at=None), name="event_untold")]

    def __str__(self) -> str:
        return self.text
