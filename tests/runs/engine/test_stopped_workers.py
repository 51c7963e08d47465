"""A worker that is told to stop while it performs a run."""

import pytest
from django_q.models import OrmQ

from apps.runs import control
from apps.runs.engine import recovery
from apps.runs.engine.lease_heartbeat import note_stop
from apps.runs.models import Attempt, Run, leases
from apps.workers import stopping
from tests.conftest import day
from tests.runs.conftest import meanwhile, step, wait_until
from tests.runs.engine.test_recovery import let_the_lease_run_out
from tests.runs.test_control import under_way

pytestmark = pytest.mark.postgresql

TWO_DAYS = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-02")}


@pytest.fixture(autouse=True)
def own_word():
    """Nobody is told to stop before or after the test."""
    stopping.begin()
    yield
    stopping.begin()


def test_a_call_ends_as_stopped_and_its_lane_is_in_the_queue(launch, fault, plan, pipeline, drain, settings):
    fault("daily.sales", "01-01", "sleep 600")
    run = control.launch(plan(**TWO_DAYS), pipeline, by="olga")

    with meanwhile(lambda: (wait_until(lambda: under_way(run)), stopping.request_stop())):
        drain(most=1)

    run.refresh_from_db()
    attempt = run.attempts.get()
    assert (run.status, attempt.status) == (Run.Status.RUNNING, Attempt.Status.STOPPED)
    assert attempt.stopped_by == settings.WORKER_NAME
    assert {(s.status, s.attempts) for s in run.steps.all()} == {("pending", 0)}
    assert OrmQ.objects.filter(key="runs").count() == 1
    assert run.events.filter(
        kind="worker stopped", text__contains=f"workers of {settings.WORKER_NAME}"
    ).exists()


def test_a_worker_that_is_to_stop_leaves_the_task_to_the_next(plan, pipeline, drain):
    run = control.launch(plan(**TWO_DAYS), pipeline, by="olga")
    stopping.request_stop()
    drain(most=1)
    assert (run.attempts.count(), OrmQ.objects.filter(key="runs").count()) == (0, 1)

    stopping.begin()
    drain()

    run.refresh_from_db()
    assert run.status == Run.Status.SUCCEEDED


def test_worker_killed_while_stopping_does_not_count_as_dead(launch, warehouse):
    run = launch(**TWO_DAYS)
    for number in range(1, 5):
        attempt = run.attempts.create(
            number=number, table="daily.sales", dates=["2024-01-01"], lease=leases.take(run.pk)
        )
        run.steps.filter(date=day("01-01")).update(status="running", attempt=attempt, attempts=1)
        note_stop(Attempt.objects.filter(pk=attempt.pk))
        let_the_lease_run_out(run)
        recovery.recover(run, leases.take(run.pk), warehouse)
        let_the_lease_run_out(run)

    assert (step(run, "01-01").status, step(run, "01-01").attempts) == ("pending", 0)
    assert set(run.attempts.values_list("status", flat=True)) == {Attempt.Status.STOPPED}
    assert not run.events.filter(kind="lost").exists()


def test_stop_requested_by_an_operator_is_not_attributed_to_the_worker(launch, drive, fault):
    fault("daily.sales", "01-01", "sleep 600")
    run = launch(**TWO_DAYS)

    with meanwhile(lambda: (wait_until(lambda: under_way(run)), control.stop(run, by="olga"))):
        drive(run)

    assert run.attempts.get().stopped_by == ""
    assert not run.events.filter(kind="worker stopped").exists()
