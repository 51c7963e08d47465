"""Alerts in the queue: within seconds of an event, and every minute for retries."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django_q.tasks import async_task

from apps.alerts import delivery, losses, messages, removed_dates
from apps.runs.models import Event


def deliver() -> dict[str, int]:
    """Creates messages about what was not mailed yet, and sends those that wait. Two at once send no mail twice."""
    created, sent = messages.create_messages(), delivery.send_due()
    # Last, since it reads the pipeline file: a mistake in it must not delay a mail about a run.
    if found := losses.create_message() + removed_dates.create_message():
        created, sent = created + found, sent + delivery.send_due()
    return {"created": created, "sent": sent}


def deliver_later() -> None:
    async_task("apps.alerts.tasks.deliver", cluster="main")


def event_saved(instance: Event, created: bool, **kwargs: Any) -> None:
    """Queues the delivery when the event is committed. If that is lost, the schedule mails it."""
    if created and instance.kind in messages.NOTIFIED:
        transaction.on_commit(deliver_later, robust=True)
