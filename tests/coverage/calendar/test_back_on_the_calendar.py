"""Dates that were off the calendar for a while: what a person said of them, and what they had, is remembered."""

from collections.abc import Callable

import pytest

from apps.coverage import regressions
from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance
from apps.coverage.models import AcceptedGap, Partition
from apps.coverage.scanning import partial_scan, warehouses
from apps.pipeline import definition
from apps.pipeline.scope import scope
from tests.conftest import day

SALES = "daily.sales"
WINTER_ENDS = ("end = 2024-01-20", "end = 2024-01-04")


@pytest.fixture
def accepted(scan_again) -> AcceptedGap:
    """Olga accepted that sales has nothing on the 5th and the 6th."""
    scan_again()
    table = definition.current().table(SALES)
    return accepting.accept(Acceptance((table,), day("01-05"), day("01-06")), reason="no till", by="olga")


@pytest.fixture
def away(ask, scan_again, rewrite) -> Callable[[str], None]:
    """Takes the 5th and all after it away for one scan: from the calendar, by the season, or with the table."""

    def go_and_return(how: str) -> None:
        changes = {"the season ends before": WINTER_ENDS, "the table is renamed": (SALES, "daily.sold")}
        if how == "the calendar lost them":
            ask("UPDATE raw.days SET open = FALSE WHERE day >= DATE '2024-01-05'")
            scan_again()
            ask("UPDATE raw.days SET open = day <> DATE '2024-01-07'")
        else:
            old, new = changes[how]
            rewrite(old, new, times=-1)
            scan_again()
            rewrite(new, old, times=-1)
        scan_again()

    return go_and_return


def states(*dates: str) -> list[str]:
    return [Partition.objects.get(table=SALES, date=day(date)).state for date in dates]


HOW = ["the calendar lost them", "the season ends before", "the table is renamed"]


@pytest.mark.parametrize("how", HOW)
def test_an_accepted_gap_is_accepted_again_when_its_date_is_back(accepted, away, how):
    away(how)

    assert states("01-05", "01-06", "01-08") == ["accepted", "accepted", "missing"]


def test_an_acceptance_withdrawn_while_its_date_was_off_the_calendar_is_a_gap(accepted, ask, scan_again):
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-05'")
    scan_again()
    accepting.withdraw(accepted, by="olga")
    ask("UPDATE raw.days SET open = TRUE WHERE day = DATE '2024-01-05'")
    scan_again()

    assert states("01-05") == ["missing"]


@pytest.mark.parametrize("how", HOW)
def test_lost_rows_of_a_date_that_left_and_returned_are_a_regression(filled, away, ask, how, first_scan):
    ask("DELETE FROM daily.sales WHERE day = ?", day("01-06"))
    away(how)

    (loss,) = regressions.losses(definition.current())
    assert (loss.table, loss.dates, loss.had, loss.has) == (SALES, (day("01-06"),), 8, 0)


def test_a_date_off_the_calendar_is_neither_accepted_nor_a_regression(accepted, filled, ask, scan_again):
    ask("DELETE FROM daily.sales WHERE day IN (DATE '2024-01-05', DATE '2024-01-08')")
    scan_again()
    ask("DELETE FROM daily.sales WHERE day >= DATE '2024-01-05'")
    ask("UPDATE raw.days SET open = FALSE WHERE day >= DATE '2024-01-05'")
    scan_again()

    assert states("01-05", "01-06") == ["not_expected", "not_expected"]
    assert regressions.losses(definition.current()) == []


def test_an_acceptance_survives_a_partial_scan_with_its_date_off_the_calendar(accepted, ask, scan_again):
    pipeline = definition.current()
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-05'")
    partial_scan.scan(pipeline, warehouses.open_warehouse(pipeline), scope(pipeline, tables=[SALES]))
    assert states("01-05") == ["not_expected"]

    ask("UPDATE raw.days SET open = TRUE WHERE day = DATE '2024-01-05'")
    scan_again()
    assert states("01-05") == ["accepted"]


def test_a_partition_off_the_calendar_with_nothing_to_keep_is_deleted(scan_again, ask):
    scan_again()
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-09'")
    scan_again()

    assert not Partition.objects.filter(table=SALES, date=day("01-09")).exists()


def test_an_accepted_gap_whose_date_left_the_calendar_is_no_open_failure(accepted, ask, scan_again):
    Partition.objects.filter(table=SALES, date=day("01-05")).update(activity="failed", run_id=3)
    ask("UPDATE raw.days SET open = FALSE WHERE day = DATE '2024-01-05'")
    scan_again()

    assert not Partition.objects.open_failures().exists()

    accepting.withdraw(accepted, by="olga")

    assert [each.date for each in Partition.objects.open_failures()] == [day("01-05")]
