"""The heartbeat of a worker: a thread beside the work that keeps the worker's row fresh and says what it is doing."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import socket
import threading
from collections.abc import Iterator
from multiprocessing.util import Finalize
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from django_q.conf import Conf
from django_q.utils import get_func_repr

from apps import timing

from .models import Worker
from .signals import worker_started

log = logging.getLogger(__name__)


class Beat(threading.Thread):
    """Writes one row every few seconds, on a connection of its own, until it is told to stop."""

    def __init__(self, cluster: str, doing: str = "") -> None:
        super().__init__(name="beat", daemon=True)
        self.cluster = cluster
        self.started_at = timezone.now()
        self.busy_since: dt.datetime | None = None
        self.doing = doing
        self._stop_asked = threading.Event()

    @property
    def worker_name(self) -> str:
        return f"{settings.WORKER_NAME}:{self.cluster}:{os.getpid()}"

    def run(self) -> None:
        while not self._stop_asked.is_set():
            self.write()
            self._stop_asked.wait(timing.HEARTBEAT_EVERY.total_seconds())
        self.write(stopped_at=timezone.now())

    def stop(self) -> None:
        """Say goodbye, so that nobody waits for the next beat."""
        self._stop_asked.set()
        self.join(timeout=2)

    def write(self, **fields: Any) -> None:
        """A beat that cannot be written is missed, not fatal: the next one comes soon."""
        work = {"busy_since": self.busy_since, "doing": self.doing[:300]}
        who = identity(self.cluster, self.started_at)
        try:
            # All of it each time: the row may be that of an earlier process with the same number.
            Worker.objects.update_or_create(name=self.worker_name, defaults={**who, **work, **fields})
        except (DatabaseError, InterfaceError) as error:
            log.warning("Beat of %s not written: %s", self.worker_name, error)
        finally:
            connection.close()


def identity(cluster: str, started_at: dt.datetime) -> dict[str, Any]:
    """What a row says of this process, as of now."""
    return {
        "launcher": settings.WORKER_NAME,
        "cluster": cluster,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": settings.VERSION,
        "started_at": started_at,
        "heartbeat_at": timezone.now(),
        "stopped_at": None,
    }


_beat: Beat | None = None


@contextlib.contextmanager
def doing(text: str) -> Iterator[None]:
    """Within it this worker's row says `text`; outside a worker it does nothing."""
    beat = _beat
    if beat is None:
        yield
        return
    before, beat.doing = beat.doing, text
    try:
        yield
    finally:
        beat.doing = before


# --- what django-q2's signals call ------------------------------------------------------------------
def worker_spawned(**_: Any) -> None:
    """A worker process has started: begin to beat, and let the other apps know."""
    global _beat
    _beat = Beat(cluster=Conf.CLUSTER_NAME)
    _beat.start()
    Finalize(None, _beat.stop, exitpriority=100)
    for receiver, outcome in worker_started.send_robust(sender=Worker, cluster=_beat.cluster):
        if isinstance(outcome, Exception):
            log.error("%s failed as a worker started", receiver, exc_info=outcome)


def task_begins(task: dict[str, Any], **_: Any) -> None:
    if _beat:
        _beat.busy_since, _beat.doing = timezone.now(), str(get_func_repr(task["func"])).rpartition(".")[2]


def task_ended(**_: Any) -> None:
    if _beat:
        _beat.busy_since, _beat.doing = None, ""
