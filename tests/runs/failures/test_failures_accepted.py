"""Closing a failure with a reason: a redo whose old rows are to stay, a date that the calendar does not have now."""

import pytest
from django.urls import reverse

from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance
from apps.coverage.counts import rollup
from apps.coverage.models import AcceptedGap, Partition
from apps.coverage.scanning import warehouses
from apps.coverage.verification import verifier
from apps.runs import control
from apps.runs.failures import failure_groups
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.pages.conftest import words

SALES = "daily.sales"
WEEK = {"tables": [SALES], "start": day("01-01"), "end": day("01-04")}


@pytest.fixture
def accept(pipeline):
    def perform(start="01-01", **facts) -> AcceptedGap:
        wish = Acceptance((pipeline.table(SALES),), day(start), day("01-04"))
        return accepting.accept(wish, reason="the old rows are good enough", by="olga", **facts)

    return perform


def open_count(pipeline) -> tuple[int, int]:
    """The open failures of the list, and those of coverage."""
    return failure_groups.open_steps().count(), rollup.coverage(pipeline).table(SALES).tally.failed


def partition() -> Partition:
    return Partition.objects.get(table=SALES, date=day("01-03"))


def test_operator_can_accept_a_failed_redo_with_a_reason(failed_redo, accept, pipeline):
    gap = accept()

    assert (gap.count, gap.dates) == (1, {SALES: [["2024-01-03", "2024-01-03"]]})
    assert open_count(pipeline) == (0, 0)
    assert (partition().state, partition().shown) == ("complete", "complete")


def test_accepted_redo_survives_a_scan_and_does_not_change_coverage(failed_redo, accept, scan, pipeline):
    accept()

    scan()

    tally = rollup.coverage(pipeline).table(SALES).tally
    assert (tally.complete, tally.accepted, tally.failed) == (4, 0, 0)


def test_rows_lost_after_accepting_a_failed_redo_are_a_gap(failed_redo, accept, scan, ask):
    accept()

    ask("DELETE FROM daily.sales WHERE day = '2024-01-03'")
    scan()

    assert partition().state == "missing"


def test_withdrawing_the_acceptance_reopens_the_failed_redo(failed_redo, accept, pipeline):
    gap = accept()

    assert accepting.withdraw(gap, by="olga") == 1
    assert open_count(pipeline) == (1, 1)
    assert partition().mark == f"complete, but its redo failed in run {failed_redo.pk}"


def test_cancelled_redo_keeps_the_acceptance(failed_redo, accept, launch, pipeline):
    accept()

    control.cancel(launch(**WEEK, reprocess="all"), by="olga")

    assert open_count(pipeline) == (0, 0)


def test_another_failed_redo_reopens_the_accepted_failure(failed_redo, accept, launch, drive, pipeline):
    accept()

    drive(launch(**WEEK, reprocess="all"))

    assert open_count(pipeline) == (1, 1)


def test_withdrawing_the_acceptance_after_a_successful_redo_reopens_nothing(
    failed_redo, accept, launch, drive, fault, pipeline
):
    gap = accept()
    fault.mend()
    drive(launch(**WEEK, reprocess="all"))

    assert (accepting.withdraw(gap, by="olga"), open_count(pipeline)) == (0, (0, 0))


def test_partition_panel_offers_acceptance_and_names_who_accepted(failed_redo, operating):
    address = reverse("coverage:partition", args=[SALES, "2024-01-03"])
    assert "Accept it as it is" in words(operating.get(address).content.decode())

    form = {"table": SALES, "start": "2024-01-03", "end": "2024-01-03", "seen": "1", "reason": "good enough"}
    operating.post(reverse("coverage:accept"), form)

    assert "Its failure was accepted good enough By olga" in words(operating.get(address).content.decode())


def reasons(pipeline) -> list[str]:
    """Why a verification of these dates is not passed."""
    wanted = verifier.scope(pipeline, tables=[SALES], start=day("01-01"), end=day("01-04"))
    report = verifier.verify(pipeline, warehouses.open_warehouse(pipeline), wanted)
    return [reason.text for reason in report.reasons if reason.text.startswith("Open failure")]


def test_a_verification_is_not_passed_while_a_redo_is_open(failed_redo, accept, pipeline):
    assert reasons(pipeline) == [
        "Open failure: sales is complete on 1 date that the last run failed or skipped: 2024-01-03."
    ]

    accept()

    assert reasons(pipeline) == []


@pytest.fixture
def left_the_calendar(launch, drive, fault, ask, scan) -> Run:
    """3 January failed, and then the calendar closed it."""
    fault(SALES, "01-03", "overflow")
    run = drive(launch(**WEEK))
    ask("UPDATE raw.days SET open = false WHERE day = '2024-01-03'")
    scan()
    return run


def test_failed_date_that_left_the_calendar_stays_an_open_failure(left_the_calendar, pipeline):
    assert open_count(pipeline) == (1, 1)
    assert partition().mark == f"off the calendar now; failed in run {left_the_calendar.pk}"
    assert (partition().state, partition().reason) == (
        "not_expected",
        "the calendar does not expect this date",
    )


def test_failures_page_reports_that_no_run_fills_a_removed_date(left_the_calendar, operating):
    said = words(operating.get("/failures/").content.decode())

    assert "The calendar does not expect 1 of these any more, so no run fills it: sales 2024-01-03" in said


def test_verification_does_not_pass_while_a_removed_date_is_an_open_failure(left_the_calendar, pipeline):
    assert reasons(pipeline) == [
        "Open failure: sales failed on 1 date that has left the calendar: 2024-01-03."
    ]


def test_operator_can_accept_the_failure_of_a_removed_date(left_the_calendar, accept, scan, pipeline):
    accept()
    scan()

    assert (open_count(pipeline), failure_groups.off_calendar()) == ((0, 0), [])


def test_failure_of_a_removed_date_is_restored_when_it_is_back_on_the_calendar(
    left_the_calendar, ask, scan, pipeline
):
    ask("UPDATE raw.days SET open = true WHERE day = '2024-01-03'")
    scan()

    assert (open_count(pipeline), failure_groups.off_calendar()) == ((1, 1), [])
    assert (partition().state, partition().shown) == ("missing", "failed")
