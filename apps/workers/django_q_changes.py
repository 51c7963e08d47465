"""The console's changes to django-q2, each with its reason.

`tests/workers/test_django_q_changes.py` shows django-q2 without each, and fails once one is no longer needed.
"""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import os
import time
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q import cluster, conf
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from . import stopping

log = logging.getLogger(__name__)

WAITING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # the lock of a task that no cluster has taken


def own_queue(cluster: str) -> str:
    """The queue that only this machine's cluster serves, so that no other machine answers its ping."""
    return f"{cluster}@{settings.WORKER_NAME}"


class Broker(ORM):
    """Oldest task first, claimed by compare and set, from the shared queue and the machine's own.

    django-q2's broker takes rows in no order, so a task can wait for ever behind others; and after the clock was set
    back it takes no task for that time.
    """

    def enqueue(self, task: str) -> int:
        """Lock the row with a constant: the current time is in the future after the clock was set back."""
        key = self.list_key or Conf.CLUSTER_NAME
        return self.get_connection().create(key=key, payload=task, lock=WAITING).pk

    def dequeue(self) -> list[tuple[int, str]]:
        keys = (self.list_key, own_queue(self.list_key))
        waiting = self.get_connection().filter(key__in=keys, lock__lt=timezone.now()).order_by("lock", "pk")
        found = list(waiting[: Conf.BULK])
        if not found:
            time.sleep(Conf.POLL)
        return [(row.pk, row.payload) for row in found if self._take(row)]

    def _take(self, row: OrmQ) -> bool:
        """Compare and set: of several clusters that read the row, one gets it."""
        unchanged = self.get_connection().filter(pk=row.pk, lock=row.lock)
        return bool(unchanged.update(lock=self.timeout(row)))


EXIT_AFTER_LOCK_LOST = 70


class Sentinel(cluster.Sentinel):
    """Exits when a dead process may have held a lock. django-q2's sentinel replaces every dead process.

    An idle worker or monitor waits at its queue and holds the queue's lock. If it is killed
    there, the lock stays locked: its successor waits for ever, and the cluster performs nothing although
    every process is alive. So the sentinel exits with its processes, and the launcher restarts the cluster.
    """

    def reincarnate(self, process: Any) -> None:
        if may_have_held_a_lock(process):
            log.critical(
                "A process of cluster %s was killed while it waited: restarting the cluster", cluster_name()
            )
            os._exit(EXIT_AFTER_LOCK_LOST)
        super().reincarnate(process)


class Stop:
    """The sentinel's stop event, backed by the byte that all processes of its cluster share, so that workers can read
    it too. django-q2 does not tell its workers to stop while they perform a task.

    A signal handler may set it: unlike an event of multiprocessing it has no lock that the interrupted code may hold.
    """

    def is_set(self) -> bool:
        return stopping.stop_requested()

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return stopping.stop_requested()


def become(name: str) -> None:
    """Make django-q2 read its settings again, as cluster `name`: it read them at import, before the fork."""
    os.environ["Q_CLUSTER_NAME"] = name
    known = conf.Conf
    fresh = importlib.reload(conf).Conf
    for key, value in vars(fresh).items():
        if not key.startswith("__"):
            setattr(known, key, value)
    conf.Conf = known  # every module of django-q2 holds this one


class RememberingBroker(Broker):
    """Keeps the row of the task that it queued, which django-q2 does not return."""

    row: int

    def enqueue(self, task: str) -> int:
        self.row = super().enqueue(task)
        return self.row


def may_have_held_a_lock(process: Any) -> bool:
    was_killed = (process.exitcode or 0) < 0
    is_working = hasattr(process, "timer") and process.timer.value > 0
    return was_killed and not is_working


def cluster_name() -> str:
    return conf.Conf.CLUSTER_NAME
