"""A table that rows are compared with and that cannot be read now: what is compared with it has not failed."""

import pytest

from apps import timing
from apps.runs import control
from apps.runs.models import Run, Step
from tests.conftest import day

VISITS = {"tables": ["daily.visits"], "start": day("01-01"), "end": day("01-02")}
AWAY = "ALTER TABLE daily.sales RENAME COLUMN day TO date"


@pytest.fixture
def waiting(launch, perform, fault, fill, monkeypatch) -> Run:
    """A run of visits whose job makes the sales unreadable on the way."""
    monkeypatch.setattr(timing, "WAREHOUSE_RETRY_FOR", 0.0)
    fill("01-01", "01-02")
    fault("daily.visits", "01-02", f"also {AWAY}")
    return perform(launch(**VISITS))


def test_run_waits_with_pending_steps_if_the_comparison_table_is_unreadable(waiting):
    assert (waiting.status, waiting.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.WAREHOUSE)
    assert waiting.message == "The warehouse did not answer: table daily.sales has no column day"
    assert {each.status for each in waiting.steps.all()} == {Step.Status.PENDING}


def test_steps_are_verified_once_the_comparison_table_is_readable(waiting, perform, ask, fault):
    ask("ALTER TABLE daily.sales RENAME COLUMN date TO day")
    fault.mend()

    control.resume(waiting, by="olga")
    run = perform(waiting)

    assert (run.status, run.message) == (Run.Status.SUCCEEDED, "All 2 steps verified")
