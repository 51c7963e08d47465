"""What a machine's cluster takes from the queue that all machines share."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone
from django_q.models import OrmQ

from apps.workers.django_q_changes import Broker, own_queue

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture
def broker(settings, monkeypatch):
    settings.WORKER_NAME = "alpha"
    monkeypatch.setattr("apps.workers.django_q_changes.time.sleep", lambda seconds: None)
    return Broker(list_key="runs")


def waiting(key, *, seconds=1):
    lock = timezone.now() - dt.timedelta(seconds=seconds)
    return OrmQ.objects.create(key=key, payload="x", lock=lock).pk


def take(broker):
    return [row for row, _ in broker.dequeue()]


def test_broker_takes_the_oldest_task_first(broker):
    late, early = waiting("runs", seconds=1), waiting("runs", seconds=9)

    assert take(broker) + take(broker) == [early, late]


def test_broker_takes_a_task_even_if_the_clock_was_set_back(broker):
    with time_machine.travel(timezone.now() + dt.timedelta(hours=1)):
        row = broker.enqueue("x")

    assert take(broker) == [row]


def test_broker_takes_tasks_addressed_to_its_own_machine(broker):
    ping = waiting(own_queue("runs"))

    assert take(broker) == [ping]


def test_broker_leaves_tasks_of_another_machine_or_cluster(broker):
    waiting("runs@beta")
    waiting("main")

    assert take(broker) == []


def test_only_one_of_two_brokers_takes_a_task(broker):
    row = OrmQ.objects.get(pk=waiting("runs"))

    assert broker._take(row)
    assert not Broker(list_key="runs")._take(row)


def test_clusters_use_this_broker(settings):
    from django_q.brokers import get_broker

    assert isinstance(get_broker("runs"), Broker)
