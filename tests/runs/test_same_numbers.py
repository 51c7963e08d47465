"""In whatever state the console is, pages, files, shell and mail say the same number for the same thing."""

import pytest

from apps.alerts import tasks
from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance
from apps.runs import control
from apps.runs.models import Run
from tests.conftest import day

SALES = "daily.sales"
WEEK = {"tables": [SALES], "start": day("01-01"), "end": day("01-05")}


@pytest.fixture
def failed(launch, drive, fault, settings) -> Run:
    settings.ALERTS_TO = ["team@shop.example"]
    fault(SALES, "01-03", "overflow")
    fault(SALES, "01-04", "0.5")
    run = drive(launch(**WEEK))
    tasks.deliver()
    return run


@pytest.fixture
def redo(failed, launch, drive, fault) -> Run:
    fault.mend("01-03")
    drive(launch(**WEEK))
    fault("daily.sales", "01-02", "overflow")
    run = drive(launch(**WEEK, reprocess="all"))
    tasks.deliver()
    return run


def test_numbers_agree_after_a_first_scan(agree, first_scan):
    agree()


def test_numbers_agree_after_a_partly_failed_run(failed, agree):
    agree(failed)


def test_numbers_agree_after_a_failed_redo(redo, agree, scan):
    agree(redo)
    scan()
    agree(redo)


def test_numbers_agree_after_a_failed_redo_was_accepted_and_withdrawn(redo, agree, pipeline):
    wish = Acceptance((pipeline.table(SALES),), day("01-01"), day("01-05"))
    gap = accepting.accept(wish, reason="good enough", by="olga")
    agree(redo)
    accepting.withdraw(gap, by="olga")
    agree(redo)


def test_numbers_agree_after_a_failed_date_left_the_calendar(failed, agree, ask, scan):
    ask("UPDATE raw.days SET open = false WHERE day = '2024-01-03'")
    scan()

    agree(failed)


def test_numbers_agree_with_a_queued_and_a_cancelled_retry(failed, launch, agree):
    retry = launch(**WEEK)
    agree(retry)
    control.cancel(retry, by="olga")
    agree(retry)


def test_numbers_agree_with_an_unreadable_table(scan, agree, ask):
    ask("DROP TABLE daily.visits")
    ask("CREATE TABLE daily.visits (another INTEGER)")
    scan()

    agree()


def test_numbers_agree_with_stale_dates(failed, launch, drive, agree, fault, scan):
    fault.mend()
    drive(launch(start=day("01-01"), end=day("01-05")))
    scan()

    agree()
