"""What BigQuery would refuse again is not tried again, until a person mended it and asks for a retry."""

from __future__ import annotations

import pytest

from apps.runs.models import Run, Step
from tests.conftest import day

FIRST_WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-05")}
# https://cloud.google.com/bigquery/docs/error-messages
LASTING = ["notFound", "invalidQuery", "accessDenied"]


@pytest.fixture(autouse=True)
def four_attempts(shop, configure):
    """A table whose dates are tried four times before they have failed."""
    configure()
    path = shop / "shop.toml"
    path.write_text(path.read_text().replace("attempts = 1", "attempts = 4"))


@pytest.mark.parametrize("at_call", [False, True])
@pytest.mark.parametrize("reason", LASTING)
def test_one_refusal_is_enough(launch, drive, server, reason, at_call):
    server.refuse(reason, about="script", times=100, at_call=at_call)

    run = drive(launch(**FIRST_WEEK))

    assert run.status == Run.Status.FAILED
    assert list(run.steps.values_list("status", "attempts")) == [(Step.Status.FAILED, 1)] * 5
    assert run.attempts.count() == 1


def test_the_step_says_why_and_that_it_is_not_tried_again(launch, drive, server):
    server.say("DROP TABLE raw.orders")

    run = drive(launch(**FIRST_WEEK))

    assert set(run.steps.values_list("message", flat=True)) == {
        "Not found: Table shop-project:raw.orders was not found in location US (notFound): "
        "not tried again by itself; retry it once that is mended"
    }


def test_the_page_of_the_run_says_so_too(launch, drive, server, viewing):
    server.refuse("accessDenied", about="script", says="Access Denied: Table shop-project:raw.orders")
    run = drive(launch(**FIRST_WEEK))

    page = viewing.get(run.get_absolute_url()).text

    assert "Access Denied: Table shop-project:raw.orders (accessDenied): not tried again by itself" in page


def test_a_person_retries_it_once_it_is_mended(launch, drive, server):
    server.refuse("accessDenied", about="script")
    failed = drive(launch(**FIRST_WEEK))

    retry = drive(launch(**FIRST_WEEK))

    assert (failed.status, retry.status) == (Run.Status.FAILED, Run.Status.SUCCEEDED)


def test_what_may_pass_is_tried_again(launch, drive, server):
    server.refuse("bytesBilledLimitExceeded", about="script")

    run = drive(launch(**FIRST_WEEK))

    assert set(run.steps.values_list("status", "attempts")) == {(Step.Status.SUCCEEDED, 2)}


def test_a_run_stops_itself_after_one_refused_call(launch, drive, server):
    """Five dates that say the same are what a run pauses after: the other fifteen are not refused one by one."""
    server.refuse("invalidQuery", about="script", times=100)

    run = drive(launch(tables=["daily.sales"]))

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.FAILURES)
    assert run.attempts.count() == 1
