"""Partitions that were complete and lost rows."""

import pytest

from apps.coverage.models import Partition
from tests.conftest import day
from tests.runs.conftest import shown, step

FIRST = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-01")}


def fill(ask, rows: int, *, items: int | None = None) -> None:
    """Rows of daily.visits on 1 January; 4 to 12 are complete."""
    ask("DELETE FROM daily.visits")
    ask("INSERT INTO daily.visits SELECT ?, i % ? FROM range(?) rows(i)", day("01-01"), items or rows, rows)


def visits() -> Partition:
    return Partition.objects.get(table="daily.visits", date=day("01-01"))


@pytest.fixture
def complete(ask, scan):
    """Both tables are complete on 1 January; visits with 12 rows."""
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-01"))
    fill(ask, 12)
    scan()


@pytest.mark.parametrize("rows", [10, 3, 0])
def test_a_complete_date_that_loses_rows_is_a_regression(complete, ask, scan, rows):
    fill(ask, rows)
    scan()

    assert visits().lost_rows == 12 - rows
    assert list(Partition.objects.regressions()) == [visits()]


def test_rows_that_came_back_are_no_loss(complete, ask, scan):
    fill(ask, 3)
    scan()
    fill(ask, 12)
    scan()

    assert not Partition.objects.regressions().exists()


def test_regression_is_detected_across_a_failed_scan(complete, ask, scan, shop):
    shop.rename(shop.with_suffix(".gone"))
    scan()
    shop.with_suffix(".gone").rename(shop)
    fill(ask, 3)
    scan()

    assert visits().lost_rows == 9


def test_scan_of_an_unreachable_warehouse_reports_no_regression(complete, scan, shop):
    shop.rename(shop.with_suffix(".gone"))
    scan()

    assert (visits().state, visits().lost_rows) == ("complete", 0)


def test_removal_of_excess_rows_is_no_regression(ask, scan):
    fill(ask, 40)
    scan()
    fill(ask, 12)
    scan()

    assert visits().lost_rows == 0


def test_verified_row_count_is_the_new_baseline_for_regressions(complete, ask, scan, launch, drive):
    fill(ask, 3)
    run = drive(launch(tables=["daily.visits"], start=day("01-01"), end=day("01-01")))

    assert step(run, "01-01", "daily.visits").status == "succeeded"
    assert visits().lost_rows == 0


def test_redo_that_loses_rows_fails_as_a_regression(complete, launch, drive):
    run = drive(launch(reprocess="all", tables=["daily.visits"], start=day("01-01"), end=day("01-01")))

    again = step(run, "01-01", "daily.visits")
    assert (again.status, shown("01-01", "daily.visits")) == ("failed", "redo_failed")
    assert again.message == "regression: 12 rows before the call, 8 after it"


def test_a_rerun_keeps_keys_and_time_of_writing_before_and_after(complete, launch, drive):
    run = drive(launch(reprocess="all", **FIRST))

    again = step(run, "01-01")
    assert (again.rows_before, again.rows_after, again.keys_before, again.keys_after) == (8, 8, 8, 8)
    assert (again.written_before, again.written_after is None) == (None, False)
