"""5. Resume went on after the latest success and skipped every failed date before it; a reboot lost the checkpoints.
The rest of a run is expected less verified, computed from the data, durable."""

import pytest

from apps.runs import control
from tests.conftest import day

WEEK = {"tables": ["daily.sales"], "start": day("01-01"), "end": day("01-08")}
IN_SHELL = ("--table", "sales", "--start", "2024-01-01", "--end", "2024-01-08")
ON_PAGE = "/runs/new/?table=daily.sales&start=2024-01-01&end=2024-01-08"


def test_plan_includes_a_failed_date_before_the_latest_success(console, launch, drive, fault):
    fault("daily.sales", "01-03", "silent")
    drive(launch(**WEEK))

    assert console.json("plan", *IN_SHELL)["steps"] == 1
    assert "1 step: " in console.shell("plan", *IN_SHELL)[1]
    assert "--start 2024-01-03 --end 2024-01-03" in console.shell("plan", *IN_SHELL)[1]
    assert "--start 2024-01-03 --end 2024-01-03" in console.page(ON_PAGE)


def test_run_interrupted_by_a_reboot_fills_every_date_exactly_once(console, launch, drive):
    run = launch(**WEEK)
    drive(run, attempts=1)  # and the machine is gone

    left = console.json("coverage", "--table", "sales")["tables"][0]
    assert (left["complete"], run.steps.pending().count()) == (4, 3)

    drive(run)
    filled = [date for attempt in run.attempts.all() for date in attempt.dates]
    assert len(filled) == len(set(filled)) == 7
    assert console.json("coverage", "--table", "sales")["tables"][0]["complete"] == 7
    assert "7 of 7 steps verified" in console.page(f"/runs/{run.pk}/summary/")


def test_dates_filled_outside_the_run_are_verified_without_an_attempt(console, launch, drive, rows):
    run = launch(**WEEK)
    rows("daily.sales", 8, "01-04", "01-05")

    drive(run)

    assert run.steps.filter(attempt=None).count() == 2
    assert "7 of 7 steps verified" in console.page(f"/runs/{run.pk}/summary/")
    assert console.row("sales", "coverage").startswith("sales 7 29 24")


@pytest.mark.parametrize("lost", ["01-02", "01-08"])
def test_date_whose_rows_were_deleted_is_planned_again(console, launch, drive, ask, scan, lost):
    """No checkpoint says that it was done once: the data does not."""
    drive(launch(**WEEK))
    ask("DELETE FROM daily.sales WHERE day = ?", day(lost))
    scan()

    assert console.json("plan", *IN_SHELL)["steps"] == 1
    assert f"--start 2024-{lost} --end 2024-{lost}" in console.shell("plan", *IN_SHELL)[1]
    assert f"--start 2024-{lost} --end 2024-{lost}" in console.page(ON_PAGE)


def test_retry_plans_only_unverified_dates(console, launch, drive, fault):
    fault("daily.sales", "01-03", "silent")
    run = drive(launch(**WEEK))
    fault.mend()

    page = console.page(f"/runs/new/?retry={run.pk}")

    assert "--start 2024-01-03 --end 2024-01-03" in page
    assert control.summary(run.steps.failed())[0]["dates"] == ["2024-01-03"]
