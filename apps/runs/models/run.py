"""A run: one backfill that someone launched, and the table of its legal moves."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from apps import timing
from apps.fields import MaskedTextField


class IllegalMove(Exception):
    """The run is not in a state from which this is possible; the text says what it is in."""


class NeedsReason(IllegalMove):
    """It is possible for whoever says why."""


class RunQuerySet(models.QuerySet["Run"]):
    def active(self) -> RunQuerySet:
        """Runs that a worker performs or should."""
        return self.filter(status__in=(Run.Status.QUEUED, Run.Status.RUNNING))

    def unfinished(self) -> RunQuerySet:
        return self.filter(status__in=Run.UNFINISHED)

    def due_again(self, now: dt.datetime) -> RunQuerySet:
        """Paused runs that said they would try again by now, or in so long that the clock was set back since."""
        waiting = self.filter(status=Run.Status.PAUSED)
        set_back = models.Q(again_at__gt=now + 2 * timing.LONGEST_PAUSE) & ~models.Q(pause=Run.Pause.QUOTA)
        return waiting.filter(models.Q(again_at__lte=now) | set_back)


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
        CANARY = "canary", "canary done"
        FAILURES = "failures", "too many failures"
        WAREHOUSE = "warehouse", "warehouse away"
        DISK = "disk", "logs cannot be kept"
        QUOTA = "quota", "quota used up"
        PREFLIGHT = "preflight", "not ready to start"
        RUN = "run", "another run"
        PIPELINE = "pipeline", "pipeline file changed"

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
            Status.PAUSED,  # by a person, at a manual gate, after the canary, after too many failures, to wait
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
    AUTO = 0  # as `batch`: as many dates as a call of a minute or two takes

    title = models.CharField(max_length=200)
    note = models.TextField(blank=True, help_text="Why it was launched.")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    pause = models.CharField(max_length=10, choices=Pause, default=Pause.NONE, blank=True)
    message = MaskedTextField(blank=True, help_text="Why it is paused or how it ended, as a sentence.")
    request = models.CharField(max_length=6, choices=Request, default=Request.NONE, blank=True)
    launched_by = models.CharField(max_length=150)
    launched_by_user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    launched_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    reprocess = models.CharField(max_length=7, choices=Reprocess, default=Reprocess.FAILED)
    order = models.CharField(max_length=6, choices=Order, default=Order.OLDEST)
    batch = models.PositiveIntegerField(
        null=True, help_text="Dates a call; empty for the pipeline file's, 0 for automatic."
    )
    lanes = models.PositiveIntegerField(default=1, help_text="Calls at once; may change while it runs.")
    stop_after_failures = models.PositiveIntegerField(default=5, help_text="In a row, with one signature.")
    stop_at_percent = models.PositiveIntegerField(
        default=50, help_text="Of at least 20 steps decided; 0 for never."
    )
    canary_dates = models.JSONField(default=list, help_text="Dates to fill before the others, to look at.")
    canary_released_at = models.DateTimeField(null=True)
    override_reason = models.TextField(blank=True, help_text="Why steps may start without their inputs.")
    overridden_by = models.CharField(max_length=150, blank=True)
    selection = models.JSONField(default=dict, help_text="What was asked for: phases, tables, dates.")
    left_out = models.JSONField(default=dict, help_text="Reason to number of partitions not planned.")
    coverage_before = models.JSONField(default=dict)
    coverage_after = models.JSONField(default=dict)
    released_phases = models.JSONField(default=list, help_text="Manual gates that a person opened.")
    resumed_at = models.DateTimeField(null=True)
    again_at = models.DateTimeField(null=True, help_text="When a run that waits by itself tries again.")
    waits = models.PositiveIntegerField(default=0, help_text="Times in a row that it had to wait.")
    retry_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True)
    commit = models.CharField(max_length=40, blank=True, help_text="Of the jobs' folder.")
    commit_dirty = models.BooleanField(default=False)

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

    @property
    def waits_for_release(self) -> bool:
        """Whether its canary is done and nobody said yet that the rest may follow."""
        return self.is_paused and self.pause == self.Pause.CANARY

    @property
    def canary_is_out(self) -> bool:
        """Whether only the canary's dates may be filled."""
        return bool(self.canary_dates) and self.canary_released_at is None

    # Verbs ---------------------------------------------------------------------------------------

    def move(self, to: Status, *, says: str, by: str = "", **changes: Any) -> None:
        """Takes the run to another status, in one conditional update, and writes it in the timeline.

        IllegalMove where the run, as the database has it now, may not go there.
        """
        sources = [status for status, targets in self.MOVES.items() if to in targets]
        changes |= {"status": to, "message": says, "request": self.Request.NONE}
        if to != self.Status.PAUSED:
            changes["pause"] = self.Pause.NONE
            changes["again_at"] = None
        moved = Run.objects.filter(pk=self.pk, status__in=sources).update(**changes)
        self.refresh_from_db()
        if not moved:
            raise IllegalMove(self.why_not(to))
        if not self.is_active:
            self.held_lanes.all().delete()  # a worker that still believes in it writes nothing
        self.record(to, says, by=by)

    def why_not(self, to: Status) -> str:
        """What a person who asked for this reads, where the run is not in a state for it."""
        if to == self.Status.QUEUED and self.status == self.Status.RUNNING and self.request:
            return f"Run {self.pk} is at its last call before it rests; it can be resumed once that is over."
        is_there = self.status == to or (to == self.Status.QUEUED and self.is_active)
        if is_there:
            return f"Run {self.pk} is {self.status} already; nothing was changed."
        verb = "is" if self.status in self.UNFINISHED or self.status == self.Status.CANCELLED else "has"
        deed = {self.Status.QUEUED: "resume", self.Status.PAUSED: "pause", self.Status.CANCELLED: "cancel"}
        return f"Run {self.pk} {verb} {self.status}; there is nothing to {deed.get(to, 'do')}."

    def record(
        self, kind: str, text: str, *, by: str = "", data: dict[str, Any] | None = None
    ) -> models.Model:
        """A line in the timeline."""
        return self.events.create(kind=kind, text=text, by=by, data=data or {})
