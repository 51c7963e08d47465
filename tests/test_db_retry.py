"""The console's database goes away for a moment: nothing that was under way is lost."""

import pytest
from django.db import IntegrityError, OperationalError

from apps import timing
from apps.db_retry import retry_on_db_outage
from apps.runs.engine import decisions, runner
from apps.runs.models import Attempt, Run, leases
from tests.conftest import day

TWO_DAYS = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-02")}


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(timing, "DB_RETRY_EVERY", 0)


LOCKED = OperationalError("database is locked")


def failing(times: int, answer=None, error: Exception = LOCKED):
    """Says so many times that the database is away."""
    problems = [error] * times

    def ask(*_, **__):
        if problems:
            raise problems.pop()
        return answer

    return ask


def test_a_query_is_retried_if_the_database_is_unreachable():
    assert retry_on_db_outage(failing(3, "here")) == "here"


def test_retries_end_after_the_time_limit(monkeypatch):
    monkeypatch.setattr(timing, "DB_RETRY_FOR", -1)

    with pytest.raises(OperationalError):
        retry_on_db_outage(failing(1))


def test_an_integrity_error_is_not_retried():
    with pytest.raises(IntegrityError):
        retry_on_db_outage(failing(1, error=IntegrityError("twice")))


def test_a_decision_waits_for_a_locked_database(launch, drive, monkeypatch):
    really, locked = leases.holds, failing(3)

    def holds(run, lease):
        if Attempt.objects.filter(exit_status=None, pid__gt=0).exists():
            locked()
        return really(run, lease)

    monkeypatch.setattr(leases, "holds", holds)

    run = drive(launch(**TWO_DAYS))

    assert (run.status, run.attempts.get().status) == (Run.Status.SUCCEEDED, Attempt.Status.ENDED)


def perform(run: Run, pipeline) -> Run:
    runner.perform(run.pk, pipeline, lease=leases.take(run.pk))
    run.refresh_from_db()
    return run


def test_a_run_loses_no_step_if_the_database_fails_once_during_a_decision(launch, pipeline, monkeypatch):
    really, breaks = decisions.close, failing(1, error=OperationalError("the server was terminated"))
    monkeypatch.setattr(decisions, "close", lambda *args: (breaks(), really(*args)))

    run = perform(launch(**TWO_DAYS), pipeline)

    assert run.status == Run.Status.SUCCEEDED
    assert {(step.status, step.attempts) for step in run.steps.all()} == {("succeeded", 0)}
    assert "The console's database broke off" in run.attempts.get().message
    assert not run.events.filter(kind="lost").exists()


def test_a_run_raises_the_error_if_the_database_stays_unreachable(launch, pipeline, monkeypatch):
    monkeypatch.setattr(runner.picking, "pick", failing(99))
    monkeypatch.setattr(timing, "DB_RETRY_FOR", -1)

    with pytest.raises(OperationalError):
        perform(launch(**TWO_DAYS), pipeline)
