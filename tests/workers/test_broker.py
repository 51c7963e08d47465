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


def test_it_takes_the_oldest_first(broker):
    late, early = waiting("runs", seconds=1), waiting("runs", seconds=9)

    assert take(broker) + take(broker) == [early, late]


def test_a_task_is_taken_though_the_clock_was_set_back_since(broker):
    with time_machine.travel(timezone.now() + dt.timedelta(hours=1)):
        row = broker.enqueue("x")

    assert take(broker) == [row]


def test_it_takes_what_only_this_machine_is_asked(broker):
    ping = waiting(own_queue("runs"))

    assert take(broker) == [ping]


def test_it_leaves_what_another_machine_or_cluster_is_asked(broker):
    waiting("runs@beta")
    waiting("main")

    assert take(broker) == []


def test_a_task_goes_to_one_of_two_that_have_seen_it(broker):
    row = OrmQ.objects.get(pk=waiting("runs"))

    assert broker._take(row)
    assert not Broker(list_key="runs")._take(row)


def test_it_is_the_queue_that_the_clusters_use(settings):
    from django_q.brokers import get_broker

    assert isinstance(get_broker("runs"), Broker)
