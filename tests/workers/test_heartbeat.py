"""A worker's beat: what its row says while it works."""

import pytest
from django.db import OperationalError
from django.utils import timezone

from apps.workers import heartbeat
from apps.workers.models import Worker
from apps.workers.signals import worker_started

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture
def beat(monkeypatch):
    """A beat whose thread is not started: the tests write."""
    beat = heartbeat.Beat(cluster="runs")
    monkeypatch.setattr(heartbeat, "_beat", beat)
    monkeypatch.setattr(heartbeat.connection, "close", lambda: None)
    return beat


def row():
    return Worker.objects.get()


def test_a_beat_makes_the_worker_known(beat):
    beat.write()

    assert row().cluster == "runs"
    assert row() in Worker.objects.alive(timezone.now())


def test_the_next_beat_renews_the_same_row(beat):
    beat.write()
    first = row().heartbeat_at
    beat.write()

    assert row().heartbeat_at > first


def test_it_says_what_the_worker_is_doing(beat):
    with heartbeat.doing("run 7: orders 2024-01-15"):
        beat.write()

        assert row().doing == "run 7: orders 2024-01-15"

    beat.write()
    assert row().doing == ""


def test_inside_a_task_it_is_busy(beat):
    heartbeat.task_begins(task={"func": "apps.coverage.tasks.scan"})
    beat.write()

    assert row().is_busy
    assert row().doing == "scan"


def test_after_a_task_it_is_idle(beat):
    heartbeat.task_begins(task={"func": "apps.coverage.tasks.scan"})
    heartbeat.task_ended()
    beat.write()

    assert not row().is_busy
    assert row().doing == ""


def test_a_locked_database_costs_one_beat_and_no_more(beat, monkeypatch, caplog):
    with monkeypatch.context() as locked:
        locked.setattr(Worker.objects, "update_or_create", raises(OperationalError("database is locked")))
        beat.write()
    beat.write()

    assert "database is locked" in caplog.text
    assert Worker.objects.count() == 1


def test_outside_a_worker_nobody_minds_what_is_said(monkeypatch):
    monkeypatch.setattr(heartbeat, "_beat", None)

    with heartbeat.doing("a test"):
        heartbeat.task_begins(task={"func": "x"})
        heartbeat.task_ended()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_starts_lets_the_apps_know_and_says_goodbye_at_its_end(monkeypatch):
    monkeypatch.setattr(heartbeat, "_beat", None)
    monkeypatch.setattr(heartbeat, "Finalize", lambda *args, **kwargs: None)
    heard = []

    def hear(cluster, **_):
        heard.append(cluster)

    worker_started.connect(hear)
    heartbeat.worker_spawned()
    heartbeat._beat.stop()
    worker_started.disconnect(hear)

    assert heard == ["main"]
    assert row().stopped_at


def raises(error):
    def fail(*args, **kwargs):
        raise error

    return fail
