"""How a worker holds a run."""

import datetime as dt

import pytest
from django.db import OperationalError
from django.utils import timezone

from apps import timing
from apps.runs.engine.lease_heartbeat import LeaseHeartbeat
from apps.runs.models import Attempt, Run, leases
from tests.runs.conftest import may_write, wait_until

pytestmark = pytest.mark.postgresql


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(timing, "REQUESTS_READ_EVERY", 0.02)
    monkeypatch.setattr(timing, "LEASE_HEARTBEAT_EVERY", 0.04)


@pytest.fixture
def run(transactional_db) -> Run:
    return Run.objects.create(title="a run", status=Run.Status.RUNNING)


def lease_of(run: Run) -> dt.datetime:
    return run.held_lanes.get().lease_until


def test_a_ticket_is_good_once(run):
    ticket = leases.book(run)

    assert leases.take(run.pk, ticket=ticket)
    assert leases.take(run.pk, ticket=ticket) is None


def test_paused_run_cannot_be_leased(run):
    Run.objects.filter(pk=run.pk).update(status="paused")

    assert leases.take(run.pk) is None


def test_a_lease_that_ran_out_can_be_taken(run):
    first = leases.take(run.pk)
    run.held_lanes.update(lease_until=timezone.now() - dt.timedelta(seconds=1))

    assert leases.take(run.pk)
    assert not may_write(run, first)


def test_heartbeat_renews_the_lease_and_the_attempt(run):
    lease = leases.take(run.pk)
    attempt = run.attempts.create(number=1, table="daily.sales", dates=[], lease=lease)
    before = lease_of(run), attempt.heartbeat_at

    with LeaseHeartbeat(run.pk, lease):
        wait_until(lambda: lease_of(run) > before[0])
        wait_until(lambda: Attempt.objects.get(pk=attempt.pk).heartbeat_at > before[1])


@pytest.mark.parametrize(("request_", "stops"), [("pause", False), ("stop", True), ("cancel", True)])
def test_heartbeat_notices_a_request_to_pause_stop_or_cancel(run, request_, stops):
    with LeaseHeartbeat(run.pk, leases.take(run.pk)) as heartbeat:
        Run.objects.filter(pk=run.pk).update(request=request_)
        wait_until(lambda: heartbeat.wanted == request_)

        assert heartbeat.must_stop() == stops


def test_heartbeat_notices_that_its_lease_was_taken(run):
    with LeaseHeartbeat(run.pk, leases.take(run.pk)) as heartbeat:
        run.held_lanes.update(lease="another")
        wait_until(heartbeat.lost.is_set)

        assert heartbeat.must_stop()
    assert run.held_lanes.get().lease == "another"


def test_heartbeat_retries_if_the_database_is_locked(run, monkeypatch):
    lease, really, problems = leases.take(run.pk), LeaseHeartbeat._read_request, []

    def look(heartbeat: LeaseHeartbeat) -> None:
        if len(problems) < 3:
            problems.append(1)
            raise OperationalError("database is locked")
        really(heartbeat)

    monkeypatch.setattr(LeaseHeartbeat, "_read_request", look)
    before = lease_of(run)
    with LeaseHeartbeat(run.pk, lease) as heartbeat:
        wait_until(lambda: lease_of(run) > before)

        assert not heartbeat.lost.is_set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_failing_heartbeat_stops_the_attempt(run, monkeypatch):
    def look(heartbeat: LeaseHeartbeat) -> None:
        raise RuntimeError("a fault in the console")

    monkeypatch.setattr(LeaseHeartbeat, "_read_request", look)
    with LeaseHeartbeat(run.pk, leases.take(run.pk)) as heartbeat:
        wait_until(heartbeat.must_stop)


def test_heartbeat_leaves_no_thread(run):
    with LeaseHeartbeat(run.pk, leases.take(run.pk)) as heartbeat:
        pass

    assert not heartbeat._thread.is_alive()
