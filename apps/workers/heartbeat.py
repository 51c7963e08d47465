"""The heartbeat of a worker: a thread that renews the worker's row and writes into it what the worker is doing."""

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


class Heartbeat(threading.Thread):
    """Writes one row every few seconds, on its own connection, until stopped."""

    def __init__(self, cluster: str, doing: str = "") -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.cluster = cluster
        self.started_at = timezone.now()
        self.busy_since: dt.datetime | None = None
        self.doing = doing
        self._stop_requested = threading.Event()

    @property
    def worker_name(self) -> str:
        return f"{settings.WORKER_NAME}:{self.cluster}:{os.getpid()}"

    def run(self) -> None:
        while not self._stop_requested.is_set():
            self.write()
            self._stop_requested.wait(timing.HEARTBEAT_EVERY.total_seconds())
        self.write(stopped_at=timezone.now())

    def stop(self) -> None:
        """Record the stop, so that the worker counts as stopped at once."""
        self._stop_requested.set()
        self.join(timeout=2)

    def write(self, **fields: Any) -> None:
        """Write the row. A failed write is logged and not fatal: the next heartbeat comes soon."""
        work = {"busy_since": self.busy_since, "doing": self.doing[:300]}
        process = identity(self.cluster, self.started_at)
        try:
            # All of it each time: the row may be that of an earlier process with the same number.
            Worker.objects.update_or_create(name=self.worker_name, defaults={**process, **work, **fields})
        except (DatabaseError, InterfaceError) as error:
            log.warning("Heartbeat of %s not written: %s", self.worker_name, error)
        finally:
            connection.close()


def identity(cluster: str, started_at: dt.datetime) -> dict[str, Any]:
    """The columns of a row that identify this process, as of now."""
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


_heartbeat: Heartbeat | None = None


@contextlib.contextmanager
def doing(text: str) -> Iterator[None]:
    """Show `text` as this worker's activity within the block; outside a worker it does nothing."""
    heartbeat = _heartbeat
    if heartbeat is None:
        yield
        return
    before, heartbeat.doing = heartbeat.doing, text
    try:
        yield
    finally:
        heartbeat.doing = before


# --- what django-q2's signals call ------------------------------------------------------------------
def worker_spawned(**_: Any) -> None:
    """A worker process has started: start its heartbeat, and send `worker_started`."""
    global _heartbeat
    _heartbeat = Heartbeat(cluster=Conf.CLUSTER_NAME)
    _heartbeat.start()
    Finalize(None, _heartbeat.stop, exitpriority=100)
    for receiver, outcome in worker_started.send_robust(sender=Worker, cluster=_heartbeat.cluster):
        if isinstance(outcome, Exception):
            log.error("%s failed as a worker started", receiver, exc_info=outcome)


def task_begins(task: dict[str, Any], **_: Any) -> None:
    if _heartbeat:
        _heartbeat.busy_since, _heartbeat.doing = (
            timezone.now(),
            str(get_func_repr(task["func"])).rpartition(".")[2],
        )


def task_ended(**_: Any) -> None:
    if _heartbeat:
        _heartbeat.busy_since, _heartbeat.doing = None, ""
