"""A redo that failed: its date is complete with the rows that were to be replaced, and is open until it is redone."""

import pytest

from apps.coverage.models import Partition
from apps.runs import control
from apps.runs.failures import failure_groups
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.conftest import step

SALES, TREND = "daily.sales", "weekly.trend"
WEEK = {"tables": [SALES], "start": day("01-01"), "end": day("01-04")}


@pytest.fixture
def redo(launch, drive, fault):
    """Fills four dates, then redoes all of them: the job fails on 3 January and its rows are the old ones."""

    def perform(what: str = "overflow") -> Run:
        drive(launch(**WEEK))
        fault(SALES, "01-03", what)
        return drive(launch(**WEEK, reprocess="all"))

    return perform


@pytest.fixture
def mend(fault):
    return fault.mend


def partition(date: str = "01-03", table: str = SALES) -> Partition:
    return Partition.objects.get(table=table, date=day(date))


def open_dates() -> list[tuple[str, str]]:
    return [(step.table, f"{step.date:%m-%d}") for step in failure_groups.open_steps()]


def test_a_redo_that_failed_is_open_although_its_date_is_complete(redo):
    run = redo()

    assert (step(run, "01-03").status, partition().state) == ("failed", "complete")
    assert open_dates() == [(SALES, "01-03")]


def test_verified_dates_beside_a_failed_redo_are_not_open(redo):
    redo()

    assert [partition(date).mark for date in ("01-02", "01-04")] == ["", ""]


def test_mark_of_a_failed_redo_names_the_run(redo):
    run = redo()

    assert partition().mark == f"complete, but its redo failed in run {run.pk}"
    assert partition().shown == "redo_failed"


def test_scan_that_finds_the_date_complete_does_not_close_a_failed_redo(redo, scan):
    redo()

    scan()

    assert open_dates() == [(SALES, "01-03")]


def test_rows_added_by_another_job_do_not_close_a_failed_redo(redo, scan, ask):
    redo("0.5")
    assert partition().state == "thin"

    ask("INSERT INTO daily.sales SELECT day, 90 + item, written_at FROM daily.sales WHERE day = '2024-01-03'")
    scan()

    assert (partition().state, open_dates()) == ("complete", [(SALES, "01-03")])


def test_plan_of_missing_and_failed_includes_a_failed_redo(redo, plan):
    redo()

    assert [f"{each.date:%m-%d}" for each in plan(**WEEK).steps] == ["01-03"]


def test_plan_of_missing_only_leaves_out_a_failed_redo_with_the_reason(redo, plan):
    redo()

    found = plan(**WEEK, reprocess="missing")

    assert (len(found.steps), found.left_out_counts) == (0, {"complete": 3, "failed before": 1})


def test_successful_retry_closes_a_failed_redo(redo, mend, launch, drive):
    redo()
    mend()

    retry = drive(launch(**WEEK))

    assert (step(retry, "01-03").status, step(retry, "01-03").attempts) == ("succeeded", 1)
    assert (open_dates(), partition().mark) == ([], "")


def test_failed_retry_keeps_a_failed_redo_open(redo, launch, drive):
    redo()

    retry = drive(launch(**WEEK))

    assert partition().mark == f"complete, but its redo failed in run {retry.pk}"


def test_cancelled_retry_keeps_a_failed_redo_open(redo, launch):
    first = redo()

    control.cancel(launch(**WEEK), by="olga")

    assert partition().mark == f"complete, but its redo failed in run {first.pk}"


def test_redo_cancelled_before_its_call_leaves_no_open_failure(launch, drive):
    drive(launch(**WEEK))

    control.cancel(launch(**WEEK, reprocess="all"), by="olga")

    assert open_dates() == []


def test_a_redo_that_never_filled_a_gap_is_the_usual_failure(launch, drive, fault):
    fault(SALES, "01-03", "overflow")

    run = drive(launch(**WEEK, reprocess="all"))

    assert (partition().activity, step(run, "01-03").is_redo) == ("failed", False)


def test_a_date_that_lost_its_rows_in_the_redo_is_a_gap_and_open(redo):
    run = redo("0")

    assert (partition().state, partition().shown) == ("missing", "failed")
    assert partition().mark == f"missing; its redo failed in run {run.pk}"


@pytest.fixture
def skipped(launch, drive, fault) -> Run:
    """A redo of 5 January in which sales come out thin, so that trend, which reads them, is skipped."""

    def through_the_gate(**dates) -> Run:
        run = drive(launch(**dates))
        if run.pause_reason == Run.PauseReason.FAILURES:  # the thin date lost rows
            control.resume(run, by="olga", reason="to the end")
            drive(run)
        control.start_phase(run, "3", by="olga")
        return drive(run)

    through_the_gate(start=day("01-01"), end=day("01-05"))
    fault(SALES, "01-05", "0.5")
    return through_the_gate(start=day("01-05"), end=day("01-05"), reprocess="all")


def test_a_redo_that_was_skipped_behind_a_failed_input_is_open_too(skipped):
    assert open_dates() == [(SALES, "01-05"), (TREND, "01-05")]
    assert partition("01-05", TREND).mark == f"complete, but its redo was skipped in run {skipped.pk}"


def test_a_plan_takes_a_skipped_redo_in_with_the_failed_one(skipped, plan):
    found = plan(start=day("01-05"), end=day("01-05"))

    assert [(each.table, f"{each.date:%m-%d}") for each in found.steps] == [
        (SALES, "01-05"),
        (TREND, "01-05"),
    ]


def test_a_gap_that_was_skipped_is_a_gap_and_no_open_failure(launch, drive, fault):
    fault(SALES, "01-05", "0.5")
    run = drive(launch(start=day("01-01"), end=day("01-05")))
    control.start_phase(run, "3", by="olga")
    drive(run)

    assert step(run, "01-05", TREND).status == "skipped"
    assert open_dates() == [(SALES, "01-05")]
