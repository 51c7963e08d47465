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


def test_a_database_that_is_away_is_asked_again():
    assert retry_on_db_outage(failing(3, "here")) == "here"


def test_not_for_ever(monkeypatch):
    monkeypatch.setattr(timing, "DB_RETRY_FOR", -1)

    with pytest.raises(OperationalError):
        retry_on_db_outage(failing(1))


def test_what_a_database_refuses_is_not_asked_again():
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


def test_a_database_that_breaks_off_in_a_decision_loses_no_step(launch, pipeline, monkeypatch):
    really, breaks = decisions.close, failing(1, error=OperationalError("the server was terminated"))
    monkeypatch.setattr(decisions, "close", lambda *args: (breaks(), really(*args)))

    run = perform(launch(**TWO_DAYS), pipeline)

    assert run.status == Run.Status.SUCCEEDED
    assert {(step.status, step.attempts) for step in run.steps.all()} == {("succeeded", 0)}
    assert "The console's database broke off" in run.attempts.get().message
    assert not run.events.filter(kind="lost").exists()


def test_a_database_that_keeps_breaking_off_is_left_to_the_next_worker(launch, pipeline, monkeypatch):
    monkeypatch.setattr(runner.picking, "pick", failing(99))
    monkeypatch.setattr(timing, "DB_RETRY_FOR", -1)

    with pytest.raises(OperationalError):
        perform(launch(**TWO_DAYS), pipeline)
