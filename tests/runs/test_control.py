"""What an operator can do with a run, and what becomes of its dates."""

import datetime as dt

import psutil
import pytest
from django.utils import timezone
from django_q.models import OrmQ

from apps.runs import control
from apps.runs.control import LaunchRefused
from apps.runs.engine import circuit_breaker
from apps.runs.failures import failure_groups
from apps.runs.models import Attempt, IllegalMove, Run, Step, leases
from apps.runs.plans import planning, selections
from tests.conftest import day
from tests.runs.conftest import may_write, meanwhile, shown, step, wait_until

pytestmark = pytest.mark.postgresql

TWO_DAYS = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-02")}
WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-06")}


def queued_tasks() -> int:
    return OrmQ.objects.filter(key="runs").count()


def under_way(run: Run) -> Attempt | None:
    return run.attempts.filter(status=Attempt.Status.RUNNING).exclude(pid=None).first()


def during_the_call(run: Run, verb) -> None:
    wait_until(lambda: under_way(run))
    verb(Run.objects.get(pk=run.pk), by="olga")


# Launch -------------------------------------------------------------------------------------------


def test_a_launch_puts_its_dates_and_a_task_in_the_queue(plan, pipeline):
    run = control.launch(plan(**TWO_DAYS), pipeline, by="olga", note="after the outage")

    assert (run.status, run.launched_by, run.note) == ("queued", "olga", "after the outage")
    assert shown("01-01") == "queued"
    assert queued_tasks() == 1


def test_a_plan_without_steps_is_refused(plan, pipeline):
    empty = plan(tables=["daily.sales"], start=day("01-07"), end=day("01-07"))

    with pytest.raises(LaunchRefused, match="Nothing to do"):
        control.launch(empty, pipeline, by="olga")


def test_two_launches_of_one_plan_are_refused_by_name(plan, pipeline):
    twice = plan(**TWO_DAYS)
    first = control.launch(twice, pipeline, by="olga")

    with pytest.raises(LaunchRefused) as refusal:
        control.launch(twice, pipeline, by="otto")

    assert str(refusal.value) == (
        f"Run {first.pk} (sales, 2024-01-01 to 2024-01-02, launched by olga, queued, 0 of 2 steps verified) is "
        "about to fill some of these partitions, daily.sales on 2024-01-01 among them. Plan again to leave them out."
    )


def test_a_launch_that_was_refused_leaves_nothing_behind(plan, pipeline):
    twice = plan(**TWO_DAYS)
    control.launch(twice, pipeline, by="olga")

    with pytest.raises(LaunchRefused):
        control.launch(twice, pipeline, by="otto")

    assert (Run.objects.count(), Step.objects.count(), queued_tasks()) == (1, 2, 1)


# Pause and resume ---------------------------------------------------------------------------------


def test_a_pause_lets_the_call_under_way_end(launch, drive, fault):
    fault("daily.sales", "01-01", "sleep 1")
    run = launch(**WEEK)

    with meanwhile(lambda: during_the_call(run, control.pause)):
        drive(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.OPERATOR)
    assert run.steps.filter(status="succeeded").count() == 4
    assert run.steps.pending().count() == 2


def test_a_run_that_is_resumed_does_only_what_is_left(launch, drive):
    run = launch(**WEEK)
    drive(run, attempts=1)
    control.pause(run, by="olga")
    drive(run)

    control.resume(run, by="otto")
    drive(run)

    assert (run.status, run.attempts.count()) == (Run.Status.SUCCEEDED, 2)
    assert "Resumed" in run.events.values_list("text", flat=True)


@pytest.mark.parametrize("verb", [control.pause, control.stop])
def test_second_pause_or_stop_is_refused(launch, drive, verb):
    run = launch(**WEEK)
    drive(run, attempts=1)
    verb(run, by="olga")

    with pytest.raises(IllegalMove, match="already"):
        verb(Run.objects.get(pk=run.pk), by="otto")


