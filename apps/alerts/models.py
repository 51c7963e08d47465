"""Messages that people were sent, or should have been, with their delivery state."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Message(models.Model):
    """One mail. It is kept whole, so that it can be sent again and read here."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    run_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField(null=True, unique=True, help_text="The event it tells about, told once.")
    subject = models.CharField(max_length=250)
    to = models.JSONField(default=list)
    text = models.TextField()
    html = models.TextField()
    csv = models.TextField(blank=True, help_text="The attached list of failures.")
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    problem = models.TextField(blank=True, help_text="Why the last try did not succeed.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.subject
