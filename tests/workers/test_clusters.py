"""What the launcher asks of a cluster, and does for its queue."""

import datetime as dt
import os

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule

from apps.workers import clusters, django_q_changes
from apps.workers.models import Worker

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

HOUR = dt.timedelta(hours=1)


def worker(*, launcher=None, busy=False, pid=None):
    now = timezone.now()
    return Worker.objects.create(
        name=str(Worker.objects.count()), cluster="runs", host="h", launcher=launcher or settings.WORKER_NAME,
        pid=pid or os.getpid(), started_at=now, heartbeat_at=now, busy_since=now if busy else None,
    )  # fmt: skip


def taken(at):
    return OrmQ.objects.create(key="runs", payload="x", lock=at + dt.timedelta(seconds=25200))


def test_ping_is_a_task_of_its_cluster_and_is_answered_once_it_left_the_queue():
    ping = clusters.send_ping("runs")

    assert OrmQ.objects.get(pk=ping).key == f"runs@{settings.WORKER_NAME}"
    assert not clusters.has_answered(ping)

    OrmQ.objects.all().delete()
    assert clusters.has_answered(ping)


def test_a_cluster_is_busy_when_all_of_its_workers_are():
    worker(busy=True)
    assert clusters.are_all_busy("runs", leader=os.getsid(0))

    worker(busy=False)
    assert not clusters.are_all_busy("runs", leader=os.getsid(0))


def test_a_cluster_without_a_worker_is_not_busy():
    assert not clusters.are_all_busy("runs", leader=os.getsid(0))


def test_a_worker_of_another_session_or_machine_does_not_count():
    worker(busy=True)
    worker(busy=True, launcher="elsewhere")

    assert not clusters.are_all_busy("runs", leader=1)


def test_tasks_taken_by_a_dead_cluster_are_released():
    now = timezone.now()
    row = taken(now - HOUR)

    assert clusters.free_taken_tasks("runs", taken_before=now) == 1
    row.refresh_from_db()
    assert row.lock < timezone.now()


def test_tasks_taken_by_the_live_cluster_are_not_released():
    now = timezone.now()
    taken(now)

    assert clusters.free_taken_tasks("runs", taken_before=now - HOUR) == 0


def test_tasks_that_another_machine_may_be_performing_are_not_released():
    now = timezone.now()
    worker(launcher="elsewhere")
    taken(now - HOUR)

    assert clusters.free_taken_tasks("runs", taken_before=now) == 0


def schedule(next_run):
    return Schedule.objects.create(func="f", schedule_type=Schedule.MINUTES, minutes=15, next_run=next_run)


def test_schedule_is_due_now_after_the_clock_was_set_back():
    now = timezone.now()
    row = schedule(now + HOUR)

    clusters.hasten_schedules(now)

    row.refresh_from_db()
    assert row.next_run == now


def test_a_schedule_that_is_due_soon_keeps_its_time():
    now = timezone.now()
    row = schedule(now + dt.timedelta(minutes=14))

    clusters.hasten_schedules(now)

    assert Schedule.objects.get(pk=row.pk).next_run == row.next_run


def test_a_worker_without_a_process_is_marked_as_gone():
    gone, here = worker(pid=2**22 + 1), worker()

    clusters.mark_workers_stopped("runs")

    gone.refresh_from_db()
    here.refresh_from_db()
    assert gone.stopped_at
    assert not here.stopped_at


def test_a_process_can_become_another_cluster_after_the_fork(monkeypatch):
    monkeypatch.setenv("Q_CLUSTER_NAME", "main")

    django_q_changes.become("runs")
    became = Conf.CLUSTER_NAME, Conf.WORKERS, Conf.TIMEOUT, Conf.RETRY
    django_q_changes.become("main")

    assert became == ("runs", 1, 7200, 25200)
    assert Conf.CLUSTER_NAME == "main"
