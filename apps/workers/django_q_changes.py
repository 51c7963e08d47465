"""Everything in which the console changes how django-q2 works, each with its reason.

`tests/workers/test_django_q_changes.py` shows django-q2 without each of them, and fails once it does without.
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

WAITING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # the moment of a task that nobody has taken


def own_queue(cluster: str) -> str:
    """The queue that only this machine's cluster serves. A ping there is not answered by another machine's."""
    return f"{cluster}@{settings.WORKER_NAME}"


class Broker(ORM):
    """Oldest task first, claimed by compare and set, and with the machine's own queue beside the common one.

    django-q2's takes rows in no order, so a task can wait for ever behind others; and it waits out the time that a
    clock was set back.
    """

    def enqueue(self, task: str) -> int:
        """Not with the time of day: after the clock was set back an hour, nobody would take it for that hour."""
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
        """Compare and set: of several clusters that have seen the row, one gets it."""
        unchanged = self.get_connection().filter(pk=row.pk, lock=row.lock)
        return bool(unchanged.update(lock=self.timeout(row)))


GAVE_UP = 70


class Sentinel(cluster.Sentinel):
    """Leaves where replacing a dead process is of no use. django-q2's replaces whatever dies.

    An idle worker or monitor waits at its queue with the queue's lock in its hand. One that is killed
    there takes the lock along: its successor waits for ever, and the cluster performs nothing although
    every process is alive. So the sentinel leaves; its processes go with it, and the launcher starts anew.
    """

    def reincarnate(self, process: Any) -> None:
        if may_have_held_a_lock(process):
            log.critical(
                "A process of cluster %s was killed while it waited: starting afresh", cluster_name()
            )
            os._exit(GAVE_UP)
        super().reincarnate(process)


class Stop:
    """What a sentinel takes for its event to stop: the byte that all processes of its cluster share, so that a worker
    knows of it too. django-q2 tells its workers nothing while they perform a task.

    A signal handler may set it: unlike an event of multiprocessing it has no lock that the interrupted code may hold.
    """

    def is_set(self) -> bool:
        return stopping.stop_requested()

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return stopping.stop_requested()


def become(name: str) -> None:
    """Have django-q2 read its settings as cluster `name`: it read them at import, before the fork."""
    os.environ["Q_CLUSTER_NAME"] = name
    known = conf.Conf
    fresh = importlib.reload(conf).Conf
    for key, value in vars(fresh).items():
        if not key.startswith("__"):
            setattr(known, key, value)
    conf.Conf = known  # every module of django-q2 holds this one


class RememberingBroker(Broker):
    """Remembers the row of the task that it queued, which django-q2 does not hand on."""

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
