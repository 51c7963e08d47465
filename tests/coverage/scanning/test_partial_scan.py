"""A scan of some tables and dates: it reads these, and nothing else changes."""

import pytest

from apps.coverage.counts.freshness import silent_tables
from apps.coverage.models import CalendarDate, Partition, Scan
from apps.coverage.scanning import partial_scan
from apps.pipeline.scope import scope
from tests.conftest import day

State = Partition.State


@pytest.fixture
def scan_some(pipeline, warehouse, db):
    """Scans what is named."""
    return lambda **named: partial_scan.scan(pipeline, warehouse, scope(pipeline, **named))


def state(date: str, table: str = "daily.sales") -> str:
    return Partition.objects.get(table=table, date=day(date)).state


def test_only_the_dates_of_the_range_are_read(scan_some, fill, first_scan):
    fill("daily.sales", "01-02", "01-09", "03-02")

    assert scan_some(tables=["sales"], start=day("01-08"), end=day("01-10")).changed == 1
    assert (state("01-02"), state("01-09"), state("03-02")) == (State.MISSING, State.COMPLETE, State.MISSING)


def test_only_the_dates_of_the_season_are_read(scan_some, fill, first_scan):
    fill("daily.sales", "01-02", "03-02")

    scan_some(seasons=["spring"])

    assert (state("01-02"), state("03-02")) == (State.MISSING, State.COMPLETE)


def test_a_partial_scan_takes_one_query_besides_the_calendar(scan_some):
    assert scan_some(phases=["2"]).queries == 2


def test_a_partial_scan_is_not_the_latest_finished_scan(scan, scan_some):
    before = scan()

    scan_some(tables=["sales"])

    assert Scan.objects.latest_finished() == before


def test_before_the_first_scan_the_other_dates_stay_unknown(scan_some):
    scan_some(tables=["sales"], start=day("01-01"), end=day("01-06"))

    assert set(Partition.objects.values_list("table", flat=True)) == {"daily.sales"}
    assert CalendarDate.objects.count() == Partition.objects.count() == 6


def test_a_table_is_compared_with_a_reference_table_outside_the_scope(scan_some, fill, ask):
    fill("daily.sales", "01-05")
    ask("INSERT INTO daily.visits SELECT DATE '2024-01-05', range FROM range(3)")

    scan_some(tables=["visits"])

    assert Partition.objects.get(table="daily.visits", date=day("01-05")).reason == "3 rows, expected 4 to 12"
    assert not Partition.objects.filter(table="daily.sales").exists()


def test_an_unreachable_warehouse_silences_only_the_tables_in_the_scope(scan_some, shop, first_scan):
    shop.unlink()

    done = scan_some(tables=["sales"], end=day("01-06"))

    assert "does not exist" in done.problem
    assert set(silent_tables()) == {"daily.sales"}
    assert state("01-05") == State.MISSING


def test_a_reading_of_some_dates_renews_their_age_alone(scan_some, first_scan):
    before = dict(Partition.objects.filter(table="daily.sales").values_list("date", "read_at"))

    scan_some(tables=["sales"], start=day("01-08"), end=day("01-10"))

    after = dict(Partition.objects.filter(table="daily.sales").values_list("date", "read_at"))
    assert {date for date in after if after[date] > before[date]} == {
        day("01-08"),
        day("01-09"),
        day("01-10"),
    }


def test_a_table_that_does_not_exist_is_a_problem(scan_some, ask):
    ask("DROP TABLE daily.visits")

    assert "daily.visits does not exist" in scan_some(tables=["visits"]).problem


def test_a_date_that_leaves_the_calendar_is_expected_no_more(scan_some, ask, first_scan):
    ask("UPDATE raw.days SET open = FALSE WHERE day IN (DATE '2024-01-05', DATE '2024-01-15')")

    scan_some(tables=["sales"], end=day("01-10"))

    assert not Partition.objects.filter(table="daily.sales", date=day("01-05")).exists()
    left = CalendarDate.objects.filter(date__in=(day("01-05"), day("01-15")))
    assert [each.date for each in left] == [day("01-15")]  # nobody asked for this one


def test_rows_on_a_closed_day_are_unexpected(scan_some, fill):
    fill("daily.sales", "01-07")

    scan_some(tables=["sales"])

    assert state("01-07") == State.UNEXPECTED


@pytest.mark.parametrize("there", ["FALSE", "TRUE"], ids=["left", "came back to"])
def test_a_calendar_change_found_by_a_partial_scan_applies_to_all_tables(there, scan, scan_some, ask, agree):
    was = "TRUE" if there == "FALSE" else "FALSE"
    ask(f"UPDATE raw.days SET open = {was} WHERE day = DATE '2024-01-05'")
    ask("INSERT INTO daily.sales SELECT DATE '2024-01-05', i, NULL FROM range(8) r(i)")
    scan()
    ask(f"UPDATE raw.days SET open = {there} WHERE day = DATE '2024-01-05'")

    scan_some(tables=["raw.orders"])

    assert state("01-05") == ("unexpected" if there == "FALSE" else "complete")
    agree()
