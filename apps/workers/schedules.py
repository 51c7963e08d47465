"""The schedules of recurring tasks: `migrate` writes them for the clusters to read."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

DAY = 24 * 60  # minutes


def every(minutes: int, func: str, *, name: str, app: AppConfig) -> None:
    """Has the cluster main perform a function of the app's tasks so often, from the next `migrate` on."""

    def ensure_schedule(**kwargs: Any) -> None:
        from django_q.models import Schedule

        when = {"schedule_type": Schedule.MINUTES, "minutes": minutes, "repeats": -1}
        Schedule.objects.update_or_create(name=name, defaults={"func": func, "cluster": "main", **when})

    post_migrate.connect(ensure_schedule, sender=app, weak=False, dispatch_uid=name)
