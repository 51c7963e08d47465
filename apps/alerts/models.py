"""Messages to people, with their delivery state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from apps import timing
from apps.fields import MaskedTextField
from apps.text import count


class MessageQuerySet(models.QuerySet["Message"]):
    def due(self, now: dt.datetime) -> MessageQuerySet:
        return self.filter(status=Message.Status.WAITING, next_try_at__lte=now).order_by("id")

    def undelivered(self) -> MessageQuerySet:
        """Messages with a failed try that were not sent since."""
        return self.exclude(status=Message.Status.SENT).exclude(problem="")


class Message(models.Model):
    """One mail. It is stored whole, so that it can be sent again and shown in the outbox."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    run_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField(
        null=True, unique=True, help_text="The event it tells about, told once."
    )
    subject = models.CharField(max_length=250)
    to = models.JSONField(default=list)
    text = MaskedTextField()
    html = MaskedTextField()
    csv = MaskedTextField(blank=True, help_text="The attached list of failures.")
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    problem = MaskedTextField(blank=True, help_text="Why the last try did not succeed.")

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.subject

    def get_absolute_url(self) -> str:
        return reverse("outbox:message", args=[self.pk])

    # Questions -----------------------------------------------------------------------------------

    @property
    def is_sent(self) -> bool:
        return self.status == self.Status.SENT

    @property
    def is_waiting(self) -> bool:
        return self.status == self.Status.WAITING

    @property
    def shown(self) -> str:
        """The state whose colour and glyph it is shown with."""
        return {self.Status.SENT: "succeeded", self.Status.WAITING: "waiting"}.get(
            self.Status(self.status), "failed"
        )

    @property
    def delivery(self) -> str:
        """The delivery state in words."""
        tries = f"tried {count(self.tries, 'time')}"
        if self.is_sent:
            return "sent"
        if self.is_waiting:
            return f"waiting, {tries}" if self.tries else "waiting"
        return f"not sent, {tries}" if self.tries else "not sent"

    # Verbs ---------------------------------------------------------------------------------------

    def claim(self, now: dt.datetime) -> bool:
        """Takes the next try; False if another worker got there first.

        Also schedules the try after it, in case this worker dies before it stores the result.
        """
        pause = timing.MAIL_RETRY_AFTER[min(self.tries, len(timing.MAIL_RETRY_AFTER) - 1)]
        unclaimed = Message.objects.due(now).filter(pk=self.pk, tries=self.tries)
        claimed = unclaimed.update(tries=F("tries") + 1, next_try_at=now + pause)
        self.refresh_from_db()
        return bool(claimed)

    def sent(self, now: dt.datetime) -> None:
        self._change(status=self.Status.SENT, sent_at=now, problem="")

    def not_sent(self, problem: str, *, for_good: bool = False) -> None:
        """Stores the problem; the message waits for its next try, if one is left."""
        given_up = for_good or self.tries > len(timing.MAIL_RETRY_AFTER)
        self._change(status=self.Status.FAILED if given_up else self.Status.WAITING, problem=problem)

    def send_again(self, now: dt.datetime, *, to: Sequence[str]) -> None:
        """Starts over with the tries. A sent message is not sent twice."""
        unsent = Message.objects.filter(pk=self.pk).exclude(status=self.Status.SENT)
        unsent.update(status=self.Status.WAITING, tries=0, next_try_at=now, to=list(to))
        self.refresh_from_db()

    def _change(self, **changes: Any) -> None:
        Message.objects.filter(pk=self.pk).update(**changes)
        self.refresh_from_db()
