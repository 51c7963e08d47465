"""A run: one backfill that someone launched. Only this module writes its status, its request and why it paused."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeAlias

from django.conf import settings
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone

from apps import timing
from apps.fields import MaskedTextField
from apps.runs.models import transitions
from apps.runs.models.transitions import IllegalMove, ReasonRequired
from apps.text import because, count


class RunQuerySet(models.QuerySet["Run"]):
    def active(self) -> RunQuerySet:
        """Runs that a worker performs or should."""
        return self.filter(status__in=(Run.Status.QUEUED, Run.Status.RUNNING))

    def unfinished(self) -> RunQuerySet:
        return self.filter(status__in=Run.UNFINISHED)

    def due_again(self, now: dt.datetime) -> RunQuerySet:
        """Paused runs that are to try again by now, or so late that the clock must have been set back since."""
        waiting = self.filter(status=Run.Status.PAUSED)
        set_back = models.Q(again_at__gt=now + 2 * timing.LONGEST_PAUSE) & ~models.Q(
            pause_reason=Run.PauseReason.QUOTA
        )
        return waiting.filter(models.Q(again_at__lte=now) | set_back)


class Run(models.Model):
    """One backfill that someone launched."""

    Status: TypeAlias = transitions.Status
    Request: TypeAlias = transitions.Request

    class PauseReason(models.TextChoices):
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

    class Reprocess(models.TextChoices):
        MISSING = "missing", "missing only"
        FAILED = "failed", "missing and failed"
        ALL = "all", "everything"

    class Order(models.TextChoices):
        OLDEST = "oldest", "oldest first"
        NEWEST = "newest", "newest first"

    UNFINISHED = transitions.UNFINISHED
    AUTO = 0  # as `batch`: as many dates as a call of a minute or two takes

    title = models.CharField(max_length=200)
    note = models.TextField(blank=True, help_text="Why it was launched.")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    pause_reason = models.CharField(max_length=10, choices=PauseReason, default=PauseReason.NONE, blank=True)
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
        return self.is_paused and self.pause_reason == self.PauseReason.GATE

    @property
    def waits_for_release(self) -> bool:
        """Whether its canary is done and the other dates wait for an operator."""
        return self.is_paused and self.pause_reason == self.PauseReason.CANARY

    @property
    def canary_is_out(self) -> bool:
        """Whether only the dates of the canary may be filled."""
        return bool(self.canary_dates) and self.canary_released_at is None

    # An operator's verbs ----------------------------------------------------------------------------

    def pause(self, *, by: object, reason: str = "") -> None:
        """Lets the call under way end, then pauses. IllegalMove if the run is not active."""
        self._request(Run.Request.PAUSE, by=by, reason=reason)

    def stop(self, *, by: object, reason: str = "") -> None:
        """Ends the call under way, then pauses; its steps are pending again."""
        self._request(Run.Request.STOP, by=by, reason=reason)

    def cancel(self, *, by: object, reason: str = "") -> None:
        """Ends the call under way and cancels the other steps."""
        self._request(Run.Request.CANCEL, by=by, reason=reason)

    def resume(self, *, by: object, reason: str = "") -> None:
        """The paused run is queued again. ReasonRequired if its failures paused it and no reason is given."""
        if self.pause_reason == self.PauseReason.FAILURES and not reason.strip():
            raise ReasonRequired(f"Run {self.pk} is paused because of its failures; say why it should go on.")
        says = f"Resumed: {reason.strip()}" if reason.strip() else "Resumed"
        self._move(self.Status.QUEUED, says, by=str(by), resumed_at=timezone.now(), waits=0)

    def start_phase(self, phase: str, *, by: object, reason: str = "") -> None:
        """Opens the manual gate before a phase and resumes. IllegalMove if the run is not paused at a gate."""
        if not self.waits_at_gate:
            raise IllegalMove(f"Run {self.pk} does not wait at a gate.")
        with transaction.atomic():
            self._change(released_phases=[*self.released_phases, phase])
            self.record("gate", because(f"Phase {phase} started by hand", reason), by=str(by))
            self.resume(by=by)

    def release_canary(self, *, by: object, reason: str = "") -> None:
        """Resumes with the dates after the canary. IllegalMove if the run does not wait for that."""
        if not self.waits_for_release:
            raise IllegalMove(f"Run {self.pk} does not wait for its canary's release.")
        with transaction.atomic():
            self._change(canary_released_at=timezone.now())
            self.record("canary", because("Canary released: the other dates follow", reason), by=str(by))
            self.resume(by=by)

    def override_gates(self, *, by: object, reason: str) -> None:
        """From now on the run's steps start although inputs of theirs are not complete; the reason stays visible.

        What this run is still about to fill is waited for all the same. ReasonRequired without a reason; IllegalMove
        where the run is finished or was overridden before.
        """
        if not reason.strip():
            raise ReasonRequired("An override needs a reason; nothing was changed.")
        with transaction.atomic():
            unfinished = Run.objects.unfinished().filter(pk=self.pk, override_reason="")
            changed = unfinished.update(override_reason=reason.strip(), overridden_by=str(by))
            self.refresh_from_db()
            if not changed:
                by_whom = f"was overridden by {self.overridden_by} already"
                already = by_whom if self.override_reason else f"is {self.status}"
                raise IllegalMove(f"Run {self.pk} {already}; nothing was changed.")
            self.record("override", f"Gates overridden: {reason.strip()}", by=str(by))

    def set_concurrency(self, lanes: int, *, by: object) -> None:
        """Changes how many calls the run may make at once, from the next call on. IllegalMove if it is finished or
        makes as many already."""
        with transaction.atomic():
            other = Run.objects.unfinished().filter(pk=self.pk).exclude(lanes=lanes)
            changed = other.update(lanes=lanes)
            self.refresh_from_db()
            if not changed:
                now = f"is {self.status} with {count(self.lanes, 'lane')}"
                raise IllegalMove(f"Run {self.pk} {now}; nothing was changed.")
            self.record("lanes", f"Now with {count(lanes, 'lane')}", by=str(by))

    # The engine's verbs -----------------------------------------------------------------------------

    def start(self, *, coverage_before: dict[str, Any]) -> None:
        """A worker performs it, for the first time."""
        facts: dict[str, Any] = {"started_at": timezone.now(), "coverage_before": coverage_before}
        self._move(self.Status.RUNNING, "Started", **facts)

    def start_again(self) -> None:
        """A worker performs it after it was resumed."""
        self._move(self.Status.RUNNING, "Continued")

    def request_pause(self, reason: PauseReason, message: str, *, until: dt.datetime | None = None) -> bool:
        """Has the run pause once no call is under way; with `until`, it tries again by itself then.

        False if a pause, stop or cancel was requested already: that one counts.
        """
        undecided = Run.objects.filter(pk=self.pk, request=self.Request.NONE)
        wait = {"again_at": until, "waits": self.waits + 1} if until else {}
        paused = {"request": self.Request.PAUSE, "pause_reason": reason, "message": message}
        return bool(undecided.update(**paused, **wait))

    def apply_request(self) -> None:
        """Pauses or cancels the run as was requested, once no call of it is under way."""
        if self.request == self.Request.CANCEL:
            self._cancel()
            return
        self._move(
            self.Status.PAUSED,
            self.message if self.pause_reason else "Paused",
            pause_reason=self.pause_reason or self.PauseReason.OPERATOR,
            again_at=self.again_at,
        )

    def requeue(self, message: str) -> None:
        """The paused run is queued again by itself. IllegalMove if it is not paused any more."""
        self._move(self.Status.QUEUED, message)

    def finish(self, status: Status, message: str, *, coverage_after: dict[str, Any]) -> None:
        """Every step is decided: the run succeeded or failed."""
        self._move(status, message, finished_at=timezone.now(), coverage_after=coverage_after)

    def forget_waits(self) -> None:
        """Makes its next wait the shortest again, because something was decided."""
        self._change(waits=0)

    def wait_for(self, message: str) -> None:
        """Says what the paused run waits for now."""
        paused = Run.objects.filter(pk=self.pk, status=self.Status.PAUSED, pause_reason=self.pause_reason)
        paused.update(message=message)

    def record(
        self, kind: str, text: str, *, by: str = "", data: dict[str, Any] | None = None
    ) -> models.Model:
        """A line in the timeline."""
        return self.events.create(kind=kind, text=text, by=by, data=data or {})

    # How they are written -----------------------------------------------------------------------------

    def _request(self, request: Request, *, by: object, reason: str) -> None:
        """Leaves the request for the workers that perform the run; applied at once where none does.

        IllegalMove if the run is not in a state for it, or as much was requested before.
        """
        with transaction.atomic():
            # Locked, so that no worker begins between the look and the move.
            self.refresh_from_db(from_queryset=Run.objects.select_for_update())
            if self.status == self.Status.RUNNING:
                before = Run.Request(self.request)
                if not request.exceeds(before):
                    raise IllegalMove(f"Run {self.pk} {transitions.UNDER_WAY[before]}.")
                # Why the run itself had to pause, if it had, does not matter any more.
                self._change(request=request, pause_reason="", message="")
                self.record(request, because(transitions.REQUESTED[request], reason), by=str(by))
            elif request == self.Request.CANCEL:
                self._cancel(by=str(by), reason=reason)
            else:
                says = because("Paused before it began", reason)
                self._move(self.Status.PAUSED, says, by=str(by), pause_reason=self.PauseReason.OPERATOR)

    def _cancel(self, *, by: str = "", reason: str = "") -> None:
        """Cancels a run that no worker performs: what is unfinished is cancelled, not failed."""
        with transaction.atomic():
            left = self.steps.unfinished().cancel()
            says = because(f"Cancelled with {count(left, 'step')} left", reason)
            self._move(self.Status.CANCELLED, says, by=by, finished_at=timezone.now())

    def _move(self, to: Status, message: str, *, by: str = "", **changes: Any) -> None:
        """Takes the run to another status, in one conditional update, and writes it in the timeline.

        IllegalMove if the run, as the database has it now, may not go there.
        """
        changes |= {"status": to, "message": message, "request": self.Request.NONE}
        if to != self.Status.PAUSED:
            changes |= {"pause_reason": self.PauseReason.NONE, "again_at": None}
        moved = Run.objects.filter(pk=self.pk, status__in=transitions.sources(to)).update(**changes)
        self.refresh_from_db()
        if not moved:
            raise IllegalMove(self._why_not(to))
        if not self.is_active:
            self.held_lanes.all().delete()  # a worker that still believes in it writes nothing
        self.record(to, message, by=by)

    def _change(self, **changes: Any) -> None:
        Run.objects.filter(pk=self.pk).update(**changes)
        self.refresh_from_db()

    def _why_not(self, to: Status) -> str:
        """Why the run cannot go there, as a sentence."""
        if to == self.Status.QUEUED and self.status == self.Status.RUNNING and self.request:
            return f"Run {self.pk} is at its last call before it pauses; it can be resumed once that is over."
        is_there = self.status == to or (to == self.Status.QUEUED and self.is_active)
        if is_there:
            return f"Run {self.pk} is {self.status} already; nothing was changed."
        verb = "is" if self.status in self.UNFINISHED or self.status == self.Status.CANCELLED else "has"
        deed = {self.Status.QUEUED: "resume", self.Status.PAUSED: "pause", self.Status.CANCELLED: "cancel"}
        return f"Run {self.pk} {verb} {self.status}; there is nothing to {deed.get(to, 'do')}."
