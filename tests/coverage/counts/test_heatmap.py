"""The data of a map: what a cell says and what colours it."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.coverage.counts import heatmap
from apps.coverage.counts.filters import CoverageFilter
from apps.coverage.models import Partition
from apps.pipeline.sections import Quality, QualityBand
from tests.conftest import day


@pytest.fixture
def winter(scan, pipeline):
    """The map of the winter, with a filter."""

    def compute(**chosen) -> dict:
        return heatmap.season(
            pipeline, CoverageFilter(season=pipeline.season("winter"), **chosen), now=timezone.now()
        )

    return compute


def row(data: dict, table: str) -> dict:
    return next(row for row in data["rows"] if row["table"] == table)


def test_a_row_has_a_letter_for_each_expected_date(scan, ask, winter):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-02"))
    scan()

    data = winter()

    assert len(data["dates"]) == 19 and data["dates"][:2] == ["2024-01-01", "2024-01-02"]
    assert row(data, "daily.sales")["shown"] == "mc" + 17 * "m"


def test_the_activity_of_a_run_takes_precedence_over_the_warehouse_state(winter, first_scan):
    Partition.objects.filter(table="daily.sales", date=day("01-03")).update(activity="running", run_id=7)

    sales = row(winter(), "daily.sales")

    assert sales["shown"][2] == "r"
    assert sales["run"][2] == 7


def test_a_cell_has_its_rows_and_the_expected_range(scan, ask, winter):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(4) rows(i)", day("01-01"))
    scan()

    sales = row(winter(), "daily.sales")

    assert (sales["found"][0], sales["least"][0], sales["most"][0]) == (4, 8, 8)
    assert sales["modes"]["rows"][:2] == [50, 0]


@pytest.mark.parametrize(
    ("rows", "least", "most", "percent"),
    [(0, 8, 8, 0), (7, 8, 8, 87), (8, 8, 8, 100), (10, 8, 12, 100), (13, 8, 12, 109), (90, 8, 12, 200)],
)
def test_rows_against_expected_are_100_within_the_band(rows, least, most, percent):
    assert heatmap.against_expected(rows, least, most) == percent


def test_an_open_band_has_no_excess():
    assert heatmap.against_expected(1_000_000, 1, None) == 100


def test_an_unreadable_table_has_no_row_numbers(scan, ask, winter):
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")
    scan()

    visits = row(winter(), "daily.visits")

    assert set(visits["shown"]) == {"u"}
    assert visits["found"] is None and visits["modes"]["rows"] is None


def test_age_duration_quality_and_fallback_are_modes(winter, first_scan):
    Partition.objects.filter(table="weekly.trend", date=day("01-09")).update(
        written_at=timezone.now() - dt.timedelta(hours=30), seconds=1.26, quality=61.04, fallback_share=0.5
    )

    modes = row(winter(), "weekly.trend")["modes"]

    # 7 January is closed, so 9 January is the eighth date.
    assert [modes[kind][7] for kind in ("age", "duration", "quality", "fallback")] == [30, 1.3, 61.0, 50]


BANDS = (QualityBand(from_day=8, between=[60, 70]), QualityBand(from_day=10, between=[85, float("inf")]))


def test_quality_is_compared_with_the_bands_of_the_table(scan, ask, pipeline, winter, monkeypatch):
    for date, score in (("01-05", 40), ("01-08", 50), ("01-09", 75), ("01-10", 99)):
        ask("INSERT INTO weekly.trend VALUES (?, ?)", day(date), score)
    scan()
    trend = pipeline.table("weekly.trend")
    monkeypatch.setitem(vars(trend), "quality", Quality(column="score", bands=BANDS))

    trend = row(winter(), "weekly.trend")

    assert trend["quality"].rstrip() == "    ? <>="
    assert (trend["quality_least"][6:9], trend["quality_most"][6:9]) == ([60, 60, 85], [70, 70, None])


def test_without_a_band_quality_is_a_number_alone(winter, first_scan):
    trend = row(winter(), "weekly.trend")

    assert (trend["quality"], trend["quality_least"]) == (None, None)


def test_the_filter_leaves_out_cells_and_tables(scan, ask, winter):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-02"))
    scan()

    data = winter(table="daily.sales", state="complete")

    assert [row["table"] for row in data["rows"]] == ["daily.sales"]
    assert data["rows"][0]["shown"].strip() == "c"


def test_months_narrow_the_columns(winter, first_scan):
    assert winter(first_month="2024-02")["dates"] == []


def test_before_the_first_scan_there_is_nothing_to_draw(winter):
    assert winter()["dates"] == []


def test_a_map_takes_two_queries(winter, django_assert_num_queries, first_scan):
    with django_assert_num_queries(2):
        winter()


def test_the_row_of_an_unreadable_table_has_the_reason(scan, winter, ask):
    scan()
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")
    scan()

    silent = {row["table"]: row["silence"] for row in winter()["rows"]}
    assert "the table could not be read since" in silent["daily.visits"] and silent["daily.sales"] is None
