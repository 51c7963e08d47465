"""One django-q2 cluster, in a process forked by the launcher; and what the launcher asks and tells it by rows."""

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
    """Run cluster `name` in this process until SIGTERM; returns the exit status.

    This process is the sentinel itself. django-q2 starts another process that only waits for it, 15 MB.
    """
    become(name)
    if workers:
        conf.Conf.WORKERS = workers
    stopping.begin()
    sentinel = Sentinel(Stop(), threading.Event(), uuid.uuid4(), start=False)
    # SIGTERM must kill its workers; they read the stop request from shared memory.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.request_stop())
    sentinel.start()
    return 0


def send_ping(name: str) -> int:
    """Put a ping into the queue of this machine's cluster; returns its row, which is deleted when it is performed."""
    broker = RememberingBroker(list_key=own_queue(name))
    async_task("apps.workers.tasks.ping", broker=broker, save=False)
    return broker.row


def has_answered(ping: int) -> bool:
    return not OrmQ.objects.filter(pk=ping).exists()


def are_all_busy(name: str, leader: int) -> bool:
    """Whether every worker of the cluster with the main process `leader` has a task and a heartbeat."""
    alive = Worker.objects.filter(cluster=name, launcher=settings.WORKER_NAME).alive(timezone.now())
    ours = [worker for worker in alive if session_of(worker.pid) == leader]
    return bool(ours) and all(worker.is_busy for worker in ours)


def mark_workers_stopped(name: str) -> None:
    """Record the stop of this machine's workers whose process has died."""
    for worker in Worker.objects.filter(cluster=name, launcher=settings.WORKER_NAME, stopped_at=None):
        if session_of(worker.pid) is None:
            Worker.objects.filter(pk=worker.pk).update(stopped_at=timezone.now())


def free_taken_tasks(name: str, taken_before: dt.datetime) -> int:
    """Unlock the tasks of a dead cluster, which would wait for `retry` otherwise: hours.

    Only if no other machine serves this queue: its locked tasks are being performed.
    """
    now = timezone.now()
    if Worker.objects.filter(cluster=name).exclude(launcher=settings.WORKER_NAME).alive(now).exists():
        return 0
    retry = dt.timedelta(seconds=dict(clusters())[name]["retry"])
    return OrmQ.objects.filter(key=name, lock__gt=now, lock__lt=taken_before + retry).update(lock=WAITING)


def hasten_schedules(now: dt.datetime) -> None:
    """Make schedules due that are too far ahead, since the clock was set back."""
    for schedule in Schedule.objects.filter(schedule_type=Schedule.MINUTES, next_run__gt=now):
        if schedule.next_run > now + 2 * dt.timedelta(minutes=schedule.minutes or 1):
            Schedule.objects.filter(pk=schedule.pk, next_run=schedule.next_run).update(next_run=now)
