"""A run of a fortnight against the stand-in, which also refuses, dawdles and cancels as BigQuery says that it does."""

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from apps.runs import control
from apps.runs.models import Attempt, Run
from tests.runs.fortnight.contract import FORTNIGHT, ONLY_SALES, SALES, VISITS, Fortnight, statuses

PACIFIC = ZoneInfo("America/Los_Angeles")


class TestStandIn(Fortnight):
    pass


def test_count_queries_are_labelled_with_the_run_number(launch, perform, server):
    run = launch(**ONLY_SALES)
    server.forget()

    perform(run)

    assert {job.labels["run"] for job in server.asked("count")} == {str(run.pk)}


# Somebody stops it ------------------------------------------------------------------------------------


@pytest.fixture
def interrupted(slow, drive, at_work) -> Callable[[Callable], Run]:
    """The slow run, of which somebody asked something while its script was at work."""

    def perform(verb: Callable) -> Run:
        with at_work(lambda: verb(Run.objects.get(pk=slow.pk), by="olga")):
            return drive(slow)

    return perform


def test_stop_now_cancels_the_script_on_the_server(interrupted, server):
    run = interrupted(control.stop)

    (job,) = server.asked("script")
    assert job.cancelled.is_set() and job.over.is_set()
    assert (run.status, run.attempts.get().status) == (Run.Status.PAUSED, Attempt.Status.STOPPED)
    assert statuses(run) == {("pending", 0)}


def test_stopped_run_continues_where_it_stopped_when_resumed(interrupted, drive, server):
    run = interrupted(control.stop)
    server.delay("script", 0)
    control.resume(run, by="olga")

    assert drive(run).status == Run.Status.SUCCEEDED


def test_a_run_that_is_cancelled_cancels_the_script_on_the_server(interrupted, server, ask):
    run = interrupted(control.cancel)

    (job,) = server.asked("script")
    assert job.cancelled.is_set() and job.over.is_set()
    assert (run.status, run.message) == (Run.Status.CANCELLED, "Cancelled with 14 steps left")
    assert {status for status, _ in statuses(run)} == {"cancelled"}
    assert ask(f"SELECT COUNT(*) FROM {SALES}") == [(0,)]


# BigQuery says no -------------------------------------------------------------------------------------


# https://cloud.google.com/bigquery/docs/troubleshoot-quotas
USED_UP = (
    "Custom quota exceeded: Your usage exceeded the custom quota for QueryUsagePerDay, which is set by you."
)


@pytest.mark.parametrize("at_call", [False, True])
def test_a_quota_that_is_used_up_pauses_the_run_until_it_is_given_anew(launch, perform, server, at_call):
    """https://cloud.google.com/bigquery/docs/custom-quotas: at midnight Pacific."""
    run = launch(**ONLY_SALES)
    server.refuse("quotaExceeded", about="script", at_call=at_call, says=USED_UP)

    perform(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.QUOTA)
    assert run.message.startswith(
        'the project\'s daily quota "QueryUsagePerDay" is used up, until midnight Pacific'
    )
    assert run.again_at.astimezone(PACIFIC).time() == dt.time(0, 2)
    assert dt.timedelta() < run.again_at - timezone.now() <= dt.timedelta(days=1, hours=1)
    assert statuses(run) == {("pending", 0)}


def test_run_paused_by_a_quota_resumes_automatically(launch, perform, perform_again, server):
    run = launch(**ONLY_SALES)
    server.refuse("quotaExceeded", about="script")
    perform(run)

    assert perform_again(run).status == Run.Status.SUCCEEDED


def test_exhausted_quota_on_a_count_pauses_the_run_without_repeated_queries(launch, perform, server):
    run = launch(**ONLY_SALES)
    server.forget()
    server.refuse("quotaExceeded", about="count", times=100)

    perform(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.QUOTA)
    assert len(server.asked("count")) <= 2


def test_a_rate_that_is_too_high_for_a_moment_is_not_noticed(launch, perform, server):
    run = launch(**ONLY_SALES)
    server.refuse("rateLimitExceeded", about="script", times=2, at_call=True)

    perform(run)

    assert (run.status, run.waits) == (Run.Status.SUCCEEDED, 0)
    assert statuses(run) == {("succeeded", 1)}


def test_a_script_that_ends_with_too_high_a_rate_is_tried_again_later(launch, perform, perform_again, server):
    run = launch(**ONLY_SALES)
    server.refuse("rateLimitExceeded", about="script", says="Exceeded rate limits")

    perform(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert "BigQuery asks to be asked again later: Exceeded rate limits" in run.message
    assert dt.timedelta(seconds=20) < run.again_at - timezone.now() <= dt.timedelta(seconds=30)
    assert statuses(run) == {("pending", 0)}
    assert perform_again(run).status == Run.Status.SUCCEEDED


@pytest.mark.parametrize(
    "says",
    [
        "Transaction is aborted due to concurrent update against table shop-project:daily.sales.",
        "Could not serialize access to table shop-project:daily.sales due to concurrent update",
    ],
)
def test_script_aborted_by_a_concurrent_update_is_retried(launch, perform, perform_again, server, says):
    run = launch(**ONLY_SALES)
    server.refuse("invalidQuery", about="script", says=says)

    perform(run)

    assert (run.pause_reason, statuses(run)) == (Run.PauseReason.WAREHOUSE, {("pending", 0)})
    assert perform_again(run).status == Run.Status.SUCCEEDED


# Credentials ------------------------------------------------------------------------------------------


def has_a_remedy(message: str) -> bool:
    remedy = "run gcloud auth application-default login again, or replace the key file"
    return remedy in message and "\n" not in message and "Traceback" not in message


@pytest.mark.usefixtures("key")
def test_a_credential_that_expires_between_two_calls_is_waited_for(
    launch, drive, perform, perform_again, server
):
    run = drive(launch(tables=[SALES, VISITS], **FORTNIGHT), attempts=1)
    server.has_expired = True

    perform(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert has_a_remedy(run.message)
    assert statuses(run) == {("succeeded", 1), ("pending", 0)}

    server.has_expired = False
    assert perform_again(run).status == Run.Status.SUCCEEDED


@pytest.mark.usefixtures("key")
def test_a_credential_that_expires_while_a_program_works_fails_no_date(
    launch, drive, perform, perform_again, server, at_work, expire
):
    drive(launch(**ONLY_SALES))
    run = launch(tables=[VISITS], **FORTNIGHT)
    server.forget()

    with at_work(expire):
        perform(run)

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert has_a_remedy(run.message)
    assert not run.steps.failed().exists()

    server.has_expired = False
    assert perform_again(run).status == Run.Status.SUCCEEDED
