"""The name of a launcher, held by one at a time among all that share the database."""

from __future__ import annotations

import datetime as dt
import os
import socket

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from .heartbeat import identity
from .models import Worker


class NameTaken(Exception):
    """Another launcher is alive under this name."""


def claim(started_at: dt.datetime, *, doing: str, predecessor: int | None) -> None:
    """Take WORKER_NAME, or raise NameTaken. `predecessor` is the pid of a dead launcher of this folder."""
    ours = {**identity(Worker.LAUNCHER, started_at), "doing": doing}
    holder, is_new = Worker.objects.get_or_create(name=settings.WORKER_NAME, defaults=ours)
    if is_new:
        return
    was_here = holder.host == socket.gethostname() and holder.pid == predecessor
    seen = Worker.objects.filter(
        pk=holder.pk, host=holder.host, pid=holder.pid, heartbeat_at=holder.heartbeat_at
    )
    if (holder.is_alive(timezone.now()) and not was_here) or not seen.update(**ours):
        raise NameTaken(
            f'A launcher named "{holder.name}" is alive: process {holder.pid} on {holder.host}. '
            "Stop that one, or choose another name for this one with WORKER_NAME."
        )


def renew() -> bool:
    """Write the launcher's heartbeat; False when another launcher has taken the name meanwhile."""
    return bool(_ours().update(heartbeat_at=timezone.now()))


def release() -> None:
    _ours().update(stopped_at=timezone.now())


def _ours() -> QuerySet[Worker]:
    return Worker.objects.filter(
        name=settings.WORKER_NAME, host=socket.gethostname(), pid=os.getpid(), stopped_at=None
    )
