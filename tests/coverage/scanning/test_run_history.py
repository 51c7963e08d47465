"""The warehouse's run history as a scan keeps it, for pages that never ask the warehouse."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.coverage.models import HistoryReading, HistoryTry, Scan
from apps.runs.estimates import outside_work
from tests.conftest import day

pytestmark = pytest.mark.postgresql


def kept() -> list[tuple]:
    return list(
        HistoryTry.objects.order_by("processor", "date").values_list("table", "date", "status", "failed")
    )


def test_the_latest_attempt_of_a_date_is_kept(history, rescan):
    history("sales", "01-02", "failed", at="08:00", errors="overflow")
    history("sales", "01-02", "success", at="09:00", seconds=2.5)

    rescan()

    row = HistoryTry.objects.get()
    assert (row.table, row.date, row.failed, row.seconds, row.errors) == (
        "daily.sales",
        day("01-02"),
        False,
        2.5,
        "",
    )
    assert row.started_at == dt.datetime(2024, 2, 1, 9, tzinfo=dt.UTC)


def test_a_scan_reads_the_history_in_one_extra_query(rescan):
    assert rescan().queries == 3


def test_a_scan_makes_no_history_query_if_the_pipeline_has_no_history(scan):
    assert scan().queries == 2
    assert not HistoryReading.objects.exists()


def test_a_history_that_is_no_longer_named_is_forgotten(scan):
    HistoryTry.objects.create(processor="sales", date=day("01-02"), table="daily.sales", failed=True)

    scan()

    assert kept() == []


def test_only_differences_are_written(history, rescan):
    history("sales", "01-02", "success")
    history("sales", "01-03", "success")
    rescan()
    assert writes(rescan) == 0
    history("sales", "01-03", "failed", at="10:00")

    assert writes(rescan) == 1
    assert HistoryTry.objects.failed().get().date == day("01-03")


def writes(rescan) -> int:
    """How often a scan writes attempts of the history."""
    with CaptureQueriesContext(connection) as asked:
        rescan()
    return sum('INSERT INTO "coverage_historytry"' in each["sql"] for each in asked)


def test_attempts_that_left_the_history_are_deleted(history, rescan, ask):
    history("sales", "01-02", "failed")
    history("visits", "01-02", "failed")
    rescan()
    ask("DELETE FROM ops.history WHERE who = 'sales'")

    rescan()

    assert kept() == [("daily.visits", day("01-02"), "failed", True)]


def test_a_missing_column_is_a_problem_and_no_empty_list(history, rescan, ask):
    history("sales", "01-02", "failed")
    rescan()
    ask("ALTER TABLE ops.history DROP COLUMN errors")

    found = rescan()

    assert found.status == Scan.Status.SUCCEEDED
    assert found.problem == "the run history: table ops.history has no column errors"
    reading = HistoryReading.objects.get()
    assert not reading.is_known and reading.problem == "table ops.history has no column errors"


def test_the_history_is_known_again_once_it_can_be_read(history, rescan, ask):
    ask("ALTER TABLE ops.history RENAME TO away")
    assert "does not exist" in rescan().problem
    ask("ALTER TABLE ops.away RENAME TO history")

    assert rescan().problem == ""
    assert HistoryReading.objects.get().is_known


def test_an_unreachable_warehouse_leaves_the_history_unknown(history, rescan, shop):
    rescan()
    shop.unlink()

    rescan()

    assert "does not exist" in HistoryReading.objects.get().problem


def test_attempts_are_matched_to_tables_by_processor_name(rewrite, history, rescan):
    rewrite('name = "daily.sales"\n', 'name = "daily.sales"\nprocessor = "SalesProcessor"\n')
    history("SalesProcessor", "01-02", "failed")
    history("daily.visits", "01-02", "success")
    history("nobody", "01-02", "failed")

    rescan()

    assert kept() == [
        ("daily.sales", day("01-02"), "failed", True),
        ("daily.visits", day("01-02"), "success", False),
        ("", day("01-02"), "failed", True),
    ]


def test_a_long_error_keeps_its_beginning_and_its_end(history, rescan):
    history("sales", "01-02", "failed", errors=f"begin{'x' * 5000}\x01end")

    rescan()

    errors = HistoryTry.objects.get().errors
    assert errors.startswith("begin") and errors.endswith("end") and len(errors) < 2100


def test_an_attempt_that_is_still_running_is_neither_failed_nor_done(history, rescan):
    history("sales", "01-02", "running", seconds=1.5)

    rescan()

    row = HistoryTry.objects.get()
    assert (row.failed, row.seconds, outside_work.work(["daily.sales"])) == (False, None, {})


def test_the_pipeline_file_sets_the_statuses_that_mean_running(rewrite, history, rescan):
    rewrite('started = "started_at"', 'started = "started_at"\nrunning = ["Under way"]')
    history("sales", "01-02", "under way")
    history("sales", "01-03", "running")

    rescan()

    assert kept() == [
        ("daily.sales", day("01-02"), "under way", False),
        ("daily.sales", day("01-03"), "running", True),
    ]
