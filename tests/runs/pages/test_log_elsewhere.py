"""The log of a call that another machine made."""

import pytest

from apps.runs.models import Attempt


@pytest.fixture
def attempt(launch) -> Attempt:
    """A call that the machine beta has made; its log is there."""
    run = launch(tables=["daily.sales"])
    return run.attempts.create(
        number=1, table="daily.sales", lease="l", dates=["2024-01-01"], worker="beta", status="ended"
    )


def test_attempt_page_names_the_machine_that_has_the_log(attempt, read):
    text = read(f"/runs/{attempt.run_id}/attempts/1/")

    assert f"where the call was made, on beta : run-{attempt.run_id}/attempt-1.log" in text
    assert "the job said nothing" not in text


def test_run_page_names_the_machine_that_has_the_log(attempt, read):
    assert "The log lies where the call was made, on beta." in read(f"/runs/{attempt.run_id}/")


def test_log_address_returns_404_and_names_the_machine_that_has_the_log(attempt, operating):
    answer = operating.get(f"/runs/{attempt.run_id}/attempts/1/log/")

    assert answer.status_code == 404
    assert f"The log of Attempt 1 of run {attempt.run_id} lies on beta." in answer.content.decode()


def test_log_in_a_shared_folder_is_shown(attempt, read):
    attempt.log_path.parent.mkdir(parents=True)
    attempt.log_path.write_text("read 4 rows\n")

    assert "read 4 rows" in read(f"/runs/{attempt.run_id}/attempts/1/")


def test_attempt_of_this_machine_without_a_log_is_shown_as_no_output(attempt, read, settings):
    settings.WORKER_NAME = "beta"

    assert "the job said nothing" in read(f"/runs/{attempt.run_id}/attempts/1/")
