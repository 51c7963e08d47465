"""3. Exit 0 with every date failed; "success, 0 records"; a rerun that changed nothing. The warehouse has the last
word."""

import json

import pytest

from apps.runs.models import Run

WEEK = ("--table", "sales", "--start", "2024-01-01", "--end", "2024-01-04", "--here", "--yes")


def backfill(console, *more: str) -> tuple[int, dict, str]:
    """Exit code and JSON of a backfill by the shop's real jobs, and the words of its summary page."""
    console.shell("scan")
    code, said = console.shell("backfill", *WEEK, *more, "--json")
    told = json.loads(said)
    return code, told, console.page(f"/runs/{told['run']}/summary/")


@pytest.mark.parametrize("what", ["overflow", "silent"])
def test_all_steps_fail_if_the_job_exits_0_without_writing_rows(console, fault, what):
    for number in range(1, 5):
        fault("daily.sales", f"01-0{number}", what)

    code, told, page = backfill(console)

    assert set(Run.objects.get().attempts.values_list("exit_status", flat=True)) == {0}
    assert (code, told["succeeded"], told["failed"]) == (1, 0, 4)
    assert "0 of 4 steps verified; 4 not: 4 failed" in page
    assert console.row("sales", "coverage").startswith("sales 0 29 0")


def test_failure_signature_is_shown_with_its_dates(console, fault):
    fault("daily.sales", "01-03", "silent")

    _, told, page = backfill(console)

    assert told["signatures"][0]["dates"] == ["2024-01-03"]
    assert told["signatures"][0]["text"] in page and "2024-01-03" in page


def test_redo_that_changed_nothing_reports_no_change(console, fault):
    backfill(console)
    for number in range(1, 5):
        fault("daily.sales", f"01-0{number}", "silent")

    code, told, page = backfill(console, "--reprocess", "all")

    assert (code, told["succeeded"], told["failed"]) == (1, 0, 4)
    assert told["signatures"][0]["text"].startswith("nothing was written: its rows are those of …")
    assert told["done_again"]["text"] == "no change: 4 partitions as before, not written at all"
    assert "Done again no change: 4 partitions as before, not written at all" in page
    _, printed = console.shell("backfill", *WEEK, "--reprocess", "all")
    assert "Done again: no change: 4 partitions as before, not written at all" in printed
