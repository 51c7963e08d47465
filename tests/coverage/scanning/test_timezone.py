"""Where a day ends: in the pipeline's zone, which is UTC where the file names none."""

import datetime as dt

import pytest
from django.utils import timezone

from apps.coverage.calendar import expected_dates
from apps.coverage.models import Partition, Scan
from apps.coverage.scanning import full_scan, warehouses
from apps.pipeline import definition
from tests.conftest import day

# 21:30 on the 4th in New York.
EVENING = dt.datetime(2024, 1, 5, 2, 30, tzinfo=dt.UTC)
QUERY = 'query = "SELECT day AS date, orders AS units FROM raw.days WHERE open"\n'


@pytest.fixture
def new_york(rewrite) -> None:
    rewrite('name = "Shop"', 'name = "Shop"\ntimezone = "America/New_York"')


def test_today_is_the_day_that_is_not_over_in_the_pipelines_zone(new_york):
    assert definition.current().today(EVENING) == day("01-04")


def test_without_a_zone_days_end_in_utc(pipeline):
    assert pipeline.today(EVENING) == day("01-05")


def test_every_day_goes_up_to_yesterday_in_the_pipelines_zone(new_york, rewrite, monkeypatch):
    rewrite(QUERY, 'every = "day"\n')
    monkeypatch.setattr(timezone, "now", lambda: EVENING)
    pipeline = definition.current()

    said = expected_dates.read_calendar(pipeline, warehouses.open_warehouse(pipeline))

    assert max(said.expected) == day("01-03")


def test_a_scan_counts_timestamps_by_date_in_the_pipeline_time_zone(new_york, ask, db):
    ask("DROP TABLE raw.orders")
    ask("CREATE TABLE raw.orders AS SELECT TIMESTAMPTZ '2024-01-05 02:30:00+00' AS day")
    pipeline, row = definition.current(), Scan.objects.create()

    full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), row)

    found = Partition.objects.filter(table="raw.orders", rows=1).values_list("date", flat=True)
    assert list(found) == [day("01-04")]
