"""A worker's heartbeat: what its row says while it works."""

import pytest
from django.db import OperationalError
from django.utils import timezone

from apps.workers import heartbeat
from apps.workers.models import Worker
from apps.workers.signals import worker_started

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture
def beat(monkeypatch):
    """A heartbeat whose thread is not started: the tests write."""
    beat = heartbeat.Heartbeat(cluster="runs")
    monkeypatch.setattr(heartbeat, "_heartbeat", beat)
    monkeypatch.setattr(heartbeat.connection, "close", lambda: None)
    return beat


def row():
    return Worker.objects.get()


def test_first_heartbeat_registers_the_worker(beat):
    beat.write()

    assert row().cluster == "runs"
    assert row() in Worker.objects.alive(timezone.now())


def test_the_next_beat_renews_the_same_row(beat):
    beat.write()
    first = row().heartbeat_at
    beat.write()

    assert row().heartbeat_at > first


def test_heartbeat_records_the_current_activity(beat):
    with heartbeat.doing("run 7: orders 2024-01-15"):
        beat.write()

        assert row().doing == "run 7: orders 2024-01-15"

    beat.write()
    assert row().doing == ""


def test_worker_is_busy_during_a_task(beat):
    heartbeat.task_begins(task={"func": "apps.coverage.tasks.scan"})
    beat.write()

    assert row().is_busy
    assert row().doing == "scan"


def test_worker_is_idle_after_a_task(beat):
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


def test_activity_outside_a_worker_is_ignored(monkeypatch):
    monkeypatch.setattr(heartbeat, "_heartbeat", None)

    with heartbeat.doing("a test"):
        heartbeat.task_begins(task={"func": "x"})
        heartbeat.task_ended()


@pytest.mark.django_db(transaction=True)
def test_worker_sends_a_signal_at_its_start_and_records_its_stop(monkeypatch):
    monkeypatch.setattr(heartbeat, "_heartbeat", None)
    monkeypatch.setattr(heartbeat, "Finalize", lambda *args, **kwargs: None)
    heard = []

    def hear(cluster, **_):
        heard.append(cluster)

    worker_started.connect(hear)
    heartbeat.worker_spawned()
    heartbeat._heartbeat.stop()
    worker_started.disconnect(hear)

    assert heard == ["main"]
    assert row().stopped_at


def raises(error):
    def fail(*args, **kwargs):
        raise error

    return fail
