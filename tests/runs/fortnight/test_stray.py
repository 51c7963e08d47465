"""A script that BigQuery performs may outlive the call that began it: it is ended before its dates are filled again."""

import datetime as dt
import itertools

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from apps import timing
from apps.coverage.models import Scan
from apps.coverage.tasks import scan
from apps.runs import control, tasks
from apps.runs.models import Attempt, Run
from apps.runs.plans import planning, selections
from tests.runs.conftest import wait_until
from tests.runs.fortnight.contract import ONLY_SALES, statuses


def told(run: Run) -> list[str]:
    return list(run.events.filter(kind="orphaned job").order_by("id").values_list("text", flat=True))


@pytest.mark.usefixtures("key")
def test_a_script_that_outlived_its_credential_is_ended_before_another_begins(
    slow, at_work, expire, perform, perform_again, server
):
    with at_work(expire):
        perform(slow)
    assert (slow.pause_reason, statuses(slow)) == (Run.PauseReason.WAREHOUSE, {("pending", 0)})

    server.has_expired = False
    server.delay("script", 0)
    perform_again(slow)

    first, *others = server.asked("script")
    assert first.cancelled.is_set() and first.finished < min(job.created for job in others)
    assert slow.status == Run.Status.SUCCEEDED


@pytest.fixture
def left(slow, at_work, expire, perform, key, server) -> Run:
    """A run that waits, since its credentials expired while its script was at work; they are good again."""
    with at_work(expire):
        perform(slow)
    server.has_expired = False
    return slow


def test_timeline_reports_an_orphaned_script_and_its_end(left, perform_again, server):
    assert told(left) == [
        "The script of attempt 1 may still run in the warehouse; it is ended as soon as that can be"
    ]

    server.delay("script", 0)
    perform_again(left)

    assert told(left)[1:] == ["The script of attempt 1 was still at work in the warehouse, and is ended"]


def test_orphaned_script_of_a_cancelled_run_is_cancelled(left, server, perform):
    control.cancel(left, by="olga")
    a_minute_later()

    tasks.cancel_orphaned_jobs()

    (job,) = server.asked("script")
    assert job.cancelled.is_set() and job.over.is_set()
    assert told(left)[-1] == "The script of attempt 1 was still at work in the warehouse, and is ended"


def tried(run: Run) -> list[dt.datetime]:
    return list(run.attempts.orphaned().values_list("orphaned_at", flat=True))


def a_minute_later() -> None:
    Attempt.objects.orphaned().update(orphaned_at=timezone.now() - dt.timedelta(minutes=1))


def test_cancellation_of_an_orphaned_script_is_rate_limited(left, server):
    control.cancel(left, by="olga")
    server.has_expired = True
    a_minute_later()

    tasks.cancel_orphaned_jobs()
    first = tried(left)
    tasks.cancel_orphaned_jobs()

    assert tried(left) == first != []


def test_orphaned_jobs_are_checked_every_minute(db):
    schedule = Schedule.objects.get(name="cancel orphaned jobs")

    assert (import_string(schedule.func), schedule.minutes) == (tasks.cancel_orphaned_jobs, 1)


def test_cancellation_of_an_orphaned_script_is_retried_until_it_succeeds(left, server):
    control.cancel(left, by="olga")
    server.has_expired = True
    a_minute_later()
    tasks.cancel_orphaned_jobs()
    assert left.attempts.orphaned().exists()

    server.has_expired = False
    a_minute_later()
    tasks.cancel_orphaned_jobs()
    assert not left.attempts.orphaned().exists()


def test_another_run_cancels_an_orphaned_script_before_it_fills_the_same_table(
    left, pipeline, perform, server
):
    control.cancel(left, by="olga")
    server.delay("script", 0)
    scan(Scan.objects.create().pk)

    plan = planning.plan(pipeline, selections.select(pipeline, **ONLY_SALES))
    other = perform(control.launch(plan, pipeline, by="olga"))

    first, *others = server.asked("script")
    assert first.cancelled.is_set() and first.finished < min(job.created for job in others)
    assert other.status == Run.Status.SUCCEEDED


