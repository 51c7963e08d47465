"""The workers' own tasks: answering the launcher's ping, and deleting old rows."""

from __future__ import annotations

from django.utils import timezone
from django_q.models import Task

from apps import timing

from .models import Worker


def ping() -> str:
    """The launcher's liveness probe: being performed is the answer."""
    return "pong"


def prune() -> dict[str, int]:
    """Delete records of tasks that ended two weeks ago, and rows of workers that are long dead."""
    now = timezone.now()
    tasks, _ = Task.objects.filter(stopped__lt=now - timing.TASKS_KEPT_FOR).delete()
    return {"tasks": tasks, "workers": Worker.objects.forget_old(now)}
