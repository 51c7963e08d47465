"""The numbers on every page: what is in them, and what is not."""

import pytest

from apps.coverage import rollup
from tests.conftest import day


@pytest.fixture
def coverage(scan, pipeline):
    def compute(**kwargs):
        scan()
        return rollup.coverage(pipeline, **kwargs)

    return compute


def complete(ask, table: str, *dates: str) -> None:
    extra = ", NULL" if table == "daily.sales" else ""
    for date in dates:
        ask(f"INSERT INTO {table} SELECT ?, i{extra} FROM range(8) rows(i)", day(date))


def test_a_phase_is_complete_only_where_all_of_its_tables_are(coverage, ask):
    complete(ask, "daily.sales", "01-04", "01-05", "01-06")
    complete(ask, "daily.visits", "01-06", "01-08")

    found = coverage()

    assert found.table("daily.sales").tally.complete == 3
    assert found.phase("2").dates_complete == 1
    assert found.phase("2").dates_expected == 29


def test_bootstrap_dates_are_out_of_the_denominator_and_named(coverage):
    weekly = coverage().phase("3")

    assert weekly.dates_expected == 23
    assert weekly.left_out == {"not expected (bootstrap)": 6}


def test_a_source_phase_is_complete_where_every_need_is_served(coverage, ask):
    ask("DELETE FROM raw.orders WHERE day IN (?, ?)", day("01-05"), day("01-06"))
    ask("DELETE FROM raw.orders_backup WHERE day = ?", day("01-06"))

    raw = coverage().phase("1")

    assert (raw.dates_complete, raw.dates_expected) == (28, 29)


def test_percent_is_rounded_down():
    assert rollup.percent(674, 675) == 99
    assert rollup.percent(675, 675) == 100


def test_nothing_expected_has_no_percentage():
    assert rollup.percent(0, 0) is None


def test_a_season_counts_only_its_dates(coverage, pipeline):
    assert coverage(season=pipeline.season("spring")).dates_expected == 10


def test_coverage_takes_three_queries_however_much_there_is(scan, pipeline, django_assert_num_queries):
    scan()

    with django_assert_num_queries(3):
        rollup.coverage(pipeline)