def test_request_may_escalate_from_pause_to_cancel_but_not_back(launch, drive):
    run = launch(**WEEK)
    drive(run, attempts=1)

    control.pause(run, by="olga")
    control.stop(run, by="olga")
    control.cancel(run, by="olga")

    with pytest.raises(IllegalMove, match=rf"Run {run.pk} is being cancelled already\."):
        control.pause(run, by="otto")
    assert Run.objects.get(pk=run.pk).request == Run.Request.CANCEL


def test_second_resume_is_refused(launch):
    run = launch(**TWO_DAYS)
    control.pause(run, by="olga")
    same = Run.objects.get(pk=run.pk)
    control.resume(run, by="olga")

    with pytest.raises(IllegalMove, match=f"Run {run.pk} is queued"):
        control.resume(same, by="otto")
    assert queued_tasks() == 1


@pytest.mark.parametrize("verb", [control.pause, control.stop, control.cancel, control.resume])
def test_a_run_that_ended_stays_ended(launch, drive, verb):
    run = drive(launch(**TWO_DAYS))

    with pytest.raises(IllegalMove, match=f"Run {run.pk} has succeeded"):
        verb(run, by="olga")
    assert run.steps.filter(status="succeeded").count() == 2


# Stop and cancel ----------------------------------------------------------------------------------


def test_a_stop_ends_the_job_and_its_dates_are_pending_again(launch, drive, fault):
    fault("daily.sales", "01-01", "sleep 60")
    run = launch(**TWO_DAYS)

    with meanwhile(lambda: during_the_call(run, control.stop)):
        drive(run)

    attempt = run.attempts.get()
    assert (run.status, attempt.status) == (Run.Status.PAUSED, Attempt.Status.STOPPED)
    assert not psutil.pid_exists(attempt.pid)
    assert {(s.status, s.attempts) for s in run.steps.all()} == {("pending", 0)}
    assert shown("01-01") == "queued"


def test_cancel_terminates_the_job_and_releases_its_dates(launch, drive, fault):
    fault("daily.sales", "01-01", "sleep 60")
    run = launch(**TWO_DAYS)

    with meanwhile(lambda: during_the_call(run, control.cancel)):
        drive(run)

    assert (run.status, run.message) == (Run.Status.CANCELLED, "Cancelled with 2 steps left")
    assert {s.status for s in run.steps.all()} == {"cancelled"}
    assert shown("01-01") == "missing"


def test_a_run_is_cancelled_before_it_began(launch):
    run = launch(**TWO_DAYS)

    control.cancel(run, by="olga")

    assert (run.status, shown("01-01")) == (Run.Status.CANCELLED, "missing")


def test_a_paused_run_can_be_cancelled(launch):
    run = launch(**TWO_DAYS)
    control.pause(run, by="olga")

    control.cancel(run, by="olga")

    assert run.status == Run.Status.CANCELLED
    assert run.finished_at


def test_a_cancelled_retry_leaves_the_failure_that_it_was_for(launch, drive, fault):
    fault("daily.sales", "01-02", "silent")
    first = drive(launch(**TWO_DAYS))
    retry = launch(**TWO_DAYS)
    assert shown("01-02") == "queued"

    control.cancel(retry, by="olga")

    assert shown("01-02") == "failed"
    assert [s.run_id for s in failure_groups.open_steps()] == [first.pk]


def test_cancelled_dates_can_be_launched_again(launch):
    control.cancel(launch(**TWO_DAYS), by="olga")

    assert launch(**TWO_DAYS).status == Run.Status.QUEUED


def test_a_cancelled_runs_worker_writes_nothing_any_more(launch, drive):
    run = launch(**WEEK)
    drive(run, attempts=1)
    lease = leases.take(run.pk)

    run._cancel(by="olga")

    assert not may_write(run, lease)


# Gates --------------------------------------------------------------------------------------------


