"""One django-q2 cluster, in a process that the launcher has forked."""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import os
import signal
import threading
import time
import uuid
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q import cluster, conf
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from . import stopping
from .broker import WAITING, Broker, own_queue
from .checks import clusters
from .models import Worker
from .processes import session_of

log = logging.getLogger(__name__)

GAVE_UP = 70


class Sentinel(cluster.Sentinel):
    """django-q2's sentinel replaces whatever dies. This one knows when that is of no use.

    An idle worker or monitor waits at its queue with the queue's lock in its hand. One that is killed
    there takes the lock along: its successor waits for ever, and the cluster performs nothing although
    every process is alive. So the sentinel leaves; its processes go with it, and the launcher starts anew.
    """

    def reincarnate(self, process: Any) -> None:
        if _may_have_held_a_lock(process):
            log.critical("A process of cluster %s was killed while it waited: starting afresh", _name())
            os._exit(GAVE_UP)
        super().reincarnate(process)


class Stop:
    """What a sentinel takes for its event to stop: the byte that all processes of its cluster share.

    A signal handler may set it: unlike an event of multiprocessing it has no lock that the interrupted code may hold.
    """

    def is_set(self) -> bool:
        return stopping.asked()

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return stopping.asked()


def perform(name: str, workers: int | None = None) -> int:
    """Be cluster `name` until told to stop (SIGTERM); returns the exit status.

    The sentinel itself is this process. django-q2 starts one more that only waits for it, 15 MB each.
    """
    become(name)
    if workers:
        conf.Conf.WORKERS = workers
    stopping.begin()
    sentinel = Sentinel(Stop(), threading.Event(), uuid.uuid4(), start=False)
    # Its workers must die of a signal: they hear the word by the byte.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.ask())
    sentinel.start()
    return 0


def become(name: str) -> None:
    """Have django-q2 read its settings as cluster `name`: it read them at import, before the fork."""
    os.environ["Q_CLUSTER_NAME"] = name
    known = conf.Conf
    fresh = importlib.reload(conf).Conf
    for key, value in vars(fresh).items():
        if not key.startswith("__"):
            setattr(known, key, value)
    conf.Conf = known  # every module of django-q2 holds this one


def ask(name: str) -> int:
    """Put a ping into the queue of this machine's cluster; its row, returned, goes away when it is performed."""
    broker = _Remembering(list_key=own_queue(name))
    async_task("apps.workers.tasks.ping", broker=broker, save=False)
    return broker.row


def has_answered(ping: int) -> bool:
    return not OrmQ.objects.filter(pk=ping).exists()


def are_all_busy(name: str, leader: int) -> bool:
    """Whether every worker of the cluster led by that process is visibly at work."""
    alive = Worker.objects.filter(cluster=name, launcher=settings.WORKER_NAME).alive(timezone.now())
    ours = [worker for worker in alive if session_of(worker.pid) == leader]
    return bool(ours) and all(worker.is_busy for worker in ours)


def bury_workers(name: str) -> None:
    """Workers of this machine whose process is gone cannot say goodbye themselves."""
    for worker in Worker.objects.filter(cluster=name, launcher=settings.WORKER_NAME, stopped_at=None):
        if session_of(worker.pid) is None:
            Worker.objects.filter(pk=worker.pk).update(stopped_at=timezone.now())


def free_taken_tasks(name: str, taken_before: dt.datetime) -> int:
    """Give back what a cluster that is gone had taken, or it would wait for `retry`: hours.

    Only when no other machine serves this queue: what that one has taken is being performed.
    """
    now = timezone.now()
    if Worker.objects.filter(cluster=name).exclude(launcher=settings.WORKER_NAME).alive(now).exists():
        return 0
    retry = dt.timedelta(seconds=dict(clusters())[name]["retry"])
    return OrmQ.objects.filter(key=name, lock__gt=now, lock__lt=taken_before + retry).update(lock=WAITING)


def hasten_schedules(now: dt.datetime) -> None:
    """What is due every few minutes would wait for an hour after the clock was set back by one."""
    for schedule in Schedule.objects.filter(schedule_type=Schedule.MINUTES, next_run__gt=now):
        if schedule.next_run > now + 2 * dt.timedelta(minutes=schedule.minutes or 1):
            Schedule.objects.filter(pk=schedule.pk, next_run=schedule.next_run).update(next_run=now)


class _Remembering(Broker):
    """A broker that remembers the row of the task that it has queued."""

    row: int

    def enqueue(self, task: str) -> int:
        self.row = super().enqueue(task)
        return self.row


def _may_have_held_a_lock(process: Any) -> bool:
    was_killed = (process.exitcode or 0) < 0
    is_working = hasattr(process, "timer") and process.timer.value > 0
    return was_killed and not is_working


def _name() -> str:
    return conf.Conf.CLUSTER_NAME
