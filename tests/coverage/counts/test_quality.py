"""Where a date's quality should lie, by the day of its season."""

import pytest

from apps.coverage.counts import quality
from apps.pipeline.sections import Quality, QualityBand
from tests.conftest import day


@pytest.fixture
def band(pipeline, monkeypatch):
    """The band of a date in a winter that opens on 1 January, with bands from days 8 and 15 on, as written."""
    bands = (QualityBand(from_day=15, between=[85, 95]), QualityBand(from_day=8, between=[60, 70]))
    trend = pipeline.table("weekly.trend")
    monkeypatch.setitem(vars(trend), "quality", Quality(column="score", bands=bands))
    return lambda date: quality.band(trend, pipeline.season("winter"), day(date))


@pytest.mark.parametrize(
    ("date", "expected"),
    [("01-07", None), ("01-08", (60, 70)), ("01-14", (60, 70)), ("01-15", (85, 95)), ("01-20", (85, 95))],
)
def test_a_band_holds_from_its_day_until_the_next(band, date, expected):
    assert band(date) == expected


def test_a_table_without_quality_has_no_band(pipeline):
    assert quality.band(pipeline.table("daily.sales"), pipeline.season("winter"), day("01-08")) is None


@pytest.mark.parametrize(("value", "letter"), [(59.9, "<"), (60, "="), (70, "="), (70.1, ">")])
def test_both_ends_are_within(value, letter):
    assert quality.against(value, (60, 70)) == letter


def test_quality_reads_against_its_band():
    assert quality.value_against_band(61.04, (85, 95)) == "61.0, expected 85 to 95: below its band"
    assert quality.value_against_band(90, (85, float("inf"))) == "90.0, expected at least 85: within its band"
    assert quality.value_against_band(90, None) == "90.0"