def test_run_continues_when_an_operator_releases_the_gate(launch, drive):
    run = drive(launch(start=day("01-01"), end=day("01-04")))
    assert run.waits_at_gate

    control.start_phase(run, "3", by="otto")
    drive(run)

    assert (run.status, run.released_phases) == (Run.Status.SUCCEEDED, ["3"])
    assert run.events.get(kind="gate").by == "otto"


# Retry and the breaker ----------------------------------------------------------------------------


def test_a_retry_takes_what_failed_and_nothing_else(launch, drive, fault, pipeline):
    fault("daily.sales", "01-02", "silent")
    run = drive(launch(**WEEK))
    fault.mend()

    again = planning.plan(pipeline, selections.select_partitions(pipeline, failure_groups.to_retry(run)))
    retry = drive(control.launch(again, pipeline, by="olga", retry_of=run, queued=False))

    assert [s.date for s in retry.steps.all()] == [day("01-02")]
    assert (retry.status, shown("01-02")) == (Run.Status.SUCCEEDED, "complete")


def test_job_with_two_attempts_retries_a_failed_date_once(launch, drive, fault, pipeline, monkeypatch):
    monkeypatch.setitem(pipeline.table("daily.sales").job.__dict__, "attempts", 2)
    fault("daily.sales", "01-02", "silent")

    run = drive(launch(**WEEK))

    assert (step(run, "01-02").status, step(run, "01-02").attempts) == ("failed", 2)
    assert (step(run, "01-01").status, step(run, "01-01").attempts) == ("succeeded", 1)
    assert [attempt.dates for attempt in run.attempts.filter(number=2)] == [["2024-01-02"]]


def test_circuit_breaker_is_reset_by_a_resume(launch, drive, fault):
    for number in range(1, 21):
        fault("daily.sales", f"01-{number:02}", "overflow")
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-20")))
    failed = run.steps.failed().count()
    assert run.pause_reason == Run.PauseReason.FAILURES

    control.resume(run, by="olga", reason="the source was mended")
    drive(run, attempts=run.attempts.count() + 1)

    assert run.status == Run.Status.RUNNING
    assert failed < run.steps.failed().count() < failed + 5


def test_five_in_a_row_stop_a_run_though_the_calls_last_date_was_filled(launch, drive, fault):
    for number in (1, 2, 3, 4, 5):
        fault("daily.sales", f"01-{number:02}", "overflow")

    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-19"), batch=6))

    assert (run.status, run.pause_reason, run.attempts.count()) == (
        Run.Status.PAUSED,
        Run.PauseReason.FAILURES,
        1,
    )
    assert run.message.startswith("5 failures in a row say the same")


@pytest.mark.parametrize(("decided", "says"), [(19, ""), (20, "10 of the last 20 steps failed")])
def test_a_share_of_failures_means_something_from_twenty_steps_on(launch, decided, says):
    run = launch(tables=["daily.sales"])
    some = list(run.steps.order_by("position")[:decided])
    for place, each in enumerate(some):
        each.status = "succeeded" if place % 2 else "failed"
        each.finished_at = timezone.now() + dt.timedelta(seconds=place)
    Step.objects.bulk_update(some, ["status", "finished_at"])

    assert circuit_breaker.reason_to_open(run) == says


def test_a_run_of_which_half_fails_is_stopped_though_never_five_in_a_row(launch, drive, fault):
    run = launch(tables=["daily.sales"])
    decided = list(run.steps.filter(season="winter").order_by("position"))
    for place, each in enumerate(decided):
        each.status = "succeeded" if place % 2 else "failed"
        each.finished_at = timezone.now()
    Step.objects.bulk_update(decided, ["status", "finished_at"])
    fault("daily.sales", "03-02", "overflow")
    fault("daily.sales", "03-04", "overflow")

    drive(run)

    assert (run.status, run.message) == (Run.Status.PAUSED, "10 of the last 20 steps failed")
