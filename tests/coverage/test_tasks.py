"""Scans in the queue."""

import datetime as dt

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from apps.coverage import tasks
from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import CalendarDate, Partition, Scan
from tests.conftest import day

pytestmark = pytest.mark.postgresql


def in_queue() -> int:
    return OrmQ.objects.filter(key="main").count()


@pytest.mark.django_db
def test_a_queued_scan_is_shared_by_later_requests():
    first, second = tasks.scan_later(), tasks.scan_later()

    assert (first.pk, in_queue()) == (second.pk, 1)


def test_a_task_performs_its_scan(pipeline, transactional_db):
    scan = tasks.scan_later()

    tasks.scan(scan.pk)

    scan.refresh_from_db()
    assert (scan.status, scan.tables_done) == ("succeeded", 5)


def test_a_task_that_is_delivered_twice_scans_once(pipeline, transactional_db):
    scan = tasks.scan_later()
    tasks.scan(scan.pk)
    finished_at = Scan.objects.get(pk=scan.pk).finished_at

    tasks.scan(scan.pk)

    assert Scan.objects.get(pk=scan.pk).finished_at == finished_at


@pytest.mark.django_db
def test_a_scan_whose_worker_died_is_given_up():
    dead = Scan.objects.create(status="running", started_at=timezone.now() - dt.timedelta(hours=1))
    alive = Scan.objects.create(status="running", started_at=timezone.now())

    tasks.scan_by_schedule()

    dead.refresh_from_db(), alive.refresh_from_db()
    assert (dead.status, dead.problem) == ("failed", "The worker died before it had asked about everything.")
    assert alive.status == "running"


def test_a_scan_whose_worker_died_is_shown_on_the_overview(viewing, first_scan):
    assert "did not end" not in viewing.get("/").content.decode()
    Scan.objects.create(status="running", started_at=timezone.now() - dt.timedelta(hours=1))

    tasks.give_up_dead_scans(timezone.now())

    text = viewing.get("/").content.decode()
    assert "The last scan did not end" in text and "The worker died before it had asked" in text
    assert silent_tables() == {}  # nothing was asked of any table, and none refused


@pytest.mark.django_db
def test_a_scan_whose_task_was_lost_does_not_block_the_next_scan():
    lost = Scan.objects.create(requested_at=timezone.now() - dt.timedelta(hours=1))

    tasks.scan_by_schedule()

    assert Scan.objects.get(status="queued").pk != lost.pk
    assert in_queue() == 1


@pytest.mark.django_db
def test_a_scan_whose_worker_died_does_not_count_as_a_reading():
    Scan.objects.create(status="running", started_at=timezone.now() - dt.timedelta(hours=1))

    tasks.scan_by_schedule()

    assert Scan.objects.latest_reading() is None


def test_an_empty_calendar_fails_the_scan_and_keeps_the_last_known_state(scan, ask):
    scan()
    ask("DELETE FROM raw.days")

    done = scan()

    assert (done.status, CalendarDate.objects.count()) == ("failed", 29)
    assert "answers no date within a season" in done.problem
    assert Partition.objects.get(table="daily.sales", date=day("01-05")).state == "missing"
    assert "daily.sales" in silent_tables()
