"""Runs that wait by themselves, and what a person may decide about gates and failures."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from apps import timing
from apps.coverage import tasks as coverage_tasks
from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import Partition
from apps.runs import tasks
from apps.runs.calls import jobs
from apps.runs.engine import pausing
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.conftest import step

TWO_DAYS = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-02")}
TREND = {"tables": ["weekly.trend"], "start": day("01-04"), "end": day("01-06"), "through_gaps": True}


def seconds_until(moment: dt.datetime) -> float:
    return (moment - timezone.now()).total_seconds()


@pytest.fixture
def away(launch, shop, monkeypatch) -> Run:
    """A run whose warehouse went away before it began."""
    monkeypatch.setattr(timing, "WAREHOUSE_RETRY_FOR", 0)
    run = launch(**TWO_DAYS)
    shop.rename(shop.with_suffix(".gone"))
    return run


def perform(run: Run, drain) -> Run:
    tasks.revive()
    drain()
    run.refresh_from_db()
    return run


def test_run_waits_for_an_unreachable_warehouse_with_a_retry_time(away, drain):
    perform(away, drain)

    assert (away.status, away.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert "The warehouse did not answer" in away.message
    assert 20 < seconds_until(away.again_at) <= 30
    assert {(s.status, s.attempts) for s in away.steps.all()} == {("pending", 0)}


def test_retry_interval_grows_while_the_warehouse_is_unreachable(away, drain):
    perform(away, drain)
    Run.objects.update(again_at=timezone.now())

    perform(away, drain)

    assert 50 < seconds_until(away.again_at) <= 60


def test_run_resumes_automatically_when_the_warehouse_is_reachable_again(away, drain, shop):
    perform(away, drain)
    shop.with_suffix(".gone").rename(shop)
    Run.objects.update(again_at=timezone.now())

    perform(away, drain)

    assert (away.status, away.waits, away.again_at) == (Run.Status.SUCCEEDED, 0, None)
    assert "Trying again" in away.events.values_list("text", flat=True)


def test_waiting_run_resumes_although_the_clock_was_set_back_an_hour(away, drain, shop):
    with time_machine.travel(timezone.now() + dt.timedelta(hours=1)):
        perform(away, drain)
    shop.with_suffix(".gone").rename(shop)

    assert perform(away, drain).status == Run.Status.SUCCEEDED


def test_waiting_run_resumes_as_soon_as_a_warehouse_probe_is_answered(away, drain, shop):
    perform(away, drain)
    Run.objects.update(again_at=timezone.now() + dt.timedelta(minutes=15))
    shop.with_suffix(".gone").rename(shop)

    coverage_tasks.look_again()

    assert perform(away, drain).status == Run.Status.SUCCEEDED
    assert "Resumed: the warehouse answers again" in away.events.values_list("text", flat=True)


def test_run_stays_paused_while_the_warehouse_is_unreachable(away, drain):
    perform(away, drain)

    coverage_tasks.look_again()

    assert perform(away, drain).status == Run.Status.PAUSED


def test_run_that_meets_an_outage_marks_its_tables_as_silent(away, drain):
    perform(away, drain)

    assert silent_tables()["daily.visits"].is_outage
    assert Partition.objects.get(table="daily.visits", date=day("01-05")).state == Partition.State.MISSING


def test_a_run_whose_logs_find_no_room_waits_and_loses_nothing(launch, drain, monkeypatch):
    monkeypatch.setattr(jobs, "LEAST_FREE", 10**18)
    run = perform(launch(**TWO_DAYS), drain)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.DISK)
    assert "MB left; the console needs" in run.message
    assert {(s.status, s.attempts) for s in run.steps.all()} == {("pending", 0)}

    monkeypatch.undo()
    Run.objects.update(again_at=timezone.now())
    assert perform(run, drain).status == Run.Status.SUCCEEDED


def test_a_table_that_cannot_be_read_is_waited_for_and_fails_no_date(launch, drive, drain, ask, monkeypatch):
    monkeypatch.setattr(timing, "WAREHOUSE_RETRY_FOR", 0)
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-06"), batch=1), attempts=2)
    ask("ALTER TABLE daily.sales RENAME COLUMN day TO date")

    perform(run, drain)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert "no column day" in run.message
    assert not run.steps.failed().exists()

    ask("ALTER TABLE daily.sales RENAME COLUMN date TO day")
    Run.objects.update(again_at=timezone.now())
    assert perform(run, drain).status == Run.Status.SUCCEEDED


# The breaker --------------------------------------------------------------------------------------


def test_failure_limit_of_the_breaker_can_be_set_per_run(launch, drive, fault):
    fault("daily.sales", "01-01", "overflow")
    fault("daily.sales", "01-02", "overflow")
    run = launch(tables=["daily.sales"], batch=1)
    Run.objects.update(stop_after_failures=2)

    assert drive(run).message.startswith("2 failures in a row say the same")


# Overrides ----------------------------------------------------------------------------------------


def test_override_starts_a_step_with_missing_inputs_and_marks_it(launch, drive):
    run = launch(**TREND)
    run.override_gates(by="olga", reason="the source was lost in the fire")

    drive(run)

    started = step(run, "01-04", "weekly.trend")
    assert (started.is_overridden, started.status) != (False, "skipped")
    assert run.attempts.exists()
    assert run.events.get(kind="override").by == "olga"


def test_a_step_whose_inputs_are_there_is_not_marked(launch, drive):
    run = launch(**TWO_DAYS)
    run.override_gates(by="olga", reason="just in case")

    assert not drive(run).steps.filter(is_overridden=True).exists()


def test_waiting_run_reports_why_its_table_cannot_be_read(scan, ask):
    scan()
    ask("ALTER TABLE daily.sales RENAME COLUMN day TO date")
    scan()

    says = pausing.unread_in_words([("daily.sales", day("01-05"))])

    assert says.endswith("asked again by itself: table daily.sales has no column day")
