"""The numbers on every page: what is in them, and what is not."""

import pytest

from apps.coverage.counts import rollup
from apps.coverage.models import Partition
from tests.conftest import day

pytestmark = pytest.mark.postgresql


@pytest.fixture
def coverage(scan, pipeline):
    def compute(**kwargs):
        scan()
        return rollup.coverage(pipeline, **kwargs)

    return compute


def test_a_phase_is_complete_only_where_all_of_its_tables_are(coverage, fill):
    fill("daily.sales", "01-04", "01-05", "01-06")
    fill("daily.visits", "01-06", "01-08")

    found = coverage()

    assert found.table("daily.sales").tally.complete == 3
    assert found.phase("2").tally.complete == 1
    assert found.phase("2").tally.expected == 29


def test_bootstrap_dates_leave_the_denominator_and_are_counted_apart(coverage):
    weekly = coverage().phase("3")

    assert weekly.tally.expected == 23
    assert weekly.left_out == {"not expected (bootstrap)": 6}


def test_a_source_phase_is_complete_where_every_need_is_served(coverage, ask):
    ask("DELETE FROM raw.orders WHERE day IN (?, ?)", day("01-05"), day("01-06"))
    ask("DELETE FROM raw.orders_backup WHERE day = ?", day("01-06"))

    raw = coverage().phase("1")

    assert (raw.tally.complete, raw.tally.expected) == (28, 29)


def test_percent_is_rounded_down():
    assert rollup.percent(674, 675) == 99
    assert rollup.percent(675, 675) == 100


def test_nothing_expected_has_no_percentage():
    assert rollup.percent(0, 0) is None


def test_nothing_known_has_no_percentage():
    assert rollup.percent(0, 675, unknown=675) is None


def test_unknown_partitions_stay_in_the_denominator_and_are_counted_apart(coverage, fill, pipeline):
    fill("daily.sales", "01-04", "01-05", "01-06")
    coverage()
    Partition.objects.filter(table="daily.sales", date=day("01-06")).update(state="unknown")

    tally = rollup.coverage(pipeline).table("daily.sales").tally

    assert (tally.complete, tally.expected, tally.unknown, tally.percent) == (2, 29, 1, 6)
    assert tally.in_words == "2 of 29 complete, 1 unknown"


def test_a_table_that_could_not_be_read_has_no_percentage(coverage, ask):
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")

    tally = coverage().table("daily.visits").tally

    assert tally.is_unknown and tally.percent is None
    assert (tally.expected, tally.complete, tally.missing, tally.unknown) == (29, 0, 0, 29)
    assert tally.in_words == "unknown on all 29"


def test_a_phase_date_is_unknown_if_one_table_is_unreadable_and_no_other_has_a_gap(coverage, ask, fill):
    fill("daily.sales", "01-04", "01-05")
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")

    daily = coverage().phase("2")

    assert (daily.tally.complete, daily.tally.unknown, daily.tally.expected) == (0, 2, 29)


def test_a_phase_of_which_no_date_is_known_has_no_percentage(coverage, ask):
    ask("ALTER TABLE daily.sales RENAME COLUMN day TO date")
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")

    daily = coverage().phase("2")

    assert daily.tally.is_unknown and daily.tally.percent is None


def test_a_phase_keeps_its_last_known_percentage_while_the_warehouse_is_unreachable(coverage, ask, shop):
    ask("INSERT INTO daily.sales SELECT DATE '2024-01-05', range, NULL FROM range(8)")
    before = coverage()
    shop.rename(shop.with_suffix(".gone"))

    after = coverage()

    assert not before.phase("2").last_known and after.phase("2").last_known
    assert after.phase("2").tally.percent == before.phase("2").tally.percent == 0
    assert after.table("daily.sales").tally == before.table("daily.sales").tally
    assert "has not answered since" in after.table("daily.sales").silence.silence_in_words()


def test_bootstrap_dates_stay_out_of_the_denominator_of_an_unread_table(coverage, ask):
    ask("ALTER TABLE weekly.trend RENAME COLUMN day TO date")

    weekly = coverage()

    assert weekly.phase("3").tally.expected == 23
    tally = weekly.table("weekly.trend").tally
    assert (tally.expected, tally.unknown, tally.not_expected) == (23, 23, 6)


def test_coverage_is_as_old_as_the_last_scan_that_the_warehouse_answered(first_scan, outage, coverage, shop):
    found = coverage().freshness

    assert (found.as_of, found.failing_since) == (first_scan.finished_at, outage.finished_at)
    assert found.problem == f"the warehouse file {shop} does not exist"


def test_coverage_has_no_problem_once_the_warehouse_answers_again(scan, coverage, shop):
    shop.rename(shop.with_suffix(".gone"))
    scan()
    shop.with_suffix(".gone").rename(shop)

    found = coverage().freshness

    assert (found.failing_since, found.problem) == (None, "")


def test_a_season_counts_only_its_dates(coverage, pipeline):
    assert coverage(season=pipeline.season("spring")).dates_expected == 10


def test_coverage_takes_four_queries_however_much_there_is(pipeline, django_assert_num_queries, first_scan):
    with django_assert_num_queries(4):
        rollup.coverage(pipeline)
