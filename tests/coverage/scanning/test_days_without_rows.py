"""A rule that begins at 0: a day that rightly has no rows is complete once it was read after it was over."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.coverage.models import Partition
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.conftest import step

SECOND = {"tables": ["daily.sales"], "start": day("01-02"), "end": day("01-02")}


def sales(date: str = "01-02") -> Partition:
    return Partition.objects.get(table="daily.sales", date=day(date))


@pytest.fixture
def may_be_empty(rewrite) -> None:
    """A day of sales has any number of rows up to 8."""
    rewrite("rows = { per_unit = [2, 2] }", "rows = { between = [0, 8] }")


def test_a_day_without_rows_is_complete_for_scan_verification_and_plan(
    may_be_empty, verify, plan, first_scan
):
    by_scan = (sales().state, sales().rows, sales().reason)

    assert verify(**SECOND).verdict == "passed"
    assert by_scan == (sales().state, sales().rows, sales().reason) == ("complete", 0, "")
    assert not plan(**SECOND).steps


def test_a_day_that_is_not_over_is_not_complete_without_rows(may_be_empty, scan, monkeypatch):
    noon = dt.datetime(2024, 1, 2, 12, tzinfo=dt.UTC)
    monkeypatch.setattr(timezone, "now", lambda: noon)
    scan()

    assert sales("01-01").state == "complete"
    assert not Partition.objects.filter(table="daily.sales", date=day("01-02"), state="complete").exists()


def test_a_call_that_ends_well_without_rows_is_verified(may_be_empty, fault, launch, drive):
    fault("daily.sales", "01-02", "silent")
    run = drive(launch(reprocess="all", **SECOND))

    assert (run.status, step(run, "01-02").status) == (Run.Status.SUCCEEDED, "succeeded")
    assert (sales().state, sales().rows) == ("complete", 0)


def test_a_call_that_breaks_off_without_rows_has_failed(may_be_empty, fault, launch, drive):
    fault("daily.sales", "01-02", "abort")
    run = drive(launch(reprocess="all", **SECOND))

    assert (run.status, step(run, "01-02").status) == (Run.Status.FAILED, "failed")


def test_rows_lost_from_a_day_that_may_be_empty_are_a_regression(may_be_empty, ask, scan):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(3) rows(i)", day("01-02"))
    scan()
    ask("DELETE FROM daily.sales")
    scan()

    assert (sales().state, sales().lost_rows) == ("complete", 3)


def test_a_table_that_does_not_exist_has_no_complete_day(may_be_empty, ask, scan):
    ask("DROP TABLE daily.sales")
    scan()

    assert (sales().state, sales().reason) == ("missing", "table daily.sales does not exist in the warehouse")
