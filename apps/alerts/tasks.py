"""Alerts in the queue: within seconds of an event, and every minute for what is left to try."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django_q.models import Schedule
from django_q.tasks import async_task

from apps.alerts import delivery, losses, messages, removed_dates
from apps.runs.models import Event


def deliver() -> dict[str, int]:
    """Tells of what nobody was told of yet, and sends what waits. Two at once send no mail twice."""
    told, sent = messages.tell(), delivery.send_due()
    # Last, since it reads the pipeline file: what is wrong with that keeps no mail about a run from being sent.
    if found := losses.tell() + removed_dates.tell():
        told, sent = told + found, sent + delivery.send_due()
    return {"told": told, "sent": sent}


def deliver_later() -> None:
    async_task("apps.alerts.tasks.deliver", cluster="main")


def event_saved(instance: Event, created: bool, **kwargs: Any) -> None:
    """Asks for delivery as soon as the event is certain. Were this lost, the schedule would tell of it."""
    if created and instance.kind in messages.TOLD:
        transaction.on_commit(deliver_later, robust=True)


def ensure_schedule() -> None:
    Schedule.objects.update_or_create(
        name="deliver messages",
        defaults={
            "func": "apps.alerts.tasks.deliver",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
            "cluster": "main",
        },
    )
