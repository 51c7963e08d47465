"""What django-q2 does by itself: where one of these fails, the console's change of it is not needed any more."""

import datetime as dt
import inspect
import signal
from types import SimpleNamespace

import pytest
import time_machine
from django.utils import timezone
from django_q import cluster, worker
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.tasks import async_task

from apps.workers.django_q_changes import Sentinel, may_have_held_a_lock

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(monkeypatch) -> ORM:
    monkeypatch.setattr("django_q.brokers.orm.sleep", lambda seconds: None)
    return ORM(list_key="runs")


def test_its_broker_does_not_take_what_was_queued_before_the_clock_was_set_back(own):
    with time_machine.travel(timezone.now() + dt.timedelta(hours=1)):
        own.enqueue("x")

    assert not own.dequeue()


def test_its_broker_takes_in_no_order(own, django_assert_num_queries):
    OrmQ.objects.create(key="runs", payload="x", lock=timezone.now() - dt.timedelta(seconds=9))

    with django_assert_num_queries(2) as queries:
        own.dequeue()

    assert "ORDER BY" not in queries[0]["sql"]


def test_its_tasks_do_not_say_in_which_row_they_wait():
    assert not str(async_task("math.floor", 1.5)).isdigit()


def test_it_reads_its_settings_once_at_import(monkeypatch):
    monkeypatch.setenv("Q_CLUSTER_NAME", "another")

    assert Conf.CLUSTER_NAME != "another"


def test_its_worker_waits_in_the_lock_of_its_queue():
    assert "task_queue.get" in inspect.getsource(worker.worker)


def test_its_sentinel_replaces_a_process_that_was_killed_while_it_waited():
    killed = SimpleNamespace(exitcode=-signal.SIGKILL, timer=SimpleNamespace(value=-2))

    assert may_have_held_a_lock(killed)
    assert "exitcode" not in inspect.getsource(cluster.Sentinel.reincarnate)
    assert Sentinel.reincarnate is not cluster.Sentinel.reincarnate


def test_its_cluster_waits_in_a_process_of_its_own_for_its_sentinel():
    assert "Process(" in inspect.getsource(cluster.Cluster.start)