def test_denied_job_status_pauses_the_run_and_fails_no_date(slow, at_work, perform, perform_again, server):
    with at_work(lambda: setattr(server, "tells_of_jobs", False)):
        perform(slow)
    assert (slow.pause_reason, statuses(slow)) == (Run.PauseReason.WAREHOUSE, {("pending", 0)})
    assert "BigQuery does not tell what became of the script: Access Denied" in slow.message

    server.tells_of_jobs = True
    server.delay("script", 0)
    assert perform_again(slow).status == Run.Status.SUCCEEDED


@pytest.fixture
def hasty(rewrite) -> None:
    """A script has one second."""
    rewrite('timeout = "2m"', 'timeout = "1s"')


@pytest.fixture
def stubborn(slow, server, monkeypatch) -> Run:
    """A run that was asked to stop, and whose script goes on although BigQuery was told to end it."""
    monkeypatch.setattr(timing, "BIGQUERY_CANCEL_TIMEOUT", 0.2)
    monkeypatch.setattr(timing, "BIGQUERY_ORPHAN_CANCEL_TIMEOUT", 0.2)
    server.minds_cancels = False
    return slow


def test_dates_get_no_new_attempt_while_their_script_still_runs(stubborn, at_work, perform, server):
    with at_work(lambda: control.stop(Run.objects.get(pk=stubborn.pk), by="olga")):
        run = perform(stubborn)
    assert (run.status, statuses(run)) == (Run.Status.PAUSED, {("pending", 0)})

    control.resume(run, by="olga")
    perform(run)

    assert len(server.asked("script")) == 1
    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert run.message.startswith(
        f"The script of attempt 1 of run {run.pk} is still at work: BigQuery was told to end"
    )


def test_uncancellable_script_does_not_block_cancelling_other_orphaned_jobs(
    stubborn, at_work, perform, server
):
    with at_work(lambda: control.stop(Run.objects.get(pk=stubborn.pk), by="olga")):
        run = perform(stubborn)
    other = Attempt.objects.get(run=run)
    other.pk, other.number = None, 2  # one of a job that there is not
    other.save()
    Attempt.objects.filter(number=1).update(orphaned_at=timezone.now() - dt.timedelta(minutes=2))
    Attempt.objects.filter(number=2).update(orphaned_at=timezone.now() - dt.timedelta(minutes=1))

    tasks.cancel_orphaned_jobs()

    assert [attempt.number for attempt in run.attempts.orphaned()] == [1]


@pytest.mark.parametrize("at_call", [True, False])
def test_refused_script_is_not_reported_as_still_running(launch, perform, server, at_call):
    run = launch(**ONLY_SALES)
    server.refuse("quotaExceeded", about="script", at_call=at_call)

    perform(run)

    assert run.pause_reason == Run.PauseReason.QUOTA
    assert told(run) == []


def test_a_call_whose_script_does_not_end_is_made_smaller(hasty, stubborn, perform, perform_again, server):
    server.minds_timeouts = False
    server.delay("script", 5)
    perform(stubborn)
    assert stubborn.attempts.get().status == Attempt.Status.TIMED_OUT

    wait_until(lambda: all(job.over.is_set() for job in server.asked("script")))
    server.delay("script", 0)
    perform_again(stubborn)

    assert len(stubborn.attempts.order_by("number")[1].dates) == 3


def test_a_call_whose_time_is_over_waits_until_its_script_is_too(hasty, slow, perform, server):
    server.minds_cancels = server.minds_timeouts = False
    server.delay("script", 3)

    perform(slow)

    jobs = server.asked("script")
    assert len(jobs) > 1
    assert all(one.finished <= other.created for one, other in itertools.pairwise(jobs))
