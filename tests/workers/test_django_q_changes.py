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


def test_stock_broker_ignores_tasks_queued_before_the_clock_was_set_back(own):
    with time_machine.travel(timezone.now() + dt.timedelta(hours=1)):
        own.enqueue("x")

    assert not own.dequeue()


def test_stock_broker_does_not_order_tasks(own, django_assert_num_queries):
    OrmQ.objects.create(key="runs", payload="x", lock=timezone.now() - dt.timedelta(seconds=9))

    with django_assert_num_queries(2) as queries:
        own.dequeue()

    assert "ORDER BY" not in queries[0]["sql"]


def test_stock_task_id_does_not_identify_the_queue_row():
    assert not str(async_task("math.floor", 1.5)).isdigit()


def test_stock_settings_are_read_once_at_import(monkeypatch):
    monkeypatch.setenv("Q_CLUSTER_NAME", "another")

    assert Conf.CLUSTER_NAME != "another"


def test_stock_worker_holds_the_queue_lock_while_it_waits():
    assert "task_queue.get" in inspect.getsource(worker.worker)


def test_stock_sentinel_replaces_a_process_without_checking_its_exit_code():
    killed = SimpleNamespace(exitcode=-signal.SIGKILL, timer=SimpleNamespace(value=-2))

    assert may_have_held_a_lock(killed)
    assert "exitcode" not in inspect.getsource(cluster.Sentinel.reincarnate)
    assert Sentinel.reincarnate is not cluster.Sentinel.reincarnate


def test_stock_cluster_starts_its_sentinel_in_a_separate_process():
    assert "Process(" in inspect.getsource(cluster.Cluster.start)
