"""Who is at work."""

import datetime as dt

import pytest

from apps.workers.models import Worker

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

NOON = dt.datetime(2024, 1, 15, 12, tzinfo=dt.UTC)


def ago(**span):
    return NOON - dt.timedelta(**span)


def beat(at, *, cluster="runs", stopped_at=None):
    number = Worker.objects.count()
    return Worker.objects.create(
        name=f"host:{cluster}:{number}", cluster=cluster, host="host", pid=number,
        started_at=at, heartbeat_at=at, stopped_at=stopped_at,
    )  # fmt: skip


def test_worker_with_a_heartbeat_in_the_last_20_seconds_is_alive():
    lately, _ = beat(ago(seconds=19)), beat(ago(seconds=21))

    assert list(Worker.objects.alive(NOON)) == [lately]


def test_stopped_worker_is_not_alive():
    beat(ago(seconds=2), stopped_at=ago(seconds=1))

    assert not Worker.objects.alive(NOON).exists()


def test_worker_records_are_deleted_after_a_week():
    beat(ago(days=8))
    lately = beat(ago(days=6))

    assert Worker.objects.forget_old(NOON) == 1
    assert list(Worker.objects.all()) == [lately]
