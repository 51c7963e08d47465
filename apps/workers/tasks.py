"""The schedules of all tasks, and the workers' own tasks: answering the launcher's ping, and deleting old rows."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone
from django_q.models import Schedule, Task

from apps import timing

from .models import Worker


def ensure_schedules() -> None:
    """Creates or updates all schedules of the settings."""
    for name, (func, minutes) in settings.SCHEDULES.items():
        told = {"func": func, "schedule_type": Schedule.MINUTES, "minutes": minutes}
        Schedule.objects.update_or_create(name=name, defaults={**told, "repeats": -1, "cluster": "main"})


def ping() -> str:
    """The launcher's liveness probe: being performed is the answer."""
    return "pong"


def prune() -> dict[str, int]:
    """Delete records of tasks that ended two weeks ago, and rows of workers that are long dead."""
    now = timezone.now()
    tasks, _ = Task.objects.filter(stopped__lt=now - timing.TASKS_KEPT_FOR).delete()
    return {"tasks": tasks, "workers": Worker.objects.forget_old(now)}
