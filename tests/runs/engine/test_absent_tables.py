"""A table that does not exist has no rows, and that is certain: it is missing, and its job may create it."""

import pytest

from apps.coverage.models import Partition
from apps.runs.models import Run
from apps.runs.plans import planning, selections
from tests.conftest import day
from tests.runs.conftest import step
from tests.runs.engine.test_side_effects import sales

CREATE = "also CREATE TABLE IF NOT EXISTS daily.sales (day DATE, item BIGINT, written_at TIMESTAMP)"


@pytest.fixture
def no_table(ask):
    ask("DROP TABLE daily.sales")


def test_expected_dates_of_an_absent_table_are_missing_with_the_reason(no_table, first_scan):
    found = Partition.objects.get(table="daily.sales", date=day("01-05"))
    assert (found.state, found.rows) == ("missing", 0)
    assert found.reason == "table daily.sales does not exist in the warehouse: no rows, expected 8"


def test_a_plan_has_its_dates_right_after_a_scan(no_table, pipeline, first_scan):
    plan = planning.plan(pipeline, selections.select(pipeline, **sales("01-01", "01-06")))

    assert len(plan.steps) == 6


def test_a_job_that_creates_its_table_fills_it(no_table, launch, drive, fault):
    fault("daily.sales", "01-01", CREATE)

    run = drive(launch(**sales("01-01", "01-06")))

    assert (run.status, run.message) == (Run.Status.SUCCEEDED, "All 6 steps verified")


def test_a_job_that_drops_its_table_fails_its_dates_and_pauses_the_run(launch, drive, fault):
    fault("daily.sales", "01-05", "also DROP TABLE daily.sales")

    run = drive(launch(**sales("01-01", "01-10")))

    assert (run.status, run.pause_reason) == (Run.Status.PAUSED, Run.PauseReason.FAILURES)
    assert "sales lost 32 rows on 4 dates (2024-01-01 to 2024-01-04)" in run.message
    assert step(run, "01-01").message.startswith("regression: 8 rows when it was verified, 0 after attempt 2")
    assert step(run, "01-05").status == "failed"


def test_the_call_after_the_one_that_dropped_the_table_may_create_it(launch, drive, fault, ask):
    fault("daily.sales", "01-05", "also DROP TABLE daily.sales")
    fault("daily.sales", "01-10", CREATE)

    run = drive(launch(**sales("01-05", "01-10")))

    assert (step(run, "01-05").status, step(run, "01-10").status) == ("failed", "succeeded")
