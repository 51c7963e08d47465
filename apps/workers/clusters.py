"""One django-q2 cluster, in a process that the launcher has forked."""

from __future__ import annotations

import datetime as dt
import logging
import os
import signal
import threading
import uuid

from django.conf import settings
from django.utils import timezone
from django_q import conf
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from apps.workers.django_q_changes import RememberingBroker, Sentinel, Stop, become

from . import stopping
from .checks import clusters
from .django_q_changes import WAITING, own_queue
from .models import Worker
from .processes import session_of

log = logging.getLogger(__name__)


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
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.request_stop())
    sentinel.start()
    return 0


def send_ping(name: str) -> int:
    """Put a ping into the queue of this machine's cluster; its row, returned, goes away when it is performed."""
    broker = RememberingBroker(list_key=own_queue(name))
    async_task("apps.workers.tasks.ping", broker=broker, save=False)
    return broker.row


def has_answered(ping: int) -> bool:
    return not OrmQ.objects.filter(pk=ping).exists()


def are_all_busy(name: str, leader: int) -> bool:
    """Whether every worker of the cluster led by that process is visibly at work."""
    alive = Worker.objects.filter(cluster=name, launcher=settings.WORKER_NAME).alive(timezone.now())
    ours = [worker for worker in alive if session_of(worker.pid) == leader]
    return bool(ours) and all(worker.is_busy for worker in ours)


def mark_workers_stopped(name: str) -> None:
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
