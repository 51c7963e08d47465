"""Stored counts are facts: verdicts follow from them without asking the warehouse."""

import pytest

from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance
from apps.coverage.models import Partition
from apps.coverage.scanning import partial_scan
from apps.pipeline import scope
from tests.conftest import day

SECOND = {"tables": ["daily.sales"], "start": day("01-02"), "end": day("01-02")}


def state(table: str, date: str = "01-02") -> tuple[str, str]:
    found = Partition.objects.get(table=table, date=day(date))
    return found.state, found.reason


@pytest.fixture
def few_visits(ask, scan) -> None:
    """5 visits are enough for 8 sales, but sales has 12 rows: a visit for every second sale is expected."""
    ask("INSERT INTO daily.visits SELECT ?, i FROM range(5) rows(i)", day("01-02"))
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(12) rows(i)", day("01-02"))
    scan()
    assert state("daily.visits") == ("thin", "5 rows, expected 6 to 12")


# What rows are compared with ------------------------------------------------------------------------


def test_a_verification_of_the_reference_table_reevaluates_the_compared_table(few_visits, ask, verify):
    ask("DELETE FROM daily.sales WHERE item >= 8")
    verify(**SECOND)

    assert state("daily.visits") == ("complete", "")


def test_a_partial_scan_of_the_reference_table_reevaluates_the_compared_table(
    few_visits, ask, pipeline, warehouse
):
    ask("DELETE FROM daily.sales WHERE item >= 8")
    partial_scan.scan(pipeline, warehouse, scope.scope(pipeline, **SECOND))

    assert state("daily.visits") == ("complete", "")


def test_a_run_that_fills_the_reference_table_reevaluates_the_compared_table(few_visits, launch, drive):
    drive(launch(**SECOND))

    assert (state("daily.sales")[0], state("daily.visits")) == ("complete", ("complete", ""))


def test_dates_outside_the_verified_range_are_not_reevaluated(few_visits, ask, verify):
    ask("INSERT INTO daily.visits SELECT ?, i FROM range(5) rows(i)", day("01-03"))
    verify(**SECOND)

    assert state("daily.visits", "01-03")[0] == "missing"


def test_an_accepted_gap_stays_accepted_when_it_is_reevaluated(few_visits, ask, verify, pipeline):
    wish = Acceptance((pipeline.table("daily.visits"),), day("01-02"), day("01-02"))
    accepting.accept(wish, reason="no till", by="olga")
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(20, 30) rows(i)", day("01-02"))
    verify(**SECOND)

    visits = Partition.objects.get(table="daily.visits", date=day("01-02"))
    assert (visits.state, visits.read_state, visits.least) == ("accepted", "thin", 11)
