"""What BigQuery would refuse again is not tried again, until a person mended it and asks for a retry."""

import pytest

from apps.runs.models import Run, Step
from tests.conftest import day

FIRST_WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-05")}
# https://cloud.google.com/bigquery/docs/error-messages
LASTING = ["notFound", "invalidQuery", "accessDenied"]


@pytest.fixture(autouse=True)
def four_attempts(rewrite) -> None:
    """A table whose dates are tried four times before they have failed."""
    rewrite("attempts = 1", "attempts = 4")


@pytest.mark.parametrize("at_call", [False, True])
@pytest.mark.parametrize("reason", LASTING)
def test_permanent_refusal_fails_its_steps_after_one_attempt(launch, drive, server, reason, at_call):
    server.refuse(reason, about="script", times=100, at_call=at_call)

    run = drive(launch(**FIRST_WEEK))

    assert run.status == Run.Status.FAILED
    assert list(run.steps.values_list("status", "attempts")) == [(Step.Status.FAILED, 1)] * 5
    assert run.attempts.count() == 1


def test_step_message_states_the_refusal_and_that_there_is_no_automatic_retry(launch, drive, server):
    server.say("DROP TABLE raw.orders")

    run = drive(launch(**FIRST_WEEK))

    assert set(run.steps.values_list("message", flat=True)) == {
        "Not found: Table shop-project:raw.orders was not found in location US (notFound): "
        "not tried again by itself; retry it once that is mended"
    }


def test_run_page_shows_the_permanent_refusal(launch, drive, server, viewing):
    server.refuse("accessDenied", about="script", says="Access Denied: Table shop-project:raw.orders")
    run = drive(launch(**FIRST_WEEK))

    page = viewing.get(run.get_absolute_url()).text

    assert "Access Denied: Table shop-project:raw.orders (accessDenied): not tried again by itself" in page


def test_manual_retry_succeeds_after_the_cause_is_fixed(launch, drive, server):
    server.refuse("accessDenied", about="script")
    failed = drive(launch(**FIRST_WEEK))

    retry = drive(launch(**FIRST_WEEK))

    assert (failed.status, retry.status) == (Run.Status.FAILED, Run.Status.SUCCEEDED)


def test_temporary_refusal_is_retried_automatically(launch, drive, server):
    server.refuse("bytesBilledLimitExceeded", about="script")

    run = drive(launch(**FIRST_WEEK))

    assert set(run.steps.values_list("status", "attempts")) == {(Step.Status.SUCCEEDED, 2)}


def test_a_run_stops_itself_after_one_refused_call(launch, drive, server):
    """Five dates that say the same are what a run pauses after: the other fifteen are not refused one by one."""
    server.refuse("invalidQuery", about="script", times=100)

    run = drive(launch(tables=["daily.sales"]))

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.FAILURES)
    assert run.attempts.count() == 1
